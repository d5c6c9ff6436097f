# SPDX-License-Identifier: GPL-2.0-only
"""
What a machine with Secure Boot boots from, kept in the cache. tests/debian/secure-boot makes it in a Debian system:

    code.fd             OVMF
    on.fd, off.fd       its variables: Secure Boot with Microsoft's keys and the key of dkms in shim's list, and none of that
    shim.efi, grub.efi  Debian's boot loaders, as Microsoft and Debian have signed them
    signed, unsigned    the kernel of the flavour secure-boot, with and without a signature by that key
    signed.ko, other.ko the module, signed by dkms, and by a key that nobody has enrolled
"""
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from . import TOP, lab, userland
from .flavours import kernel
from .store import CACHE, digest, kept, progress, scratch

FLAVOUR = 'secure-boot'
BASE = 'secure-boot'
RECIPE = 1      # see store.digest()
TITLE = 'Debian trixie, signing the kernel'
INPUTS = ('tests/debian/secure-boot', 'tests/debian/common.sh', 'tests/host/tap.sh', 'scripts/in-debian', 'scripts/dkms',
          'scripts/check-headers', 'Makefile', 'dkms.conf')


def files(version):
    """The directory."""
    packages = kernel(version, FLAVOUR).get()
    base = userland.image(BASE)
    module = sorted(path for path in (TOP / 'module').iterdir() if path.name == 'Kbuild' or path.suffix in ('.c', '.h'))
    key = digest(repr((RECIPE, packages.name, base.parent.name)), *(TOP / name for name in INPUTS), *module)
    return kept(CACHE / 'secure-boot' / f'{version}-{key}', TITLE, lambda directory: make(packages, directory),
                others=lambda name: re.fullmatch(re.escape(version) + '-[0-9a-f]{16}', name))


def make(packages, directory):
    progress.show(f'{TITLE}: dkms builds the module', always=True)
    with scratch(directory.parent) as place:
        for package in packages.glob('*.deb'):
            shutil.copy(package, place)
        lab.checkout(place / 'checkout')
        lab.run(BASE, 'secure-boot', place, directory)


# The machine


GRUB = """\
terminal_output console
if linux /vmlinuz {append}; then
	initrd /initrd
	boot
fi
halt
"""


@dataclass(frozen=True)
class Way:
    """How a machine starts. All are files of this module."""
    variables: str
    kernel: str
    first: str = 'shim.efi'     # what the firmware starts


WAYS = {
    'signed': Way('on.fd', 'signed'),
    'unsigned': Way('on.fd', 'unsigned'),
    'without shim': Way('on.fd', 'signed', first='signed'),
    'off': Way('off.fd', 'unsigned'),
}


class Firmware:
    """OVMF on a machine as it wants one, for qemu.Machine."""

    def __init__(self, directory, way):
        self.files, self.way = directory, WAYS[way]

    def options(self, partition):
        return ['-machine', 'q35,smm=on', '-global', 'driver=cfi.pflash01,property=secure,value=on',
                '-drive', f'if=pflash,unit=0,format=raw,readonly=on,file={self.files}/code.fd',
                '-drive', f'if=pflash,unit=1,format=raw,snapshot=on,file={self.files}/{self.way.variables}',
                '-drive', f'if=none,id=partition,format=raw,snapshot=on,file=fat:{partition}',
                '-device', 'ide-hd,bus=ide.0,drive=partition,bootindex=0']

    def write_partition(self, directory, initrd, append):
        """The EFI system partition, as a directory."""
        for name, path in (('EFI/BOOT/BOOTX64.EFI', self.files / self.way.first), ('EFI/BOOT/grubx64.efi', self.files / 'grub.efi'),
                           ('vmlinuz', self.files / self.way.kernel), ('initrd', initrd)):
            os.makedirs(os.path.dirname(f'{directory}/{name}'), exist_ok=True)
            shutil.copy(path, f'{directory}/{name}')
        os.mkdir(f'{directory}/EFI/debian')
        Path(directory, 'EFI/debian/grub.cfg').write_text(GRUB.format(append=append), encoding='ascii')
