#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Debian's podman and buildah, started from the initramfs, for root and for a user. With nullfs beneath they work unchanged; on a
# stock kernel each fails in pivot_root with EINVAL. Their ways without pivot_root work on both.

# shellcheck source=check.sh
. /tests/check.sh

user()
{
	XDG_RUNTIME_DIR=$runtime_dir setpriv --reuid=1000 --regid=1000 --clear-groups "$@"
}

# with DRIVER PROGRAM WORD...: podman or buildah, with a storage for this driver, for root or for the user
with()
{
	driver=$1 program=$2
	shift 2
	$as "$program" --root "$HOME/$driver" --runroot "$runtime_dir/$driver" --storage-driver "$driver" "$@"
}

# container DRIVER RUNTIME [OPTION...]: its program may mount
container()
{
	driver=$1 runtime=$2
	shift 2
	with "$driver" podman --runtime "$runtime" run --rm --network host --cap-add SYS_ADMIN --cap-add SYS_CHROOT "$@" \
		image /container
}

no_pivot()
{
	CONTAINERS_CONF=/run/no-pivot.conf container vfs crun
}

detached()
{
	with vfs podman run --detach --name detached --network host image /busybox sleep 1000 &&
		with vfs podman exec --privileged detached /container
}

in_pod()
{
	with vfs podman pod create --name pod --network host --share-parent=false && container vfs crun --pod pod
}

build()
{
	with vfs podman build --isolation oci --network host --cap-add SYS_ADMIN --cap-add SYS_CHROOT /run/build
}

# from_buildah ISOLATION
from_buildah()
{
	with vfs buildah from --name "$1" image &&
		with vfs buildah run --isolation "$1" --network host --cap-add CAP_SYS_ADMIN --cap-add CAP_SYS_CHROOT "$1" /container
}

export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mkdir -p /run/image/proc /run/image/sys /run/image/dev /run/image/tmp /run/build /run/user /tmp /var/lib /var/tmp \
	/dev/pts /dev/shm
chmod 1777 /var/tmp /dev/shm
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t devpts devpts /dev/pts
chown 1000:1000 /run/user
echo user:100000:65536 | tee /etc/subuid >/etc/subgid
cp /tests/container /usr/bin/busybox /run/image
busybox tar -C /run/image -cf /run/image.tar .
printf 'FROM image\nRUN ["/container"]\n' >/run/build/Dockerfile
printf '[engine]\nno_pivot_root = true\n' >/run/no-pivot.conf
: "${inside:=$(pivots inside)}" "${users:=$(pivots inside)}"

echo TAP version 13
export HOME=/root
as='' runtime_dir=/run
check import-vfs 'sha256:.*' with vfs podman import /run/image.tar image
check vfs-crun "$inside" container vfs crun
check vfs-runc "$inside" container vfs runc
check vfs-crun-no-pivot outside no_pivot
check import-overlay 'sha256:.*' with overlay podman import /run/image.tar image
check overlay-crun "$inside" container overlay crun
check overlay-runc "$inside" container overlay runc
check exec "$inside" detached
check pod "$inside" in_pod
check build "$inside" build
check buildah-oci "$inside" from_buildah oci
check buildah-chroot outside from_buildah chroot

HOME=/home/user
as=user runtime_dir=/run/user
check user-import-vfs 'sha256:.*' with vfs podman import /run/image.tar image
check user-vfs-crun "$users" container vfs crun
check user-vfs-runc "$users" container vfs runc
check user-import-overlay 'sha256:.*' with overlay podman import /run/image.tar image
check user-overlay-crun "$users" container overlay crun
check user-exec "$users" detached
check user-pod "$users" in_pod
check user-buildah-oci "$users" from_buildah oci
plan
