// SPDX-License-Identifier: GPL-2.0-only
/*
 * PID 1 of an initramfs with one large file in it. Lets pivot_init hand over to a copy of this
 * program in a tmpfs, which then checks what it finds. how=rough on the command line makes it hard
 * for pivot_init: all mounts are shared, the standard files are closed, and the new root has its
 * own /run and no /sys. With how=shared only / is shared, and the new root lies on a private mount.
 */
#include "guest.h"
#include "memory.h"
#include "report.h"
#include "kselftest_harness.h"

#include <dirent.h>

#define DEEP 1100 /* more than the files that a process may have open */

/* What PID 1 observed before and after the handover. */
static struct {
	long cached;		 /* KB before */
	long cached_back, shmem; /* KB in the end */
	char arguments[64];
	int child;	  /* exit status of the child that frees the old root */
	int second_child; /* -ECHILD if there is no other */
	struct stat files[3], dev;
} seen;

static bool is_how(const char *name)
{
	const char *how = getenv("how");

	return how && !strcmp(how, name);
}

static bool rough(void)
{
	return is_how("rough");
}

/* Things that must survive, or must not stop, the emptying of the old root. */
static void set_traps(void)
{
	char name[16];
	int i;

	mkdir("/data", 0755);
	mount("data", "/data", "tmpfs", 0, NULL);
	write_file("/data/file", "data");
	write_file("/covered", "");
	mount("/data/file", "/covered", NULL, MS_BIND, NULL);
	symlink("/keep", "/link");
	symlink("/data", "/data-link");
	mkdir("/deep", 0755);
	chdir("/deep");
	for (i = 0; i < DEEP; i++) {
		snprintf(name, sizeof(name), "%d", i);
		mkdir(name, 0755);
		chdir(name);
	}
	write_file("file", "deep");
	chdir("/");
}

static int make_new_root(void)
{
	static const char * const dirs[] = { "dev", "proc", "sys", "run", "keep", "sbin" };
	char name[256];
	size_t i;

	mkdir("/new", 0755);
	if (mount("new", "/new", "tmpfs", 0, NULL))
		return -errno;
	for (i = 0; i < ARRAY_SIZE(dirs); i++) {
		snprintf(name, sizeof(name), "/new/%s", dirs[i]);
		mkdir(name, 0755);
	}
	write_file("/new/keep/file", "keep");
	symlink("/after", "/new/sbin/init");
	if (rough()) {
		rmdir("/new/sys");
		mount("own", "/new/run", "tmpfs", 0, NULL);
		write_file("/new/run/marker", "own");
	}
	return copy_file("/proc/self/exe", "/new/after");
}

static void leave(void)
{
	char text[32];

	mkdir("/run", 0755);
	mount("run", "/run", "tmpfs", 0, NULL);
	write_file("/run/marker", "run");
	set_traps();
	if (make_new_root())
		return;
	write_file("/proc/sys/vm/stat_refresh", "1");
	snprintf(text, sizeof(text), "%ld", read_meminfo("Cached"));
	setenv("cached", text, 1);
	if (rough()) {
		mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL);
		close_range(0, ~0U, 0);
		execl("/pivot_init", "pivot_init", "-c", report_device(), "/new", "sbin/init",
		      "one", "two words", NULL);
	} else if (is_how("shared")) {
		mkdir("/stage", 0755);
		mount("stage", "/stage", "tmpfs", 0, NULL);
		mkdir("/stage/new", 0755);
		mount("/new", "/stage/new", NULL, MS_MOVE, NULL);
		mount(NULL, "/", NULL, MS_SHARED, NULL);
		execl("/pivot_init", "pivot_init", "/stage/new", "/sbin/init", "one", "two words",
		      NULL);
	} else {
		execl("/pivot_init", "pivot_init", "/new", "/sbin/init", "one", "two words", NULL);
	}
}

/* The memory of every tmpfs that should exist: the visible ones and, on stock, the covered one. */
static long used_by_tmpfs(void)
{
	return used_kb("/") + used_kb("/dev") + used_kb("/run") + (immutable() ? 0 : 4);
}

static void look(int argc, char **argv)
{
	int fd, tenths = 50;

	for (fd = 0; fd < 3; fd++)
		fstat(fd, &seen.files[fd]);
	stat("/dev", &seen.dev);
	snprintf(seen.arguments, sizeof(seen.arguments), "%d %s %s %s", argc, argv[0], argv[1],
		 argv[2]);
	seen.cached = atol(getenv("cached"));
	if (wait(&seen.child) < 0)
		seen.child = -errno;
	seen.second_child = sys(wait(NULL));
	do { /* freeing the old root may take a moment */
		usleep(100000);
		write_file("/proc/sys/vm/stat_refresh", "1");
		seen.cached_back = seen.cached - read_meminfo("Cached");
		seen.shmem = read_meminfo("Shmem");
	} while (--tenths > 0 && (seen.cached_back < FILE_KB || seen.shmem > used_by_tmpfs()));
}

