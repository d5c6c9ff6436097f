// SPDX-License-Identifier: GPL-2.0-only
/* pivot_init - leave the initramfs for the real root, see pivot_init.8. */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>

#include "delete.h"
#include "kernel.h"
#include "mounts.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define USAGE "usage: pivot_init [-nv] [-c CONSOLE] NEW_ROOT INIT [ARGUMENT...]"

static void enter(int directory)
{
	if (fchdir(directory))
		err(1, "working directory");
}

static bool is_mount_point(int directory, const char *name)
{
	struct mount_status status;

	return !sys_statx(directory, name, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, &status) &&
	       status.attributes & STATX_ATTR_MOUNT_ROOT;
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

static void check_roots(int new_root, const char *path, int old_root)
{
	struct stat old_status, new_status;

	if (fstat(old_root, &old_status) || fstat(new_root, &new_status))
		err(1, "%s: cannot be examined", path);
	if (old_status.st_dev == new_status.st_dev)
		errx(1, "%s: on the file system of the old root; mount the new one there", path);
	if (!is_mount_point(new_root, ""))
		errx(1, "%s: not a mount point; name what the new root is mounted on", path);
	if (!is_mount_point(old_root, ""))
		errx(1, "/: not a mount point and cannot be left; bind-mount it before chroot");
}

static void check_init(int new_root, const char *path, const char *init)
{
	struct stat status;
	int file = sys_openat2(new_root, init, O_PATH, RESOLVE_IN_ROOT);

	if (file < 0)
		err(1, "%s in %s: cannot be the new init", init, path);
	if (fstat(file, &status))
		err(1, "%s in %s: cannot be examined", init, path);
	if (!S_ISREG(status.st_mode))
		errx(1, "%s in %s: not a regular file", init, path);
	/* By the kernel: the function of musl and of older glibc does not know the flag. */
	if (syscall(SYS_faccessat2, file, "", X_OK, AT_EMPTY_PATH))
		err(1, "%s in %s: not executable", init, path);
	close(file);
}

static void check_survey(const struct survey *survey)
{
	if (survey->not_pivot && survey->not_initramfs)
		errx(1, "/: cannot be left, as %s, nor be deleted, as %s", survey->not_pivot,
		     survey->not_initramfs);
}

static void explain(const struct survey *survey)
{
	if (survey->not_pivot)
		warnx("leaving the old root by MS_MOVE: %s", survey->not_pivot);
	else
		warnx("leaving the old root by pivot_root");
	if (!survey->not_initramfs)
		warnx("deleting %s once init runs", survey->needed ? "nothing" : "its files");
	else
		warnx("deleting nothing: %s", survey->not_initramfs);
}

/* The new root, the working directory, becomes the root. */
static void hand_over(const struct survey *survey, const char *path)
{
	/* Shared mounts can neither be pivoted nor moved. */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		err(1, "/: its mounts cannot be made private");
	if (survey->not_pivot) {
		if (mount(".", "/", NULL, MS_MOVE, NULL))
			err(1, "%s: cannot be moved to /", path);
	} else if (sys_pivot_root(".", ".")) {
		err(1, "%s: cannot become the root", path);
	}
}

/* From the old root, the working directory. What the new root has no use for goes as well. */
static void take_along(const char *name, int new_root)
{
	if (!is_mount_point(AT_FDCWD, name))
		return;
	if (!is_mount_point(new_root, name)) {
		if (!sys_move_mount(AT_FDCWD, name, new_root, name))
			return;
		warn("/%s: cannot be moved to the new root, and is unmounted", name);
	}
	umount2(name, MNT_DETACH | UMOUNT_NOFOLLOW);
}

static void open_console(const char *path)
{
	int console = open(path, O_RDWR | O_NOCTTY), fd;

	if (console < 0) {
		warn("%s: the old console stays open", path);
		return;
	}
	for (fd = 0; fd < 3; fd++)
		dup2(console, fd);
	if (console > 2)
		close(console);
}

int main(int argc, char **argv)
{
	const char *console = "/dev/console", *path, *init;
	bool dry_run = false, verbose = false;
	int option, old_root, new_root;
	struct survey survey;
	size_t i;

	opterr = 0;
	while ((option = getopt(argc, argv, "+c:nv")) != -1) {
		if (option == 'c')
			console = optarg;
		else if (option == 'n')
			dry_run = true;
		else if (option == 'v')
			verbose = true;
		else
			errx(1, USAGE);
	}
	if (argc - optind < 2)
		errx(1, USAGE);
	path = argv[optind];
	init = argv[optind + 1];

	/* All checks are made before any change. */
	old_root = open_directory("/");
	new_root = open_directory(path);
	check_roots(new_root, path, old_root);
	check_init(new_root, path, init);
	survey = look_at_mounts(old_root, new_root);
	check_survey(&survey);
	if (!dry_run && getpid() != 1)
		errx(1, "not process 1; a script of the initramfs has to start it with exec");
	if (verbose)
		explain(&survey);
	if (survey.needed)
		warnx("the files of the initramfs stay in memory: %s", survey.needed);
	if (dry_run)
		return 0;

	enter(new_root);
	hand_over(&survey, path);
	enter(old_root);
	for (i = 0; i < ARRAY_SIZE(taken_along); i++)
		take_along(taken_along[i], new_root);
	if (survey.not_pivot) {
		enter(new_root);
		if (chroot("."))
			err(1, "%s: cannot become the root", path);
	} else {
		if (umount2(".", MNT_DETACH))
			warn("/: the old root cannot be unmounted");
		enter(new_root);
	}
	open_console(console);
	release_old_root(old_root, !survey.not_initramfs && !survey.needed);
	/* Left to execve() this might be closed after the child's, and so be the last reference. */
	close(old_root);
	execv(init, argv + optind + 1);
	err(1, "%s: cannot be executed", init);
}
