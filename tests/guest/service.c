// SPDX-License-Identifier: GPL-2.0-only
/*
 * A service of a Debian system: once that is up, runs the programs that tests=a,b,c on the kernel command line
 * names, out of /boot/tests, reports, and shuts the system down.
 */
#include "guest.h"
#include "report.h"

int main(void)
{
	const char *end;
	char said[64];

	read_environment();
	/* each of the two ends once on nullfs; the machine does not restart, as firmware is slow then */
	end = immutable() && !loaded_late() ? "reboot" : "poweroff";
	system("systemctl is-system-running --wait >/run/state");
	system("systemctl --failed --plain >/run/failed");
	report_open(report_device());
	report_programs("/boot/tests");
	report_counts();
	/* what dracut does for a root on RAID, LVM, NFS ...: systemd shall return to the initramfs to take it apart */
	write_file("/run/initramfs/.need_shutdown", "");
	report_end_mark();
	snprintf(said, sizeof(said), "service: %s\n", end);
	write_file("/dev/console", said);
	report_open("/dev/null");
	execl("/bin/systemctl", "systemctl", end, (char *)NULL);
	return 1;
}
