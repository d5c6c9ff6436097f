# SPDX-License-Identifier: GPL-2.0-only
"""A Debian whose kernels are upgraded and downgraded."""
from vmtest.config import DEFAULT_VERSION

from .handover import ENDED
from .row import Test

TESTS = [
    Test('upgrade', "a Debian 13 with the module's package boots a patched kernel, Debian's Linux 7 and a kernel without the patch",
         programs=('upgraded.sh',), flavours=('packaged', 'native', 'stock-packaged'), parameter='',
         append='immutable_rootfs root=/dev/vda ro', boots='upgrade {version} {flavour}.vmlinuz',
         initrd=('upgrade {version} {flavour}.img',), disks=('upgrade {version} system.ext4', 'boot'), memory=1024, timeout=900,
         kernels=(DEFAULT_VERSION,), long=True, console=(ENDED,),
         absent=(r'\[(?:\x1b\S*m)?FAILED', 'modprobe: ', '/immutable-rootfs', 'immutable_rootfs: Unknown symbol')),
]
