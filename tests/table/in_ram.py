# SPDX-License-Identifier: GPL-2.0-only
"""Debian systems that live in their initramfs."""
from vmtest.config import DEFAULT_VERSION

from .handover import ENDED
from .row import SELECTED, Test
from .same import REMOUNTED, all_but_remount, booted_and_ended


def debian(name, sentence, program, release, append='', console=(), **more):
    return Test(name, sentence, programs=(program,), initrd=(f'debian{release}-in-ram', 'guest', 'container-image'),
                memory=1024, smp=1, timeout=600, append=f'brd.rd_nr=0 loop.max_loop=0 8250.nr_uarts=2 {append}', long=True,
                kernels=(DEFAULT_VERSION,), console=(ENDED, *console), immutable_console=(SELECTED,),
                absent=('Failed to (unmount|detach|finalize)|Could not (unmount|detach)',), **more)


def ends(name, sentence, program, release, end, **more):
    return debian(name, sentence, program, release, append=f'end={end}', console=(f'service: {end}',), **more)


TESTS = [
    ends('in-ram-debian12', 'Debian 12 lives in its initramfs, systemd isolates its units there, and the system powers off',
         'in-ram.sh', 12, 'poweroff', same=booted_and_ended),
    ends('in-ram-debian13', 'Debian 13 lives in its initramfs, systemd isolates its units there, and the system reboots',
         'in-ram.sh', 13, 'reboot', same=booted_and_ended),
    ends('in-ram-umount-debian12', 'umount -a -r makes / read-only in a Debian 12 in its initramfs, and the system reboots',
         'in-ram-umount.sh', 12, 'reboot', same=all_but_remount, stock_console=(REMOUNTED,)),
    ends('in-ram-umount-debian13', 'umount -a -r makes / read-only in a Debian 13 in its initramfs, and the system powers off',
         'in-ram-umount.sh', 13, 'poweroff', same=all_but_remount, stock_console=(REMOUNTED,)),
    debian('soft-reboot', 'systemd of Debian 13 starts again in another root, and the memory of the initramfs comes back',
           'soft-rebooted', 13, append='next_root=tmpfs'),
]
