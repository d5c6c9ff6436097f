#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Debian's virtiofsd, started from the initramfs. Its sandbox leaves the initramfs by pivot_root for the directory that it
# shares; on a stock kernel this fails with EINVAL. Without the sandbox it works on both.

# shellcheck source=check.sh
. /tests/check.sh

# serve SANDBOX: prints the shared file of each process that has the shared directory as its root
serve()
{
	virtiofsd --socket-path="/run/$1" --shared-dir=/shared --sandbox="$1" >/run/said 2>&1 &
	sleep 5
	cat /run/said
	kill -0 $! || return
	for process in $(pgrep virtiofsd); do
		cat "/proc/$process/root/shared-file"
	done
}

export PATH=/usr/libexec:/usr/sbin:/usr/bin:/sbin:/bin
mkdir -p /run /shared
echo shared data >/shared/shared-file

echo TAP version 13
check virtiofsd "$(pivots 'shared data')" serve namespace
check virtiofsd-chroot 'shared data' serve chroot
plan
