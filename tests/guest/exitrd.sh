#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# dracut runs this in the exitrd at shutdown. Only after pivot_root the real root lies in /oldroot.
if [ -e /oldroot/etc/fstab ] && ! [ -e /etc/fstab ]; then
	echo "exitrd: entered by pivot_root" >/dev/console
fi
