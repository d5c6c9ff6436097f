# SPDX-License-Identifier: GPL-2.0-only
"""Versions, flavours and architectures refer to what there is, and all that there is is referred to."""
import re
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from tests.table import SELECTIONS, TESTS
from vmtest import Failure, config, flavours, kernel

from . import TOP

HEADING = '# name origin series runs expected\n'


class Versions(unittest.TestCase):
    def read(self, text):
        return config.read_versions(HEADING + text)

    def refused(self, pattern, text):
        with self.assertRaisesRegex(Failure, '^tests/kernels:' + pattern):
            self.read(text)

    def test_row(self):
        rows = self.read('6.12  linux-source-6.12  6.12  check,lsm  applies\n\n5.10 newest 5.10 - too old\n')
        self.assertEqual(list(rows), ['6.12', '5.10'])
        self.assertEqual(rows['6.12'], config.Version('6.12', 'linux-source-6.12', '6.12', frozenset({'check', 'lsm'}), 'applies'))
        self.assertEqual((rows['5.10'].runs, rows['5.10'].expected), (frozenset(), 'too old'))

    def test_refused(self):
        good = '6.12 newest 6.12 check applies\n'
        self.read(good)
        self.refused('2: .*5 columns', '6.12 newest 6.12 check\n')
        self.refused('3: 6.12 is there twice', good + good)
        self.refused("2: .*'chek'.*check", '6.12 newest 6.12 chek applies\n')
        self.refused("2: .*'aplies'.*applies", '6.12 newest 6.12 check aplies\n')
        self.refused("2: .*'latest'.*oldest", '6.12 latest 6.12 check applies\n')
        self.refused("2: .*series", '6.12 newest six check applies\n')

    def test_the_table(self):
        text = (TOP / 'tests/kernels').read_text(encoding='utf-8')
        rows = [line for line in text.splitlines() if line and not line.startswith('#')]
        self.assertEqual(len(config.VERSIONS), len(rows))
        self.assertEqual(config.VERSIONS[config.DEFAULT_VERSION].expected, 'applies')
        self.assertIn(config.DEFAULT_VERSION, config.running('check'))
        for word in config.RUNS:
            self.assertTrue(config.running(word), f'no version runs {word}')

    def test_one_home(self):
        """The default stands in tests/kernels, and in no program."""
        programs = subprocess.run(['git', 'ls-files', 'vmtest', 'tests/table', 'scripts', 'Makefile'], cwd=TOP,
                                  capture_output=True, text=True, check=False).stdout.split()
        if not programs:
            self.skipTest('not in git')
        named = [f'{path}:{number}' for path in programs if (TOP / path).is_file()
                 for number, line in enumerate((TOP / path).read_text(encoding='utf-8').splitlines(), 1)
                 if re.search(rf'''["'=]{re.escape(config.DEFAULT_VERSION)}["']''', line)]
        self.assertEqual(named, [])


class Flavours(unittest.TestCase):
    def test_names(self):
        for name, row in config.FLAVOURS.items():
            self.assertEqual(name, row.name)
            self.assertEqual(config.flavour(name), row)
            self.assertTrue(row.text)
        with self.assertRaisesRegex(Failure, "^no flavour 'strange', there are stock, builtin"):
            config.flavour('strange')

    def test_what_they_refer_to(self):
        words = subprocess.run([TOP / 'scripts/setup', 'nonsuch'], capture_output=True, text=True, check=False).stderr
        groups = set(re.findall(r'[\w-]+', words.partition('there are ')[2]))
        for row in config.FLAVOURS.values():
            with self.subTest(row.name):
                for fragment in row.fragments:
                    self.assertTrue((TOP / f'tests/configs/{fragment}.config').is_file(), fragment)
                self.assertIn(row.objects, config.OBJECTS)
                self.assertIn(row.extra, {'', *config.RUNS})
                if row.reference:
                    self.assertFalse(config.FLAVOURS[row.reference].patched)
                    self.assertEqual(config.FLAVOURS[row.reference].objects, row.objects)
                self.assertLessEqual(set(row.groups), groups)
                self.assertFalse(row.builtin and row.loadable)
                if row.builtin or row.loadable:
                    self.assertTrue(row.patched)
        for name, counting in config.COVERED.items():
            self.assertTrue(config.FLAVOURS[counting].coverage)
            self.assertEqual((config.FLAVOURS[name].builtin, config.FLAVOURS[name].loadable),
                             (config.FLAVOURS[counting].builtin, config.FLAVOURS[counting].loadable))

    def test_objects_are_used(self):
        self.assertEqual(set(config.OBJECTS), {row.objects for row in config.FLAVOURS.values()})

    def test_tests_refer_to_them(self):
        for test in TESTS:
            for name in test.flavours:
                self.assertIn(name, {*config.FLAVOURS, config.HOST}, test.name)
        self.assertEqual(len({test.name for test in TESTS}), len(TESTS), 'two tests have one name')

    def test_kinds(self):
        """Each is built by a class that keeps what the row says."""
        for row in config.FLAVOURS.values():
            kind = flavours.kind_of(row)
            self.assertEqual(issubclass(kind, flavours.CoverageKernel), row.coverage, row.name)
            self.assertEqual(issubclass(kind, flavours.LoadableKernel), row.loadable, row.name)
            self.assertEqual(issubclass(kind, flavours.DebKernel), row.packaged, row.name)
            self.assertEqual(issubclass(kind, flavours.TrustsTestKey), row.test_key, row.name)


