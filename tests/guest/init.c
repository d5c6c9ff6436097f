// SPDX-License-Identifier: GPL-2.0-only
/*
 * PID 1 of a test guest, as /init of an initramfs or /sbin/init of a disk. Runs the programs in
 * /tests that tests=a,b,c on the kernel command line names, reports, and ends the machine.
 */
#include "guest.h"
#include "report.h"

int main(void)
{
	umask(022);
	setup_mounts();
	read_environment();
	report_open(report_device());
	report_programs("/tests");
	report_end();
	return 1;
}
