#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# dracut sources its hooks, and the script calls exit: so run it as a program.
/usr/lib/immutable-rootfs/load
