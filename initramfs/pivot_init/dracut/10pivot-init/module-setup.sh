#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# With add_dracutmodules+=" pivot-init " the initramfs is left by pivot_init instead of switch_root. (Where systemd runs
# in the initramfs, that leaves it, and pivots by itself.)

check() {
    require_binaries pivot_init || return 1
    return 255    # only if it is asked for
}

depends() {
    return 0
}

# The module base, which comes later, does not replace what is there.
install() {
    dracut_module_included systemd && return 0
    inst_binary "$(find_binary pivot_init)" "$(find_binary switch_root)"
}
