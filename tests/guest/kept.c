// SPDX-License-Identifier: GPL-2.0-only
/*
 * On a root that is no plain disk (live.sh), after an initramfs with one large file in it was left.
 * The command line says what to expect: fs= is the root's type, and with needed=1 the root needs
 * files of the initramfs, so that nothing may be deleted.
 */
#include "guest.h"
#include "memory.h"
#include "kselftest_harness.h"

#include <ftw.h>

static bool needed(void)
{
	return getenv("needed");
}

static int bad_files, good_files;

static int read_file(const char *path, const struct stat *status, int type, struct FTW *place)
{
	char text[4096];
	ssize_t got;
	int file;

	/* FTW_MOUNT leaves out all files of an overlay: their device is that of the layer. */
	if (place->level == 1 && (!strcmp(path, "/proc") || !strcmp(path, "/sys") ||
				  !strcmp(path, "/dev") || !strcmp(path, "/run")))
		return FTW_SKIP_SUBTREE;
	if (type == FTW_NS || type == FTW_DNR) {
		printf("# %s: %s\n", path, strerror(errno));
		bad_files++;
	}
	if (type != FTW_F || !S_ISREG(status->st_mode))
		return 0;
	file = open(path, O_RDONLY | O_CLOEXEC);
	while ((got = read(file, text, sizeof(text))) > 0)
		;
	if (file < 0 || got < 0) {
		printf("# %s: %s\n", path, strerror(errno));
		bad_files++;
	} else {
		good_files++;
	}
	close(file);
	return 0;
}

/* Every file of the root can be read, and where it can be written one can be made. */
TEST(root_is_whole)
{
	struct mount_line root;
	struct statfs fs;

	show_file(MOUNTINFO);
	ASSERT_LE(1, find_mount(MOUNTINFO, "/", &root));
	EXPECT_STREQ(getenv("fs"), root.type);
	write_file("/proc/sys/vm/drop_caches", "3");
	EXPECT_EQ(0, nftw("/", read_file, 8, FTW_PHYS | FTW_ACTIONRETVAL));
	printf("# measured: %d files read, %d cannot be\n", good_files, bad_files);
	EXPECT_LE(4, good_files);
	EXPECT_EQ(0, bad_files);
	ASSERT_EQ(0, sys(statfs("/", &fs)));
	if (!(fs.f_flags & MS_RDONLY)) {
		EXPECT_EQ(0, write_file("/written", "text"));
		EXPECT_TRUE(marker_is("/written", "text"));
	}
}

/* The files that the root needs are there: has= in the root, or beneath= below it. */
TEST(files_that_are_needed)
{
	const char *has = getenv("has"), *beneath = getenv("beneath");

	if (has)
		EXPECT_TRUE(exists(has));
	if (beneath) {
		ASSERT_EQ(0, go_below_privately());
		EXPECT_TRUE(exists(beneath));
	}
}

/* Of the initramfs only what is in use stays in memory, an image for example; or all, if needed. */
TEST(memory)
{
	int tenths = needed() ? 10 : 100;
	long shmem;

	do {
		usleep(100000);
		write_file("/proc/sys/vm/stat_refresh", "1");
		shmem = read_meminfo("Shmem");
	} while (--tenths > 0 && (needed() || shmem > FILE_KB / 4));
	printf("# measured: %ld KB in all tmpfs\n", shmem);
	EXPECT_LE(needed() ? FILE_KB : 0, shmem);
	EXPECT_GE(needed() ? 4 * FILE_KB : FILE_KB / 4, shmem);
}

TEST_HARNESS_MAIN
