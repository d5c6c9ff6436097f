# SPDX-License-Identifier: GPL-2.0-only
"""The initramfs on nullfs: what user space sees, namespaces, and memory."""
from .row import ALL, BOTH, BUILTIN, DEBUG, EMPTY, GUEST, MAY_EMPTY, NATIVE, OTHER_BUILDS, SELECTED, Test
from .same import reported

UNSHARE_FAILS = 'unshare() that fails half way leaves the process where it does on stock, and leaks nothing'

TESTS = [
    Test('initramfs', 'nullfs looks to user space as on Linux 7.x, unprivileged namespaces work, and three pivots leave the initramfs',
         programs=('devices', 'nullfs', 'unprivileged', 'pivot'), flavours=(*ALL, *OTHER_BUILDS), disks=('ext4',),
         append='initramfs_options=size=96M', immutable_console=(SELECTED,), same=reported),
    Test('empty', 'with empty_namespaces a user can empty a mount namespace, and no attack reveals what a mount covers',
         programs=('empty', 'unprivileged', 'nullfs', 'pivot'), flavours=(*ALL, *OTHER_BUILDS), append=EMPTY, long=DEBUG,
         initrd=('empty-namespace', *GUEST), disks=('ext4',), immutable_console=(SELECTED, MAY_EMPTY)),
    Test('empty-off', 'without empty_namespaces the root stays locked, and the same attacks reveal nothing',
         programs=('empty',), flavours=('builtin', 'debug'), long=DEBUG,
         initrd=('empty-namespace', *GUEST), absent=(MAY_EMPTY,)),
    Test('empty-lacking', 'without patches/empty-namespaces.patch the parameter names that patch and changes nothing',
         programs=('parameter', 'empty', 'unprivileged', 'nullfs', 'pivot'), flavours=('builtin-plain',),
         append='immutable_rootfs.empty_namespaces=1', initrd=('empty-namespace', *GUEST), disks=('ext4',),
         console=(SELECTED, 'immutable_rootfs: empty_namespaces changes nothing: this kernel lacks patches/empty-namespaces.patch'),
         absent=(MAY_EMPTY,)),
    Test('empty-native', 'on native 7.x the root stays locked, and the same attacks reveal nothing', programs=('empty',),
         flavours=NATIVE, parameter='',
         initrd=('empty-namespace', *GUEST), once=True, long=True),
    Test('namespaces', 'an ordinary user uncovers nothing and changes nothing on nullfs, with any nesting of namespaces',
         programs=('namespaces',), smp=1, flavours=BOTH, append='rcupdate.rcu_expedited=1', timeout=600, long=True,
         same=reported),
    Test('namespaces-empty', 'with empty_namespaces an ordinary user still uncovers nothing, with any nesting of namespaces',
         programs=('namespaces',), smp=1,
         flavours=BUILTIN, append=f'rcupdate.rcu_expedited=1 {EMPTY}', timeout=600, long=True, console=(MAY_EMPTY,)),
    Test('unshare-fails', UNSHARE_FAILS, programs=('unshare-fails',), flavours=ALL, append='rcupdate.rcu_expedited=1 times=1000',
         smp=1, same=reported, long=DEBUG),
    Test('unshare-fails-often', UNSHARE_FAILS, programs=('unshare-fails',), append='rcupdate.rcu_expedited=1 times=100000',
         smp=1, same=reported, timeout=900, long=True),
    Test('memory', 'the handover frees a 64 MB initramfs (rootfs is tmpfs)',
         programs=('memory',), initrd=('bare', 'large', 'init=memory'), flavours=(*ALL, *OTHER_BUILDS), append='rootfs=tmpfs',
         memory=512),
    Test('memory-ramfs', 'the handover frees a 64 MB initramfs (rootfs is ramfs, four CPUs)',
         programs=('memory',), initrd=('bare', 'large', 'init=memory'), append='rootfs=ramfs root=/dev/vda', flavours=ALL, long=DEBUG,
         memory=512, smp=4),
]
