# SPDX-License-Identifier: GPL-2.0-only
"""The cache entries of kernels."""
import os
import tempfile
import time
import unittest
from pathlib import Path

from vmtest import store
from vmtest.kernel import Kernel


class Entries(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.place = Path(directory.name)
        self.kernel = Kernel.__new__(Kernel)    # without a source and a compiler
        self.kernel.stem = '6.12-builtin-'
        self.kernel.entry = self.place / ('6.12-builtin-' + '3' * store.DIGITS)

    def old(self, name):
        path = self.place / name
        path.mkdir()
        os.utime(path, (time.time() - store.LONGEST_RUN - 60,) * 2)
        return path

    def test_older_go(self):
        """Those of the same flavour that nobody uses."""
        self.old('6.12-builtin-' + '1' * store.DIGITS)
        plain = self.old('6.12-builtin-plain-' + '1' * store.DIGITS)
        used = self.old('6.12-builtin-' + '2' * store.DIGITS)
        os.utime(used)
        self.kernel.remove_older()
        self.assertEqual(sorted(self.place.iterdir()), [used, plain])

    def test_found(self):
        """What a run finds stays there for as long as it may take."""
        self.old(self.kernel.entry.name)
        self.assertEqual(self.kernel.get(), self.kernel.entry)
        self.kernel.remove_older()
        self.assertTrue(self.kernel.entry.is_dir())
