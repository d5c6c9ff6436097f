# SPDX-License-Identifier: GPL-2.0-only
"""What a smoke run (--smoke) has in place of a kernel, as building one takes long."""
from pathlib import Path

from . import Failure
from .process import run

SYMBOLS = ('T _stext', 'T _etext', 'T _sinittext', 'T _einittext', 'D _sdata', 'D _edata')
MODULE = """
    static const char info[] __attribute__((section(".modinfo"), used)) =
        "version=not built\\0intree=Y\\0vermagic=not built\\0license=GPL";
    int text(void) { return 0; }
    int data = 1;"""


class Kernel:
    """With the same files beside it as an entry of the cache."""

    def __init__(self, directory):
        self.directory = Path(directory)
        (self.directory / 'bzImage').touch()
        (self.directory / 'config').write_text('# Linux/x86 0.0.0 Kernel Configuration\n', encoding='ascii')
        (self.directory / 'System.map').write_text(
            ''.join(f'{number << 12:016x} {symbol}\n' for number, symbol in enumerate(SYMBOLS, 1)), encoding='ascii')
        source = self.directory / 'module.c'
        source.write_text(MODULE, encoding='ascii')
        status, output = run(['gcc', '-c', '-o', self.get_module(), source])
        if status:
            raise Failure(f'gcc: {output}')

    def get(self):
        return self.directory

    def get_image(self):
        return self.directory / 'bzImage'

    def get_module(self):
        return self.directory / 'immutable_rootfs.ko'
