# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh disable=SC2154 # top and work are variables of tap.sh
# Sourced by the tests of this directory, after tests/host/tap.sh. The packages and the key lie beside the checkout.

packages=$(cd "$top/.." && pwd)
version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' "$top/dkms.conf")

quietly() {
	"$@" >"$work/quietly" 2>&1 || { cat "$work/quietly" >&2; exit 1; }
}

install_kernel() {
	quietly dpkg -i "$packages"/linux-headers-*.deb "$packages"/linux-image-*.deb
	kernel=$(cd /lib/modules && ls -d -- *-packaged)
	depmod "$kernel"	# Debian's own kernel packages run it, those of bindeb-pkg do not
	cp "$packages/mok.key" "$packages/mok.pub" /var/lib/dkms
}

# List every file that dkms and packages may write, with a checksum.
snapshot() {
	find /boot /etc /usr /var/lib/dkms ! -path '/usr/src/linux-*' -printf '%y %m %p %l\n' | sort
	find /boot /etc /lib/modules /var/lib/dkms -type f -exec md5sum {} + | sort -k 2
}

# fake_headers KERNEL EDIT: the headers that dkms inspects before a build: without .config, auto.conf edited by sed
fake_headers() {
	mkdir -p "/lib/modules/$1/build/include/config"
	cp "/usr/src/linux-headers-$kernel/Makefile" "/lib/modules/$1/build"
	sed "$2" "/usr/src/linux-headers-$kernel/include/config/auto.conf" >"/lib/modules/$1/build/include/config/auto.conf"
}

module_says() {
	modinfo -k "$kernel" -F "$1" immutable_rootfs | tee "$work/said"
	grep -qx -- "$2" "$work/said"
}

check_module() {
	check "modinfo: it is where dkms puts modules" \
		module_says filename "/lib/modules/$kernel/updates/dkms/immutable_rootfs.ko.*"
	check "modinfo: licence" module_says license GPL
	check "modinfo: description" module_says description ".*pivot_root(2) in the initramfs"
	check "modinfo: author" module_says author "immutable-rootfs maintainers <.*>"
	check "modinfo: version" module_says version "$version"
	check "modinfo: parameter" module_says parm "immutable_rootfs:.* (bool)"
	check "modinfo: for this kernel" module_says vermagic "$kernel SMP.*"
	check "modinfo: signed with the machine owner's key" module_says signer "immutable-rootfs test key"
}
