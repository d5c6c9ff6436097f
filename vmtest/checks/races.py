# SPDX-License-Identifier: GPL-2.0-only
"""Whose are the data races that KCSAN reports on a console? The kernel has some without the module as well."""
import os
import re

from .. import TOP, qemu

TITLE = 'BUG: KCSAN: '
END = 'Reported by Kernel Concurrency Sanitizer'
# What the patch does not add but changes: a race there is ours if it makes one of the accesses itself.
CHANGED = {'copy_mnt_ns', 'current_chrooted', 'devtmpfs_setup', 'fork_idle', 'lock_mnt_tree', 'mnt_alloc_id', 'mnt_init',
           'mntns_install', 'prepare_namespace'}
STOCK = {'do_pivot_root'}   # the body of pivot_root(2): the patch gives it its name only
PATCHES = ('kernel-hooks.patch', *(f'patches/{name}' for name in sorted(os.listdir(os.path.join(TOP, 'patches')))))


def read(*names):
    with open(os.path.join(TOP, *names), encoding='utf-8') as file:
        return file.read()


def defined(text):
    """The functions of C that is written in the kernel's style."""
    return set(re.findall(r'^(?!typedef)(?:[a-z_]\w* \**)+(\w+)\([^;]*$', text, re.M))


def added():
    """The functions that belong to us: a race is ours wherever one of these is on a stack."""
    module = [read('module', name) for name in sorted(os.listdir(os.path.join(TOP, 'module'))) if name.endswith('.c')]
    lines = [line for name in PATCHES for line in re.findall(r'^\+(.*)', read(name), re.M)]
    return defined('\n'.join((*module, *lines))) - CHANGED - STOCK


def words(title):
    return set(re.findall(r'\w+', title))


def reports(console):
    """Of each report its title, which names who makes the accesses, and the functions on the stacks."""
    text = re.sub(rf'^{qemu.STAMP}', '', console, flags=re.M)
    for report in text.split(TITLE)[1:]:
        title, _, rest = report.partition('\n')
        yield title, set(re.findall(r'^ (?:\? )?(\w+)(?:\.\w+)*\+0x', rest.split(END)[0], re.M))


def sort_out(outcome):
    """Leaves of the races only ours among the outcome's splats; returns lines about the others."""
    ours, others, mine = [], set(), added()
    for title, stacks in reports(outcome.console):
        if mine & (stacks | words(title)) or CHANGED & words(title):
            ours.append(TITLE + title)
        else:
            others.add(title)
    outcome.splats = [line for line in outcome.splats if TITLE not in line] + ours
    return [f'{len(others)} data races of the kernel itself', *(f'  {title}' for title in sorted(others))]
