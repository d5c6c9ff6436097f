# SPDX-License-Identifier: GPL-2.0-only
"""Functions fail while nullfs is created, attached or left."""
from errno import EBUSY, EMFILE, ENOENT, ENOMEM, EPERM

from vmtest.config import running

from .row import ALL, DEBUG, EMPTY, MAY_EMPTY, NOT_BENEATH, Fault, Test
from .same import reported, reported_but_ids

FAULT_AT_BOOT: dict = {'flavours': ('builtin', 'debug'), 'long': DEBUG}
DEVTMPFS_SETUP = ('devtmpfs_setup', 'devtmpfsd')     # 5.10 inlines it
KZALLOC = ('__kmalloc_cache_noprof', 'kmalloc_trace', 'kmem_cache_alloc_trace', 'kmem_cache_alloc')

TESTS = [
    Test('no-memory', 'without memory for nullfs the kernel logs that and boots as stock',
         programs=('parameter',), selects=False, smp=1, append=EMPTY, **FAULT_AT_BOOT, fault=Fault('nullfs_kern_mount', ENOMEM),
         console=('immutable_rootfs: no nullfs beneath the rootfs: error -12; booting without it',
                  'immutable_rootfs: empty_namespaces changes nothing'), absent=('nullfs lies', MAY_EMPTY)),
    # Everything that can fail while the boot creates nullfs. On other kernels the ids of later mounts differ from stock.
    *(Test(f'not-made-{what}', f'if the kernel cannot create nullfs for lack of {lacks} it logs that and boots as stock',
           programs=('unselected', 'devices'), flavours=ALL, selects=False, smp=1, same=reported,
           fault=Fault(function, error, after='nullfs_kern_mount'), kernels=running('faults'), long=DEBUG,
           absent=('nullfs lies',), patched_console=(f'{NOT_BENEATH}: error -{error or ENOMEM}; booting without it',))
      for what, lacks, function, error in (
          ('context', 'memory for the context', 'alloc_fs_context', ENOMEM),
          ('source', 'memory for its name', 'kmemdup_nul', 0),
          ('super-block', 'memory for the super block', 'alloc_super', 0),
          ('device', 'a device number', 'set_anon_super_fc', EMFILE),
          ('inode', 'an inode', 'new_inode', 0),
          ('dentry', 'a dentry', '__d_alloc', 0),
          ('mount', 'memory for the mount', 'alloc_vfsmnt', 0))),
    Test('not-attached', 'if the kernel cannot put nullfs beneath the rootfs it logs that, boots as stock and leaves nothing behind',
         programs=('unselected', 'devices'), flavours=ALL, selects=False, smp=1, same=reported_but_ids,
         append='rootfs=ramfs root=/dev/vda', fault=Fault('d_set_mounted', ENOENT, caller='rootfs_mount_beneath'),
         patched_console=(f'{NOT_BENEATH}: error -2; booting without it',), absent=('nullfs lies',)),
    Test('not-attached-mountpoint', 'without memory for the mountpoint on nullfs the kernel logs that and boots as stock',
         programs=('unselected', 'devices'), flavours=ALL, long=DEBUG, selects=False, smp=1, same=reported_but_ids,
         fault=Fault(KZALLOC, 0, caller='rootfs_mount_beneath'),
         patched_console=(f'{NOT_BENEATH}: error -12; booting without it',), absent=('nullfs lies',)),
    Test('kdevtmpfs-stays', 'if kdevtmpfs cannot leave the rootfs it stays there, as on stock',
         programs=('unselected', 'devices'), parameter='', selects=False, smp=1, same=reported,
         fault=Fault('rootfs_mount_beneath', ENOMEM, caller=DEVTMPFS_SETUP)),
    *(Test(f'kdevtmpfs-keeps-{name}', f'if kdevtmpfs cannot unmount {what} it keeps the rootfs, as on stock',
           programs=('unselected', 'devices'), parameter='', selects=False, smp=1, same=reported,
           fault=Fault('init_umount', ENOMEM, caller=DEVTMPFS_SETUP, skip=skip))
      for name, what, skip in (('cover', 'what covers its rootfs', 0), ('rootfs', 'its rootfs', 1))),
    Test('root-not-pivoted', 'if the kernel cannot pivot into root= it uses MS_MOVE, as on stock',
         programs=('handover',), initrd=(), disks=('ext4',), append='root=/dev/vda rw fs=ext4 moved=1', **FAULT_AT_BOOT,
         fault=Fault('do_pivot_root', EPERM),
         console=('immutable_rootfs: pivot_root into the real root failed: error -1; trying MS_MOVE',)),
    *(Test(f'root-not-pivoted-{what}', f'the kernel uses MS_MOVE if {lacks}',
           programs=('handover',), initrd=(), disks=('ext4',), append='root=/dev/vda rw fs=ext4 moved=1', **FAULT_AT_BOOT,
           fault=fault, console=('immutable_rootfs: pivot_root into the real root failed: error -12; trying MS_MOVE',))
      for what, lacks, fault in (
          ('new', 'it cannot look up the new root', Fault('kernel_path_at', ENOMEM)),
          ('old', 'it cannot look up the place of the old root', Fault('kernel_path_at', ENOMEM, skip=1)),
          ('mountpoint', 'there is no memory for a mountpoint', Fault('get_mountpoint', ENOMEM, after='do_pivot_root')))),
    Test('root-not-unmounted', 'if the kernel cannot unmount the old rootfs it logs that and boots',
         programs=('handover',), initrd=(), disks=('ext4',), append='root=/dev/vda rw fs=ext4 stays=1', **FAULT_AT_BOOT,
         fault=Fault('init_umount', EBUSY, caller='pivot_into_real_root'),
         console=('immutable_rootfs: the rootfs stays mounted on /: error -16; its memory is not given back',)),
]
