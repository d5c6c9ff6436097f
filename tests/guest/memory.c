// SPDX-License-Identifier: GPL-2.0-only
/*
 * PID 1 of an initramfs with one large file in it: hands over to a tmpfs by pivot_root(), and watches how much of the
 * file's memory comes back, first with its standard files still open on the old root's /dev/console, then with these
 * reopened on the new root. rootfs=tmpfs|ramfs on the command line says which of them the rootfs is to be.
 */
#include "guest.h"
#include "report.h"
#include "kselftest_harness.h"

#define FILE_KB (64 * 1024)

static struct {
	unsigned long magic;	/* of the rootfs */
	off_t size;		/* of the file */
	int before, pivot, detach;
	long held_shmem, held_free, back_shmem, back_free;	/* KB given back */
} seen;

static long meminfo(const char *name)
{
	FILE *file = fopen("/proc/meminfo", "r");
	char line[128];
	long value = -1;

	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, name, strlen(name)) && line[strlen(name)] == ':')
			value = atol(line + strlen(name) + 1);
	if (file)
		fclose(file);
	return value;
}

/* Free memory without what only waits for a reason to be freed: caches, and counters not yet summed up. */
static long free_memory(void)
{
	write_file("/proc/sys/vm/drop_caches", "3");
	write_file("/proc/sys/vm/stat_refresh", "1");
	return meminfo("MemFree");
}

/* Unmounting is finished by others, on another CPU maybe: waits until the memory is back or so much time has passed. */
static void wait_for_memory(long free_before, long shmem_before, int tenths, long *free_back, long *shmem_back)
{
	do {
		usleep(100000);
		*free_back = free_memory() - free_before;
		*shmem_back = shmem_before - meminfo("Shmem");
	} while (--tenths > 0 && *free_back < FILE_KB);
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

/* The rootfs is what the command line makes it, on nullfs as on a stock kernel. */
TEST(type_of_rootfs)
{
	const char *rootfs = getenv("rootfs");

	ASSERT_NE(NULL, rootfs);
	EXPECT_EQ(strcmp(rootfs, "ramfs") ? TMPFS_MAGIC : RAMFS_MAGIC, seen.magic);
	EXPECT_EQ(FILE_KB * 1024, seen.size);
	EXPECT_EQ(0, seen.before);
}

/* PID 1 leaves the initramfs by pivot_root() and detaches it; on a stock kernel that fails with EINVAL. */
TEST(handover)
{
	EXPECT_EQ(immutable() ? 0 : -EINVAL, seen.pivot);
	EXPECT_EQ(0, seen.detach);
	EXPECT_EQ(!immutable(), exists("/large"));
}

/* An open file keeps the file system that it is on: with PID 1's console there, nothing of the file comes back. */
TEST(console_holds_the_memory)
{
	printf("# measured: given back before the console is reopened: MemFree %ld KB, Shmem %ld KB\n",
	       seen.held_free, seen.held_shmem);
	EXPECT_GT(FILE_KB / 10, seen.held_free);
	EXPECT_GT(FILE_KB / 10, seen.held_shmem);
}

/* With the console reopened on the new root at least 99 % of the file's memory comes back. */
TEST(memory_comes_back)
{
	if (!immutable())
		return;
	printf("# measured: given back after the console is reopened: MemFree %ld KB, Shmem %ld KB\n",
	       seen.back_free, seen.back_shmem);
	EXPECT_LE(FILE_KB / 100 * 99, seen.back_free);
	if (seen.magic == TMPFS_MAGIC)
		EXPECT_LE(FILE_KB / 100 * 99, seen.back_shmem);
}

static void hand_over(void)
{
	long free_before, shmem_before;
	struct stat st;

	seen.magic = magic_of("/");
	seen.size = stat("/large", &st) ? 0 : st.st_size;
	mkdir("/new", 0755);
	seen.before = sys(mount("new", "/new", "tmpfs", 0, NULL));
	if (!seen.before)
		seen.before = make_root("/new", "new");
	shmem_before = meminfo("Shmem");
	free_before = free_memory();
	chdir("/new");
	seen.pivot = sys(pivot_root(".", "."));
	if (!seen.pivot)
		seen.detach = sys(umount2(".", MNT_DETACH));
	chdir("/");
	wait_for_memory(free_before, shmem_before, 10, &seen.held_free, &seen.held_shmem);
	reopen(0, "/dev/console");
	reopen(1, "/dev/console");
	reopen(2, "/dev/console");
	if (!seen.pivot)
		wait_for_memory(free_before, shmem_before, 50, &seen.back_free, &seen.back_shmem);
}

int main(int argc, char **argv)
{
	char *arguments[] = { argv[0], NULL };
	int status;

	setup_mounts();
	hand_over();
	report_open("/dev/ttyS1");
	printf("# program memory\n");
	status = test_harness_run(1, arguments);
	printf("# exit memory %d\n", status);
	report_end();
	return 1;
}
