/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the guest programs share. Tests report through the kernel's kselftest_harness.h and compare
 * error codes as negative numbers: EXPECT_EQ(-EINVAL, sys(umount("/"))).
 */
#ifndef GUEST_H
#define GUEST_H

#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#define TH_LOG_STREAM stdout /* one stream, so that failures stand with their tests */

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "uapi.h"

#define MOUNTINFO "/proc/self/mountinfo"

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#endif

#define sys(call) ((call) == -1 ? -errno : 0)

static inline int pivot_root(const char *new_root, const char *put_old)
{
	return syscall(SYS_pivot_root, new_root, put_old);
}

static inline int delegation(int fd, int command, int type)
{
	struct {
		unsigned int flags;
		unsigned short type, pad;
	} argument = { .type = type };

	return fcntl(fd, command, &argument);
}

/*
 * Whether this kernel has nullfs beneath its rootfs, according to the runner on the command line.
 */
static inline bool immutable(void)
{
	const char *expect = getenv("expect");

	return expect && !strcmp(expect, "nullfs");
}

/* Whether the module is loaded, not built in. Nullfs is younger than the rootfs then. */
static inline bool loaded_late(void)
{
	const char *flavour = getenv("flavour");

	return flavour && (strstr(flavour, "loadable") || !strcmp(flavour, "packaged") ||
			   !strcmp(flavour, "secure-boot"));
}

/* Whether users may unmount the root of their mount namespaces if it lies on nullfs. */
static inline bool may_empty(void)
{
	return immutable() && getenv("empty");
}

/* Major * 100 + minor */
static inline int kernel_version(void)
{
	int major = 0, minor = 0;
	struct utsname uts;

	if (uname(&uts) || sscanf(uts.release, "%d.%d", &major, &minor) != 2)
		return 0;
	return major * 100 + minor;
}

/*
 * The rootfs is the first mount or, with nullfs beneath it, the second. Linux 6.14 to 6.18 begin
 * with 2, see patches/mount-ids.patch.
 */
static inline int rootfs_id(void)
{
	if (immutable() && !loaded_late())
		return 2;
	return kernel_version() >= 614 && kernel_version() <= 618 ? 2 : 1;
}

/* Up to 6.16 the rootfs is locked. Later kernels refuse to unmount any mount without a parent. */
static inline bool bottom_is_locked(void)
{
	return kernel_version() < 617;
}

/* Commit 459c7c565ac3 ("ovl: unprivieged mounts"), 5.11 */
static inline bool users_mount_overlays(void)
{
	return kernel_version() >= 511;
}

#define MODULE "/immutable_rootfs.ko"

static inline int load_module(const char *path, const char *parameters)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), error;

	if (fd < 0)
		return -errno;
	error = sys(syscall(SYS_finit_module, fd, parameters, 0));
	close(fd);
	return error;
}

/* 'Y' or 'N' */
static inline char module_parameter(const char *name)
{
	char path[128], value = 0;
	int fd;

	snprintf(path, sizeof(path), "/sys/module/immutable_rootfs/parameters/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, &value, 1) != 1)
		value = 0;
	close(fd);
	return value;
}

struct mount_line {
	int id, parent;
	char point[256], options[256], type[64];
};

/*
 * Finds the last (topmost) mount at point in a mountinfo file. Returns the number of mounts there.
 */
static inline int find_mount(const char *mountinfo, const char *point, struct mount_line *found)
{
	FILE *file = fopen(mountinfo, "r");
	char line[2048], *rest;
	struct mount_line entry;
	int count = 0;

	memset(found, 0, sizeof(*found));
	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%d %d %*s %*s %255s %255s", &entry.id, &entry.parent, entry.point,
			   entry.options) != 4)
			continue;
		rest = strstr(line, " - ");
		if (!rest || sscanf(rest, " - %63s", entry.type) != 1)
			continue;
		if (strcmp(entry.point, point))
			continue;
		*found = entry;
		count++;
	}
	fclose(file);
	return count;
}

/* Reads the mount table without the root's parent, which is all that loading the module changes. */
static inline void read_mounts(char *text, size_t size)
{
	FILE *file = fopen(MOUNTINFO, "r");
	char line[2048], point[256];
	int id, parent, rest;

	*text = '\0';
	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%d %d %n%*s %*s %255s", &id, &parent, &rest, point) != 3)
			continue;
		snprintf(text + strlen(text), size - strlen(text), "%d %d %s", id,
			 strcmp(point, "/") ? parent : 0, line + rest);
	}
	if (file)
		fclose(file);
}

/* Returns the number of mounts of this type in a mountinfo file. */
static inline int count_type(const char *mountinfo, const char *type)
{
	FILE *file = fopen(mountinfo, "r");
	char line[2048], seen[64], *rest;
	int count = 0;

	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		rest = strstr(line, " - ");
		if (rest && sscanf(rest, " - %63s", seen) == 1)
			count += !strcmp(seen, type);
	}
	fclose(file);
	return count;
}

static inline unsigned long magic_of(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) ? 0 : fs.f_type;
}

static inline int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644), error = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		error = -errno;
	close(fd);
	return error;
}

static inline int write_at(int dir, const char *path, const char *text)
{
	int fd = openat(dir, path, O_WRONLY | O_CLOEXEC), error = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		error = -errno;
	close(fd);
	return error;
}

