// SPDX-License-Identifier: GPL-2.0-only
/*
 * A service of a Debian system. When the system is up, runs the programs beside it that
 * tests=a,b,c on the kernel command line names, reports, and shuts the system down. With
 * next_root= systemd first starts again in another root.
 */
#include "guest.h"
#include "report.h"

#include <libgen.h>

int main(int argc, char **argv)
{
	const char *end, *directory = dirname(argv[0]);
	char said[64];

	(void)argc;
	read_environment();
	if (getenv("next_root") && !exists("/next-root")) {
		if (!chdir(directory))
			execl("next-root.sh", "next-root.sh", (char *)NULL);
		return 1;
	}
	/* Both ways to end a system are tested on nullfs. QEMU exits at a reboot. */
	end = getenv("end") ?: immutable() && !loaded_late() ? "reboot" : "poweroff";
	system("systemctl is-system-running --wait >/run/state");
	system("systemctl --failed --plain >/run/failed");
	report_open(report_device());
	report_programs(directory);
	report_counts();
	/* As dracut does for a root on RAID, LVM or NFS: systemd returns to the initramfs. */
	write_file("/run/initramfs/.need_shutdown", "");
	report_end_mark();
	snprintf(said, sizeof(said), "service: %s\n", end);
	write_file("/dev/console", said);
	report_open("/dev/null");
	execl("/bin/systemctl", "systemctl", end, (char *)NULL);
	return 1;
}
