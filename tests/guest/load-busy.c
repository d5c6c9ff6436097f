// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module is loaded from a mount namespace other than the initial one, while the rootfs is
 * shared and overmounted, and other processes mount, unmount, unshare, walk "..", enter the initial
 * namespace and become root in user namespaces. The initial namespace gets nullfs, and no process
 * notices.
 */
#include "guest.h"
#include "kselftest_harness.h"

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>

#define KINDS 6
#define WORKERS 8
#define PEOPLE 6 /* who must not notice */

static int initial_namespace;
static int number; /* of the worker */

struct shared {
	bool stop;
	long rounds[WORKERS], wrong[WORKERS];
	int load, below;
};

static struct shared *shared;

static bool mounts_and_unmounts(void)
{
	char point[64], inner[80];

	snprintf(point, sizeof(point), "/storm/%d", number);
	snprintf(inner, sizeof(inner), "%s/inner", point);
	return !mount("storm", point, "tmpfs", 0, NULL) && !mkdir(inner, 0755) &&
	       !mount("/dev", inner, NULL, MS_BIND, NULL) && !umount(inner) &&
	       !umount2(point, MNT_DETACH);
}

static bool unshares(void)
{
	pid_t child = fork();
	int status;

	if (child == 0)
		_exit(unshare(CLONE_NEWNS) || mount("", "/", NULL, MS_REC | MS_SLAVE, NULL) ||
		      mount("storm", "/storm/deep", "tmpfs", 0, NULL) ||
		      access("/storm/deep/er", F_OK) == 0);
	return waitpid(child, &status, 0) == child && status == 0;
}

/* Both lead to the mount over the root. */
static bool walks_up(void)
{
	struct stat top, up;

	return !chdir("/storm/deep/er") && !stat("../../..", &up) && !stat("/..", &top) &&
	       up.st_dev == top.st_dev && up.st_ino == top.st_ino;
}

static bool reads_mounts(void)
{
	struct mount_line line;

	return find_mount(MOUNTINFO, "/proc", &line) == 1;
}

/* A process that enters the initial namespace gets to the mount over its root. */
static bool enters(void)
{
	struct stat top, root;
	pid_t child = fork();
	int status;

	if (child == 0)
		_exit(stat("/..", &top) || unshare(CLONE_NEWNS) ||
		      setns(initial_namespace, CLONE_NEWNS) || stat("/", &root) ||
		      root.st_dev != top.st_dev || root.st_ino != top.st_ino);
	return waitpid(child, &status, 0) == child && status == 0;
}

/* A process whose root is the topmost mount is not chrooted, and may create a user namespace. */
static bool becomes_root(void)
{
	pid_t child = fork();
	int status;

	if (child == 0)
		_exit(chroot("/..") || unshare(CLONE_NEWUSER));
	return waitpid(child, &status, 0) == child && status == 0;
}

static void work(void)
{
	static bool (* const kinds[KINDS])(void) = {
		mounts_and_unmounts, unshares, walks_up, reads_mounts, enters, becomes_root,
	};

	while (!shared->stop) {
		if (!kinds[number % KINDS]())
			shared->wrong[number]++;
		shared->rounds[number]++;
	}
	_exit(0);
}

/* Waits until every worker has finished some more rounds. */
static void let_them_work(void)
{
	long goals[WORKERS];
	int i;

	for (i = 0; i < WORKERS; i++)
		goals[i] = shared->rounds[i] + 4;
	for (i = 0; i < WORKERS; i++)
		while (shared->rounds[i] < goals[i])
			usleep(1000);
}

/* Describes the file, and its mount, that a descriptor or link in /proc leads to. */
static void describe(char *text, size_t size, pid_t pid, const char *what)
{
	char path[64], info[256] = "";
	struct stat st = { 0 };
	int fd, info_fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, what);
	fd = open(path, O_PATH | O_CLOEXEC);
	fstat(fd, &st);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	info_fd = open(path, O_RDONLY | O_CLOEXEC);
	if (read(info_fd, info, sizeof(info) - 1) < 0)
		info[0] = '\0';
	close(info_fd);
	close(fd);
	snprintf(text + strlen(text), size - strlen(text), "%d %s: %llx %llx %s\n", pid, what,
		 (unsigned long long)st.st_dev, (unsigned long long)st.st_ino, info);
}

static void describe_all(char *text, size_t size, const pid_t *people)
{
	int i;

	for (i = 0; i < PEOPLE; i++) {
		describe(text, size, people[i], "root");
		describe(text, size, people[i], "cwd");
	}
	describe(text, size, 1, "fd/0");
	describe(text, size, 1, "fd/1");
	describe(text, size, 1, "fd/2");
}

