# SPDX-License-Identifier: GPL-2.0-only
"""What make kernel-deb builds, before it builds anything."""
import os
import tempfile
import unittest
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

from vmtest import Failure, kernel_deb
from vmtest.config import DEFAULT_VERSION


def options(config='', kernel='', localversion='-nullfs', debug_info=False):
    return SimpleNamespace(config=str(config), kernel=kernel, localversion=localversion, debug_info=debug_info)


class Choice(unittest.TestCase):
    def setUp(self):
        work = tempfile.TemporaryDirectory()
        self.addCleanup(work.cleanup)
        self.config = Path(work.name) / 'config'

    def chosen(self, header='', **words):
        self.config.write_text(f'#\n# Automatically generated\n{header}\nCONFIG_X=y\n', encoding='ascii')
        return kernel_deb.choose(options(self.config, **words))[1:]

    def test_series_of_the_configuration(self):
        self.assertEqual(self.chosen('# Linux/x86 6.1.0-49 Kernel Configuration'), ('6.1', '6.1'))
        self.assertEqual(self.chosen('# Linux/x86_64 6.12.107 Kernel Configuration'), ('6.12', '6.12'))

    def test_another_series(self):
        """It may be one that is not built, or unknown; KERNEL= decides."""
        self.assertEqual(self.chosen('# Linux/x86 6.3.1 Kernel Configuration'), ('6.3', DEFAULT_VERSION))
        self.assertEqual(self.chosen('# Linux/x86 6.17.8 Kernel Configuration'), ('6.17', DEFAULT_VERSION))
        self.assertEqual(self.chosen(), (None, DEFAULT_VERSION))
        self.assertEqual(self.chosen('# Linux/x86 6.12.1 Kernel Configuration', kernel='6.1'), ('6.12', '6.1'))
        self.assertEqual(self.chosen('# Linux/x86 7.1.2 Kernel Configuration', kernel='6.12'), ('7.1', '6.12'))

    def test_refused(self):
        for header, words, why in (
                ('# Linux/x86 7.1.2 Kernel Configuration', {}, 'has its own nullfs'),
                ('# Linux/arm64 6.12.1 Kernel Configuration', {}, 'it is for arm64'),
                ('', {'kernel': '9.9'}, "KERNEL=9.9: Debian has no package of the source with its patches, only of 6.12, 6.1"),
                ('', {'kernel': '6.18'}, 'KERNEL=6.18: Debian has no package'),
                ('', {'localversion': '_x'}, 'the name of a package')):
            with self.subTest(why), self.assertRaisesRegex(Failure, why):
                self.chosen(header, **words)

    def test_running_kernel(self):
        with mock.patch.object(os, 'uname', lambda: SimpleNamespace(release='none')), \
                self.assertRaisesRegex(Failure, '/boot/config-none is not there: .*CONFIG='):
            kernel_deb.choose(options())


class Lines(unittest.TestCase):
    def test_symbols(self):
        found = kernel_deb.symbols(kernel_deb.lines_of(options(localversion='-mine')))
        for name, value in (('IMMUTABLE_ROOTFS', 'm'), ('ROOTFS_PROVIDER', 'y'), ('LOCALVERSION', '"-mine"'),
                            ('SYSTEM_TRUSTED_KEYS', '""'), ('SYSTEM_REVOCATION_KEYS', '""'), ('DEBUG_INFO_NONE', 'y')):
            self.assertEqual(found[f'CONFIG_{name}'], value, name)
        self.assertTrue(found.keys() >= set(kernel_deb.REQUIRED))

    def test_debug_information(self):
        self.assertNotIn('DEBUG_INFO', kernel_deb.lines_of(options(debug_info=True)))
