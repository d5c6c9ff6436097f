# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# Sourced by the tests of this directory. They end with "done_testing".

top=$(cd "$(dirname "$0")/../.." && pwd)
: "${KERNEL:=$(awk '/^[^#]/ { print $1; exit }' "$top/tests/kernels")}"
export KERNEL
# What was given to the make that runs this is not for those that it runs.
unset MAKEFLAGS MAKELEVEL MAKEOVERRIDES MFLAGS ACCEL ALSO APPEND BUDGET CONFIG DEBUG_INFO DESTDIR FLAVOUR INITRD KDIR KERNELRELEASE \
	LIST LOCALVERSION LONG MACHINE OPERATIONS SEED SMOKE TEST TREE UPSTREAM VERSION
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
count=0
echo "KTAP version 1"

# check SENTENCE COMMAND...: the command has to succeed
check() {
	sentence=$1
	shift
	count=$((count + 1))
	if "$@" >"$work/output" 2>&1; then
		echo "ok $count $sentence"
	else
		echo "not ok $count $sentence"
		echo "# failed: $*"
		sed 's/^/# /' "$work/output"
	fi
}

# says TEXT COMMAND...: the command succeeds and prints the text
says() {
	text=$1
	shift
	"$@" >"$work/said" 2>&1 || { cat "$work/said"; return 1; }
	grep -F -- "$text" "$work/said" || { cat "$work/said"; return 1; }
}

# refuses TEXT COMMAND...: the command fails with one line that has the text
refuses() {
	text=$1
	shift
	! "$@" >"$work/said" 2>&1 || { echo "it succeeded"; return 1; }
	cat "$work/said"
	[ "$(wc -l <"$work/said")" = 1 ] && grep -qF -- "$text" "$work/said"
}

# kernel_tree DIRECTORY [VERSION]: the files of a kernel source that the patch changes, without the header that it adds
kernel_tree() {
	# shellcheck disable=SC2046 # names of files, without spaces
	source=$("$top/scripts/vmtest" kernel files "${2:-$KERNEL}" Makefile fs/Makefile \
		Documentation/admin-guide/kernel-parameters.txt \
		$(sed -n 's,^--- a/,,p' "$top/kernel-hooks.patch" | sort -u | grep -v /rootfs_provider.h)) || exit 1
	cp -r "$source" "$1"
}

done_testing() {
	echo "1..$count"
}