/* A process with its own root and working directory, which runs until a signal ends it. */
static pid_t bystander(const char *root, const char *directory, bool unshared)
{
	int ready[2];
	pid_t child;
	char byte;

	if (pipe(ready))
		return -1;
	child = fork();
	if (child == 0) {
		if ((unshared && unshare(CLONE_NEWNS)) || chroot(root) || chdir(directory))
			_exit(1);
		close(ready[0]);
		if (write(ready[1], "", 1) == 1)
			for (;;)
				pause();
		_exit(1);
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		child = -1;
	close(ready[0]);
	return child;
}

FIXTURE(storm) {};

FIXTURE_SETUP(storm)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	ASSERT_NE(MAP_FAILED, shared);
	initial_namespace = open("/proc/1/ns/mnt", O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, initial_namespace);
}

FIXTURE_TEARDOWN(storm)
{
}

static void watch_races(const char *one_in)
{
	write_file("/sys/module/kcsan/parameters/skip_watch", one_in); /* exists with KCSAN */
}

TEST_F_TIMEOUT(storm, loading, 400)
{
	char before[8192] = "", after[8192] = "", mountinfo[64];
	pid_t people[PEOPLE] = { 1, 2 }, workers[WORKERS], loader;
	struct mount_line line;
	int i, status;

	mkdir("/storm", 0755);
	mkdir("/storm/deep", 0755);
	mkdir("/storm/deep/er", 0755);
	mkdir("/late", 0755);
	for (i = 0; i < WORKERS; i++) {
		snprintf(mountinfo, sizeof(mountinfo), "/storm/%d", i);
		mkdir(mountinfo, 0755);
	}
	ASSERT_EQ(0, sys(mount("", "/", NULL, MS_REC | MS_SHARED, NULL)));
	people[2] = bystander("/", "/storm", false);
	people[3] = bystander("/storm/deep", "/er", false);
	people[4] = bystander("/", "/", true);
	ASSERT_EQ(0, sys(mount("over", "/", "tmpfs", 0, NULL)));
	people[5] = bystander("/", "/..", false);
	for (i = 0; i < PEOPLE; i++)
		ASSERT_LT(0, people[i]);
	describe_all(before, sizeof(before), people);

	for (i = 0; i < WORKERS; i++) {
		workers[i] = fork();
		if (workers[i] == 0) {
			number = i;
			work();
		}
	}
	let_them_work();
	loader = fork();
	if (loader == 0) {
		watch_races("4"); /* watch one access in four, as this happens only once */
		shared->load = unshare(CLONE_NEWNS) ? -errno : load_module(MODULE, "");
		watch_races("500");
		mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL);
		umount2("/", MNT_DETACH); /* the mount over it */
		shared->below = go_below_privately();
		_exit(0);
	}
	ASSERT_EQ(loader, waitpid(loader, &status, 0));
	EXPECT_EQ(0, shared->load);
	/* its namespace existed before the load, and has not changed */
	EXPECT_EQ(-EINVAL, shared->below);
	let_them_work();
	shared->stop = true;
	for (i = 0; i < WORKERS; i++) {
		ASSERT_EQ(workers[i], waitpid(workers[i], &status, 0));
		EXPECT_EQ(0, status);
		EXPECT_EQ(0, shared->wrong[i]);
		if (shared->wrong[i])
			TH_LOG("worker %d: %ld of %ld rounds went wrong", i, shared->wrong[i],
			       shared->rounds[i]);
	}

	describe_all(after, sizeof(after), people);
	EXPECT_STREQ(before, after);

	/* Mounts on the rootfs still propagate to the namespaces that share it. */
	ASSERT_EQ(0, sys(mount("late", "/late", "tmpfs", 0, NULL)));
	snprintf(mountinfo, sizeof(mountinfo), "/proc/%d/mountinfo", people[4]);
	EXPECT_EQ(1, find_mount(mountinfo, "/late", &line));
	EXPECT_EQ(0, sys(umount("/late")));

	for (i = 2; i < PEOPLE; i++) {
		kill(people[i], SIGKILL);
		waitpid(people[i], NULL, 0);
	}
	ASSERT_EQ(0, sys(umount2("/", MNT_DETACH)));
	ASSERT_EQ(0, sys(mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL)));
	ASSERT_EQ(1, find_mount(MOUNTINFO, "/", &line));
	EXPECT_STREQ("rootfs", line.type);
	EXPECT_NE(line.id, line.parent);
	EXPECT_EQ(0, go_below_privately());
	EXPECT_EQ(NULL_FS_MAGIC, magic_of("/"));
}

TEST_HARNESS_MAIN
