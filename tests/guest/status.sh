#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Each line of `immutable-rootfs status` is right: in the initramfs, where the module is loaded on the way, or after it. There,
# moved=1 on the command line says that the root was moved over the rootfs, survivor=1 that a process of it lives on.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
program=${0%/*}/immutable-rootfs
release=$(uname -r)
number=0

# says COMMAND...: keep what it prints
says()
{
	"$@" >/run/said 2>&1 </dev/null
	sed "s/^/# /" /run/said
}

# line LABEL PATTERN: one line has the label, and its text matches
line()
{
	number=$((number + 1))
	text=$(sed -n "s,^$1  *,,p" /run/said)
	# shellcheck disable=SC2254 # a pattern
	case $text in
	$2) echo "ok $number $when: $1: $2" ;;
	*) echo "not ok $number $when: $1: $2" ;;
	esac
}

# lines KERNEL MODULE ROOT BENEATH INITRAMFS HELD PIVOT_ROOT: these, and no others
lines()
{
	for label in kernel module / 'beneath /' initramfs 'held by' pivot_root; do
		line "$label" "$1"
		shift
	done
	same "$(wc -l </run/said)" 7
}

same()
{
	number=$((number + 1))
	[ "$1" = "$2" ] && echo "ok $number $when: $2" || echo "not ok $number $when: $1 instead of $2"
}

# check STATUS: --check prints nothing, and returns this
check()
{
	said=$("$program" status --check 2>&1)
	same "--check: $?, $said" "--check: $1, "
}

as_user()
{
	setpriv --reuid=1000 --clear-groups "$@"
}

# By the programs of busybox, except those that it lacks
by_busybox()
{
	mkdir -p /run/busybox
	busybox --install -s /run/busybox
	PATH=/run/busybox:$PATH busybox sh "$@"
}

# in_directory COMMAND...: / is a directory and not a mount point
in_directory()
{
	for directory in usr proc sys dev tests; do
		mkdir -p "/run/directory/$directory"
		mount --bind "/$directory" "/run/directory/$directory"
	done
	for link in bin sbin lib lib64; do
		[ ! -L /$link ] || cp -d /$link /run/directory
	done
	chroot /run/directory "$@"
}

in_initramfs()
{
	lines "$kernel" "$module" "rootfs, id $id, parent $parent" "$beneath" 'in use' 'all processes, which run in it' "$pivot"
}

left()
{
	lines "$kernel" "$module" "$root" "$beneath" "$initramfs" "$held" "works here"
}

hook="Linux $release has the rootfs-provider hook"
stock="Linux $release lacks the rootfs-provider hook: apply kernel-hooks.patch to it, build it and boot that"
native="Linux $release has its own nullfs"
fails='fails here (Invalid argument), as nothing lies beneath /'
works='works here'
mkdir -p /run /tmp

echo TAP version 13
# shellcheck disable=SC2154 # from the kernel command line
case $flavour in
coverage) flavour=builtin ;;
coverage-loadable) flavour=loadable ;;
esac
case $flavour in
stock) kernel=$stock module='not installed; this kernel would refuse it' ;;
builtin)
	kernel=$hook module='built in, and selected'
	# shellcheck disable=SC2154
	[ "$expect" = nullfs ] || case $reason in
	parameter) module="built in, not selected: immutable_rootfs=0" ;;
	log) module="built in, not selected: immutable_rootfs: immutable_rootfs=maybe: unknown value, booting without it; use 1*" ;;
	none) module="built in, not selected: boot with immutable_rootfs" ;;
	esac ;;
loadable) kernel=$hook module='loaded, version [0-9]*.*' ;;
native) kernel=$native module='not needed' ;;
esac
status=1
[ "$expect" = stock ] && [ "$flavour" != native ] || status=0

if grep -q ' / / .* - rootfs ' /proc/self/mountinfo; then
	id=1 parent=1 beneath=nothing pivot=$fails
	[ "$flavour" != loadable ] || module='not installed: install the package immutable-rootfs-dkms, or *'
	[ "$flavour" = loadable ] || [ $status = 1 ] || { id=2 beneath=nullfs pivot=$works; }
	case $flavour,$release in
	stock,6.1[4-8].* | loadable,6.1[4-8].*) id=2 parent=2 ;;
	builtin,6.1[4-8].*) [ $status = 0 ] || id=2 parent=2 ;;
	esac
	when='in the initramfs'
	says "$program" status
	in_initramfs
	if [ "$flavour" = loadable ]; then
		check 1
	else
		check $status
	fi
	when='by a user'
	says as_user "$program" status
	[ "$flavour" = loadable ] || in_initramfs
	when='by busybox'
	says by_busybox "$program" status
	in_initramfs
	when='in a directory'
	says in_directory "$program" status
	lines "$kernel" "$module" 'not a mount point' 'unknown: / is not a mount point' \
		'unknown: / is not a mount point' '*' 'fails here, as / is not a mount point'
	when='without /sys'
	umount /run/directory/sys /sys
	says "$program" status
	line module 'unknown: mount /sys'
	check "$([ "$flavour" = native ] && echo 0 || echo 2)"
	mount -t sysfs sysfs /sys

	case $flavour in
	stock | native)
		when='a refused module'
		insmod /immutable_rootfs.ko
		says "$program" status
		refusal='immutable_rootfs: Unknown symbol rootfs_mount_beneath*'
		[ "$flavour" = stock ] || refusal='*immutable_rootfs: *'
		line module "refused; the kernel says: $refusal" ;;
	loadable)
		when='with the source'
		mkdir -p /usr/src/immutable-rootfs-1
		says "$program" status
		line module "not built for this kernel: install its headers (apt-get install linux-headers-$release)"
		when='with the module'
		mkdir -p "/lib/modules/$release/updates/dkms"
		cp /immutable_rootfs.ko "/lib/modules/$release/updates/dkms"
		depmod "$release" 2>/dev/null
		says "$program" status
		line module 'installed, not loaded: rebuild the initramfs with it, and boot'
		check 1
		when='with the module loaded'
		insmod /immutable_rootfs.ko
		module='loaded, version [0-9]*.*' parent='[1-9]*' beneath=nullfs pivot=$works
		says "$program" status
		in_initramfs
		check 0
		when='by a user, with the module loaded'
		says as_user "$program" status
		in_initramfs ;;
	esac
else
	root="[a-z]*, id [1-9]*, parent [1-9]*" below='' held='no process'
	[ $status = 1 ] || below=', and nullfs beneath that'
	beneath="the emptied rootfs$below" initramfs='left by MS_MOVE, and deleted'
	# shellcheck disable=SC2154
	[ ! "${kept-}" ] || beneath="the rootfs, not emptied$below" initramfs='left by MS_MOVE; files that stay in memory: [1-9]*'
	# shellcheck disable=SC2154
	[ "$expect" != nullfs ] || [ "${moved-}" ] || beneath=nullfs initramfs='left by pivot_root'
	survivor=$(grep -lx survivor /proc/[0-9]*/comm 2>/dev/null | cut -d / -f 3)
	[ ! "$survivor" ] || held="*$survivor (survivor)*"
	when='after the initramfs'
	# Some programs delete it in the background.
	sleep 2
	says "$program" status
	left
	check $status
	if [ "$survivor" ]; then
		when='without the survivor'
		kill "$survivor"
		# This program of the initramfs has left its descriptors as they were.
		[ "${kept-}" ] && held='1 (init)*' || held='no process'
		sleep 1
		says "$program" status
		left
	fi
fi
echo "1..$number"
