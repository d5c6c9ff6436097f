// SPDX-License-Identifier: GPL-2.0-only
/* In a Debian that systemd started again on the disk that next_root= names (next-root.sh). */
#include "guest.h"
#include "kselftest_harness.h"

/* That disk is the root. */
TEST(root)
{
	struct stat root, disk;

	ASSERT_EQ(0, sys(stat("/", &root)));
	ASSERT_EQ(0, sys(stat(getenv("next_root"), &disk)));
	EXPECT_EQ(disk.st_rdev, root.st_dev);
}

/* The disk of the old root is free: no mount namespace has it mounted, and no process uses it. */
TEST(old_root)
{
	int fd = open("/dev/vda", O_RDONLY | O_EXCL | O_CLOEXEC);

	EXPECT_LE(0, fd);
	fd = open(getenv("next_root"), O_RDONLY | O_EXCL | O_CLOEXEC);
	EXPECT_EQ(-1, fd);
	EXPECT_EQ(EBUSY, errno);
}

TEST_HARNESS_MAIN
