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

int main(void)
{
	const char *tests = getenv("tests");
	char *name;

	umask(022);
	setup_mounts();
	report_open("/dev/ttyS1");
	for (name = strtok(strdup(tests ? tests : ""), ","); name; name = strtok(NULL, ","))
		run(name);
	report_end();
	return 1;
}
