// SPDX-License-Identifier: GPL-2.0-only
/*
 * PID 1 of an initramfs with one large file in it. Three processes of it live on: one runs a
 * program of the initramfs, one has a directory there as working directory, one holds a file. The
 * program that tool= on the command line names hands over to a copy of this program in a tmpfs,
 * which measures how much of the initramfs stays in memory, and ends the three one by one.
 */
#include "guest.h"
#include "memory.h"
#include "report.h"
#include "kselftest_harness.h"

#define MOST_KB 2048 /* what the three use themselves, and what a page table more or less makes */
#define HELD_KB 512  /* the size of the file that is held */

enum { RUNS, SITS, HOLDS, SURVIVORS };
static const char * const names[] = { "runs a program", "sits in a directory", "holds a file" };

static struct {
	pid_t pids[SURVIVORS];
	bool lives[SURVIVORS];
	long kept[SURVIVORS + 1]; /* KB, while so many of them have ended */
	long program;		  /* KB, of the one that runs */
} seen;

/* Of the old rootfs, which is a tmpfs: all tmpfs but those that are to be seen. */
static long kept_kb(void)
{
	write_file("/proc/sys/vm/stat_refresh", "1");
	return read_meminfo("Shmem") - used_kb("/") - used_kb("/dev");
}

static void survive(int how)
{
	char number[] = { '0' + how, '\0' };

	if (how == SITS)
		chdir("/sits");
	close_range(0, ~0U, 0);
	if (how == HOLDS)
		open("/held", O_RDONLY);
	setenv("survive", number, 1);
	execl(how == RUNS ? "/program" : "/new/after", "survivor", NULL);
	_exit(1);
}

static int prepare(void)
{
	char block[4096] = "held";
	int i, file = open("/held", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	for (i = 0; i < HELD_KB / 4; i++)
		if (write(file, block, sizeof(block)) != sizeof(block))
			return -EIO;
	close(file);
	mkdir("/sits", 0755);
	mkdir("/new", 0755);
	if (mount("new", "/new", "tmpfs", 0, NULL))
		return -errno;
	mkdir("/new/proc", 0755);
	mkdir("/new/sys", 0755);
	mkdir("/new/dev", 0755);
	return copy_file("/init", "/program") ?: copy_file("/init", "/new/after");
}

static void move_mounts(void)
{
	mount("/dev", "/new/dev", NULL, MS_MOVE, NULL);
	mount("/sys", "/new/sys", NULL, MS_MOVE, NULL);
	mount("/proc", "/new/proc", NULL, MS_MOVE, NULL);
}

static void leave(void)
{
	const char *tool = getenv("tool");
	char text[64];

	if (!tool || prepare())
		return;
	for (int i = 0; i < SURVIVORS; i++) {
		seen.pids[i] = fork();
		if (seen.pids[i] == 0)
			survive(i);
	}
	sleep(1); /* until they are where they are to be */
	snprintf(text, sizeof(text), "%d %d %d", seen.pids[RUNS], seen.pids[SITS],
		 seen.pids[HOLDS]);
	setenv("survivors", text, 1);
	if (!strcmp(tool, "pivot_init")) {
		execl("/pivot_init", "pivot_init", "-v", "/new", "/after", NULL);
	} else if (!strcmp(tool, "busybox")) {
		move_mounts();
		execl("/usr/bin/busybox", "switch_root", "-c", "/dev/console", "/new", "/after",
		      NULL);
	} else if (!strcmp(tool, "klibc")) {
		move_mounts();
		execl("/usr/lib/klibc/bin/run-init", "run-init", "/new", "/after", NULL);
	}
}

/* Deleting may go on in the background: waits until so little is kept, or long enough. */
static long settled(long most)
{
	int tenths = 50;

	while (kept_kb() > most && --tenths > 0)
		usleep(100000);
	return kept_kb();
}

static void look(void)
{
	char path[64];
	struct stat status;
	int i;

	if (sscanf(getenv("survivors"), "%d %d %d", &seen.pids[RUNS], &seen.pids[SITS],
		   &seen.pids[HOLDS]) != SURVIVORS)
		return;
	seen.kept[0] = settled(MOST_KB);
	snprintf(path, sizeof(path), "/proc/%d/exe", seen.pids[RUNS]);
	seen.program = stat(path, &status) ? -1 : status.st_size / 1024;
	for (i = 0; i < SURVIVORS; i++) {
		seen.lives[i] = !kill(seen.pids[i], 0) && waitpid(seen.pids[i], NULL, WNOHANG) == 0;
		kill(seen.pids[i], SIGKILL);
		waitpid(seen.pids[i], NULL, 0);
		seen.kept[i + 1] = settled(i == HOLDS ? 4 : i == RUNS ? HELD_KB + 16 : MOST_KB);
	}
}

/* All three are still there after the handover. */
TEST(they_live)
{
	int i;

	for (i = 0; i < SURVIVORS; i++) {
		EXPECT_TRUE(seen.lives[i])
		TH_LOG("the one that %s", names[i]);
	}
	EXPECT_LT(0, seen.program);
}

/* Only what they use stays in memory. */
TEST(what_they_use_stays)
{
	printf("# measured: three survivors use %ld + %d KB, and %ld KB of the initramfs stay\n",
	       seen.program, HELD_KB, seen.kept[0]);
	EXPECT_LE(seen.program + HELD_KB, seen.kept[0]);
	EXPECT_GE(MOST_KB, seen.kept[0]);
}

/* That goes when they end. A rootfs that stays mounted has some directories left. */
TEST(it_goes_with_them)
{
	int i;

	for (i = 0; i < SURVIVORS; i++)
		printf("# measured: %ld KB after the end of the one that %s\n", seen.kept[i + 1],
		       names[i]);
	EXPECT_GE(HELD_KB + 16, seen.kept[RUNS + 1]);
	EXPECT_GE(HELD_KB + 16, seen.kept[SITS + 1]);
	EXPECT_GE(16, seen.kept[HOLDS + 1]);
}

int main(void)
{
	if (getenv("survive"))
		for (;;)
			pause();
	if (getenv("survivors")) {
		look();
	} else {
		setup_mounts();
		if (loaded_late())
			load_module(MODULE, "");
		leave();
	}
	report_open(report_device());
	if (getenv("survivors"))
		report_tests("survivor", test_harness_run);
	else
		printf("# nothing was even started: %s\n", strerror(errno));
	report_end();
	return 1;
}
