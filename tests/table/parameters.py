# SPDX-License-Identifier: GPL-2.0-only
"""Boot parameters, and a patched kernel without them."""
from .row import ALL, BUILTIN, DEBUG, MAY_EMPTY, OTHER_BUILDS, SELECTED, Test
from .same import same_as_stock

TESTS = [
    *(Test(f'parameter-{value}', f'{value} on the command line selects nullfs', programs=('parameter',),
           flavours=BUILTIN, parameter=value, smp=1, immutable_console=(SELECTED,))
      for value in ('immutable_rootfs=1', 'immutable_rootfs=on', 'immutable_rootfs=y', 'nullfs_rootfs',
                    'immutable_rootfs.immutable_rootfs')),
    Test('parameter-module', 'the name in sysfs selects nullfs and the same mount ids', programs=('parameter', 'pivot'),
         flavours=BUILTIN, parameter='immutable_rootfs.immutable_rootfs=1', disks=('ext4',), immutable_console=(SELECTED,)),
    *(Test(f'parameter-{value}', f'{value} on the command line boots as stock', programs=('parameter',),
           flavours=BUILTIN, parameter=value, selects=False, smp=1, absent=('nullfs lies',))
      for value in ('immutable_rootfs=0', 'immutable_rootfs=off', 'immutable_rootfs=n', 'immutable_rootfs.immutable_rootfs=0')),
    Test('parameter-empty-alone', 'empty_namespaces without nullfs changes nothing, and the kernel logs that', programs=('parameter',),
         flavours=BUILTIN, parameter='', append='immutable_rootfs.empty_namespaces=1', selects=False, smp=1,
         console=('immutable_rootfs: empty_namespaces changes nothing without nullfs beneath the rootfs',), absent=(MAY_EMPTY,)),
    Test('parameter-wrong', 'the kernel reports a wrong value together with the valid ones, and boots as stock',
         programs=('parameter',), flavours=('builtin', 'debug'), long=DEBUG, parameter='immutable_rootfs=maybe', selects=False, smp=1,
         console=(r'immutable_rootfs: .*maybe.*\b1, on, y\b.*\b0, off, n\b',), absent=('nullfs lies',)),
    Test('parameter-module-wrong', 'the kernel reports a wrong value under the name in sysfs, too', programs=('parameter',), flavours=BUILTIN,
         parameter='immutable_rootfs.immutable_rootfs=maybe', selects=False, smp=1,
         console=(r'immutable_rootfs: .*maybe.*\b1, on, y\b.*\b0, off, n\b',), absent=('nullfs lies',)),
    Test('unselected', 'without the parameter a patched kernel is a stock kernel: mount table, errors, boot log',
         programs=('unselected', 'devices'), flavours=(*ALL, *OTHER_BUILDS), parameter='', selects=False, smp=1,
         same=same_as_stock, absent=('nullfs',)),
]
