# SPDX-License-Identifier: GPL-2.0-only
"""Debian systems that live in their initramfs."""
from vmtest.config import DEFAULT_VERSION

from .handover import ENDED
from .row import SELECTED, Test
from .same import reported


def debian(name, sentence, program, release, append='', **more):
    return Test(name, sentence, programs=(program,), initrd=(f'debian{release}-in-ram', 'guest', 'container-image'),
                memory=1024, smp=1, timeout=600, append=f'brd.rd_nr=0 loop.max_loop=0 8250.nr_uarts=2{append}', long=True,
                kernels=(DEFAULT_VERSION,), console=(ENDED,), immutable_console=(SELECTED,),
                absent=('Failed to (unmount|detach|finalize)|Could not (unmount|detach)',), **more)


TESTS = [
    debian('in-ram-debian12', 'Debian 12 lives in its initramfs, and systemd isolates its units there', 'in-ram.sh', 12,
           same=reported),
    debian('in-ram-debian13', 'Debian 13 lives in its initramfs, and systemd isolates its units there', 'in-ram.sh', 13,
           same=reported),
    debian('soft-reboot', 'systemd of Debian 13 starts again in another root, and the memory of the initramfs comes back',
           'soft-rebooted', 13, append=' next_root=1'),
]
