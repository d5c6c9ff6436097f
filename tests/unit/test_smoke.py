# SPDX-License-Identifier: GPL-2.0-only
"""Long commands without their long work: they still print their tables."""
import contextlib
import io
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from vmtest import bench, cost, distro, runner, smoke

from . import TOP


class Smoke(unittest.TestCase):
    def setUp(self):
        work = tempfile.TemporaryDirectory()
        self.addCleanup(work.cleanup)
        self.work = Path(work.name)
        self.output = io.StringIO()
        redirect = contextlib.redirect_stdout(self.output)
        redirect.__enter__()
        self.addCleanup(redirect.__exit__, None, None, None)

    def test_cost(self):
        cost.main(mock.Mock(smoke=True, version='6.12'))
        for text in ('kernel-hooks.patch ', 'bytes of Linux 0.0.0, x86 ', 'bytes of immutable_rootfs.ko ', 'Message-Id'):
            self.assertIn(text, self.output.getvalue())

    def test_distro(self):
        """A case that is made or run in another way than a real one is seen."""
        for name in ('vmlinuz', 'plain.img', 'pivot.img', 'system.ext4'):
            (self.work / name).touch()
        results = distro.boot(self.work, str(self.work), smoke=True)
        self.assertEqual([result.ok for result in results], [True] * 5)
        self.assertIn('ok 5 pivot_init', self.output.getvalue())
        case = runner.Case
        with mock.patch.object(runner, 'Case', lambda planned, booted, images, logs, one_more, **words:
                               case(planned, booted, images, logs, **words)), self.assertRaises(TypeError):
            distro.boot(self.work, str(self.work), smoke=True)

    def test_next_version(self):
        distro.checkout(self.work / 'checkout')
        self.assertFalse((self.work / 'checkout/.git').exists())
        old = (TOP / 'dkms.conf').read_text(encoding='utf-8')
        distro.raise_version(self.work / 'checkout')
        self.assertNotEqual((self.work / 'checkout/dkms.conf').read_text(encoding='utf-8'), old)

    def test_bench(self):
        """Its tables, with numbers that are made up."""
        kernel = smoke.Kernel(self.work).get_image()
        numbers = {**dict.fromkeys((*bench.COSTS, 'load', 'kept', 'handover', 'back', 'before', 'held'), 7), 'sample': [[1, 2]]}
        kernels = dict.fromkeys(bench.KERNELS, kernel)
        plotted: list = []
        with mock.patch.multiple(bench, DATA=self.work / 'data', PLOTS=self.work / 'plots', must=lambda *words: plotted.append(words)):
            bench.tell(dict.fromkeys(bench.plan(kernels), numbers), kernels)
        self.assertIn('Goals', self.output.getvalue())
        self.assertEqual(plotted[0][0], 'gnuplot')
        self.assertIn('handover.tsv', [path.name for path in (self.work / 'data').iterdir()])
