# SPDX-License-Identifier: GPL-2.0-only
"""The runner itself: it has to see each way in which a guest can go wrong as what it is."""
from errno import EPERM

from .row import BUILTIN, GUEST, MODULE, Fault, Test

TESTS = [
    *(Test(f'runner-{name}', f'the runner sees {what}', programs=('misbehave',), flavours=('stock',),
           initrd=('guest', 'init=misbehave'), append=f'how={how}', smp=1, expect=expect, once=True,
           stuck='misbehaving' if how == 'hang' else None, kill=name == 'lost-vm')
      for name, how, expect, what in (
          ('hang', 'hang', 'hang', 'a guest that hangs'),
          ('panic', 'panic', 'panic', 'a kernel that panics'),
          ('lost-vm', 'hang', 'lost VM', 'a virtual machine that dies'),
          ('silent-end', 'silence', 'lost VM', 'a guest that goes off without finishing its report'),
          ('warning', 'warning', 'kernel complaint', 'a WARNING on the console, whatever the results say'),
          ('lockdep', 'lockdep', 'kernel complaint', 'a complaint of lockdep in brackets, which is no WARNING'),
          ('missing-plan', 'no-plan', 'missing plan', 'results without a plan'),
          ('too-few', 'too-few', 'too few results', 'fewer results than planned'),
          ('nothing-run', 'nothing', 'nothing run', 'a plan of nothing'),
          ('failed-check', 'failed', 'failed check', 'a failed check'),
          ('bad-status', 'status', 'failed check', 'a program that failed although all its results are good'))),
    Test('runner-leak', 'the runner sees memory that the kernel has lost', programs=('leak',), flavours=('debug',), smp=1,
         initrd=('leaking-' + MODULE, *GUEST), expect='leak', once=True),
    Test('runner-no-fault', 'the runner sees that a fault which is part of the test did not happen', programs=('devices',),
         flavours=BUILTIN, smp=1, fault=Fault('emergency_restart', EPERM), expect='no fault', once=True),
    Test('runner-missing-program', 'the runner sees a program that did not report at all',
         programs=('nonsuch',), flavours=('stock',), smp=1, expect='missing plan', once=True),
]
