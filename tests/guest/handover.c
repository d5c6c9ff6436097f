// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs on the real root, after the kernel itself (root= without an initramfs) or a program of the
 * initramfs has handed over to it. The command line gives what to expect: fs= the root's type;
 * moved=1 if the root was moved over the rootfs, as on stock; stays=1 if the old rootfs could not
 * be unmounted and covers it; enters=1 if it is what a program gets that enters the namespace.
 */
#include "guest.h"
#include "kselftest_harness.h"

/* The root is the file system that root= names, and the rootfs is not visible. */
TEST(root)
{
	int rootfs = rootfs_id();
	const char *fs = getenv("fs");
	struct mount_line root;

	ASSERT_NE(NULL, fs);
	show_file(MOUNTINFO);
	ASSERT_EQ(getenv("stays") ? 2 : 1, find_mount(MOUNTINFO, "/", &root));
	EXPECT_STREQ(fs, root.type);
	EXPECT_EQ(!immutable() || getenv("moved"), root.parent == rootfs);
	EXPECT_TRUE(root.parent <= rootfs || loaded_late());
	EXPECT_EQ(0, count_type(MOUNTINFO, "nullfs"));
	EXPECT_EQ(!!getenv("stays"), count_type(MOUNTINFO, "rootfs"));
}

/* Nullfs lies beneath it after a pivot, the old rootfs after MS_MOVE. */
TEST(below)
{
	int ns = enter_own_namespace(), tenths = 100;

	ASSERT_LE(0, ns);
	ASSERT_EQ(0, go_below(ns));
	if (getenv("stays")) /* that was the rootfs */
		ASSERT_EQ(0, go_below(ns));
	printf("# measured: beneath the root lies %s\n",
	       magic_of("/") == NULL_FS_MAGIC ? "nullfs" : "a rootfs");
	if (immutable() && !getenv("moved")) {
		EXPECT_EQ(NULL_FS_MAGIC, magic_of("/"));
	} else {
		EXPECT_TRUE(magic_of("/") == RAMFS_MAGIC || magic_of("/") == TMPFS_MAGIC);
		/*
		 * programs that leave an initramfs by MS_MOVE empty it, some of them in the
		 * background
		 */
		while (exists("/init") && --tenths > 0)
			usleep(100000);
		EXPECT_FALSE(exists("/init"));
		EXPECT_FALSE(exists("/tests"));
		/* with nullfs beneath it that rootfs is not the bottom */
		EXPECT_EQ(immutable() ? 0 : -EINVAL, go_below(ns));
		if (immutable())
			EXPECT_EQ(NULL_FS_MAGIC, magic_of("/"));
	}
}

/* It is the root of the mount namespace, and not only of its processes. */
TEST(enters)
{
	struct stat own, other;
	int ns;

	if (!getenv("enters"))
		return;
	ASSERT_EQ(0, sys(stat("/", &own)));
	ns = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, ns);
	ASSERT_EQ(0, sys(setns(ns, CLONE_NEWNS)));
	ASSERT_EQ(0, sys(stat("/", &other)));
	EXPECT_EQ(own.st_dev, other.st_dev);
}

/* Kernel threads and PID 1 have the same root. */
TEST(kernel_threads)
{
	struct stat own, other;

	ASSERT_EQ(0, sys(stat("/", &own)));
	ASSERT_EQ(0, sys(stat("/proc/2/root", &other)));
	EXPECT_EQ(own.st_dev, other.st_dev);
	ASSERT_EQ(0, sys(stat("/proc/1/root", &other)));
	EXPECT_EQ(own.st_dev, other.st_dev);
}

/* devtmpfs is mounted on the root's /dev, and PID 1's standard files are open on the console. */
TEST(console)
{
	struct mount_line dev;
	int fd;

	EXPECT_LE(1, find_mount(MOUNTINFO, "/dev", &dev));
	EXPECT_STREQ("devtmpfs", dev.type);
	fd = open("/dev/console", O_WRONLY | O_NOCTTY);
	EXPECT_LE(0, fd);
	EXPECT_EQ(3, write(fd, "ok\n", 3));
}

/* Detaching the root in the namespace of a child does not affect others. */
TEST(others_keep_their_root)
{
	pid_t child = fork();
	int status;

	if (child == 0)
		_exit(go_below_privately() != 0);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_TRUE(exists("/sbin/init"));
}

TEST_HARNESS_MAIN
