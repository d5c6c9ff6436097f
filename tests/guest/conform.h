/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rows: an operation, in a place, by somebody, and what came of it. Each is tried by a process of its own, so that no
 * row can change the next. Reported as "# row WHO WHERE|OPERATION|RESULT".
 */
#ifndef CONFORM_H
#define CONFORM_H

#include "guest.h"

#include <linux/fs.h>
#include <linux/mount.h>
#include <linux/stat.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>

/* Newer than the headers of Debian 12 */
#define SYS_cachestat_ 451
#define SYS_fchmodat2_ 452
#define SYS_statmount_ 457
#define SYS_listmount_ 458
#define SYS_setxattrat_ 463
#define SYS_getxattrat_ 464
#define SYS_listxattrat_ 465
#define SYS_removexattrat_ 466
#define SYS_open_tree_attr_ 467
#define SYS_file_getattr_ 468
#define SYS_file_setattr_ 469
#define SYS_fchroot_ 472
#define MOUNT_BENEATH 0x200
#define OPEN_TREE_NAMESPACE_ 2
#define FSMOUNT_NAMESPACE_ 2
#define UNSHARE_EMPTY_MNTNS_ 0x00100000
#define HANDLE_FID 0x200
#define HANDLE_MNT_ID_UNIQUE 1
#define HANDLE_CONNECTABLE 2
#define EXECVE_CHECK 0x10000
#define F_DUPFD_QUERY_ 1027
#define F_CREATED_QUERY_ 1028
#define STATX_MNT_ID_UNIQUE_ 0x4000
#define STATX_SUBVOL_ 0x8000
#define STATX_WRITE_ATOMIC_ 0x10000
#define STATX_DIO_READ_ALIGN_ 0x20000

#define SECONDS 60	/* after which a row is given up */

enum place { NULLFS, CLONE, ROOTFS, COVER, BIND, PROC, PIVOTED, PLACES };
enum who { ROOT, USER, NSROOT, WHOS };

static const char * const place_names[] = { "nullfs", "clone", "rootfs", "cover", "bind", "proc", "pivoted" };
static const char * const who_names[] = { "root", "user", "nsroot" };

static enum place place;
static enum who who;
static mode_t gathered;		/* mode of the place if rows share one */

/* Shared between processes: of the row what came of it, and the number of rows. */
static char *result;
static int *rows;

/* What rows work with: the place, /proc, a file elsewhere, a pipe, and space to read to. */
static int here = -1, proc = -1, file = -1, pipes[2], number;
static char space[4096];

static inline void say(const char *format, ...)
{
	size_t length = strlen(result);
	va_list list;

	va_start(list, format);
	vsnprintf(result + length, sizeof(space) - length, format, list);
	va_end(list);
}

static inline void say_error(int error)
{
	const char *name = strerrorname_np(error);

	if (name)
		say("%s", name);
	else
		say("errno %d", error);
}

/* In a mount namespace of its own, with nullfs as the root; on a kernel without it fails. */
static int below(void)
{
	int error = go_below_privately();

	if (!error && magic_of("/") != NULLFS_MAGIC)
		error = -ENODEV;
	return error;
}

static int enter_cover(void)
{
	int error = immutable() ? below() : sys(enter_own_namespace());

	if (!error)
		error = sys(mount("cover", "/", "tmpfs", 0, NULL));
	if (!error)
		error = sys(chroot("/.."));
	return error ? error : sys(chdir("/"));
}

static int enter_pivoted(void)
{
	int error = sys(enter_own_namespace());

	if (!error)
		error = sys(mount("new", "/space/t", "tmpfs", 0, NULL));
	if (!error)
		error = sys(chdir("/space/t"));
	if (!error)
		error = sys(pivot_root(".", "."));
	if (!error)
		error = sys(umount2(".", MNT_DETACH));
	return error ? error : sys(chdir("/"));
}

static int enter_place(void)
{
	int error;

	switch (place) {
	case NULLFS:
		error = below();
		break;
	case CLONE:
		error = below();
		if (!error)
			error = sys(fchdir(syscall(SYS_open_tree, AT_FDCWD, "/", OPEN_TREE_CLONE | O_CLOEXEC)));
		break;
	case COVER:
		error = enter_cover();
		break;
	case PIVOTED:
		error = enter_pivoted();
		break;
	default:
		error = sys(enter_own_namespace());
	}
	if (!error && place == BIND)
		error = sys(mount("/space/source", "/space/bind", NULL, MS_BIND, NULL));
	if (!error && place == BIND)
		error = sys(chdir("/space/bind"));
	if (!error && place == PROC)
		error = sys(chdir("/proc"));
	if (!error && (place == COVER || place == PIVOTED)) {
		mkdir("t", 0777);
		mkdir("u", 0777);
		chmod("t", 0777);
		chmod("u", 0777);
	}
	return error;
}

