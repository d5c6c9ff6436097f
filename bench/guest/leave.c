// SPDX-License-Identifier: GPL-2.0-only
/*
 * PID 1 of an initramfs with many files. As /init there, it prepares a new root and lets the
 * program that tool= on the command line names hand over to it. As /init of the new root, it waits
 * for the memory to come back and reports the times. With survivor=1 a process that runs a program
 * of the initramfs lives on, until it has measured how much memory this keeps. With tool=none the
 * old /init executes the new one itself, in the old root. With an argument it is a service of the
 * systemd that is PID 1 there.
 */
#include "guest.h"
#include "memory.h"
#include "report.h"
#include "clock.h"

#include <signal.h>
#include <time.h>

#define MAX_SAMPLES 4000
#define MILLISECOND 1000000UL /* of the clock */

static struct {
	unsigned long time;
	long shmem;
} samples[MAX_SAMPLES];

/* systemd has a tmpfs there */
static long run_kb(void)
{
	struct stat root, run;

	if (stat("/", &root) || stat("/run", &run) || root.st_dev == run.st_dev)
		return 0;
	return used_kb("/run");
}

static void reopen_console(void)
{
	int fd, console = open("/dev/console", O_RDWR | O_NOCTTY);

	for (fd = 0; fd < 3; fd++)
		dup2(console, fd);
	close(console);
}

static void move_mounts(void)
{
	mount("/dev", "/new/dev", NULL, MS_MOVE, NULL);
	mount("/sys", "/new/sys", NULL, MS_MOVE, NULL);
	mount("/proc", "/new/proc", NULL, MS_MOVE, NULL);
}

static void plain_pivot(void)
{
	move_mounts();
	chdir("/new");
	if (pivot_root(".", "."))
		return;
	umount2(".", MNT_DETACH);
	reopen_console();
	execl("/init", "/init", NULL);
}

static int make_new_root(void)
{
	static const char * const dirs[] = { "dev", "proc", "sys" };
	char name[32];
	size_t i;

	mkdir("/new", 0755);
	if (mount("new", "/new", "tmpfs", 0, NULL))
		return -errno;
	for (i = 0; i < ARRAY_SIZE(dirs); i++) {
		snprintf(name, sizeof(name), "/new/%s", dirs[i]);
		mkdir(name, 0755);
	}
	return copy_file("/proc/self/exe", "/new/init");
}

static int start_survivor(void)
{
	char text[32];
	pid_t child = fork();

	if (child < 0)
		return -errno;
	if (child == 0) {
		close_range(0, ~0U, 0);
		setenv("survive", "1", 1);
		execl("/init", "survivor", NULL);
		_exit(1);
	}
	snprintf(text, sizeof(text), "%d", child);
	return sys(setenv("survivor", text, 1));
}

#define STATE "/state" /* what the environment has, for systemd passes that on to nobody */

static void write_state(const char *path)
{
	char text[128];

	snprintf(text, sizeof(text), "%s %s", getenv("begin"), getenv("held"));
	write_file(path, text);
}

static void read_state(void)
{
	FILE *file = fopen(STATE, "r");
	char begin[64], held[64];

	if (!file || fscanf(file, "%63s %63s", begin, held) != 2)
		return;
	fclose(file);
	unlink(STATE);
	setenv("begin", begin, 1);
	setenv("held", held, 1);
}

static int leave(void)
{
	const char *tool = getenv("tool");
	char text[64];

	if (getpid() == 1)
		setup_mounts();
	if (loaded_late() && load_module(MODULE, ""))
		return -errno;
	if (make_new_root() || (getenv("survivor") && start_survivor()))
		return -errno;
	sleep(2); /* lets the kernel finish work left from the boot */
	write_file("/proc/sys/vm/stat_refresh", "1");
	snprintf(text, sizeof(text), "%ld", used_kb("/"));
	setenv("held", text, 1);
	snprintf(text, sizeof(text), "%lu", clock_now());
	setenv("begin", text, 1);

	if (!strcmp(tool, "systemd")) {
		write_state("/new" STATE);
		execl("/usr/bin/systemctl", "systemctl", "switch-root", "/new", "/init", NULL);
	} else if (!strcmp(tool, "pivot_init")) {
		execl("/pivot_init", "pivot_init", "/new", "/init", NULL);
	} else if (!strcmp(tool, "busybox")) {
		move_mounts();
		execl("/busybox", "switch_root", "-c", "/dev/console", "/new", "/init", NULL);
	} else if (!strcmp(tool, "util-linux")) {
		execl("/usr/sbin/switch_root", "switch_root", "/new", "/init", NULL);
	} else if (!strcmp(tool, "klibc")) {
		move_mounts();
		execl("/run-init", "run-init", "/new", "/init", NULL);
	} else if (!strcmp(tool, "pivot")) {
		plain_pivot();
	} else if (!strcmp(tool, "none")) {
		execl("/new/init", "/init", NULL);
	}
	return -errno;
}

/* The memory that the old root still holds; negative if some other tmpfs was not counted. */
static long held_kb(void)
{
	write_file("/proc/sys/vm/stat_refresh", "1");
	return read_meminfo("Shmem") - used_kb("/") - used_kb("/dev") - run_kb();
}

static int take_samples(unsigned long begin)
{
	unsigned long now;
	struct timespec pause = { 0 };
	int n;

	for (n = 0; n < MAX_SAMPLES; n++) {
		now = clock_now();
		samples[n].time = now - begin;
		samples[n].shmem = held_kb();
		if (samples[n].time > 3000 * MILLISECOND)
			return n + 1;
		pause.tv_nsec = samples[n].time < 100 * MILLISECOND ? 1000000 : 10000000;
		nanosleep(&pause, NULL);
	}
	return n;
}

static void arrived(void)
{
	unsigned long begin = strtoul(getenv("begin"), NULL, 10), back;
	const char *survivor = getenv("survivor");
	bool sampling = getenv("sampling");
	long kept = 0;
	long held;
	int n = 0, i;

	if (sampling)
		n = take_samples(begin);
	if (survivor) {
		sleep(5); /* until deleting in the background has ended */
		kept = held_kb();
		kill(atoi(survivor), SIGKILL);
	}
	while (wait(NULL) > 0) /* as init does; some programs free in the background */
		;
	do {
		back = clock_now();
		held = held_kb();
	} while (held > 0 && back - begin < 10000 * MILLISECOND && !usleep(1000));
	report_open("/dev/ttyS1");
	printf("before=%s\nhandover=%lu\nback=%lu\nheld=%ld\n", getenv("held"),
	       clock_at_start - begin, back - begin, held);
	if (survivor)
		printf("kept=%ld\n", kept);
	for (i = 0; i < n; i++)
		printf("sample=%lu %ld\n", samples[i].time, samples[i].shmem);
}

int main(int argc, char **argv)
{
	int error;

	(void)argv;
	if (getenv("survive"))
		for (;;)
			pause();
	read_state();
	if (argc > 1)
		read_environment();
	if (getpid() == 1 && getenv("begin")) {
		arrived();
	} else {
		error = leave();
		report_open("/dev/ttyS1");
		printf("error=%s\n", strerror(-error));
	}
	report_end();
	return 1;
}
