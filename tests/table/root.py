# SPDX-License-Identifier: GPL-2.0-only
"""The kernel enters root= by itself."""
from .row import ALL, DEBUG, ROOT_MOVED, Test
from .same import root_panic

TESTS = [
    Test('root-ext4', 'without an initramfs the kernel enters root= by pivot_root (rootdelay= does not matter)',
         programs=('handover',), initrd=(), disks=('ext4',), append='root=/dev/vda rw rootdelay=1 fs=ext4',
         flavours=ALL, absent=(ROOT_MOVED,)),
    Test('root-squashfs', 'the same for a read-only root, and rootwait for a disk that is there',
         programs=('handover',), initrd=(), disks=('squashfs',), append='root=/dev/vda rootwait fs=squashfs',
         flavours=ALL, long=DEBUG, absent=(ROOT_MOVED,)),
    Test('no-init', 'an initramfs without /init falls through to root=',
         programs=('handover',), initrd=('bare',), disks=('ext4',), append='root=/dev/vda rw fs=ext4',
         flavours=ALL, long=DEBUG, absent=(ROOT_MOVED,)),
    Test('linuxrc', 'an old-style initrd runs its /linuxrc, then the kernel enters root=',
         programs=('handover',), initrd=('initrd.ext2',), disks=('ext4',), append='root=/dev/vda rw fs=ext4',
         flavours=ALL, long=DEBUG,
         console=('using deprecated initrd support', 'linuxrc was here')),
    Test('ram0', 'an old-style initrd can be the root itself',
         programs=('handover',), initrd=('initrd.ext2',), append='root=/dev/ram0 rw fs=ext2',
         flavours=ALL, long=DEBUG,
         console=('RAMDISK: ext2 filesystem found',), absent=(ROOT_MOVED,)),
    Test('root-none', 'without any root the kernel panics as stock does',
         initrd=(), expect='panic', same=root_panic),
    Test('root-wrong', 'a root device that does not exist: the same panic as on stock',
         initrd=(), append='root=/dev/vdz', disks=('ext4',), expect='panic', same=root_panic,
         console=(r'Cannot open root device "(/dev/)?vdz"',)),
    Test('root-broken', 'a root device without a file system: the same panic as on stock',
         initrd=(), append='root=/dev/vda', disks=('zeros',), expect='panic', same=root_panic,
         console=('Unable to mount root fs',)),
    Test('root-nfs', 'a root file system that this kernel has no driver for: the failed pivot leaves all as on stock',
         initrd=(), append='root=/dev/nfs', expect='panic', console=('No working init found|Unable to mount root fs',),
         immutable_console=(ROOT_MOVED + '|Unable to mount root fs',)),
    Test('root-later', 'rootwait waits for a disk that does not come',
         initrd=(), append='root=/dev/vdz rootwait', disks=('ext4',), expect='hang',
         stuck='Waiting for root device /dev/vdz', console=('Waiting for root device /dev/vdz',)),
]
