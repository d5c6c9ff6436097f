// SPDX-License-Identifier: GPL-2.0-only
/* PID 1 of a guest that fails in the way that how= names, for the tests of the runner itself. */
#include "guest.h"
#include "report.h"

int main(void)
{
	const char *how = getenv("how");

	setup_mounts();
	report_open(report_device());
	printf("# program misbehave\nTAP version 13\n");
	write_file("/dev/kmsg", "<5>misbehaving\n"); /* the console shows complete lines only */
	if (!how) {
		return 1;
	} else if (!strcmp(how, "hang")) {
		for (;;)
			pause();
	} else if (!strcmp(how, "panic")) {
		return 1; /* PID 1 must not end */
	} else if (!strcmp(how, "silence")) {
		tcdrain(1);
		reboot(RB_POWER_OFF);
	} else if (!strcmp(how, "warning")) {
		write_file("/dev/kmsg", "<4>WARNING: this is provoked\n");
		printf("1..1\nok 1 fine\n");
	} else if (!strcmp(how, "lockdep")) {
		write_file("/dev/kmsg", "<4>[ BUG: Invalid wait context ]\n");
		printf("1..1\nok 1 fine\n");
	} else if (!strcmp(how, "no-plan")) {
		printf("ok 1 fine\n");
	} else if (!strcmp(how, "too-few")) {
		printf("1..2\nok 1 fine\n");
	} else if (!strcmp(how, "nothing")) {
		printf("1..0\n");
	} else if (!strcmp(how, "failed")) {
		printf("1..2\nok 1 fine\n# the reason\nnot ok 2 wrong\n");
	} else if (!strcmp(how, "status")) {
		printf("1..1\nok 1 fine\n# exit misbehave 3\n");
		report_end();
	}
	printf("# exit misbehave 0\n");
	report_end();
	return 1;
}
