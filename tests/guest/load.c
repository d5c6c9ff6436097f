// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module is loaded in the initramfs, from /immutable_rootfs.ko. Programs that run after this
 * one find nullfs.
 */
#include "guest.h"
#include "kselftest_harness.h"

/* Without the module a patched kernel behaves like a stock kernel. */
TEST(before)
{
	EXPECT_EQ(-EINVAL, go_below_privately());
}

/* Its parameter switches it off. */
TEST(switched_off)
{
	char before[8192], after[8192];

	read_mounts(before, sizeof(before));
	EXPECT_EQ(-ECANCELED, load_module(MODULE, "immutable_rootfs=0"));
	read_mounts(after, sizeof(after));
	EXPECT_STREQ(before, after);
	EXPECT_EQ(-EINVAL, go_below_privately());
}

/* Loading puts nullfs beneath the rootfs and changes nothing else. */
TEST(loading)
{
	char before[8192], after[8192];
	struct mount_line old, root;
	bool empty = getenv("empty");

	ASSERT_EQ(1, find_mount(MOUNTINFO, "/", &old));
	EXPECT_EQ(old.id, old.parent);
	read_mounts(before, sizeof(before));

	ASSERT_EQ(0, load_module(MODULE, empty ? "empty_namespaces=1" : ""));

	read_mounts(after, sizeof(after));
	EXPECT_STREQ(before, after);
	ASSERT_EQ(1, find_mount(MOUNTINFO, "/", &root));
	EXPECT_EQ(old.id, root.id);
	EXPECT_NE(old.parent, root.parent);
	EXPECT_EQ(0, count_type(MOUNTINFO, "nullfs"));
	EXPECT_EQ('Y', module_parameter("immutable_rootfs"));
	EXPECT_EQ(empty ? 'Y' : 'N', module_parameter("empty_namespaces"));
	EXPECT_NE(0, write_file("/sys/module/immutable_rootfs/parameters/immutable_rootfs", "0"));
	EXPECT_NE(0, write_file("/sys/module/immutable_rootfs/parameters/empty_namespaces",
				empty ? "0" : "1"));
}

/* Loading it twice is refused. */
TEST(loading_again)
{
	char before[8192], after[8192];

	read_mounts(before, sizeof(before));
	EXPECT_EQ(-EEXIST, load_module(MODULE, ""));
	read_mounts(after, sizeof(after));
	EXPECT_STREQ(before, after);
}

/* The module cannot be unloaded, and lsmod shows it as permanent. */
TEST(unloading)
{
	FILE *modules = fopen("/proc/modules", "r");
	char line[256] = "";

	ASSERT_NE(NULL, modules);
	while (!strstr(line, "immutable_rootfs ") && fgets(line, sizeof(line), modules))
		;
	fclose(modules);
	EXPECT_NE(NULL, strstr(line, "[permanent]"));
	EXPECT_EQ(-EBUSY, sys(syscall(SYS_delete_module, "immutable_rootfs", O_NONBLOCK)));
	EXPECT_EQ(0, go_below_privately());
	EXPECT_EQ(NULL_FS_MAGIC, magic_of("/"));
}

TEST_HARNESS_MAIN