/* Returns a value of /proc/meminfo, in KB. */
static inline long read_meminfo(const char *name)
{
	FILE *file = fopen("/proc/meminfo", "r");
	char line[128];
	long value = -1;

	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, name, strlen(name)) && line[strlen(name)] == ':')
			value = atol(line + strlen(name) + 1);
	if (file)
		fclose(file);
	return value;
}

/* Shows the whole file in comments of the report, so that a failure can be analysed afterwards. */
static inline void show_file(const char *path)
{
	FILE *file = fopen(path, "r");
	char line[2048];

	if (!file)
		return;
	while (fgets(line, sizeof(line), file))
		printf("# %s: %s", path, line);
	fclose(file);
}

static inline bool exists(const char *path)
{
	return access(path, F_OK) == 0;
}

/*
 * Takes this process below its root: detaches the topmost mount, then enters its own namespace
 * again, which leads to the mount that is topmost now.
 */
static inline int go_below(int own_namespace)
{
	int error = sys(umount2("/", MNT_DETACH));

	return error ? error : sys(setns(own_namespace, CLONE_NEWNS));
}

/*
 * Enters a new mount namespace, from which nothing propagates. Returns its descriptor or a negative
 * error code.
 */
static inline int enter_own_namespace(void)
{
	int error = sys(unshare(CLONE_NEWNS)), ns;

	if (!error)
		error = sys(mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL));
	if (error)
		return error;
	ns = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	return ns < 0 ? -errno : ns;
}

static inline int go_below_privately(void)
{
	int ns = enter_own_namespace(), error;

	if (ns < 0)
		return ns;
	error = go_below(ns);
	close(ns);
	return error;
}

/* The same in a child, so that this process stays where it is. */
static inline int go_below_in_a_child(void)
{
	pid_t child = fork();
	int status;

	if (child == 0)
		_exit(-go_below_privately());
	return waitpid(child, &status, 0) == child && WIFEXITED(status) ? -WEXITSTATUS(status) :
									  -ECHILD;
}

static inline int become_user(int id)
{
	int error = sys(setgid(id));

	if (!error)
		error = sys(setuid(id));
	return error ? error : sys(prctl(PR_SET_DUMPABLE, 1)); /* /proc/self is root's otherwise */
}

/* Enters a new user and mount namespace as root. id is the user outside of it. */
static inline int enter_user_namespace(int id)
{
	int error = sys(unshare(CLONE_NEWUSER | CLONE_NEWNS));
	char map[32];

	snprintf(map, sizeof(map), "0 %d 1", id);
	if (!error)
		error = write_file("/proc/self/setgroups", "deny");
	if (!error)
		error = write_file("/proc/self/uid_map", map);
	return error ? error : write_file("/proc/self/gid_map", map);
}

/* In a user namespace: mounts /space, with directories a, b and c to mount on. */
static inline int mount_space(void)
{
	int error = sys(mount("own", "/space", "tmpfs", 0, NULL));
	char name[] = "/space/a";

	for (; !error && name[7] <= 'c'; name[7]++)
		error = sys(mkdir(name, 0755));
	return error;
}

static inline int overlay_of(const char *path, const char *lower)
{
	char options[128];

	snprintf(options, sizeof(options), "lowerdir=%s", lower);
	return sys(mount("overlay", path, "overlay", 0, options));
}

#define COVERED "/covered/secret"

/* Creates a file and covers it with a mount, which has to hide it from users. */
static inline void cover_secret(void)
{
	mkdir("/space", 0777);
	mkdir("/covered", 0755);
	write_file(COVERED, "secret");
	mount("cover", "/covered", "tmpfs", 0, NULL);
}

static inline int copy_file(const char *from, const char *to)
{
	int in = open(from, O_RDONLY | O_CLOEXEC),
	    out = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	char buffer[65536];
	ssize_t n = -1;

	if (in >= 0 && out >= 0)
		while ((n = read(in, buffer, sizeof(buffer))) > 0)
			if (write(out, buffer, n) != n)
				break;
	close(in);
	close(out);
	return n ? -EIO : 0;
}

/*
 * Fills a new root at path with what the programs need. The marker file tells one root from
 * another.
 */
static inline int make_root(const char *path, const char *marker)
{
	static const char * const dirs[] = { "proc", "sys", "dev", "initramfs", "new", "tests" };
	char name[256];
	size_t i;
	int error;

	for (i = 0; i < ARRAY_SIZE(dirs); i++) {
		snprintf(name, sizeof(name), "%s/%s", path, dirs[i]);
		mkdir(name, 0755);
	}
	snprintf(name, sizeof(name), "%s/proc", path);
	error = sys(mount("proc", name, "proc", 0, NULL));
	if (error)
		return error;
	snprintf(name, sizeof(name), "%s/dev", path);
	error = sys(mount("devtmpfs", name, "devtmpfs", 0, NULL));
	if (error)
		return error;
	snprintf(name, sizeof(name), "%s/marker", path);
	return write_file(name, marker);
}

static inline int marker_is(const char *path, const char *marker)
{
	char text[64] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = 0;
	close(fd);
	return !strcmp(text, marker);
}

#endif
