// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the boot parameter selected: expect= on the command line is what the runner expects of its
 * value.
 */
#include "guest.h"
#include "kselftest_harness.h"

/* Nullfs lies beneath the rootfs if and only if the parameter selected it. */
TEST(beneath_the_rootfs)
{
	EXPECT_EQ(immutable() ? 0 : -EINVAL, go_below_privately());
	EXPECT_EQ(immutable(), magic_of("/") == NULL_FS_MAGIC);
}

/* /sys/module shows it; empty_namespaces is on only where nullfs is selected. */
TEST(sysfs)
{
	EXPECT_EQ(immutable() ? 'Y' : 'N', module_parameter("immutable_rootfs"));
	EXPECT_EQ(may_empty() ? 'Y' : 'N', module_parameter("empty_namespaces"));
}

/* The parameters cannot be changed at run time. */
TEST(read_only)
{
	EXPECT_NE(0, write_file("/sys/module/immutable_rootfs/parameters/immutable_rootfs", "1"));
	EXPECT_NE(0, write_file("/sys/module/immutable_rootfs/parameters/empty_namespaces", "1"));
}

TEST_HARNESS_MAIN
