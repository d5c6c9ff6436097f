# SPDX-License-Identifier: GPL-2.0-only
"""`immutable-rootfs status`."""
from .row import BUILTIN, GUEST, LOADABLE, MODULE, NATIVE, PATCHED, Test


def status(name, sentence, flavours, initrd=(), **more):
    return Test(f'status{name}', sentence, programs=('status.sh',), flavours=flavours, initrd=('tools', *initrd, *GUEST, 'status'),
                memory=512, smp=1, timeout=180, **more)


def left(name, sentence, tool, flavours=('stock', 'builtin'), append='', **more):
    module = (MODULE,) if flavours == LOADABLE else ()
    return Test(f'status-left-{name}', sentence, programs=('status.sh',), flavours=flavours,
                initrd=('tools', 'pivot_init', *module, 'guest', 'status', 'init=status-leave.sh'), memory=512, smp=1,
                append=f'tool={tool}{append}', timeout=240, **more)


TESTS = [
    status('', 'each line of `immutable-rootfs status` is right in the initramfs, before and after the module is loaded or refused',
           PATCHED, initrd=(MODULE,)),
    status('-native', 'so it is on native 7.x', NATIVE, parameter='', initrd=(MODULE,), once=True),
    *(status(f'-unselected-{reason}', f'`immutable-rootfs status` says why the module that is built in is not selected: {why}',
             BUILTIN, parameter=parameter, append=f'reason={reason}', selects=False, once=True)
      for reason, parameter, why in (('none', '', 'no parameter'), ('parameter', 'immutable_rootfs=0', 'the parameter'),
                                     ('log', 'immutable_rootfs=maybe', 'a wrong value'))),
    left('pivot_init', '`immutable-rootfs status` tells how pivot_init has left the initramfs, and which process still holds it',
         'pivot_init'),
    left('busybox', 'the same of switch_root, which deletes the initramfs and leaves it by MS_MOVE', 'busybox', append=' moved=1',
         once=True),
    left('move', 'the same of MS_MOVE alone', 'move', append=' moved=1 kept=1', once=True),
    left('loaded', 'the same after the module was loaded', 'pivot_init', flavours=LOADABLE, parameter='', once=True),
]
