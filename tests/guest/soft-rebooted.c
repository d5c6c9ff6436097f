// SPDX-License-Identifier: GPL-2.0-only
/*
 * In a Debian that lived in its initramfs, a tmpfs, and that systemd started again in a copy of it,
 * another tmpfs (next-root.sh).
 */
#include "guest.h"
#include "memory.h"
#include "kselftest_harness.h"

#define MOST_KB 4096

/* What all mounted tmpfs use that this process can see. */
static long visible_kb(void)
{
	FILE *file = fopen(MOUNTINFO, "r");
	char line[2048], point[256], *rest, type[64];
	long sum = 0;

	while (file && fgets(line, sizeof(line), file)) {
		rest = strstr(line, " - ");
		if (sscanf(line, "%*d %*d %*s %*s %255s", point) != 1 || !rest ||
		    sscanf(rest, " - %63s", type) != 1)
			continue;
		if (!strcmp(type, "tmpfs") || !strcmp(type, "devtmpfs"))
			sum += used_kb(point);
	}
	if (file)
		fclose(file);
	return sum;
}

/* The copy is the root. */
TEST(root)
{
	struct mount_line root;

	show_file(MOUNTINFO);
	ASSERT_EQ(1, find_mount(MOUNTINFO, "/", &root));
	EXPECT_STREQ("tmpfs", root.type);
	EXPECT_TRUE(exists("/next-root"));
}

/* With nullfs the memory of the initramfs comes back; a stock kernel keeps it. */
TEST(memory)
{
	long held;

	write_file("/proc/sys/vm/stat_refresh", "1");
	held = read_meminfo("Shmem") - visible_kb();
	printf("# measured: %ld KB Shmem: %ld KB in the new root, %ld KB in no visible mount\n",
	       read_meminfo("Shmem"), used_kb("/"), held);
	EXPECT_EQ(immutable(), held < MOST_KB);
	EXPECT_EQ(immutable(), held < used_kb("/") / 2);
}

TEST_HARNESS_MAIN
