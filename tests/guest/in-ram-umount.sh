#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# In a Debian that lives in its initramfs: `umount -a -r` makes "/" read-only, unless a stock kernel refuses it.

# shellcheck source=check.sh
. /tests/check.sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin

unmount_all()
{
	umount -a -r
	if touch /written 2>/dev/null; then echo "/ is writable"; else echo "/ is read-only"; fi
}

case $expect in
nullfs) refused='umount: /: target is busy.' root='/ is read-only' ;;
*) refused='umount: /: not mounted.' root='/ is writable' ;;
esac

echo TAP version 13
# journald has files in /var open.
check open-files "$refused" unmount_all
check still-writable '/ is writable' unmount_all
journalctl --relinquish-var
check no-open-files "$root" unmount_all
plan
sed 's/^/# /' /proc/self/mountinfo
