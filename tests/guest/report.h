/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The report of a guest, on the device that report= on the command line names: a TAP document for
 * each program, between the lines "# program NAME" and "# exit NAME STATUS", then the end mark.
 * After it a reset ends the machine.
 */
#ifndef REPORT_H
#define REPORT_H

#include <ftw.h>
#include <sys/reboot.h>
#include <termios.h>
#include <time.h>

static inline const char *report_device(void)
{
	return getenv("report") ?: "";
}

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

/*
 * kmemleak reports objects that two scans find unchanged and that are 5 seconds old at the second.
 */
static inline void report_leaks(void)
{
	static const char kmemleak[] = "/sys/kernel/debug/kmemleak";
	struct timespec last;
	int leaks = 0;
	char line[512];
	FILE *file;

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

#define GCOV "/sys/kernel/debug/gcov"

/*
 * Most bytes are zeros, and the device is slow: 'g' is one zero, 'h' two ... 'z' twenty. All other
 * bytes are hexadecimal numbers.
 */
static inline void report_bytes(FILE *file)
{
	int byte, zeros = 0;

	do {
		byte = getc(file);
		if (zeros && (byte || zeros == 'z' - 'f')) {
			putchar('f' + zeros);
			zeros = 0;
		}
		if (byte > 0)
			printf("%02x", byte);
		zeros += !byte;
	} while (byte != EOF);
}

static inline int report_counts_of(const char *path, const struct stat *status, int type,
				   struct FTW *place)
{
	const char *suffix = strrchr(path + place->base, '.');
	FILE *file;

	(void)status;
	if (type != FTW_F || !suffix || strcmp(suffix, ".gcda"))
		return 0;
	file = fopen(path, "r");
	if (!file)
		return 0;
	printf("# counts %s ", path + strlen(GCOV));
	report_bytes(file);
	printf("\n");
	fclose(file);
	return 0;
}

/* Reports how often each line was executed, if the kernel counts that, in files for gcov(1). */
static inline void report_counts(void)
{
	nftw(GCOV, report_counts_of, 8, FTW_PHYS);
}

static inline void report_program(const char *directory, const char *name)
{
	char path[256];
	int status = -1;
	pid_t child, dead;

	printf("# program %s\n", name);
	fflush(stdout);
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	child = fork();
	if (child == 0) {
		setsid();
		execl(path, path, (char *)NULL);
		printf("# %s: %s\n", path, strerror(errno));
		_exit(127);
	}
	do /* waits for orphans as well */
		dead = wait(&status);
	while (dead != child && dead > 0);
	printf("# exit %s %d\n", name,
	       WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

/*
 * The kernel passes words of its command line to init in the environment. systemd and some programs
 * of an initramfs do not hand them on.
 */
static inline void read_environment(void)
{
	static char line[4096];
	FILE *file = fopen("/proc/cmdline", "r");
	char *word;

	if (!file || !fgets(line, sizeof(line), file))
		return;
	fclose(file);
	for (word = strtok(line, "\n "); word; word = strtok(NULL, "\n "))
		if (strchr(word, '='))
			putenv(word);
}

/* Runs the programs that tests=a,b,c in the environment names. */
static inline void report_programs(const char *directory)
{
	const char *tests = getenv("tests");
	char *name;

	for (name = strtok(strdup(tests ? tests : ""), ","); name; name = strtok(NULL, ","))
		report_program(directory, name);
}

/* Runs the tests of PID 1 itself, in a child of it. run is test_harness_run(). */
static inline void report_tests(char *name, int (*run)(int argc, char **argv))
{
	char *arguments[2] = { name };
	int status = -1;
	pid_t child;

	printf("# program %s\n", name);
	child = fork();
	if (child == 0)
		exit(run(1, arguments));
	waitpid(child, &status, 0);
	printf("# exit %s %d\n", name, WEXITSTATUS(status));
}

static inline void report_end_mark(void)
{
	printf("# end of report\n");
	fflush(stdout);
	tcdrain(1);
	sync();
}

static inline void report_end(void)
{
	mount("sysfs", "/sys", "sysfs", 0, NULL);
	mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	report_leaks();
	report_counts();
	report_end_mark();
	reboot(RB_AUTOBOOT); /* ends QEMU, too, and needs no ACPI */
}

#endif
