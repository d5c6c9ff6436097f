// SPDX-License-Identifier: GPL-2.0-only
/*
 * PID 1 of an initramfs with one large file in it. Hands over by pivot_root() to a copy of itself
 * in a tmpfs, and measures how much of the file's memory comes back: first with its standard files
 * still open on the old root's /dev/console, then with them reopened on the new root. rootfs=tmpfs
 * or rootfs=ramfs on the command line is the expected type of the rootfs.
 */
#include "guest.h"
#include "memory.h"
#include "report.h"
#include "kselftest_harness.h"

/*
 * What PID 1 observed. It executes another program at the handover, so this is passed in the
 * environment.
 */
static struct {
	unsigned long magic;		/* of the rootfs */
	long size;			/* of the file */
	int refused, unchanged, loaded; /* loading the module, once expected to fail */
	int before, pivot, detach;
	long free, cached;				     /* KB before the handover */
	long held_free, held_cached, back_free, back_cached; /* KB given back */
} seen;

/* KASAN and kmemleak keep taking memory, so free memory means little with them. */
static bool debugging(void)
{
	const char *flavour = getenv("flavour");

	return flavour && !strncmp(flavour, "debug", strlen("debug"));
}

/*
 * Other threads finish unmounting, maybe on another CPU: waits until the memory is back or the time
 * is over.
 */
static void wait_for_memory(int tenths, long *free_back, long *cached_back)
{
	do {
		usleep(100000);
		*free_back = free_memory() - seen.free;
		*cached_back = seen.cached - read_meminfo("Cached");
	} while (--tenths > 0 && (debugging() ? *cached_back : *free_back) < FILE_KB);
}

/* Free memory grows for a moment after the boot, as what the boot needed is freed. */
static void settle(void)
{
	int tenths = 30, steady = 0;
	long now;

	while (--tenths > 0 && steady < 5 && !debugging()) {
		usleep(100000);
		now = free_memory();
		steady = labs(now - seen.free) < 100 ? steady + 1 : 0;
		seen.free = now;
	}
	if (debugging())
		seen.free = free_memory();
	seen.cached = read_meminfo("Cached");
}

static void reopen(int fd, const char *path)
{
	int opened = open(path, O_RDWR | O_NOCTTY);

	if (opened < 0)
		return;
	dup2(opened, fd);
	if (opened != fd)
		close(opened);
}

/* The rootfs has the type that the command line selects, as on a stock kernel. */
TEST(type_of_rootfs)
{
	const char *rootfs = getenv("rootfs");

	ASSERT_NE(NULL, rootfs);
	EXPECT_EQ(strcmp(rootfs, "ramfs") ? TMPFS_MAGIC : RAMFS_MAGIC, seen.magic);
	EXPECT_EQ(FILE_KB * 1024, seen.size);
	EXPECT_EQ(0, seen.before);
}

/* A failing load returns the right error and leaves the mounts as they were. */
TEST(failed_load)
{
	const char *fails = getenv("fails");

	EXPECT_EQ(fails ? -atoi(fails) : 0, seen.refused);
	EXPECT_EQ(!!fails, seen.unchanged);
	EXPECT_EQ(0, seen.loaded);
}

/*
 * PID 1 leaves the initramfs by pivot_root() and detaches it; on a stock kernel that fails with
 * EINVAL.
 */
TEST(handover)
{
	EXPECT_EQ(immutable() ? 0 : -EINVAL, seen.pivot);
	EXPECT_EQ(0, seen.detach);
	EXPECT_EQ(!immutable(), exists("/large"));
}

/*
 * An open file keeps its file system in memory: while PID 1's console is there, no memory comes
 * back.
 */
TEST(console_holds_the_memory)
{
	if (!immutable())
		return;
	printf("# measured: given back with the console open: free %ld KB, cached %ld KB\n",
	       seen.held_free, seen.held_cached);
	EXPECT_GT(FILE_KB / 10, seen.held_cached);
	if (!debugging())
		EXPECT_GT(FILE_KB / 10, seen.held_free);
}

/*
 * With the console reopened on the new root at least 99 % of the file's memory comes back: Cached,
 * which counts the files of tmpfs and ramfs, falls, and free memory grows.
 */
TEST(memory_comes_back)
{
	if (!immutable())
		return;
	printf("# measured: given back with the console reopened: free %ld KB, cached %ld KB\n",
	       seen.back_free, seen.back_cached);
	EXPECT_LE(FILE_KB / 100 * 99, seen.back_cached);
	if (!debugging())
		EXPECT_LE(FILE_KB / 100 * 99, seen.back_free);
}

static void load_in_vain(void)
{
	char before[8192], after[8192];
	struct mount_line root, same_root;

	read_mounts(before, sizeof(before));
	find_mount(MOUNTINFO, "/", &root);
	seen.refused = load_module(MODULE, "");
	read_mounts(after, sizeof(after));
	find_mount(MOUNTINFO, "/", &same_root);
	seen.unchanged = !strcmp(before, after) && root.parent == same_root.parent &&
			 go_below_in_a_child() == -EINVAL;
}

static void hand_over(void)
{
	struct stat st;
	char state[256];

	seen.magic = magic_of("/");
	seen.size = stat("/large", &st) ? 0 : st.st_size;
	mkdir("/new", 0755);
	seen.before = sys(mount("new", "/new", "tmpfs", 0, NULL));
	if (!seen.before)
		seen.before = make_root("/new", "new");
	if (!seen.before)
		seen.before = copy_file("/proc/self/exe", "/new/after");
	settle();
	chdir("/new");
	seen.pivot = sys(pivot_root(".", "."));
	if (seen.pivot)
		return;
	seen.detach = sys(umount2(".", MNT_DETACH));
	chdir("/");
	snprintf(state, sizeof(state), "%lu %ld %d %d %d %d %d %d %ld %ld", seen.magic, seen.size,
		 seen.refused, seen.unchanged, seen.loaded, seen.before, seen.pivot, seen.detach,
		 seen.free, seen.cached);
	setenv("seen", state, 1);
	execl("/after", "/after", (char *)NULL);
}

static void watch_memory(void)
{
	int fd;

	if (sscanf(getenv("seen"), "%lu %ld %d %d %d %d %d %d %ld %ld", &seen.magic, &seen.size,
		   &seen.refused, &seen.unchanged, &seen.loaded, &seen.before, &seen.pivot,
		   &seen.detach, &seen.free, &seen.cached) != 10)
		seen.before = -EINVAL;
	wait_for_memory(10, &seen.held_free, &seen.held_cached);
	for (fd = 0; fd < 3; fd++)
		reopen(fd, "/dev/console");
	wait_for_memory(50, &seen.back_free, &seen.back_cached);
}

int main(void)
{
	if (getenv("seen")) {
		watch_memory();
	} else {
		setup_mounts();
		if (getenv("fails"))
			load_in_vain();
		if (loaded_late())
			seen.loaded = load_module(MODULE, "");
		hand_over();
	}
	report_open(report_device());
	report_tests("memory", test_harness_run);
	report_end();
	return 1;
}
