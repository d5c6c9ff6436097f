// SPDX-License-Identifier: GPL-2.0-only
/* What the boot parameter chose: expect=nullfs or not is what the runner expects of the value that it gave. */
#include "guest.h"
#include "kselftest_harness.h"

/* nullfs lies beneath the rootfs exactly when the parameter chose it. */
TEST(beneath_the_rootfs)
{
	EXPECT_EQ(immutable() ? 0 : -EINVAL, go_below_privately());
	EXPECT_EQ(immutable(), magic_of("/") == NULL_FS_MAGIC);
}

/* /sys/module shows it, and that users may unmount the root of a namespace only where that lies on nullfs. */
TEST(sysfs)
{
	EXPECT_EQ(immutable() ? 'Y' : 'N', module_parameter("immutable_rootfs"));
	EXPECT_EQ(may_empty() ? 'Y' : 'N', module_parameter("empty_namespaces"));
}

/* It cannot be changed any more. */
TEST(read_only)
{
	EXPECT_NE(0, write_file("/sys/module/immutable_rootfs/parameters/immutable_rootfs", "1"));
	EXPECT_NE(0, write_file("/sys/module/immutable_rootfs/parameters/empty_namespaces", "1"));
}

TEST_HARNESS_MAIN
