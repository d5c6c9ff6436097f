#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2154 # variables of dracut

# Do nothing if the module is built in or missing.
check() {
	[[ $(modprobe --set-version="$kernel" --quiet --show-depends immutable_rootfs 2>/dev/null) == *insmod* ]]
}

depends() {
	return 0
}

installkernel() {
	hostonly='' instmods -c immutable_rootfs
}

# Load it before udev, whose own mount namespace would keep a copy of the rootfs.
install() {
	inst_multiple modprobe
	inst_script /usr/lib/immutable-rootfs/load
	if dracut_module_included systemd; then
		inst_simple /usr/lib/immutable-rootfs/immutable-rootfs.service "$systemdsystemunitdir/immutable-rootfs.service"
		$SYSTEMCTL -q --root "$initdir" add-wants sysinit.target immutable-rootfs.service
	else
		inst_hook cmdline 00 "$moddir/immutable-rootfs.sh"
	fi
}
