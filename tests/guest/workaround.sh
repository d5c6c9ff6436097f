#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Two ways around the missing pivot_root that people use: cover the rootfs with itself, or with a copy of it. / is an ordinary
# mount then, and pivot_root works in the script that then= on the command line names, on stock as on nullfs. Beneath the new
# root the initramfs remains. Root of a container that may unmount finds it; a user namespace hides it.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mkdir /stage
# shellcheck disable=SC2154 # from the kernel command line
case $workaround in
covered)
	mount --rbind / /stage ;;
copied)
	mount -t tmpfs -o size=90% copy /stage
	cp -ax /. /stage
	for directory in dev proc sys; do
		mount --move /$directory /stage/$directory
	done ;;
esac
cd /stage || exit
mount --move . /
# shellcheck disable=SC2154
exec chroot . env inside=outside users=inside "/tests/$then"