/* Init gets its arguments and its environment. */
TEST(arguments)
{
	EXPECT_STREQ(rough() ? "3 sbin/init one two words" : "3 /sbin/init one two words",
		     seen.arguments);
	EXPECT_NE(NULL, getenv("how"));
}

/*
 * The new root is the root, the mounts on four directories have moved along, and no others are
 * visible.
 */
TEST(mounts)
{
	struct mount_line mount;

	show_file(MOUNTINFO);
	EXPECT_EQ(1, find_mount(MOUNTINFO, "/", &mount));
	EXPECT_STREQ("tmpfs", mount.type);
	EXPECT_EQ(1, find_mount(MOUNTINFO, "/dev", &mount));
	EXPECT_STREQ("devtmpfs", mount.type);
	EXPECT_EQ(1, find_mount(MOUNTINFO, "/proc", &mount));
	EXPECT_EQ(1, find_mount(MOUNTINFO, "/run", &mount));
	EXPECT_TRUE(marker_is("/run/marker", rough() ? "own" : "run"));
	EXPECT_EQ(rough() ? 0 : 1, find_mount(MOUNTINFO, "/sys", &mount));
	EXPECT_EQ(0, find_mount(MOUNTINFO, "/data", &mount));
	EXPECT_EQ(0, count_type(MOUNTINFO, "rootfs"));
	EXPECT_EQ(0, count_type(MOUNTINFO, "nullfs"));
}

/* A program that follows symbolic links while it empties the initramfs would delete this. */
TEST(new_root_is_whole)
{
	EXPECT_TRUE(marker_is("/keep/file", "keep"));
	EXPECT_TRUE(exists("/after"));
}

/*
 * The standard files are the console, or the device named with -c, opened on the devtmpfs that
 * moved along.
 */
TEST(console)
{
	struct stat device;
	int fd;

	ASSERT_EQ(0, sys(stat(report_device(), &device)));
	EXPECT_NE(makedev(5, 1), device.st_rdev);
	for (fd = 0; fd < 3; fd++) {
		EXPECT_EQ(rough() ? device.st_rdev : makedev(5, 1), seen.files[fd].st_rdev);
		EXPECT_EQ(seen.dev.st_dev, seen.files[fd].st_dev);
	}
}

/* Init inherits one child, which exits by itself. */
TEST(child)
{
	EXPECT_EQ(0, seen.child);
	EXPECT_EQ(-ECHILD, seen.second_child);
}

/* All of the memory comes back; if the rootfs is a tmpfs, to the last page. */
TEST(memory)
{
	const char *rootfs = getenv("rootfs");

	printf("# measured: Cached fell by %ld KB; Shmem is %ld KB, of which %ld KB are others'\n",
	       seen.cached_back, seen.shmem, used_by_tmpfs());
	EXPECT_LE(FILE_KB / 100 * 99, seen.cached_back);
	if (rootfs && !strcmp(rootfs, "tmpfs"))
		EXPECT_EQ(used_by_tmpfs(), seen.shmem);
}

/* Kernel threads have the new root, too. */
TEST(kernel_threads)
{
	EXPECT_TRUE(marker_is("/proc/2/root/keep/file", "keep"));
	EXPECT_TRUE(marker_is("/proc/2/cwd/keep/file", "keep"));
}

/* Beneath lies nullfs or, on stock, the old root, empty except for the mounts on it. */
TEST(below)
{
	struct dirent *entry;
	DIR *root;

	ASSERT_EQ(0, go_below_privately());
	if (immutable()) {
		EXPECT_EQ(NULL_FS_MAGIC, magic_of("/"));
		return;
	}
	EXPECT_TRUE(marker_is("/data/file", "data"));
	EXPECT_TRUE(marker_is("/covered", "data"));
	root = opendir("/");
	ASSERT_NE(NULL, root);
	while ((entry = readdir(root)))
		if (entry->d_name[0] != '.' && strcmp(entry->d_name, "data") &&
		    strcmp(entry->d_name, "stage"))
			EXPECT_STREQ("covered", entry->d_name);
	closedir(root);
}

int main(int argc, char **argv)
{
	if (getenv("cached")) {
		look(argc, argv);
	} else {
		setup_mounts();
		if (loaded_late())
			load_module(MODULE, "");
		leave();
	}
	report_open(report_device());
	if (getenv("cached"))
		report_tests("leave", test_harness_run);
	else
		printf("# pivot_init was not even started: %s\n", strerror(errno));
	report_end();
	return 1;
}
