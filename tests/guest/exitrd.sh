#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# At shutdown dracut runs this in the exitrd. Only after pivot_root is the real root there, put away.
if [ -e /oldroot/etc/fstab ] && ! [ -e /etc/fstab ]; then
	echo "exitrd: entered by pivot_root" >/dev/console
fi
