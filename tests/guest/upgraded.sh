#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2154 # linux7 and flavour come from the kernel command line
# A Debian that has the module's package runs on each of its kernels, and `immutable-rootfs status` reports what the kernel has.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
number=0

# check SENTENCE COMMAND...
check()
{
	sentence=$1
	shift
	number=$((number + 1))
	if "$@" >/run/said 2>&1; then
		echo "ok $number $sentence"
	else
		sed 's/^/# /' /run/said
		echo "not ok $number $sentence"
	fi
}

# is TEXT PATTERN
is()
{
	echo "$1"
	# shellcheck disable=SC2254 # a pattern
	case $1 in
	$2) ;;
	*) return 1 ;;
	esac
}

line()
{
	sed -n "s,^$1  *,,p" /run/status
}

linux7_is()
{
	set -- /lib/modules/7.*
	if [ -d "$1" ]; then
		echo installed
	else
		echo purged
	fi
}

kernel_log()
{
	dmesg | sed 's/^\[[^]]*\] //'
}

case $flavour in
packaged)
	release='6.*-packaged' module='loaded, version [0-9]*.*' below=', and nullfs beneath that' status=0
	log='immutable_rootfs: nullfs lies beneath the rootfs' ;;
native)
	release='7.*' module='not needed' below=', and nullfs beneath that' status=0 log='' ;;
stock-packaged)
	release='6.*-stock' module='not installed; this kernel would refuse it' below='' status=1 log='' ;;
esac

echo TAP version 13
immutable-rootfs status >/run/status 2>&1
sed 's/^/# /' /run/status
immutable-rootfs status --check
checked=$?
check "the kernel is the one that was chosen" is "$(uname -r)" "$release"
check "Linux 7 is $linux7" is "$(linux7_is)" "$linux7"
check "systemd is content" is "$(cat /run/state)" running
check "status: module" is "$(line module)" "$module"
check "status: beneath /" is "$(line 'beneath /')" "the emptied rootfs$below"
check "status --check" is "$checked" "$status"
check "the kernel does not know the parameter" is "$(kernel_log | grep '^Unknown kernel command line')" '*"immutable_rootfs *'
check "the module's line in the log" is "$(kernel_log | grep '^immutable_rootfs: ' | grep -v taint)" "$log"
check "the journal has no error about it" is "$(journalctl -b -p err -o cat | grep -iE 'immutable|nullfs')" ''
echo "1..$number"
