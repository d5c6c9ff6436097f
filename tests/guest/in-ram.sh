#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# In a Debian that lives in its initramfs: systemd runs, and isolates units with roots and mounts of their own.

# shellcheck source=check.sh
. /tests/check.sh

# unit PROPERTY... -- COMMAND...
unit()
{
	properties=
	while [ "$1" != -- ]; do
		properties="$properties --property=$1"
		shift
	done
	shift
	# shellcheck disable=SC2086 # no property has a blank
	systemd-run --quiet --wait --pipe --collect $properties "$@"
}

export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mkdir -p /srv/root/proc /srv/root/sys /srv/root/dev /srv/root/run /srv/root/tmp /srv/root/var
cp /tests/container /usr/bin/busybox /srv/root

echo TAP version 13
check running running systemctl is-system-running --wait
# Without further capabilities it cannot look into other processes' roots.
check root-directory inside unit RootDirectory=/srv/root MountAPIVFS=yes CapabilityBoundingSet=CAP_SYS_CHROOT -- \
	/container climb
# systemd mounts it from a loop device.
check root-image inside unit RootImage=/container.squashfs CapabilityBoundingSet=CAP_SYS_CHROOT -- /container climb
check private-tmp 0 unit PrivateTmp=yes -- sh -c 'ls /tmp | wc -l'
check protect-system read-only unit ProtectSystem=strict -- sh -c 'touch /usr/written 2>/dev/null || echo read-only'
check dynamic-user '6[1-5][0-9]*' unit DynamicUser=yes -- id -u
check private-users ' *0  *0  *1' unit PrivateUsers=yes -- grep -w 0 /proc/self/uid_map
check temporary-root hidden unit TemporaryFileSystem=/ BindReadOnlyPaths=/usr -- \
	/usr/bin/busybox sh -c '[ -e /tests ] || echo hidden'
plan
journalctl --sync
echo '# same: errors in the journal:'
journalctl -b -p err -o cat | sort -u | sed 's/^/# same: /'
echo '# same: messages of programs, but for those about time:'
journalctl -b -o cat SYSLOG_IDENTIFIER=systemd + _TRANSPORT=driver + _TRANSPORT=journal + _TRANSPORT=stdout + _TRANSPORT=syslog |
	sed -e 's/[0-9a-f]\{32\}/N/g' -e '/^Startup finished/d' -e '/: Consumed/d' -e 's/[0-9][0-9]*/N/g' | sort -u | sed 's/^/# same: /'
