#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Debian's container programs, started from the initramfs: with nullfs beneath they work as they are; on a stock kernel
# each fails in pivot_root with EINVAL, and only the weaker isolation without it works.
number=0

# check NAME works|fails COMMAND...: it prints "inside", or fails with EINVAL
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
	works:0:inside) verdict=ok ;;
	fails:0:*) ;;
	fails:*pivot_root*[Ii]'nvalid argument'*) verdict=ok ;;
	esac
	echo "$verdict $number $name"
}

# bundle DIRECTORY RUNTIME: what both runtimes start, a static busybox alone
bundle()
{
	mkdir -p "$1/rootfs/bin" "$1/rootfs/proc" "$1/rootfs/sys" "$1/rootfs/dev"
	cp "$(command -v busybox)" "$1/rootfs/bin/busybox"
	cd "$1" && "$2" spec
	sed -i -e 's/"terminal": true/"terminal": false/' \
		-e 's|^\([[:space:]]*\)"sh"$|\1"/bin/busybox", "echo", "inside"|' config.json
}

export PATH=/usr/sbin:/usr/bin:/sbin:/bin
case $expect in
nullfs) pivoting=works ;;
*) pivoting=fails ;;
esac
mkdir -p /run /tmp
mount -t cgroup2 cgroup2 /sys/fs/cgroup
bundle /run/crun-bundle crun
bundle /run/runc-bundle runc
cd /

echo TAP version 13
echo 1..6
check bubblewrap $pivoting bwrap --bind / / --dev /dev --proc /proc echo inside
check bubblewrap-unprivileged $pivoting setpriv --reuid=1000 --regid=1000 --clear-groups \
	bwrap --ro-bind / / --dev /dev --proc /proc echo inside
check crun $pivoting crun --cgroup-manager=cgroupfs run --bundle /run/crun-bundle one
check crun-no-pivot works crun --cgroup-manager=cgroupfs run --no-pivot --bundle /run/crun-bundle two
check runc $pivoting runc run --bundle /run/runc-bundle one
check runc-no-pivot works runc run --no-pivot --bundle /run/runc-bundle two
