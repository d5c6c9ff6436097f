// SPDX-License-Identifier: GPL-2.0-only
/* devtmpfs: the kernel's thread creates and removes the nodes, whatever others have mounted. */
#include "guest.h"
#include "kselftest_harness.h"

#include <linux/loop.h>
#include <sys/ioctl.h>

#define NUMBER 77
#define NODE "/dev/loop77"

FIXTURE(device)
{
	int control;
};

FIXTURE_SETUP(device)
{
	self->control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->control);
	ASSERT_EQ(NUMBER, ioctl(self->control, LOOP_CTL_ADD, NUMBER));
}

FIXTURE_TEARDOWN(device)
{
	close(self->control);
}

/* A new device gets a node with the mode that devtmpfs sets. The node goes with the device. */
TEST_F(device, comes_and_goes)
{
	struct stat st;

	ASSERT_EQ(0, sys(stat(NODE, &st)));
	EXPECT_EQ(S_IFBLK | 0600, st.st_mode);
	EXPECT_LE(0, ioctl(self->control, LOOP_CTL_REMOVE, NUMBER)); /* 5.10 returns the number */
	EXPECT_FALSE(exists(NODE));
}

/* The kernel removes a node that something is mounted on, and that mount with it. */
TEST_F(device, goes_with_a_mount_on_it)
{
	struct mount_line line;

	ASSERT_EQ(0, sys(mount("/dev/null", NODE, NULL, MS_BIND, NULL)));
	ASSERT_EQ(1, find_mount("/proc/self/mountinfo", NODE, &line));
	EXPECT_LE(0, ioctl(self->control, LOOP_CTL_REMOVE, NUMBER)); /* 5.10 returns the number */
	EXPECT_FALSE(exists(NODE));
	EXPECT_EQ(0, find_mount("/proc/self/mountinfo", NODE, &line));
}

static int find_kdevtmpfs(void)
{
	char path[64], name[32];
	FILE *file;
	int pid;

	for (pid = 2; pid < 1000; pid++) {
		snprintf(path, sizeof(path), "/proc/%d/comm", pid);
		file = fopen(path, "r");
		if (!file)
			continue;
		if (!fgets(name, sizeof(name), file))
			*name = '\0';
		fclose(file);
		if (!strcmp(name, "kdevtmpfs\n"))
			return pid;
	}
	return 0;
}

/* kdevtmpfs has its own mount namespace, and its root and working directory are on devtmpfs. */
TEST(kdevtmpfs_is_private)
{
	static const char * const places[] = { "root", "cwd" };
	char path[64], mine[64], its[64] = "";
	int pid = find_kdevtmpfs();
	struct stat devtmpfs, place;
	unsigned int i;
	ssize_t length;

	ASSERT_NE(0, pid);
	ASSERT_LT(0, readlink("/proc/self/ns/mnt", mine, sizeof(mine)));
	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", pid);
	length = readlink(path, its, sizeof(its) - 1);
	ASSERT_LT(0, length);
	EXPECT_NE(0, strncmp(mine, its, length));
	ASSERT_EQ(0, sys(stat("/dev", &devtmpfs)));
	for (i = 0; i < ARRAY_SIZE(places); i++) {
		snprintf(path, sizeof(path), "/proc/%d/%s/.", pid, places[i]);
		ASSERT_EQ(0, sys(stat(path, &place)));
		EXPECT_EQ(devtmpfs.st_dev, place.st_dev);
		if (devtmpfs.st_dev != place.st_dev)
			TH_LOG("%s is elsewhere", path);
		EXPECT_EQ(devtmpfs.st_ino, place.st_ino);
	}
}

/* Some kernels repeat the line of a mount that is the only one of its namespace. */
TEST(kdevtmpfs_mounts_end)
{
	static const char * const files[] = { "mountinfo", "mounts", "mountstats" };
	char path[64], line[512];
	int pid = find_kdevtmpfs();
	unsigned int i, lines;
	FILE *file;

	ASSERT_NE(0, pid);
	for (i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), "/proc/%d/%s", pid, files[i]);
		file = fopen(path, "r");
		ASSERT_NE(NULL, file);
		for (lines = 0; lines < 100 && fgets(line, sizeof(line), file); lines++)
			;
		fclose(file);
		EXPECT_GT(100, lines);
	}
}

TEST_HARNESS_MAIN
