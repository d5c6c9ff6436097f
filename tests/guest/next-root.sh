#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# In a Debian that lives in its initramfs: systemd starts again in a copy of it.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mkdir -p /run/nextroot
mount -t tmpfs -o size=60% next /run/nextroot
cp -ax / /run/nextroot
touch /run/nextroot/next-root
exec systemctl soft-reboot
