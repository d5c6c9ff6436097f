// SPDX-License-Identifier: GPL-2.0-only
/* Runs in a Debian system whose own initramfs, with the file /large in it, has started it. */
#include "guest.h"
#include "memory.h"
#include "kselftest_harness.h"

/* All units are up. */
TEST(running)
{
	show_file("/run/state");
	show_file("/run/failed");
	EXPECT_TRUE(marker_is("/run/state", "running\n"));
}

/* The runner compares the errors in the journal with those of a stock kernel. */
TEST(journal)
{
	FILE *journal = popen("journalctl -b -p err -o cat | sort -u", "r");
	char line[1024];

	ASSERT_NE(NULL, journal);
	printf("# same: errors in the journal:\n");
	while (fgets(line, sizeof(line), journal))
		printf("# same: %s", line);
	EXPECT_EQ(0, pclose(journal));
}

/*
 * Nothing of the initramfs is left in memory. With root= the rootfs is a ramfs, whose pages count
 * as unevictable and as cached; pages of a tmpfs would count as Shmem.
 */
TEST(memory)
{
	long held;

	EXPECT_EQ(0, write_file("/proc/sys/vm/drop_caches", "3"));
	EXPECT_EQ(0, write_file("/proc/sys/vm/stat_refresh", "1"));
	held = read_meminfo("Unevictable");
	printf("# measured: unevictable %ld KB, Shmem %ld KB, Cached %ld KB, free %ld KB\n", held,
	       read_meminfo("Shmem"), read_meminfo("Cached"), read_meminfo("MemFree"));
	EXPECT_LE(0, held);
	EXPECT_GT(FILE_KB / 100, held);
	EXPECT_GT(FILE_KB / 2, read_meminfo("Shmem"));
	EXPECT_GT(FILE_KB, read_meminfo("Cached"));
}

TEST_HARNESS_MAIN
