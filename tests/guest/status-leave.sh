#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# /init of an initramfs: hands over to a copy of itself in a tmpfs, by the program that tool= names. A process lives on.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mkdir -p /dev /proc /sys /new
mount -t devtmpfs devtmpfs /dev
mount -t proc proc /proc
mount -t sysfs sysfs /sys
[ ! -e /immutable_rootfs.ko ] || insmod /immutable_rootfs.ko
mount -t tmpfs new /new
for directory in usr bin sbin lib lib64 tests; do
	[ ! -e /$directory ] || cp -a /$directory /new
done
mkdir /new/dev /new/proc /new/sys /new/run
cp /usr/bin/sleep /survivor
/survivor 1000 </dev/null >/dev/null 2>&1 &
# shellcheck disable=SC2154 # from the kernel command line
case $tool in
pivot_init)
	exec /pivot_init /new /tests/init ;;
busybox)
	for directory in dev proc sys; do
		mount --move /$directory /new/$directory
	done
	exec busybox switch_root -c /dev/console /new /tests/init ;;
move)	# and nothing is deleted
	cd /new || exit
	for directory in dev proc sys; do
		mount --move /$directory $directory
	done
	mount --move . /
	exec chroot . /tests/init ;;
esac