static int become_somebody(void)
{
	int error = 0;

	if (who == ROOT)
		return 0;
	error = sys(syscall(SYS_setgroups, 0, NULL));
	if (!error)
		error = sys(syscall(SYS_setgid, 1000));
	if (!error)
		error = sys(syscall(SYS_setuid, 1000));
	if (!error)
		error = prctl(PR_SET_DUMPABLE, 1);	/* /proc/self is root's otherwise */
	if (error || who == USER)
		return error;
	error = sys(unshare(CLONE_NEWUSER | CLONE_NEWNS));
	if (!error)
		error = write_at(proc, "self/setgroups", "deny");
	if (!error)
		error = write_at(proc, "self/uid_map", "0 1000 1");
	if (!error)
		error = write_at(proc, "self/gid_map", "0 1000 1");
	return error;
}

/* What a row's process has of its own. */
static int prepare(void)
{
	here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	file = memfd_create("file", MFD_CLOEXEC);
	if (here < 0 || file < 0 || pipe(pipes) || write(file, space, 100) != 100 ||
	    write(pipes[1], space, 10) != 10)
		return -errno;
	lseek(file, 0, SEEK_SET);
	return 0;
}

static int enter(void)
{
	int error = enter_place();

	if (!error)
		error = become_somebody();
	return error;
}

/* Takes back what a row did to a directory that stays. */
static void clean(const char *dir, mode_t mode)
{
	static const char * const names[] = { "a", "b" };
	static const char * const attributes[] = { "user.a", "trusted.a", "security.a",
		"security.evm", "security.capability", "system.posix_acl_access", "system.posix_acl_default" };
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), none = 0;
	size_t i;

	ioctl(fd, FS_IOC_SETFLAGS, &none);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (unlinkat(fd, names[i], 0) && errno == EISDIR)
			unlinkat(fd, names[i], AT_REMOVEDIR);
	for (i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++)
		syscall(SYS_fremovexattr, fd, attributes[i]);
	if (fchown(fd, 0, 0) || fchmod(fd, mode))
		none = errno;	/* not ours, then we have not changed it either */
	close(fd);
}

static void clean_flags(const char *path)
{
	struct statfs fs;

	if (!statfs(path, &fs) && fs.f_flags & (MS_RDONLY | MS_SYNCHRONOUS))
		mount("", path, NULL, MS_REMOUNT, NULL);
}

static void reset(void)
{
	if (gathered) {
		if (place != NULLFS && place != CLONE)
			clean(".", gathered);
		return;
	}
	if (place == NULLFS || place == CLONE || place == COVER)
		return;
	clean_flags("/");
	clean_flags("/proc");
	clean("/", 0755);
	clean("/space/source", 0755);
	clean("/space/t", 0777);
	clean("/space/u", 0777);
}

static void print_row(const char *operation)
{
	char *end = result + strlen(result);

	while (end > result && end[-1] == ' ')
		*--end = '\0';
	printf("# row %s %s|%s|%s\n", who_names[who], place_names[place], operation, result);
	++*rows;
}

/* True in the process that is to try the row, which ends it by row_end(). */
static bool row_begin(const char *operation)
{
	int status, error;
	pid_t child;

	*result = '\0';
	fflush(stdout);
	child = fork();
	if (!child) {
		alarm(SECONDS);
		error = gathered ? 0 : enter();
		if (!error)
			error = prepare();
		if (!error)
			return true;
		say("no place: ");
		say_error(-error);
		_exit(1);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		say("no process");
	else if (WIFSIGNALED(status))
		say("signal %d", WTERMSIG(status));
	reset();
	print_row(operation);
	return false;
}

static void row_end(void)
{
	_exit(0);
}

/* Rows that change nothing but files can share a place, which is a lot faster. */
static void gather(void (*rows_of_something)(void))
{
	struct stat st;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (!child) {
		if (enter() || stat(".", &st))
			_exit(1);
		gathered = st.st_mode & 07777;
		rows_of_something();
		fflush(stdout);
		_exit(0);
	}
	waitpid(child, NULL, 0);
}

/* Of these three: the errno of an operation, or "ok"; the number that it returns; what it says. */
#define TRY(operation)								\
	do {									\
		if (row_begin(#operation)) {					\
			if ((long)(operation) == -1)				\
				say_error(errno);				\
			else							\
				say("ok");					\
			row_end();						\
		}								\
	} while (0)

#define NUMBER(operation)							\
	do {									\
		if (row_begin(#operation)) {					\
			long value = (operation);				\
										\
			if (value == -1)					\
				say_error(errno);				\
			else							\
				say("%ld", value);				\
			row_end();						\
		}								\
	} while (0)

#define SHOW(operation)								\
	do {									\
		if (row_begin(#operation)) {					\
			operation;						\
			row_end();						\
		}								\
	} while (0)

/* Operations that are several calls: the first that fails is what is reported. */
#define BOTH(first, second) ((long)(first) == -1 ? -1 : (long)(second))

#endif
