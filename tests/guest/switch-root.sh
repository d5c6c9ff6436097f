#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# /init of an initramfs. The program that tool= names leaves it the old way: delete everything, MS_MOVE, chroot.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mkdir -p /dev /proc /mnt
mount -t devtmpfs devtmpfs /dev
mount -t proc proc /proc
mount -t ext4 /dev/vda /mnt
[ ! -e /immutable_rootfs.ko ] || cp /immutable_rootfs.ko /mnt
# shellcheck disable=SC2154 # from the kernel command line
case $tool in
busybox)
	exec busybox switch_root /mnt /sbin/init ;;
util-linux)
	exec switch_root /mnt /sbin/init ;;
klibc)
	# it opens the new root's console and, unlike the others, moves no mounts
	mount --move /dev /mnt/dev
	umount /proc
	exec /usr/lib/klibc/bin/run-init /mnt /sbin/init ;;
esac
