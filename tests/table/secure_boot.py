# SPDX-License-Identifier: GPL-2.0-only
"""Machines with Secure Boot: OVMF with Microsoft's keys, Debian's shim and grub, and a kernel of one's own."""
from vmtest.config import DEFAULT_VERSION

from .row import GUEST, SELECTED, Test

MODULE = 'signed-module {version} {flavour}'
UNSIGNED = 'unsigned-module {version} {flavour}'
OTHER = 'other-module {version} {flavour}'
ALL: dict = {'flavours': ('secure-boot',), 'parameter': '', 'kernels': (DEFAULT_VERSION,), 'memory': 512, 'timeout': 300}
LOCKED_DOWN = ('secureboot: Secure boot enabled', 'Kernel is locked down from EFI Secure Boot')
WORKS = ('secure-boot', 'load', 'devices', 'nullfs', 'unprivileged', 'pivot')
NEVER_STARTED = ('Linux version',)

TESTS = [
    Test('secure-boot', 'under Secure Boot the module loads that dkms has signed with a key that is enrolled', firmware='signed',
         programs=WORKS, append='secure=1', initrd=(MODULE, *GUEST), disks=('ext4',), console=(*LOCKED_DOWN, SELECTED), **ALL),
    Test('secure-boot-unsigned', 'under Secure Boot a module without a signature, or with that of an unknown key, is refused',
         firmware='signed', programs=('secure-boot', 'load-refused'), append='secure=1', selects=False,
         initrd=(UNSIGNED, OTHER, *GUEST), absent=('nullfs lies',),
         console=(*LOCKED_DOWN, 'Lockdown: load-refused: unsigned module loading is restricted; see man kernel_lockdown.7'), **ALL),
    Test('secure-boot-kernel', 'under Secure Boot shim refuses a kernel that nobody has signed', firmware='unsigned',
         expect='lost VM', console=('bad shim signature',), absent=NEVER_STARTED, **ALL),
    Test('secure-boot-firmware', 'under Secure Boot the firmware refuses a kernel that only the owner has signed',
         firmware='without shim', expect='hang', stuck='Access Denied', console=('Access Denied',), absent=NEVER_STARTED, **ALL),
    Test('secure-boot-off', 'without Secure Boot the same firmware boots the unsigned kernel, and that loads the unsigned module',
         firmware='off', programs=WORKS, initrd=(UNSIGNED, *GUEST), disks=('ext4',), console=('secureboot: Secure boot disabled', SELECTED),
         absent=('ockdown:',), **ALL),
]
