#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# A hook is sourced, and the script ends by exit.
/usr/lib/immutable-rootfs/load
