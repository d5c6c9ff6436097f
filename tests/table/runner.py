# SPDX-License-Identifier: GPL-2.0-only
"""The runner itself: it must recognize each way in which a guest can fail."""
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
          ('silent-end', 'silence', 'lost VM', 'a guest that powers off before its report is complete'),
          ('warning', 'warning', 'kernel complaint', 'a WARNING on the console, even if all results are good'),
          ('lockdep', 'lockdep', 'kernel complaint', 'a complaint of lockdep, which begins with a bracket instead of WARNING'),
          ('missing-plan', 'no-plan', 'missing plan', 'results without a plan'),
          ('too-few', 'too-few', 'too few results', 'fewer results than planned'),
          ('nothing-run', 'nothing', 'nothing run', 'an empty plan'),
          ('failed-check', 'failed', 'failed check', 'a failed check'),
          ('bad-status', 'status', 'failed check', 'a program that fails although all its results are good'))),
    Test('runner-leak', 'the runner sees memory that the kernel leaks', programs=('leak',), flavours=('debug',), smp=1,
         initrd=('leaking-' + MODULE, *GUEST), expect='leak', once=True),
    Test('runner-no-fault', 'the runner sees that the fault of a test did not happen', programs=('devices',),
         flavours=BUILTIN, smp=1, fault=Fault('emergency_restart', EPERM), expect='no fault', once=True),
    Test('runner-missing-program', 'the runner sees a program that does not report',
         programs=('nonsuch',), flavours=('stock',), smp=1, expect='missing plan', once=True),
]
