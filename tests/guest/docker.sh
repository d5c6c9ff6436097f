#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Debian's docker and containerd, started from the initramfs or from a real root, without rules and bridges for a network. DOCKER_RAMDISK is
# docker's own way around pivot_root.

# shellcheck source=check.sh
. /tests/check.sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mkdir -p /run/image/proc /run/image/sys /run/image/dev /run/build /tmp /var/lib /etc/containerd /dev/shm
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tmpfs shm /dev/shm
cp /tests/container /usr/bin/busybox /run/image
busybox tar -C /run/image -cf /run/image.tar .
printf 'FROM image\nRUN ["/busybox", "echo", "built"]\n' >/run/build/Dockerfile
printf '%s\n' 'version = 2' 'disabled_plugins = ["io.containerd.grpc.v1.cri"]' >/etc/containerd/config.toml
: "${inside:=$(pivots inside)}" "${built:=$(pivots built)}"

# wait_for COMMAND...: until it succeeds
wait_for()
{
	tries=0
	until "$@" >/run/waiting 2>&1; do
		tries=$((tries + 1))
		[ $tries -lt 30 ] || { sed 's/^/# /' /run/waiting /run/*.log; return 1; }
		sleep 1
	done
}

# docker_with DRIVER [NAME=VALUE]
docker_with()
{
	driver=$1
	shift
	[ ! "$dockerd" ] || { kill "$dockerd"; wait "$dockerd"; }
	env "$@" dockerd --iptables=false --bridge=none --containerd=/run/containerd/containerd.sock \
		--storage-driver="$driver" --data-root="/var/lib/docker-$driver" >/run/dockerd.log 2>&1 &
	dockerd=$!
	wait_for docker version
}

docker_container()
{
	docker run --rm --network host --cap-add SYS_ADMIN --cap-add SYS_CHROOT "$@" image /container
}

docker_exec()
{
	docker run --detach --name detached --network host --cap-add SYS_ADMIN --cap-add SYS_CHROOT image /busybox sleep 1000 &&
		docker exec detached /container
}

# containerd_container [OPTION...]
containerd_container()
{
	ctr run --rm --cap-add CAP_SYS_ADMIN --cap-add CAP_SYS_CHROOT "$@" docker.io/library/image:latest one /container
}

echo TAP version 13
containerd >/run/containerd.log 2>&1 &
wait_for ctr version
dockerd=
# It copies an attribute that only ext4 of kernels with EXT4_FS_SECURITY has.
if grep -q ' / ext4 ' /proc/mounts; then
	mkdir /var/lib/docker-vfs
	mount -t tmpfs vfs /var/lib/docker-vfs
fi
docker_with vfs
check docker-import-vfs 'sha256:.*' docker import /run/image.tar image
check docker-vfs "$inside" docker_container
docker_with vfs DOCKER_RAMDISK=1
check docker-ramdisk outside docker_container
docker_with overlay2
check docker-import-overlay2 'sha256:.*' docker import /run/image.tar image
check docker-overlay2 "$inside" docker_container
check docker-exec "$inside" docker_exec
check docker-build "$built" docker build --network host /run/build
check containerd-import 'unpacking docker.io/library/image:latest .*' sh -c 'docker save image | ctr image import -'
check containerd "$inside" containerd_container
check containerd-no-pivot outside containerd_container --no-pivot
plan
