#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Debian's LXC and systemd-nspawn, started from the initramfs. If / is of type rootfs they use MS_MOVE and chroot instead of
# pivot_root, so they work on stock and on nullfs. Their containers cannot climb out by "..", but one that may unmount its root
# finds the initramfs beneath it, on both. From a mere chroot one can climb out.

# shellcheck source=check.sh
. /tests/check.sh

# make_root DIRECTORY OWNER
make_root()
{
	mkdir -p "$1/proc" "$1/sys" "$1/dev" "$1/tmp" "$1/run" "$1/etc" "$1/var" "$1/usr/bin" "$1/usr/sbin" "$1/usr/lib"
	cp /tests/container /usr/bin/busybox "$1/usr/bin"
	for name in bin sbin lib; do
		ln -s usr/$name "$1/$name"
	done
	echo ID=test >"$1/usr/lib/os-release"
	chown -R "$2" "$1"
}

nspawn()
{
	systemd-nspawn --quiet --register=no --keep-unit --pipe --directory /run/root "$@"
}

# lxc ROOT WORD...
lxc()
{
	root=$1
	shift
	lxc-execute --lxcpath /run/lxc --name test --rcfile /run/lxc.conf --define lxc.rootfs.path="dir:$root" -- "$@"
}

export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mkdir -p /run /tmp /var/tmp /var/lib/lxc /dev/pts
mount -t devpts devpts /dev/pts
mount -t cgroup2 cgroup2 /sys/fs/cgroup
make_root /run/root 0:0
make_root /run/shifted 100000:100000
echo ID=host >/usr/lib/os-release
echo 6e756c6c66734d75a16c696e69747266 >/etc/machine-id
echo root:100000:65536 | tee /etc/subuid >/etc/subgid
printf '%s\n' 'lxc.mount.auto = proc:rw' 'lxc.autodev = 0' 'lxc.apparmor.profile = unconfined' >/run/lxc.conf

echo TAP version 13
check chroot-climb outside chroot /run/root container climb
check nspawn outside nspawn container
check nspawn-climb inside nspawn container climb
check nspawn-volatile-climb inside nspawn --volatile=yes container climb
check nspawn-overlay-climb inside nspawn --volatile=overlay container climb
check nspawn-users inside nspawn --private-users=pick container
check nspawn-users-climb inside nspawn --private-users=pick container climb
check lxc outside lxc /run/root /usr/bin/container
check lxc-climb inside lxc /run/root /usr/bin/container climb
printf '%s\n' 'lxc.idmap = u 0 100000 65536' 'lxc.idmap = g 0 100000 65536' >>/run/lxc.conf
check lxc-users outside lxc /run/shifted /usr/bin/container
check lxc-users-climb inside lxc /run/shifted /usr/bin/container climb
plan
