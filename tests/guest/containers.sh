#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Debian's container programs, started from the initramfs. With nullfs beneath they work unchanged, and not even a process
# that may mount and unmount inside gets out. On a stock kernel each fails in pivot_root with EINVAL. Without pivot_root the
# runtimes work on both, but do not isolate a process that may unmount: container.c finds the initramfs.
number=0

# check NAME inside|outside|fails COMMAND...: it prints that word, or fails with EINVAL
check()
{
	name=$1 expected=$2
	shift 2
	number=$((number + 1))
	output=$("$@" 2>&1 </dev/null)
	status=$?
	echo "$output" | sed "s/^/# $name: /"
	verdict='not ok'
	case $expected:$status:$output in
	inside:0:inside | outside:0:outside) verdict=ok ;;
	fails:0:*) ;;
	fails:*pivot_root*[Ii]'nvalid argument'*) verdict=ok ;;
	esac
	echo "$verdict $number $name"
}

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
# shellcheck disable=SC2154 # from the kernel command line
case $expect in
nullfs) pivoting=inside ;;
*) pivoting=fails ;;
esac
mkdir -p /run /tmp
mount -t cgroup2 cgroup2 /sys/fs/cgroup
bundle /run/crun-bundle crun
bundle /run/runc-bundle runc
cd /

echo TAP version 13
echo 1..6
check bubblewrap $pivoting bwrap --unshare-pid --cap-add ALL --bind /run/crun-bundle/rootfs / --proc /proc /container
check bubblewrap-unprivileged $pivoting setpriv --reuid=1000 --regid=1000 --clear-groups \
	bwrap --unshare-user --unshare-pid --cap-add ALL --bind /run/crun-bundle/rootfs / --proc /proc /container
check crun $pivoting crun --cgroup-manager=cgroupfs run --bundle /run/crun-bundle one
check crun-no-pivot outside crun --cgroup-manager=cgroupfs run --no-pivot --bundle /run/crun-bundle two
check runc $pivoting runc run --bundle /run/runc-bundle one
check runc-no-pivot outside runc run --no-pivot --bundle /run/runc-bundle two
