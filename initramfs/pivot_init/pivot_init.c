// SPDX-License-Identifier: GPL-2.0-only
/*
 * pivot_init - leave the initramfs for the real root by pivot_root(2), see pivot_init.8.
 *
 * Whoever drops the last reference to the old root frees all of its files, which takes long. So
 * that this is not init, a child keeps the old root until init runs, and frees it by ending.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define USAGE "usage: pivot_init [-n] [-c CONSOLE] NEW_ROOT INIT [ARGUMENT...]"
#define DEEPEST_DIRECTORY 4096	/* more than a name in a cpio archive can have */

/* What the child, which shares our memory, works with. */
static struct {
	int old_root;
	int pipe[2];		/* ends when init is executed */
	bool emptying;
	char stack[1 << 20];
} child;

static int pivot_root(const char *new_root, const char *put_old)
{
	return syscall(SYS_pivot_root, new_root, put_old);
}

static int open_with(int directory, const char *path, int flags, int resolve)
{
	struct open_how how = { .flags = flags | O_CLOEXEC, .resolve = resolve };

	return syscall(SYS_openat2, directory, path, &how, sizeof(how));
}

static void enter(int directory)
{
	if (fchdir(directory))
		err(1, "working directory");
}

static bool is_mount_point(int directory, const char *name)
{
	struct statx status;

	return !statx(directory, name, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, 0, &status) &&
	       status.stx_attributes & STATX_ATTR_MOUNT_ROOT;
}

static bool in_memory(int directory)
{
	struct statfs status;

	return !fstatfs(directory, &status) &&
	       (status.f_type == RAMFS_MAGIC || status.f_type == TMPFS_MAGIC);
}

static int open_directory(const char *path)
{
	int directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC), above;

	if (directory < 0)
		err(1, "%s: cannot be used", path);
	/* An initramfs without /dev/console starts us with 0, 1 and 2 closed. */
	above = fcntl(directory, F_DUPFD_CLOEXEC, 3);
	close(directory);
	return above;
}

static void check_new_root(int new_root, const char *path, int old_root)
{
	struct stat old_status, new_status;

	if (fstat(old_root, &old_status) || fstat(new_root, &new_status))
		err(1, "%s: cannot be looked at", path);
	if (old_status.st_dev == new_status.st_dev)
		errx(1, "%s: on the file system of the old root; mount the new one there", path);
	if (!is_mount_point(new_root, ""))
		errx(1, "%s: not a mount point; name what the new root is mounted on", path);
}

static void check_init(int new_root, const char *path, const char *init)
{
	struct stat status;
	int file = open_with(new_root, init, O_PATH, RESOLVE_IN_ROOT);

	if (file < 0)
		err(1, "%s in %s: cannot be the new init", init, path);
	if (fstat(file, &status))
		err(1, "%s in %s: cannot be looked at", init, path);
	if (!S_ISREG(status.st_mode))
		errx(1, "%s in %s: not a file, let alone a program", init, path);
	if (faccessat(file, "", X_OK, AT_EMPTY_PATH))
		err(1, "%s in %s: not executable", init, path);
	close(file);
}

/* Into the working directory; false if the kernel has nothing beneath the old root. */
static bool pivot(int old_root, const char *path)
{
	if (!pivot_root(".", "."))
		return true;
	/* EINVAL also means that mounts are shared, for which MS_MOVE would be refused, too. */
	if (errno == EINVAL && !mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
	    !pivot_root(".", "."))
		return true;
	if (errno != EINVAL)
		err(1, "%s: cannot become the root", path);
	if (!in_memory(old_root))
		errx(1, "/: cannot be left by pivot_root, and is no initramfs to be deleted");
	return false;
}

/* From the old root, the working directory. What the new root has no use for goes as well. */
static void take_along(const char *name, int new_root)
{
	if (!is_mount_point(AT_FDCWD, name))
		return;
	if (!is_mount_point(new_root, name)) {
		if (!move_mount(AT_FDCWD, name, new_root, name, 0))
			return;
		warn("/%s: cannot be moved to the new root, and is unmounted", name);
	}
	umount2(name, MNT_DETACH | UMOUNT_NOFOLLOW);
}

