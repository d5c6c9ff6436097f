#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Debian's stress-ng: what it does with mounts and namespaces, as root, as a user and as root of a user namespace, in all one
# second for each 100 of operations= on the command line. stress-ng leaves out what needs more privileges.

# shellcheck source=check.sh
. /tests/check.sh

stress()
{
	# shellcheck disable=SC2154 # from the kernel command line
	"$@" stress-ng --pathological --bind-mount 1 --chroot 1 --clone 1 --fanotify 1 --inotify 1 --procfs 1 --ramfs 1 --umount 1 \
		--unshare 1 --timeout $((operations / 300)) --seed "$seed" --temp-path /tmp --metrics-brief
}

user()
{
	setpriv --reuid=1000 --regid=1000 --clear-groups "$@"
}

export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mkdir -p /tmp /run
chmod 1777 /tmp
cd /tmp || exit

echo TAP version 13
check root '.* hogs: 1 bind-mount, 1 chroot, 1 clone, 1 fanotify, 1 inotify, 1 procfs, 1 ramfs, 1 umount, 1 unshare' stress
check user '.* hogs: 1 bind-mount, 1 clone, 1 inotify, 1 procfs, 1 unshare' stress user
check root-of-a-user-namespace '.* hogs: 1 bind-mount, 1 chroot, 1 clone, 1 inotify, 1 procfs, 1 ramfs, 1 umount, 1 unshare' \
	stress user unshare --user --map-root-user --mount
plan
