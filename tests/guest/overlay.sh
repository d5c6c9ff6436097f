#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Loads overlayfs on a kernel that has it as a module.

# shellcheck source=check.sh
. /tests/check.sh

echo TAP version 13
check overlay '' /usr/bin/busybox insmod /overlay.ko
plan
