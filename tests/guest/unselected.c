// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a user sees of the mount tree of a kernel without any parameter. The runner compares the
 * lines "# same: ..." between a stock kernel and a patched one.
 */
#include "guest.h"
#include "kselftest_harness.h"

#include <linux/stat.h>

static void show(const char *what, int value)
{
	printf("# same: %s: %d\n", what, value);
}

/*
 * The mount table, whose bottom is the rootfs. The first mount is shown with its id, later ones
 * without.
 */
TEST(mount_table)
{
	FILE *file = fopen("/proc/self/mountinfo", "r");
	char line[2048];
	int id, parent, skip, fields, lines = 0;

	EXPECT_EQ(-EINVAL, go_below_in_a_child());
	ASSERT_NE(NULL, file);
	while (fgets(line, sizeof(line), file)) {
		fields = sscanf(line, "%d %d %n", &id, &parent, &skip);
		ASSERT_EQ(2, fields);
		if (!lines++)
			printf("# same: mount: %d %d %s", id, parent, line + skip);
		else
			printf("# same: mount: later %d %s", parent, line + skip);
	}
	fclose(file);
	EXPECT_LT(0, lines);
}

/* What statx() and statmount(), if the kernel has it, report about the root's mount. */
TEST(root_mount)
{
	struct mount_request request = { .size = sizeof(request), .param = STATMOUNT_MNT_BASIC_ };
	union {
		struct mount_status status;
		char space[STATMOUNT_STRINGS];
	} reply = { 0 };
	const struct mount_status *root = &reply.status;
	struct statx stx;

	ASSERT_EQ(0, sys(syscall(SYS_statx, AT_FDCWD, "/", 0, STATX_MNT_ID, &stx)));
	printf("# same: statx: mount %llu, attributes %llx of %llx\n",
	       (unsigned long long)stx.stx_mnt_id, (unsigned long long)stx.stx_attributes,
	       (unsigned long long)stx.stx_attributes_mask);
	ASSERT_EQ(0, sys(syscall(SYS_statx, AT_FDCWD, "/", 0, STATX_MNT_ID_UNIQUE_, &stx)));
	if (!(stx.stx_mask & STATX_MNT_ID_UNIQUE_))
		return;
	request.id = stx.stx_mnt_id;
	ASSERT_EQ(0, sys(syscall(SYS_statmount_, &request, &reply, sizeof(reply), 0)));
	printf("# same: statmount: ids %#llx %#llx, %u %u, attributes %#llx, propagation %#llx\n",
	       root->id, root->parent, root->old_id, root->old_parent, root->attributes,
	       root->propagation);
}

/* The error codes of calls that would remove the rootfs, and of calls that do not affect it. */
TEST(errors)
{
	int ns;

	show("pivot_root in rootfs", sys(pivot_root("/", "/")));
	show("umount", sys(umount("/")));
	show("umount detach", sys(umount2("/", MNT_DETACH)));
	show("umount force", sys(umount2("/", MNT_FORCE)));
	show("umount expire", sys(umount2("/", MNT_EXPIRE)));
	mkdir("/new", 0755);
	show("mount", sys(mount("new", "/new", "tmpfs", 0, NULL)));
	mkdir("/new/old", 0755);
	show("pivot_root", sys(pivot_root("/new", "/new/old")));
	show("pivot_root to itself", sys(pivot_root("/new", "/new")));
	show("move root", sys(mount("/", "/new/old", NULL, MS_MOVE, NULL)));
	show("bind root", sys(mount("/", "/new/old", NULL, MS_BIND, NULL)));
	show("umount bind", sys(umount("/new/old")));
	show("unshare", sys(unshare(CLONE_NEWNS)));
	ns = open("/proc/self/ns/mnt", O_RDONLY);
	show("own namespace, pivot_root", sys(pivot_root("/new", "/new/old")));
	show("own namespace, umount detach", sys(umount2("/", MNT_DETACH)));
	show("own namespace, setns", sys(setns(ns, CLONE_NEWNS)));
	show("own namespace, magic", magic_of("/"));
	show("own namespace, user", sys(unshare(CLONE_NEWUSER | CLONE_NEWNS)));
	show("own user namespace, umount detach", sys(umount2("/", MNT_DETACH)));
	show("own user namespace, pivot_root", sys(pivot_root("/new", "/new/old")));
}

/* The classic handover works: MS_MOVE over the root and chroot, then pivot_root from there. */
TEST(classic_handover)
{
	ASSERT_EQ(0, sys(unshare(CLONE_NEWNS)));
	mkdir("/move", 0755);
	show("mount", sys(mount("move", "/move", "tmpfs", 0, NULL)));
	mkdir("/move/new", 0755);
	show("chdir", sys(chdir("/move")));
	show("move", sys(mount(".", "/", NULL, MS_MOVE, NULL)));
	show("chroot", sys(chroot(".")));
	show("moved", magic_of("/"));
	show("mount", sys(mount("new", "/new", "tmpfs", 0, NULL)));
	show("chdir", sys(chdir("/new")));
	show("pivot_root", sys(pivot_root(".", ".")));
	show("umount", sys(umount2(".", MNT_DETACH)));
}

/* The file system type is not listed. */
TEST(file_systems)
{
	FILE *file = fopen("/proc/filesystems", "r");
	char line[128];

	ASSERT_NE(NULL, file);
	while (fgets(line, sizeof(line), file))
		printf("# same: filesystem: %s", line);
	fclose(file);
}

/* Where kernel threads are. */
TEST(kernel_threads)
{
	show("kthreadd's root", magic_of("/proc/2/root"));
	show("its init", exists("/proc/2/root/init"));
}

TEST_HARNESS_MAIN
