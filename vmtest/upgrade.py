# SPDX-License-Identifier: GPL-2.0-only
"""
A Debian 13 with the module's package and three kernels: patched, Debian's own of a series that has nullfs, and not patched;
and the same after Debian's own was purged. tests/debian/upgrade makes both. An entry of the cache has system.ext4 with
NAME.vmlinuz and NAME.img of each flavour, and purged.ext4 with purged.vmlinuz and purged.img.
"""
import os
import shutil
from functools import partial
from pathlib import Path

from . import TOP, lab, userland
from .flavours import kernel
from .process import must
from .store import progress, scratch

BASE = 'upgrade'
RECIPE = 1      # see store.digest()
TITLE = 'Debian trixie with three kernels'
DISK_SIZE = '2G'


def system(version):
    """The directory."""
    patched, stock = (kernel(version, flavour).get() for flavour in ('packaged', 'stock-packaged'))
    base = userland.image(BASE).parent
    installed = [path for name in ('module', 'debian', 'initramfs', 'scripts') for path in (TOP / name).rglob('*')
                 if path.is_file() and path.name != 'pivot_init']
    installed += [TOP / name for name in ('dkms.conf', 'Makefile', 'tests/host/tap.sh', 'tests/debian/common.sh',
                                          'tests/debian/upgrade')]
    return userland.Entry(
        f'upgraded-{version}', TITLE, partial(make, patched=patched, stock=stock),
        (*userland.DISK_PROGRAMS, 'dpkg-buildpackage'),
        (RECIPE, base.name, patched.name, stock.name, userland.SYSTEM_SETUP, DISK_SIZE, *sorted(installed))).get()


def make(title, directory, patched, stock):
    progress.show(f'{title}: installing the packages of the kernels and of the module', always=True)
    with scratch(Path(directory)) as place:
        for path in (*patched.glob('*.deb'), *patched.glob('mok.*')):
            shutil.copy(path, place)
        (place / 'stock').mkdir()
        for path in stock.glob('*.deb'):
            shutil.copy(path, place / 'stock')
        (place / 'setup').write_text(userland.SYSTEM_SETUP)
        lab.checkout(place / 'checkout')
        must(place / 'checkout/scripts/deb', place)
        lab.run(BASE, 'upgrade', place, Path(directory))
    for name in ('system', 'purged'):
        userland.write_ext4(title, directory, name, DISK_SIZE)
        os.unlink(f'{directory}/{name}.tar')
