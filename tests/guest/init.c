// SPDX-License-Identifier: GPL-2.0-only
/*
 * PID 1 of a test guest, as /init of an initramfs or /sbin/init of a disk: runs the programs that tests=a,b,c on the kernel
 * command line names, out of /tests, reports, and ends the machine.
 */
#include "guest.h"
#include "report.h"

static void run(const char *name)
{
	char path[256];
	int status = -1;
	pid_t child, dead;

	printf("# program %s\n", name);
	fflush(stdout);
	snprintf(path, sizeof(path), "/tests/%s", name);
	child = fork();
	if (child == 0) {
		setsid();
		execl(path, path, (char *)NULL);
		printf("# %s: %s\n", path, strerror(errno));
		_exit(127);
	}
	do	/* orphans come by as well */
		dead = wait(&status);
	while (dead != child && dead > 0);
	printf("# exit %s %d\n", name, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

/* Some programs of an initramfs pass nothing on of what the kernel's command line says. */
static void restore_environment(void)
{
	char line[4096] = "", *word;
	int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, line, sizeof(line) - 1) < 0)
		return;
	close(fd);
	for (word = strtok(line, " \n"); word; word = strtok(NULL, " \n"))
		if (strchr(word, '='))
			putenv(strdup(word));
}

int main(void)
{
	const char *tests;
	char *name;

	umask(022);
	setup_mounts();
	if (!getenv("tests"))
		restore_environment();
	tests = getenv("tests");
	report_open("/dev/ttyS1");
	for (name = strtok(strdup(tests ? tests : ""), ","); name; name = strtok(NULL, ","))
		run(name);
	report_end();
	return 1;
}
