# SPDX-License-Identifier: GPL-2.0-only
"""Comparisons with native Linux 7.x, and of the kernel's own selftests with stock."""
from vmtest.checks import conformance, ktap
from vmtest.config import running

from .row import GUEST, MODULE, Test

SELFTESTS = {'memory': 1024, 'timeout': 900, 'conforms': ktap, 'tells': ktap.counts, 'long': True,
             'kernels': running('selftests')}

TESTS = [
    Test('conform', 'whatever is tried on nullfs and on the mounts around it gives what it gives on native 7.x, or it is known why',
         programs=('conform',), flavours=('stock', 'native', 'builtin', 'loadable'), initrd=(MODULE, *GUEST),
         append='rcupdate.rcu_expedited=1', smp=1, timeout=1200, conforms=conformance, long=True,
         kernels=running('conform')),
    Test('conform-debug', 'whatever is tried on nullfs, the kernel has nothing to complain of', programs=('conform',),
         flavours=('debug',), initrd=(MODULE, *GUEST), append='rcupdate.rcu_expedited=1 only=nullfs', smp=1, timeout=600,
         long=True),
    Test('selftests', "what passes of the kernel's own tests in the initramfs on stock passes there on nullfs",
         programs=('selftests.sh',), initrd=('selftests-tools', 'selftests {version}', *GUEST), **SELFTESTS),
    Test('selftests-root', 'the same in a root that the kernel has entered', programs=('selftests.sh',), initrd=(),
         disks=('root-selftests {version}',), append='root=/dev/vda rw init=/init', **SELFTESTS),
]
