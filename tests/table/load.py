# SPDX-License-Identifier: GPL-2.0-only
"""The loadable module."""
from errno import EMFILE, ENOENT, ENOMEM

from vmtest.config import DEFAULT_VERSION, running

from .row import (DEBUG, GUEST, LOADABLE, MAY_EMPTY, MODULE, NATIVE, NOT_BENEATH, OTHER_BUILDS_LOADABLE, PATCHED, SELECTED,
                  Fault, Test)

FAULT_WHEN_LOADED: dict = {'flavours': ('loadable', 'debug-loadable'), 'long': DEBUG, 'parameter': ''}
PACKAGED = ('packaged',)

TESTS = [
    Test('load-namespaces', 'an ordinary user uncovers nothing and changes nothing on nullfs after the module was loaded',
         programs=('load', 'namespaces'), flavours=LOADABLE, smp=1,
         parameter='', initrd=(MODULE, *GUEST), append='rcupdate.rcu_expedited=1', timeout=600, long=True),
    Test('load', 'the module has the same effect when loaded in the initramfs as when built in',
         programs=('load', 'devices', 'nullfs', 'unprivileged', 'pivot'), flavours=(*LOADABLE, *OTHER_BUILDS_LOADABLE), parameter='',
         initrd=(MODULE, *GUEST), disks=('ext4',), console=(SELECTED,)),
    Test('load-empty', 'loaded with empty_namespaces, the module lets users empty a mount namespace',
         programs=('load', 'empty', 'unprivileged', 'nullfs', 'pivot'),
         flavours=('loadable', 'debug-loadable', *OTHER_BUILDS_LOADABLE), parameter='', long=DEBUG, append='empty=1',
         initrd=(MODULE, 'empty-namespace', *GUEST), disks=('ext4',), console=(SELECTED, MAY_EMPTY)),
    Test('load-empty-off', 'loaded without empty_namespaces, the module keeps the root locked',
         programs=('load', 'empty'), flavours=LOADABLE, parameter='',
         initrd=(MODULE, 'empty-namespace', *GUEST), absent=(MAY_EMPTY,)),
    Test('load-busy', 'loading the module from another namespace disturbs no process that mounts, unmounts, unshares or walks meanwhile',
         programs=('load-busy', 'nullfs', 'pivot'), flavours=('loadable', 'debug-loadable', 'kcsan-loadable'), parameter='',
         initrd=(MODULE, *GUEST), disks=('ext4',), timeout=120, console=(SELECTED,)),
    Test('load-faults', 'if an allocation fails the module does not load, and leaves nothing behind',
         programs=('load-faults', 'nullfs'), flavours=('debug-loadable',), parameter='', initrd=(MODULE, *GUEST), smp=1,
         kernels=(DEFAULT_VERSION,),     # failslab of 6.1 cannot select stacks on x86-64
         append='root=/dev/vda', console=('immutable_rootfs: no nullfs .* error -12, nothing changed; free memory', SELECTED)),
    Test('load-refused', 'a kernel without the hook, or with nullfs, rejects the module and logs the reason',
         programs=('load-refused',), initrd=(MODULE, 'renamed-' + MODULE, *GUEST), smp=1,
         stock_console=('immutable_rootfs: Unknown symbol rootfs_mount_beneath',),
         immutable_console=('immutable_rootfs: module is already loaded',
                            'immutable_nullfs: nullfs lies beneath the rootfs already, nothing changed')),
    Test('load-native', 'native 7.x rejects the module and logs the reason',
         programs=('load-refused',), initrd=(MODULE, 'renamed-' + MODULE, *GUEST), flavours=NATIVE, parameter='', smp=1,
         console=('module immutable_rootfs: .* must match|immutable_rootfs: version magic',), once=True),
    *(Test('load-script' + suffix, '`make load` loads the module, or prints one line with the reason', programs=('load-script',),
           flavours=flavours, parameter='', initrd=(MODULE, 'load-script', 'tools', *GUEST), memory=512, smp=1, once=once)
      for suffix, flavours, once in (('', PATCHED, False), ('-native', NATIVE, True))),
    Test('load-twice', 'a second module does not load, under any name',
         programs=('load', 'load-refused'), flavours=LOADABLE, parameter='', initrd=(MODULE, 'renamed-' + MODULE, *GUEST), smp=1,
         console=(SELECTED, 'immutable_nullfs: nullfs lies beneath the rootfs already, nothing changed')),
    Test('load-privilege', 'loading the module needs CAP_SYS_MODULE, and changes only the initial mount namespace',
         programs=('load-privilege', 'nullfs', 'pivot'), flavours=LOADABLE, parameter='', initrd=(MODULE, *GUEST),
         disks=('ext4',), console=(SELECTED,)),
    Test('load-late', 'the module, loaded after the handover, logs that it is too late and changes nothing visible',
         programs=('load-late', 'handover'), flavours=LOADABLE, parameter='', initrd=(MODULE, 'bare', 'tools', 'init=live.sh'),
         disks=('ext4',), memory=512, append='layout=disk tool=busybox moved=1 fs=ext4',
         console=('immutable_rootfs: nullfs lies beneath the rootfs, but the boot has left that already',)),
    Test('load-memory', 'the handover frees a 64 MB initramfs that has loaded the module (rootfs is tmpfs)',
         programs=('memory',), flavours=LOADABLE, parameter='', append='rootfs=tmpfs', memory=512,
         initrd=(MODULE, 'bare', 'large', 'init=memory')),
    Test('load-memory-ramfs', 'the handover frees a 64 MB initramfs that has loaded the module (rootfs is ramfs, four CPUs)',
         programs=('memory',), flavours=LOADABLE, parameter='', append='rootfs=ramfs root=/dev/vda', memory=512, smp=4,
         initrd=(MODULE, 'bare', 'large', 'init=memory')),
    Test('load-memory-again', 'after a failed load the next one works, and so does unmounting the rootfs',
         programs=('memory',), append=f'rootfs=ramfs root=/dev/vda fails={ENOENT}', memory=512, smp=1, **FAULT_WHEN_LOADED,
         initrd=(MODULE, 'bare', 'large', 'init=memory'),
         # kdevtmpfs calls it first
         fault=Fault('d_set_mounted', ENOENT, caller='rootfs_mount_beneath', skip=1),
         console=('immutable_rootfs: no nullfs beneath the rootfs: error -2, nothing changed', SELECTED)),
    *(Test(f'load-memory-again-{what}', f'after a load that failed for lack of {lacks} the next one works',
           programs=('memory',), append=f'rootfs=ramfs root=/dev/vda fails={error or ENOMEM}', memory=512, smp=1,
           **FAULT_WHEN_LOADED, initrd=(MODULE, 'bare', 'large', 'init=memory'), kernels=running('faults'),
           fault=Fault(function, error, caller, after='do_init_module'),
           console=(f'{NOT_BENEATH}: error -{error or ENOMEM}, nothing changed', SELECTED))
      for what, lacks, function, error, caller in (     # load-faults tests slabs
          ('device', 'a device number', 'set_anon_super_fc', EMFILE, None),
          ('id', 'a mount id', 'ida_alloc_range', ENOMEM, 'alloc_vfsmnt'),
          ('percpu', 'memory for per-CPU counters', ('pcpu_alloc_noprof', '__alloc_percpu'), 0, 'alloc_vfsmnt'))),
    Test('load-signed', 'a kernel that requires signed modules loads the module that dkms has built and signed',
         programs=('load', 'devices', 'nullfs', 'unprivileged', 'pivot'), flavours=PACKAGED, parameter='',
         initrd=('signed-' + MODULE, *GUEST), disks=('ext4',), console=(SELECTED,), once=True, long=True),
    Test('load-unsigned', 'a kernel that requires signed modules rejects the unsigned module, and nothing changes',
         programs=('load-refused',), flavours=PACKAGED, parameter='', selects=False,
         initrd=('unsigned-' + MODULE, 'renamed-' + MODULE, *GUEST),
         console=('Loading of unsigned module is rejected',), absent=('nullfs lies',), once=True, long=True),
]
