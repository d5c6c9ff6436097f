// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs in a container, with all rights over the mounts there, and tries to get back to the initramfs that the container
 * was started from: says "inside" if it finds no way, and "outside" if it does.
 */
#include "guest.h"

static bool initramfs_in_sight(void)
{
	return exists("/tests") || exists("/../tests") || exists("tests") || exists("../tests") ||
	       exists("/proc/1/root/tests");
}

int main(void)
{
	int ns = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC), turn;
	bool found = initramfs_in_sight();

	for (turn = 0; turn < 3 && !found; turn++) {
		umount2("/..", MNT_DETACH);
		umount2("/", MNT_DETACH);
		found = initramfs_in_sight();
		if (setns(ns, CLONE_NEWNS)) {
			perror("setns");
			return 1;
		}
		found |= initramfs_in_sight();
	}
	puts(found ? "outside" : "inside");
	return 0;
}
