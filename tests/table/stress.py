# SPDX-License-Identifier: GPL-2.0-only
"""Random operations, and races."""
from .row import DEBUG, EMPTY, GUEST, KCSAN, MAY_EMPTY, MODULE, PATCHED, SELECTED, Test

RACES_ARE_FOUND = r'kcsan: enabled early(?s:.*)kcsan: selftest: (\d+)/\1 tests passed'


def storm(suffix, flavours, smp, operations, nightly, append='', **more):
    """Whoever finds that nullfs can be changed, a file that is covered, or a mount that is left prints it with the seed."""
    return Test(
        f'storm{suffix}', 'eight processes mount, move, pivot, unshare and unmount against each other, and nullfs stays empty',
        programs=('storm', 'nullfs'), initrd=(MODULE, *GUEST), flavours=flavours, operations=operations,
        nightly=nightly, smp=smp, append=f'rcupdate.rcu_expedited=1 oops=panic {append}', timeout=600, immutable_console=(SELECTED,), long=True, **more)


TESTS = [
    # Emulating four CPUs takes a kernel with KASAN and lockdep long, so most operations are made on one.
    storm('-debug-one-cpu', DEBUG, 1, 10000, 250000),
    storm('-debug', DEBUG, 4, 2000, 10000),
    storm('-races', KCSAN, 4, 5000, 25000, console=(RACES_ARE_FOUND,)),
    storm('', PATCHED, 4, 2000, 50000),
    storm('-one-cpu', PATCHED, 1, 4000, 100000),
    storm('-empty', ('builtin', 'loadable'), 4, 2000, 50000, append=EMPTY, console=(MAY_EMPTY,)),
    Test('races', 'four processes that do the same with nullfs at the same time do not race in it', programs=('races', 'nullfs'),
         flavours=KCSAN, smp=4, initrd=(MODULE, *GUEST), append='rcupdate.rcu_expedited=1', timeout=120, long=True,
         console=(SELECTED, RACES_ARE_FOUND)),
]
