# SPDX-License-Identifier: GPL-2.0-only
"""Random operations, and races."""
from vmtest.config import DEFAULT_VERSION

from .row import DEBUG, EMPTY, GUEST, KCSAN, MAY_EMPTY, MODULE, PATCHED, SELECTED, Test

RACES_ARE_FOUND = r'kcsan: enabled early(?s:.*)kcsan: selftest: (\d+)/\1 tests passed'


def storm(suffix, flavours, smp, operations, nightly, append='', **more):
    """A process that changes nullfs, or finds a covered file or a left mount, prints that with the seed."""
    return Test(
        f'storm{suffix}', 'nullfs stays empty while eight processes mount, move, pivot, unshare and unmount at random',
        programs=('storm', 'nullfs'), initrd=(MODULE, *GUEST), flavours=flavours, operations=operations,
        nightly=nightly, smp=smp, append=f'rcupdate.rcu_expedited=1 oops=panic {append}', timeout=600, immutable_console=(SELECTED,), long=True, **more)


def stress_ng(name, flavour, first=(), **more):
    """It runs one second for each 100 operations."""
    return Test(name, "nullfs stays empty while Debian's stress-ng mounts, unshares and unmounts, for root and for users",
                programs=(*first, 'storm-stress-ng.sh', 'nullfs'), initrd=(MODULE, 'stress-tools', *GUEST), flavours=(flavour,),
                operations=3000, nightly=180000, smp=2, memory=768, append='rcupdate.rcu_expedited=1 oops=panic', timeout=300,
                console=(SELECTED,), long=True, kernels=(DEFAULT_VERSION,), **more)


TESTS = [
    # A kernel with KASAN and lockdep is slow on four emulated CPUs, so one CPU makes most operations.
    storm('-debug-one-cpu', DEBUG, 1, 10000, 250000),
    storm('-debug', DEBUG, 4, 2000, 10000),
    storm('-races', KCSAN, 4, 5000, 25000, console=(RACES_ARE_FOUND,)),
    storm('', PATCHED, 4, 2000, 50000),
    storm('-one-cpu', PATCHED, 1, 4000, 100000),
    storm('-empty', ('builtin', 'loadable'), 4, 2000, 50000, append=EMPTY, console=(MAY_EMPTY,)),
    stress_ng('storm-stress-ng', 'debug'),
    stress_ng('storm-load-stress-ng', 'debug-loadable', ('load',), parameter=''),
    Test('races', 'four processes that use nullfs in parallel cause no data race', programs=('races', 'nullfs'),
         flavours=KCSAN, smp=4, initrd=(MODULE, *GUEST), append='rcupdate.rcu_expedited=1', timeout=120, long=True,
         console=(SELECTED, RACES_ARE_FOUND)),
]
