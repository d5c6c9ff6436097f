// SPDX-License-Identifier: GPL-2.0-only
/*
 * empty-namespace PROGRAM [ARGUMENT...]: run a program in a mount namespace without any file.
 * The program must be statically linked. This needs no privilege, but it needs the boot parameter
 * immutable_rootfs.empty_namespaces=1.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <unistd.h>

/* Maps only the id of the caller into the new user namespace. */
static void keep(const char *map, int id)
{
	FILE *file = fopen(map, "we");

	if (!file || fprintf(file, "%d %d 1", id, id) < 0 || fclose(file))
		err(1, "%s", map);
}

int main(int argc, char **argv)
{
	int program, namespace, uid = getuid(), gid = getgid();
	FILE *file;

	if (argc < 2)
		errx(1, "usage: empty-namespace PROGRAM [ARGUMENT...]");
	program = open(argv[1], O_PATH | O_CLOEXEC);
	if (program < 0)
		err(1, "%s", argv[1]);

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS))
		err(1, "cannot create namespaces");
	file = fopen("/proc/self/setgroups", "we");
	if (!file || fputs("deny", file) < 0 || fclose(file))
		err(1, "/proc/self/setgroups");
	keep("/proc/self/uid_map", uid);
	keep("/proc/self/gid_map", gid);
	namespace = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (namespace < 0)
		err(1, "/proc/self/ns/mnt");

	/* Detach the root, then enter the namespace again, where nothing is left. */
	if (umount2("/", MNT_DETACH)) {
		if (errno != EINVAL)
			err(1, "cannot unmount the root");
		errx(1,
		     "the root is locked: boot a kernel that has patches/empty-namespaces.patch with immutable_rootfs.empty_namespaces=1");
	}
	if (setns(namespace, CLONE_NEWNS))
		err(1, "setns");

	fexecve(program, argv + 1, environ);
	err(1, "%s", argv[1]);
}
