// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module is loaded after the initramfs was left by MS_MOVE, from /immutable_rootfs.ko on the
 * real root.
 */
#include "guest.h"
#include "kselftest_harness.h"

/* Nothing visible changes, not even the root's parent. */
TEST(loading)
{
	char before[8192], after[8192];
	struct mount_line old, root;

	ASSERT_EQ(1, find_mount(MOUNTINFO, "/", &old));
	read_mounts(before, sizeof(before));
	EXPECT_EQ(0, load_module(MODULE, ""));
	read_mounts(after, sizeof(after));
	EXPECT_STREQ(before, after);
	ASSERT_EQ(1, find_mount(MOUNTINFO, "/", &root));
	EXPECT_EQ(old.parent, root.parent);
}

TEST_HARNESS_MAIN
