/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * System calls and constants that musl 1.2.3 does not have. glibc has some of the functions, so
 * their names differ here.
 */
#ifndef KERNEL_H
#define KERNEL_H

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* <linux/openat2.h> */
#define RESOLVE_NO_XDEV 0x01
#define RESOLVE_NO_SYMLINKS 0x04
#define RESOLVE_IN_ROOT 0x10

/* <linux/stat.h>, which glibc includes */
#ifndef STATX_MNT_ID
#define STATX_MNT_ID 0x1000
#endif
#ifndef STATX_ATTR_MOUNT_ROOT
#define STATX_ATTR_MOUNT_ROOT 0x2000
#endif

/* <linux/mount.h>: FSCONFIG_CMD_CREATE */
#define FSCONFIG_CREATE 6

/* struct statx */
struct mount_status {
	unsigned int mask, block_size;
	unsigned long long attributes;
	unsigned long long unused[14];
	unsigned int rdev_major, rdev_minor, dev_major, dev_minor;
	unsigned long long mount_id;
	unsigned long long spare[13];
};

static inline int sys_statx(int directory, const char *path, int flags, struct mount_status *status)
{
	return syscall(SYS_statx, directory, path, flags, STATX_MNT_ID, status);
}

static inline int sys_openat2(int directory, const char *path, int flags, int resolve)
{
	struct {
		unsigned long long flags, mode, resolve;
	} how = { .flags = flags | O_CLOEXEC, .resolve = resolve };

	return syscall(SYS_openat2, directory, path, &how, sizeof(how));
}

static inline int sys_move_mount(int from, const char *from_path, int to, const char *to_path)
{
	return syscall(SYS_move_mount, from, from_path, to, to_path, 0);
}

static inline int sys_pivot_root(const char *new_root, const char *put_old)
{
	return syscall(SYS_pivot_root, new_root, put_old);
}

/* The root directory of a new instance of a file system, which is mounted nowhere. */
static inline int sys_mount_detached(const char *type)
{
	int context = syscall(SYS_fsopen, type, 1 /* FSOPEN_CLOEXEC */), root = -1;

	if (context < 0)
		return -1;
	if (!syscall(SYS_fsconfig, context, FSCONFIG_CREATE, NULL, NULL, 0))
		root = syscall(SYS_fsmount, context, 1 /* FSMOUNT_CLOEXEC */, 0);
	close(context);
	return root;
}

#endif