class Architectures(unittest.TestCase):
    def test_what_they_refer_to(self):
        for name, row in config.ARCHITECTURES.items():
            with self.subTest(name):
                self.assertEqual(name, row.name)
                for fragment in row.fragments:
                    self.assertTrue((TOP / f'tests/configs/{fragment}.config').is_file(), fragment)
                self.assertIn(row.tests, SELECTIONS)
                if row.cross:
                    self.assertTrue(row.groups)
        self.assertEqual(len({row.suffix for row in config.ARCHITECTURES.values()}), len(config.ARCHITECTURES))
        with self.assertRaisesRegex(Failure, "^no machine 'strange', there are x86_64"):
            config.architecture('strange')


class Fragments(unittest.TestCase):
    def test_all_are_used(self):
        """NAME.config by a flavour or an architecture, NAME-SERIES.config and NAME-FIRST-LAST.config as well, for series that there are."""
        used = {'base', 'distro', 'kernel-deb', 'no-debug', *(name for row in (*config.FLAVOURS.values(), *config.ARCHITECTURES.values())
                                    for name in row.fragments)}
        found = {path for name in used for row in config.VERSIONS.values() for path in kernel.fragments_of(name, row.series)}
        self.assertEqual(found, set((TOP / 'tests/configs').iterdir()))

    def test_series(self):
        """Numbers are compared, and a name that begins with another one is not of it."""
        with tempfile.TemporaryDirectory() as work, mock.patch.object(kernel, 'CONFIGS', Path(work)):
            for name in ('a', 'a-b', 'a-b-6.1', 'a-6.1', 'a-5.10-5.17', 'a-5.10', 'a-6.6-6.12'):
                Path(work, f'{name}.config').touch()
            for series, names in {'5.9': ['a'], '5.10': ['a', 'a-5.10-5.17', 'a-5.10'], '5.17': ['a', 'a-5.10-5.17'], '6.1': ['a', 'a-6.1'],
                                  '6.8': ['a', 'a-6.6-6.12'], '6.18': ['a'], '7': ['a']}.items():
                self.assertEqual([path.stem for path in kernel.fragments_of('a', series)], names, series)

    def test_kernels_find_them(self):
        source = mock.Mock(series='6.12', version='6.12', id='id')
        source.name = '6.12'
        with mock.patch.object(kernel, 'source', lambda *words: source), mock.patch.object(kernel, 'run', lambda *w, **m: (0, 'gcc')):
            names = [path.name for path in flavours.kernel('6.12', 'debug').fragments]
        self.assertEqual(names, ['base.config', 'x86.config', 'builtin.config', 'debug.config', 'debug-6.6-6.12.config'])


class Shares(unittest.TestCase):
    def test_order(self):
        """What is left out first: random operations, builds of their own, other versions, long tests, and the rest never."""
        self.assertEqual(list(config.SHARES), ['guest', 'long', 'versions', 'builds', 'stress'])
        self.assertEqual({share.begin for share in config.SHARES.values() if share.build == float('inf')}, {float('inf')})
