#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Debian's container programs, started from the initramfs. With nullfs beneath they work unchanged, and not even a process
# that may mount and unmount inside gets out. On a stock kernel each fails in pivot_root with EINVAL. Without pivot_root the
# runtimes work on both, but do not isolate a process that may unmount: container.c finds the initramfs.

# shellcheck source=check.sh
. /tests/check.sh

# bundle DIRECTORY RUNTIME: a container of one static program, for both runtimes
bundle()
{
	mkdir -p "$1/rootfs/proc" "$1/rootfs/sys" "$1/rootfs/dev"
	cp /tests/container "$1/rootfs"
	cd "$1" && "$2" spec
	sed -i -e 's/"terminal": true/"terminal": false/' \
		-e 's|"CAP_KILL"|"CAP_KILL", "CAP_SYS_ADMIN", "CAP_SYS_CHROOT"|' \
		-e 's|^\([[:space:]]*\)"sh"$|\1"/container"|' config.json
}

export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mkdir -p /run /tmp
mount -t cgroup2 cgroup2 /sys/fs/cgroup
bundle /run/crun-bundle crun
bundle /run/runc-bundle runc
cd /
: "${inside:=$(pivots inside)}" "${users:=$(pivots inside)}"

# sandbox [PREFIX...]: bubblewrap starts the container
sandbox()
{
	"$@" bwrap --unshare-pid --cap-add ALL --bind /run/crun-bundle/rootfs / --proc /proc /container
}

user()
{
	setpriv --reuid=1000 --regid=1000 --clear-groups "$@"
}

outer='bwrap --bind / / --dev-bind /dev /dev'

echo TAP version 13
check bubblewrap "$inside" sandbox
check bubblewrap-unprivileged "$users" sandbox user
# shellcheck disable=SC2086 # it is a command with its options
check bubblewrap-in-bubblewrap "$inside" sandbox $outer --cap-add ALL
# shellcheck disable=SC2086
check bubblewrap-in-bubblewrap-unprivileged "$users" sandbox user $outer
check crun "$inside" crun --cgroup-manager=cgroupfs run --bundle /run/crun-bundle one
check crun-no-pivot outside crun --cgroup-manager=cgroupfs run --no-pivot --bundle /run/crun-bundle two
check runc "$inside" runc run --bundle /run/runc-bundle one
check runc-no-pivot outside runc run --no-pivot --bundle /run/runc-bundle two
plan
