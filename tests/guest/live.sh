#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# /init of an initramfs: layout= on the command line says what the new root is made of, tool= what hands over to it.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mkdir -p /dev /proc /run /disk /merged /ro /rw /mnt
mount -t devtmpfs devtmpfs /dev
mount -t proc proc /proc
mount -t tmpfs run /run

# overlay LOWER
overlay()
{
	mount -t tmpfs rw /rw
	mkdir /rw/upper /rw/work
	mount -t overlay -o "lowerdir=$1,upperdir=/rw/upper,workdir=/rw/work" overlay /mnt
}

# shellcheck disable=SC2154 # from the kernel command line
case $layout in
disk)		# a plain disk, to which the module comes along
	mount -t ext4 /dev/vda /mnt
	[ ! -e /immutable_rootfs.ko ] || cp /immutable_rootfs.ko /mnt ;;
image)		# a squashfs image in the initramfs
	mount -o loop,ro /root.squashfs /ro
	overlay /ro ;;
image-moved)	# the same, and as in live systems the layers are moved into the new root
	mkdir /run/ro
	mount -o loop,ro /root.squashfs /run/ro
	overlay /run/ro
	mkdir -p /mnt/rw /mnt/run
	mount --move /rw /mnt/rw
	mount --move /run /mnt/run
	mount --move /proc /mnt/proc ;;
layer)		# a layer in the initramfs, whose /proc has gone ahead
	overlay /root
	mount --move /proc /mnt/proc ;;
layer-below)	# the same, but the overlay with that layer is itself a layer
	mount -t overlay -o lowerdir=/root:/disk overlay /ro
	overlay /ro ;;
bound)		# a directory of the initramfs, mounted in the new root
	mount -t tmpfs new /mnt
	cp -a /root/. /mnt
	mkdir /mnt/bound
	mount --bind /root /mnt/bound ;;
directory)	# the root is only a directory of the initramfs
	cp -a /usr/bin/busybox /pivot_init /root
	mount --bind /root /ro
	cd /ro || exit
	/usr/bin/busybox mount --move . /
	exec /usr/bin/busybox chroot . /busybox sh -c '
		/busybox mount -t proc proc /proc
		/busybox mount -t tmpfs new /new
		for name in sbin tests linuxrc; do /busybox cp -a /$name /new; done
		/busybox mkdir /new/dev /new/proc /new/sys
		/busybox mount -t devtmpfs devtmpfs /dev
		exec /pivot_init -v /new /sbin/init' ;;
mergerfs)
	mount -t ext4 /dev/vda /disk
	mergerfs -o allow_other,dev,suid,minfreespace=0 /disk /mnt ;;
unionfs)
	mount -t ext4 /dev/vda /disk
	unionfs-fuse -o allow_other,dev,suid /disk=RW /mnt ;;
image-on-mergerfs)
	mount -t ext4 /dev/vda /disk
	mergerfs -o allow_other /disk /merged
	mount -o loop,ro /merged/root.squashfs /mnt ;;
overlay-on-mergerfs)
	mount -t ext4 /dev/vda /disk
	mergerfs -o allow_other /disk /merged
	overlay /merged ;;
esac

# shellcheck disable=SC2154
case $tool in
pivot_init)
	exec /pivot_init -v /mnt /sbin/init ;;
busybox)
	exec busybox switch_root /mnt /sbin/init ;;
util-linux)
	exec switch_root /mnt /sbin/init ;;
klibc)
	# it opens the new root's console, and unlike the others moves no mounts
	mount --move /dev /mnt/dev
	umount /run
	mountpoint -q /mnt/proc || umount /proc
	exec /usr/lib/klibc/bin/run-init /mnt /sbin/init ;;
esac
