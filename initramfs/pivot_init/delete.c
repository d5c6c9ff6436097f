// SPDX-License-Identifier: GPL-2.0-only
/*
 * Deletes the old root in the background. A process of the initramfs that lives on keeps its file
 * system; once all files are deleted, only those that it uses stay in memory.
 * The process that drops the last reference to the old root frees what is left of it, which takes
 * long. A child does that, so that init does not have to wait.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include "delete.h"
#include "kernel.h"

#define DEEPEST_DIRECTORY 4096 /* more than a name in a cpio archive can have */

/* What the child, which shares our memory, works with. */
static struct {
	int old_root;
	int pipe[2]; /* ends when init is executed */
	bool deleting;
	char stack[1 << 20];
} child;

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
			below = sys_openat2(directory, entry->d_name, O_RDONLY | O_DIRECTORY,
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

	(void)unused;
	/*
	 * Batch work never preempts init. A high nice value would let busy processors starve this
	 * process, and the OOM killer cannot free these pages. (musl's own function is a stub.)
	 */
	syscall(SYS_sched_setscheduler, 0, SCHED_BATCH, &no_param);
	close(child.pipe[1]);
	while (read(child.pipe[0], &byte, 1) < 0 && errno == EINTR)
		;
	if (child.deleting) {
		setrlimit(RLIMIT_NOFILE, &files);
		empty_old_root();
	}
	_exit(0);
}

void release_old_root(int old_root, bool deleting)
{
	child.old_root = old_root;
	child.deleting = deleting;
	/* With our memory the child keeps the program that we are, a file of the old root. */
	if (!pipe2(child.pipe, O_CLOEXEC) &&
	    clone(keep_old_root, child.stack + sizeof(child.stack), CLONE_VM | SIGCHLD, NULL) > 0)
		return;
	/* Init starts in this case as well, only later. */
	warn("the initramfs cannot be freed in the background");
	if (deleting)
		empty_old_root();
}
