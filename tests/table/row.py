# SPDX-License-Identifier: GPL-2.0-only
"""A test as a row of data, and the constants that several subjects share."""
from collections.abc import Sequence
from dataclasses import dataclass

from vmtest import Failure
from vmtest.config import FLAVOURS

BOTH = ('stock', 'builtin')
ALL = ('stock', 'builtin', 'debug')
PATCHED = ('stock', 'builtin', 'loadable')
BUILTIN = ('builtin',)
LOADABLE = ('loadable',)
DEBUG = ('debug', 'debug-loadable')
KCSAN = ('kcsan', 'kcsan-loadable')
OTHER_BUILDS = ('clang', 'rt')
OTHER_BUILDS_LOADABLE = ('clang-loadable', 'rt-loadable')
NATIVE = ('native',)            # a kernel with its own nullfs; the version is that of the module under test
GUEST = ('guest', 'init=init')
MODULE = 'module {version} {flavour}'

SELECTED = r'immutable_rootfs: nullfs lies beneath the rootfs'
EMPTY = 'immutable_rootfs.empty_namespaces=1 empty=1'   # for the module, and for the tests
MAY_EMPTY = r'immutable_rootfs: users may unmount the root of their mount namespaces'
NOT_BENEATH = 'immutable_rootfs: no nullfs beneath the rootfs'
ROOT_MOVED = r'immutable_rootfs: pivot_root into the real root failed: error -16; trying MS_MOVE'


@dataclass
class Fault:
    """
    A function of the kernel that once does nothing but return an error, or NULL if that is 0: when it is called (by caller)
    after skip times (once another function has been called). The kernel's own fail_function takes only the few functions
    that are marked for it, and none before user space runs.
    """
    function: Sequence[str]     # its name, or those that it has in one kernel or another
    error: int
    caller: Sequence[str] | None = None     # the same
    skip: int = 0
    after: str | None = None

    def commands(self, system_map):
        """For gdb. System.map is in the order of addresses."""
        with open(system_map, encoding='ascii') as lines:
            symbols = [(int(address, 16), name) for address, kind, name in map(str.split, lines) if kind in 'tT']
        place = {name: number for number, (_, name) in enumerate(symbols)}

        def find(names):
            names = (names,) if isinstance(names, str) else names
            for name in names:
                if name in place:
                    return place[name]
            raise Failure(f'this kernel has no function {" or ".join(names)}: give the fault of the test its name here')

        function = find(self.function)
        condition = ''
        if self.caller:
            begin, end = (symbols[find(self.caller) + more][0] for more in (0, 1))
            condition = f' if *(unsigned long *)$rsp >= {begin:#x} && *(unsigned long *)$rsp < {end:#x}'
        first = [f'hbreak *{symbols[find(self.after)][0]:#x}', 'continue', 'delete'] if self.after else []
        return ['set architecture i386:x86-64', *first, f'hbreak *{symbols[function][0]:#x}{condition}',
                f'ignore $bpnum {self.skip}', 'continue',
                f'set $rax = -{self.error}L', 'set $rip = *(unsigned long *)$rsp', 'set $rsp = $rsp + 8', 'delete']


@dataclass
class Test:
    name: str
    sentence: str               # the rule that it checks
    programs: tuple = ()        # run in the guest, and must report
    flavours: tuple = BOTH
    append: str = ''
    parameter: str = 'immutable_rootfs'     # on the command line of flavours that know it
    selects: bool = True        # whether that parameter puts nullfs beneath the rootfs
    initrd: tuple = GUEST       # parts of the initramfs, see vmtest/images.py and Case.images_of in vmtest/runner.py
    disks: tuple = ()
    boots: str = ''             # the image that has the kernel, if that is not the flavour's own
    firmware: str = ''          # boots through OVMF, in one of the WAYS of vmtest/secure_boot.py
    memory: int = 256
    smp: int = 2
    timeout: int = 60
    expect: str = 'passed'      # or another outcome of judge() in vmtest/report.py
    console: tuple = ()         # patterns that the console must show
    immutable_console: tuple = ()   # and when nullfs is expected
    stock_console: tuple = ()       # and when it is not
    patched_console: tuple = ()     # and on a patched kernel
    absent: tuple = ()          # and patterns that it must not show
    stuck: str | None = None    # see qemu.run()
    same: object = None         # outcome -> lines, which must be the same as on stock
    conforms: object = None     # conformance or ktap of vmtest/checks, which compares the report with other flavours
    tells: object = None        # outcome -> lines to print
    once: bool = False          # one kernel is enough
    long: bool | tuple = ()     # takes long (boots Debian, needs an extra kernel): True, or the flavours on which it does beside
                                # the rare ones
    kernels: tuple = ()         # only for these
    operations: int = 0         # of a storm; the environment overrides it
    nightly: int = 0            # the same with --nightly
    kill: bool = False          # the runner kills its own QEMU
    fault: object = None        # Fault: a function that fails once

    def takes_long(self, flavour):
        rare = flavour in FLAVOURS and FLAVOURS[flavour].rare
        return rare or (self.long if isinstance(self.long, bool) else flavour in self.long)
