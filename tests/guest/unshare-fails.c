// SPDX-License-Identifier: GPL-2.0-only
/*
 * unshare() makes a mount namespace first and then others. If one of these would be one too many,
 * unshare() fails, and the kernel drops the mount namespace. The runner compares what the process
 * then sees with a stock kernel. times= on the command line is how often this is repeated.
 */
#include "guest.h"
#include "memory.h"
#include "kselftest_harness.h"

#define NOISE_KB 6000 /* less than a leak of 64 bytes at 100,000 times */

static const struct {
	const char *name; /* of the limit */
	int flags;	  /* for unshare() */
} failing[] = {
	{ "mnt", CLONE_NEWNS },
	{ "uts", CLONE_NEWNS | CLONE_NEWUTS },
	{ "ipc", CLONE_NEWNS | CLONE_NEWIPC },
	{ "pid", CLONE_NEWNS | CLONE_NEWPID },
	{ "cgroup", CLONE_NEWNS | CLONE_NEWCGROUP },
	{ "net", CLONE_NEWNS | CLONE_NEWNET },
	{ "user", CLONE_NEWNS | CLONE_NEWUSER },
	{ "pid", CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUSER },
};

static int limit_namespaces(const char *name, const char *most)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/sys/user/max_%s_namespaces", name);
	return write_file(path, most);
}

static int count_mounts(void)
{
	FILE *file = fopen(MOUNTINFO, "r");
	char line[2048];
	int count = 0;

	while (file && fgets(line, sizeof(line), file))
		count++;
	if (file)
		fclose(file);
	return count;
}

static bool are_same(const char *one, const char *other)
{
	struct stat a, b;

	return !stat(one, &a) && !stat(other, &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* Prints what a process sees from its root and its working directory, and whether it can mount. */
static void show_place(const char *when)
{
	char directory[256];

	printf("# same: %s: cwd %s, magic %lx, %d mounts", when,
	       getcwd(directory, sizeof(directory)) ?: strerror(errno), magic_of("/"),
	       count_mounts());
	printf(", /tests %d, handover %d, ../tests %d, .. is / %d", exists("/tests"),
	       exists("handover"), exists("../tests"), are_same("..", "/"));
	printf(", mount %d", sys(mount("here", "/space", "tmpfs", 0, NULL)));
	printf(", umount %d\n", sys(umount("/space")));
}

static void fail_and_look(int number, int user)
{
	int ns = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC), error;
	char when[128];

	chdir("/tests");
	if (user)
		become_user(user);
	error = sys(unshare(failing[number].flags));
	snprintf(when, sizeof(when), "user %d, no %s namespace, unshare(%#x) = %d", user,
		 failing[number].name, failing[number].flags, error);
	show_place(when);
	strcat(when, ", setns");
	setns(ns, CLONE_NEWNS);
	show_place(when);
}

/* The process is where a stock kernel leaves it. */
TEST(place)
{
	pid_t child;
	size_t i;

	mkdir("/space", 0755);
	for (i = 0; i < 2 * ARRAY_SIZE(failing); i++) {
		ASSERT_EQ(0, limit_namespaces(failing[i / 2].name, "0"));
		child = fork();
		if (child == 0) {
			fail_and_look(i / 2, i % 2 ? 1000 : 0);
			exit(0);
		}
		waitpid(child, NULL, 0);
		ASSERT_EQ(0, limit_namespaces(failing[i / 2].name, "1000"));
	}
}

/* The kernel reuses the ids of mounts that are gone. */
static int next_mount_id(void)
{
	struct mount_line space;

	mount("here", "/space", "tmpfs", 0, NULL);
	find_mount(MOUNTINFO, "/space", &space);
	umount("/space");
	return space.id;
}

/* Returns how often unshare() failed as expected. */
static int fail_often(int times)
{
	int ns = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC), count = 0;

	while (count < times && sys(unshare(CLONE_NEWNS | CLONE_NEWPID)) == -ENOSPC &&
	       !setns(ns, CLONE_NEWNS))
		count++;
	close(ns);
	return count;
}

FIXTURE(limit) {};

FIXTURE_SETUP(limit)
{
	mkdir("/space", 0755);
	ASSERT_EQ(0, limit_namespaces("pid", "0"));
}

FIXTURE_TEARDOWN(limit)
{
	EXPECT_EQ(0, limit_namespaces("pid", "1000"));
}

/* No mount, no id and no memory stays. */
TEST_F_TIMEOUT(limit, nothing_leaks, 800)
{
	const char *flavour = getenv("flavour"), *how_often = getenv("times");
	int times = atoi(how_often ?: "1000"), id, later_id, tenths = 100;
	bool debugging = flavour && !strncmp(flavour, "debug", strlen("debug"));
	long free, later_free;

	ASSERT_EQ(times / 10, fail_often(times / 10)); /* fills the caches of the allocator */
	sleep(1);
	id = next_mount_id();
	free = free_memory();
	EXPECT_EQ(times, fail_often(times));
	do {
		usleep(100000);
		later_id = next_mount_id();
		later_free = free_memory();
	} while (--tenths > 0 && (later_id != id || later_free < free - NOISE_KB));
	printf("# measured: after %d failures %ld KB less memory is free\n", times,
	       free - later_free);
	EXPECT_EQ(id, later_id);
	if (!debugging) /* KASAN and kmemleak keep memory */
		EXPECT_LT(free - NOISE_KB, later_free);
}

TEST_HARNESS_MAIN
