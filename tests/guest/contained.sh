#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# pivot_init as process 1 of a container whose root is a directory or a mount of the host: whether it arrives or refuses,
# nothing of the host's is deleted.

# shellcheck source=check.sh
. /tests/check.sh

# check_arrival NAME arrives|PATTERN COMMAND...: it arrives at the new root, or fails and says this; /host and / are as before
check_arrival()
{
	name=$1 expected=$2 verdict='not ok'
	shift 2
	run "$@"
	case $expected:$status:$output in
	arrives:0:*'arrived at the new root'*) verdict=ok ;;
	arrives:* | *:0:*) ;;
	*) ! echo "$output" | grep -q "$expected" || verdict=ok ;;
	esac
	whole || verdict='not ok'
	echo "$verdict $number $name"
}

list()
{
	for directory in / /host /whole; do
		find $directory -xdev || echo "cannot list $directory"
	done | sort
}

whole()
{
	list >/run/now
	diff /run/before /run/now >/run/changed && return
	sed 's/^/# /' /run/changed
	return 1
}

# root DIRECTORY: the root of a container
root()
{
	mkdir -p "$1/proc" "$1/sys" "$1/dev" "$1/new" "$1/data"
	cp /usr/bin/busybox /pivot_init /tests/arrived "$1"
	echo data >"$1/data/file"
	cat >"$1/start" <<-'END'
		/busybox mount -t tmpfs new /new || exit
		>/new/new-root
		/busybox cp /arrived /new
		exec /pivot_init -v /new /arrived
	END
}

bundle()
{
	mkdir -p "$1"
	cd "$1" && crun spec
	sed -i -e 's/"terminal": true/"terminal": false/' -e 's|"path": "rootfs"|"path": "/host"|' \
		-e 's|"readonly": true|"readonly": false|' \
		-e 's|"CAP_KILL"|"CAP_KILL", "CAP_SYS_ADMIN", "CAP_SYS_CHROOT"|' \
		-e 's|^\([[:space:]]*\)"sh"$|\1"/busybox", "sh", "/start"|' config.json
	cd /
}

# In these, the root is that of the initramfs, by chroot a directory, or by a bind mount that covers it.
container()
{
	unshare --pid --mount --fork "$@"
}

# moved DIRECTORY
moved()
{
	container sh -c '
		mount --make-rprivate / && mount --bind "$1" /stage && cd /stage && mount --move . / &&
			exec chroot . /busybox sh /start' sh "$1"
}

# The programs of the initramfs may be gone.
export PATH=/run/bin:/usr/sbin:/usr/bin:/sbin:/bin
# shellcheck disable=SC2154 # from the kernel command line
case $expect in
nullfs) beneath=arrives programs=arrives ;;
*) beneath='cannot be left, as nothing lies beneath .* nor be deleted, as this is process 1 of a container'
	programs='[Ii]nvalid argument' ;;
esac
mkdir -p /run /tmp /stage /whole /host
mount -t tmpfs run /run
cp /usr/bin/busybox /run
mkdir /run/bin
for applet in diff find grep sed sort; do
	ln -s ../busybox /run/bin/$applet
done
mount -t tmpfs whole /whole
mount -t cgroup2 cgroup2 /sys/fs/cgroup
root /host
root /whole
cp /usr/bin/busybox /tests/arrived /host/start /
mkdir /new
bundle /run/bundle
list >/run/before

echo TAP version 13
check_arrival initramfs "$beneath" container /busybox sh /start
check_arrival chroot '/: not a mount point' container chroot /host /busybox sh /start
check_arrival directory arrives moved /host
check_arrival tmpfs arrives moved /whole
check_arrival bubblewrap "$programs" bwrap --unshare-pid --as-pid-1 --cap-add ALL --bind /host / --proc /proc /busybox sh /start
check_arrival crun "$programs" crun --cgroup-manager=cgroupfs run --bundle /run/bundle one
plan
