# SPDX-License-Identifier: GPL-2.0-only
"""A Debian whose kernels are upgraded and downgraded."""
from vmtest.config import DEFAULT_VERSION

from .handover import ENDED
from .row import Test


def upgraded(name, rule, flavours, kernel, system, linux7):
    return Test(
        name, rule, programs=('upgraded.sh',), flavours=flavours, parameter='',
        append=f'immutable_rootfs root=/dev/vda ro linux7={linux7}', boots=f'upgrade {{version}} {kernel}.vmlinuz',
        initrd=(f'upgrade {{version}} {kernel}.img',), disks=(f'upgrade {{version}} {system}.ext4', 'boot'),
        memory=1024, timeout=900, kernels=(DEFAULT_VERSION,), long=True, console=(ENDED,),
        absent=(r'\[(?:\x1b\S*m)?FAILED', 'modprobe: ', '/immutable-rootfs', 'immutable_rootfs: Unknown symbol'))


TESTS = [
    upgraded('upgrade', "a Debian 13 with the module's package boots a patched kernel, Debian's Linux 7 and a kernel without the patch",
             ('packaged', 'native', 'stock-packaged'), '{flavour}', 'system', 'installed'),
    upgraded('upgrade-back', "it boots the patched kernel after Linux 7 was purged", ('packaged',), 'purged', 'purged', 'purged'),
]
