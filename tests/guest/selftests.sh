#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Runs the kernel's selftests under their own runner. Its report goes into comments, which tests/ktap.py compares.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
list=/selftests/kselftest-list.txt
log=/selftests/log

[ -e /dev/fd ] || ln -s /proc/self/fd /dev/fd
[ -e /dev/stdin ] || ln -s fd/0 /dev/stdin
[ -e /dev/stdout ] || ln -s fd/1 /dev/stdout
[ -e /dev/stderr ] || ln -s fd/2 /dev/stderr
mkdir -p /dev/pts /dev/shm /tmp
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /tmp
mount -t cgroup2 -o nsdelegate cgroup2 /sys/fs/cgroup
# pidfd_test creates processes until one gets pid 1000 again; pidfd_poll_test creates 10000 by default.
echo 1024 >/proc/sys/kernel/pid_max
export KSELFTEST_PIDFD_POLL_TEST_ARGS=500

echo TAP version 13
echo 1..1
stdbuf --output=L /selftests/run_kselftest.sh 2>&1 </dev/console | tee $log | sed -u 's/^/# ktap: /'
verdict='not ok'
[ -s $list ] && [ "$(grep -cE '^(not ok|ok) [0-9]+ selftests: ' $log)" = "$(wc -l <$list)" ] && verdict=ok
echo "$verdict 1 every_selftest_has_a_result"