static void open_console(const char *path)
{
	int console = open(path, O_RDWR | O_NOCTTY), fd;

	if (console < 0) {
		warn("%s: old console kept open, and with it the initramfs in memory", path);
		return;
	}
	for (fd = 0; fd < 3; fd++)
		dup2(console, fd);
	if (console > 2)
		close(console);
}

/* Leaves alone what is mounted there, and what it is mounted on. */
static void empty(int directory)
{
	DIR *entries = fdopendir(directory);
	struct dirent *entry;
	int below;

	if (!entries) {
		close(directory);
		return;
	}
	while ((entry = readdir(entries))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (!unlinkat(directory, entry->d_name, 0))
			continue;
		if (errno == EISDIR) {
			below = open_with(directory, entry->d_name, O_RDONLY | O_DIRECTORY,
					  RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS);
			if (below >= 0) {
				empty(below);
				if (!unlinkat(directory, entry->d_name, AT_REMOVEDIR))
					continue;
			}
		}
		if (errno != EBUSY && errno != EXDEV && errno != ENOTEMPTY)
			warn("%s: left in the initramfs", entry->d_name);
	}
	closedir(entries);
}

static void empty_old_root(void)
{
	empty(openat(child.old_root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static int keep_old_root(void *unused)
{
	static const struct sched_param no_param;
	static const struct rlimit files = { DEEPEST_DIRECTORY, DEEPEST_DIRECTORY };
	char byte;

	/* Batch work never preempts, and of this weight leaves a busy processor to the others. */
	sched_setscheduler(0, SCHED_BATCH, &no_param);
	setpriority(PRIO_PROCESS, 0, 19);
	close(child.pipe[1]);
	while (read(child.pipe[0], &byte, 1) < 0 && errno == EINTR)
		;
	if (child.emptying) {
		setrlimit(RLIMIT_NOFILE, &files);
		empty_old_root();
	}
	_exit(0);
}

/* Should it fail, init starts all the same, only later. */
static void start_child(void)
{
	/* With our memory the child keeps the program that we are, a file of the old root. */
	if (!pipe2(child.pipe, O_CLOEXEC) &&
	    clone(keep_old_root, child.stack + sizeof(child.stack), CLONE_VM | SIGCHLD, NULL) > 0)
		return;
	warn("the initramfs cannot be freed in the background");
	if (child.emptying)
		empty_old_root();
}

int main(int argc, char **argv)
{
	static const char * const mounts[] = { "dev", "proc", "sys", "run" };
	const char *console = "/dev/console", *path, *init;
	bool dry_run = false, pivoted;
	int option, old_root, new_root;
	size_t i;

	opterr = 0;
	while ((option = getopt(argc, argv, "+c:n")) != -1) {
		if (option == 'c')
			console = optarg;
		else if (option == 'n')
			dry_run = true;
		else
			errx(1, USAGE);
	}
	if (argc - optind < 2)
		errx(1, USAGE);
	path = argv[optind];
	init = argv[optind + 1];

	old_root = open_directory("/");
	new_root = open_directory(path);
	check_new_root(new_root, path, old_root);
	check_init(new_root, path, init);
	if (dry_run)
		return 0;
	if (getpid() != 1)
		errx(1, "not process 1; a script of the initramfs has to start it with exec");

	enter(new_root);
	pivoted = pivot(old_root, path);
	enter(old_root);
	for (i = 0; i < ARRAY_SIZE(mounts); i++)
		take_along(mounts[i], new_root);
	enter(new_root);
	if (pivoted) {
		if (umount2(".", MNT_DETACH))
			warn("/: the old root cannot be unmounted, and stays in memory");
	} else if (mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".") || chdir("/")) {
		err(1, "%s: cannot be moved to /", path);
	}
	open_console(console);
	child.old_root = old_root;
	child.emptying = !pivoted;
	start_child();
	/* Left to execve() this might be closed after the child's, and so be the last reference. */
	close(old_root);
	execv(init, argv + optind + 1);
	err(1, "%s: cannot be executed", init);
}
