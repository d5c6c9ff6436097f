// SPDX-License-Identifier: GPL-2.0-only
/*
 * PID 1 of an initramfs that is not left. Reports the cost of system calls that something beneath
 * the rootfs could affect, and the time that the boot took.
 */
#include "guest.h"
#include "memory.h"
#include "report.h"
#include "clock.h"

#define ROUNDS 51

static int by_size(const void *a, const void *b)
{
	long one = *(const long *)a, other = *(const long *)b;

	return one < other ? -1 : one > other;
}

/* The median of some calls, so that ticks of the timer do not matter. */
static long median(void (*call)(void))
{
	long took[ROUNDS];
	int i;

	for (i = 0; i < ROUNDS; i++) {
		unsigned long begin = clock_now();

		call();
		took[i] = clock_now() - begin;
	}
	qsort(took, ROUNDS, sizeof(took[0]), by_size);
	return took[ROUNDS / 2];
}

static void namespace_and_exit(void)
{
	pid_t child = vfork();

	if (child == 0)
		_exit(unshare(CLONE_NEWNS));
	waitpid(child, NULL, 0);
}

static void open_above(void)
{
	close(open("/..", O_PATH));
}

static void stat_deep(void)
{
	struct stat status;

	stat("/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p", &status);
}

static void make_deep(void)
{
	char path[] = "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p";
	size_t end;

	for (end = 2; end <= sizeof(path) - 1; end += 2) {
		char whole = path[end];

		path[end] = '\0';
		mkdir(path, 0755);
		path[end] = whole;
	}
}

/* Mounts more, from one number to the other. */
static void mounts(int from, int to)
{
	char name[16];

	for (; from < to; from++) {
		snprintf(name, sizeof(name), "/m%d", from);
		mkdir(name, 0755);
		if (mount(name, name, "tmpfs", 0, NULL))
			printf("error=%s: %s\n", name, strerror(errno));
	}
}

static void load_with_tasks(int tasks)
{
	unsigned long begin;
	int i, error;

	for (i = 1; i < tasks; i++) {
		if (fork() == 0)
			for (;;)
				pause();
	}
	usleep(500000);
	begin = clock_now();
	error = load_module(MODULE, "");
	printf("load=%lu\n", clock_now() - begin);
	if (error)
		printf("error=load: %s\n", strerror(-error));
}

int main(void)
{
	const char *tasks = getenv("tasks");

	mkdir("/dev", 0755);
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	report_open("/dev/ttyS1");
	umount("/dev");
	printf("init=%lu\n", clock_at_start);
	make_deep();
	if (tasks) {
		load_with_tasks(atoi(tasks));
	} else {
		printf("unshare-1=%ld\n", median(namespace_and_exit));
		printf("open-above=%ld\n", median(open_above));
		printf("stat-deep=%ld\n", median(stat_deep));
		mounts(1, 20);
		printf("unshare-20=%ld\n", median(namespace_and_exit));
		mounts(20, 200);
		printf("unshare-200=%ld\n", median(namespace_and_exit));
	}
	report_end();
	return 1;
}
