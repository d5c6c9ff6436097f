// SPDX-License-Identifier: GPL-2.0-only
/* /linuxrc of an old-style initrd: prints that it ran, and lets the kernel continue with root=. */
#include <fcntl.h>
#include <unistd.h>

int main(void)
{
	static const char line[] = "linuxrc was here\n";

	return write(1, line, sizeof(line) - 1) < 0;
}
