# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# Sourced by the tests of this directory that run in their own Debian system.

top=$(cd "$(dirname "$0")/../.." && pwd)
: "${KERNEL:=$(awk '/^[^#]/ { print $1; exit }' "$top/tests/kernels")}"
lab=$(mktemp -d)
chmod 755 "$lab"
trap 'rm -rf "$lab"' EXIT
trap 'exit 1' INT TERM

# in_debian IMAGE SCRIPT [FILE TO]: run tests/debian/SCRIPT there, in a directory with a copy of this checkout, the
# Debian packages of the kernel and the key that this kernel trusts.
in_debian() {
	packages=$("$top/scripts/vmtest" kernel packages "$KERNEL")
	mkdir -p "$lab/checkout"
	tar -C "$top" --exclude-vcs --exclude-vcs-ignores -c . | tar -C "$lab/checkout" -x
	cp "$packages"/*.deb "$packages"/mok.* "$lab"
	printf '#!/bin/sh\nexec checkout/tests/debian/%s\n' "$2" >"$lab/run"
	chmod +x "$lab/run"
	image=$1
	shift 2
	"$top/scripts/in-debian" "$image" "$lab" "$@"
}
