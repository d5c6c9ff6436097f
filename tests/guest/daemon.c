// SPDX-License-Identifier: GPL-2.0-only
/*
 * On the real root, after an initramfs with one large file in it was left. The daemon that daemon=
 * on the command line names lives on. With root= on the command line the rootfs is a ramfs, and its
 * pages count as unevictable.
 */
#include "guest.h"
#include "memory.h"
#include "kselftest_harness.h"

#include <dirent.h>
#include <signal.h>

static pid_t find_process(const char *name)
{
	DIR *processes = opendir("/proc");
	char path[300], comm[64];
	struct dirent *entry;
	pid_t found = 0;

	snprintf(comm, sizeof(comm), "%s\n", name);
	while (processes && !found && (entry = readdir(processes))) {
		snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
		if (atoi(entry->d_name) && marker_is(path, comm))
			found = atoi(entry->d_name);
	}
	if (processes)
		closedir(processes);
	return found;
}

/*
 * Ends the processes that run a program of the initramfs. There may be others than the daemon: a
 * script asks udevd to end, and need not wait for it.
 */
static int end_survivors(void)
{
	DIR *processes = opendir("/proc");
	char path[300], program[256];
	struct dirent *entry;
	ssize_t length;
	int error = 0;

	while (processes && (entry = readdir(processes))) {
		snprintf(path, sizeof(path), "/proc/%s/exe", entry->d_name);
		length = readlink(path, program, sizeof(program) - 1);
		if (length <= 0 || !atoi(entry->d_name))
			continue;
		program[length] = '\0';
		if (!strstr(program, "(deleted)"))
			continue;
		printf("# measured: process %s runs %s\n", entry->d_name, program);
		error = error ?: sys(kill(atoi(entry->d_name), SIGKILL));
	}
	if (processes)
		closedir(processes);
	return error;
}

/* Deleting may go on in the background: waits until so much is left, or long enough. */
static long kept_kb(long most)
{
	int tenths = 100;
	long kept;

	do {
		write_file("/proc/sys/vm/drop_caches", "3");
		write_file("/proc/sys/vm/stat_refresh", "1");
		kept = read_meminfo("Unevictable");
	} while (kept > most && --tenths > 0 && !usleep(100000));
	return kept;
}

/* It runs a program of the initramfs, and only what it uses stays in memory until it ends. */
TEST(lives)
{
	pid_t daemon = find_process(getenv("daemon"));
	char path[64], program[256] = "";
	long kept;

	ASSERT_LT(0, daemon);
	snprintf(path, sizeof(path), "/proc/%d/exe", daemon);
	ASSERT_LT(0, readlink(path, program, sizeof(program) - 1));
	kept = kept_kb(FILE_KB / 4);
	printf("# measured: while %s lives %ld KB of the initramfs stay\n", program, kept);
	EXPECT_NE(NULL, strstr(program, "(deleted)"));
	EXPECT_GT(FILE_KB / 4, kept);
	EXPECT_LT(100, kept);
	ASSERT_EQ(0, end_survivors());
	kept = kept_kb(FILE_KB / 100);
	printf("# measured: %ld KB after its end\n", kept);
	EXPECT_GT(FILE_KB / 100, kept);
}

TEST_HARNESS_MAIN
