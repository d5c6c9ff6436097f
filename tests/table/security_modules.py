# SPDX-License-Identifier: GPL-2.0-only
"""Kernels with security modules."""
from errno import EPERM

from .row import GUEST, MODULE, ROOT_MOVED, SELECTED, Fault, Test
from .same import lsm_messages

LSM = ('stock-lsm', 'lsm')
LSM_LOADABLE = ('lsm-loadable',)
MEDIATING = ('apparmor', 'selinux', 'tomoyo')   # one at a time, each with Landlock and Yama

TESTS = [
    *(Test(f'lsm-{name}', f'{name}, Landlock and Yama control mounts and pivot_root as on stock',
           programs=('devices', 'nullfs', 'unprivileged', 'policy.sh', 'mediated', 'pivot'), flavours=LSM,
           append=f'initramfs_options=size=256M lsm=landlock,yama,{name} TOMOYO_trigger=/usr/bin/true',
           initrd=('lsm-tools', *GUEST), disks=('ext4',), memory=512, smp=1, timeout=120, immutable_console=(SELECTED,),
           same=lsm_messages, long=True) for name in MEDIATING),
    *(Test(f'load-lsm-{name}', f'{name}, Landlock and Yama control mounts and pivot_root after the module was loaded',
           programs=('policy.sh', 'load', 'unprivileged', 'mediated', 'pivot'), flavours=LSM_LOADABLE, parameter='',
           append=f'initramfs_options=size=256M lsm=landlock,yama,{name} TOMOYO_trigger=/usr/bin/true',
           initrd=(MODULE, 'lsm-tools', *GUEST), disks=('ext4',), memory=512, smp=1, timeout=120, console=(SELECTED,),
           long=True) for name in MEDIATING),
    *(Test(f'lsm-{name}-root', f'under {name}, Landlock and Yama the kernel enters root= by pivot_root', programs=('handover',),
           initrd=(), disks=('ext4',), append=f'root=/dev/vda rw fs=ext4 lsm=landlock,yama,{name}', flavours=LSM,
           absent=(ROOT_MOVED,), long=True) for name in MEDIATING),
    Test('lsm-asked', 'the kernel asks the security modules before it pivots, and uses MS_MOVE if they forbid it',
         programs=('handover',), initrd=(), disks=('ext4',), append='root=/dev/vda rw fs=ext4 moved=1', flavours=('lsm',),
         fault=Fault('security_sb_pivotroot', EPERM), long=True,
         console=('immutable_rootfs: pivot_root into the real root failed: error -1; trying MS_MOVE',)),
]
