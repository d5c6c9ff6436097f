# SPDX-License-Identifier: GPL-2.0-only
"""Comparisons with native Linux 7.x, and of the kernel's own selftests with stock."""
from vmtest.checks import conformance, ktap
from vmtest.config import running

from .row import GUEST, MODULE, Test

SELFTESTS = {'memory': 1024, 'timeout': 900, 'conforms': ktap, 'tells': ktap.counts, 'long': True,
             'kernels': running('selftests')}

TESTS = [
    Test('conform', 'operations on nullfs and on the mounts around it give the results of native 7.x, or conformance.md explains why',
         programs=('conform',), flavours=('stock', 'native', 'builtin', 'loadable'), initrd=(MODULE, *GUEST),
         append='rcupdate.rcu_expedited=1', smp=1, timeout=1200, conforms=conformance, long=True,
         kernels=running('conform')),
    Test('conform-debug', 'no operation on nullfs makes the kernel complain', programs=('conform',),
         flavours=('debug',), initrd=(MODULE, *GUEST), append='rcupdate.rcu_expedited=1 only=nullfs', smp=1, timeout=600,
         long=True),
    Test('selftests', "every selftest of the kernel that passes in the initramfs on stock also passes there on nullfs",
         programs=('selftests.sh',), initrd=('selftests-tools', 'selftests {version}', *GUEST), **SELFTESTS),
    Test('selftests-root', 'every selftest of the kernel that passes in root= on stock also passes there on nullfs',
         programs=('selftests.sh',), initrd=(),
         disks=('root-selftests {version}',), append='root=/dev/vda rw init=/init', **SELFTESTS),
]
