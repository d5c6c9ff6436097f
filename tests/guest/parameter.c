// SPDX-License-Identifier: GPL-2.0-only
/* What the boot parameter chose: expect=nullfs or not is what the runner expects of the value that it gave. */
#include "guest.h"
#include "kselftest_harness.h"

/* nullfs lies beneath the rootfs exactly when the parameter chose it. */
TEST(beneath_the_rootfs)
{
	EXPECT_EQ(immutable() ? 0 : -EINVAL, go_below_privately());
	EXPECT_EQ(immutable(), magic_of("/") == NULLFS_MAGIC);
}

/* /sys/module shows it. */
TEST(sysfs)
{
	char value[8] = "";
	int fd = open("/sys/module/immutable_rootfs/parameters/immutable_rootfs", O_RDONLY);

	ASSERT_LE(0, fd);
	ASSERT_LT(0, read(fd, value, sizeof(value) - 1));
	EXPECT_STREQ(immutable() ? "Y\n" : "N\n", value);
}

/* It cannot be changed any more. */
TEST(read_only)
{
	EXPECT_NE(0, write_file("/sys/module/immutable_rootfs/parameters/immutable_rootfs", "1"));
}

TEST_HARNESS_MAIN
