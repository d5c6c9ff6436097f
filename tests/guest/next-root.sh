#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# In a Debian: systemd starts again in another root, a disk or (next_root=tmpfs) a copy of the old one.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mkdir -p /run/nextroot
# shellcheck disable=SC2154 # from the kernel command line
case $next_root in
tmpfs)
	mount -t tmpfs -o size=60% next /run/nextroot
	cp -ax / /run/nextroot ;;
*)
	mount "$next_root" /run/nextroot
	sed -i "s,^/dev/vda ,$next_root ," /run/nextroot/etc/fstab ;;
esac
touch /run/nextroot/next-root
exec systemctl soft-reboot
