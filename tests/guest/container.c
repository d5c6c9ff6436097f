// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs in a container, with all rights over its mounts, and tries to get back to the initramfs that
 * started the container. Prints "outside" if it finds a way, else "inside". `container climb` only
 * climbs out of its root directory and leaves the mounts as they are.
 */
#include "guest.h"

static bool initramfs_in_sight(void)
{
	return exists("/tests") || exists("/../tests") || exists("tests") || exists("../tests") ||
	       exists("/proc/1/root/tests");
}

/* Leaves a chroot through a working directory outside of it. */
static bool climb_out(int root)
{
	int up;

	if (chroot("/proc") || fchdir(root))
		return false;
	for (up = 0; up < 16; up++)
		if (chdir(".."))
			return false;
	return !chroot(".");
}

/* A copy of the mounts might show what other mounts cover. */
static bool copy_shows_it(int root, unsigned int recursive)
{
	int tree = open_tree(root, "..", OPEN_TREE_CLONE | recursive);
	bool found = tree >= 0 && !faccessat(tree, "tests", F_OK, 0);

	close(tree);
	return found;
}

static bool climbing_shows_it(int root)
{
	if (!climb_out(root)) {
		perror("climb out");
		return true;
	}
	return initramfs_in_sight();
}

static bool unmounting_shows_it(int ns, int root)
{
	bool found = false;
	int turn;

	for (turn = 0; turn < 4 && !found; turn++) {
		if (turn == 3) {
			pivot_root(".", ".");
			climb_out(root);
		}
		umount2("/..", MNT_DETACH);
		umount2("/", MNT_DETACH);
		found = initramfs_in_sight();
		if (setns(ns, CLONE_NEWNS)) {
			perror("setns");
			exit(1);
		}
		found |= initramfs_in_sight() || copy_shows_it(root, 0);
	}
	return found;
}

int main(int argc, char **argv)
{
	int ns = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC),
	    root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	bool found =
		initramfs_in_sight() || copy_shows_it(root, 0) || copy_shows_it(root, AT_RECURSIVE);

	if (argc == 2 && !strcmp(argv[1], "climb"))
		found |= climbing_shows_it(root);
	else
		found |= unmounting_shows_it(ns, root);
	puts(found ? "outside" : "inside");
	return 0;
}
