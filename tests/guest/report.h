/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The report of a guest: one TAP document for each program, between the lines "# program NAME" and "# exit NAME STATUS",
 * on the second serial port; then the end marker, and the machine is reset, which ends it.
 */
#ifndef REPORT_H
#define REPORT_H

#include <sys/reboot.h>
#include <termios.h>
#include <time.h>

/* stdout and stderr become the report. */
static inline void report_open(const char *device)
{
	int fd = open(device, O_WRONLY | O_NOCTTY | O_CLOEXEC);
	struct termios mode;

	if (fd < 0)
		return;
	if (!tcgetattr(fd, &mode)) {
		cfmakeraw(&mode);
		tcsetattr(fd, TCSANOW, &mode);
	}
	dup2(fd, 1);
	dup2(fd, 2);
	close(fd);
	setvbuf(stdout, NULL, _IOLBF, 0);
}

static inline void setup_mounts(void)
{
	mkdir("/proc", 0555);
	mkdir("/sys", 0555);
	mkdir("/dev", 0755);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sysfs", "/sys", "sysfs", 0, NULL);
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
}

/* kmemleak reports objects whose content two scans find unchanged, and that are 5 seconds old at the second. */
static inline void report_leaks(void)
{
	static const char kmemleak[] = "/sys/kernel/debug/kmemleak";
	struct timespec last;
	int leaks = 0;
	char line[512];
	FILE *file;

	mount("sysfs", "/sys", "sysfs", 0, NULL);
	mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	if (access(kmemleak, W_OK))
		return;
	printf("# program leaks\nTAP version 13\n1..1\n");
	clock_gettime(CLOCK_MONOTONIC, &last);
	last.tv_sec += 6;
	if (write_file(kmemleak, "scan"))
		leaks = -1;
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &last, NULL);
	if (write_file(kmemleak, "scan"))
		leaks = -1;
	file = fopen(kmemleak, "r");
	if (!file)
		leaks = -1;
	while (file && fgets(line, sizeof(line), file)) {
		printf("# %s", line);
		leaks++;
	}
	printf("%sok 1 kmemleak_finds_nothing\n# exit leaks %d\n", leaks ? "not " : "", !!leaks);
}

static inline void report_end(void)
{
	report_leaks();
	printf("# end of report\n");
	fflush(stdout);
	tcdrain(1);
	sync();
	reboot(RB_AUTOBOOT);	/* ends QEMU, too, and needs no ACPI */
}

#endif
