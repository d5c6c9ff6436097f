# SPDX-License-Identifier: GPL-2.0-only
"""
What is kept in the cache is found again as long as its inputs are the same: the text of our programs is no input, and
each input changes what is made of it, and nothing else.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from vmtest.config import ARCHITECTURES, DEFAULT_VERSION, FLAVOURS, running

from . import TOP, executable

APT = '''
    case "$1 $2" in
    "policy "*) echo "  Candidate: ${2#linux-source-}.%s" ;;
    esac'''
OTHER = running('check')[1]


class Keys(unittest.TestCase):
    work: Path
    checkout: Path
    before: dict

    @classmethod
    def setUpClass(cls):
        work = tempfile.TemporaryDirectory()
        cls.addClassCleanup(work.cleanup)
        cls.work = Path(work.name)
        (cls.work / 'bin').mkdir()
        cls.programs()
        cls.checkout = cls.work / 'before'
        # What git has here, and no more: a bench or a build may have left something.
        cls.checkout.mkdir()
        subprocess.run(f'tar -C "{TOP}" --exclude-vcs --exclude-vcs-ignores -c . | tar -C "{cls.checkout}" -x', shell=True, check=True)
        cls.before = cls.keys(cls.checkout)

    @classmethod
    def programs(cls, gcc='gcc (Debian) 12', patch='1-1'):
        executable(cls.work / 'bin/apt-cache', APT % patch)
        executable(cls.work / 'bin/gcc', f'echo "{gcc}"')
        for compiler in {*(f'{row.cross}gcc' for row in ARCHITECTURES.values() if row.cross),
                         *(f'clang{row.llvm}' for row in FLAVOURS.values() if row.llvm)}:
            executable(cls.work / 'bin' / compiler, f'echo "{compiler}: {gcc}"')

    @classmethod
    def keys(cls, checkout):
        environment = {**os.environ, 'PATH': f'{cls.work}/bin:{os.environ["PATH"]}', 'XDG_CACHE_HOME': f'{cls.work}/cache'}
        done = subprocess.run([sys.executable, '-B', '-m', 'tests.unit.keys'], cwd=checkout, env=environment,
                              capture_output=True, text=True, check=False)
        if done.returncode:
            raise AssertionError(done.stderr)
        return json.loads(done.stdout)

    def changed(self, change):
        """The names of the keys that are others after change(checkout)."""
        checkout = self.work / 'after'
        shutil.copytree(self.checkout, checkout, symlinks=True)
        self.addCleanup(shutil.rmtree, checkout, ignore_errors=True)
        change(checkout)
        after = self.keys(checkout)
        shutil.rmtree(checkout)
        self.assertEqual(set(after), set(self.before))
        return {name for name in after if after[name] != self.before[name]}

    def check(self, change, *wanted):
        """wanted: patterns of names"""
        names = {name for name in self.before if any(re.fullmatch(pattern, name) for pattern in wanted)}
        for pattern in wanted:
            self.assertTrue(any(re.fullmatch(pattern, name) for name in self.before), f'{pattern}: there is no such key')
        self.assertEqual(self.changed(change), names)

    def append(self, text, *paths):
        def change(checkout):
            for path in paths:
                with open(checkout / path, 'a', encoding='utf-8') as file:
                    file.write(text)
        return change

    def replace(self, path, old, new):
        def change(checkout):
            text = (checkout / path).read_text(encoding='utf-8')
            self.assertEqual(text.count(old), 1, f'{path}: {old}')
            (checkout / path).write_text(text.replace(old, new), encoding='utf-8')
        return change

    def flavours(self, which):
        """A pattern of their kernels, of all versions."""
        return f"kernel ({'|'.join(map(re.escape, running('check')))}) ({'|'.join(row.name for row in FLAVOURS.values() if which(row))})"

    OTHER_MACHINES = r'kernel \S+ builtin \S+'
    # Made by a system for the loadable kernel
    INITRAMFS = 'initramfs .*'

    def test_there_are_keys(self):
        for pattern in ('kernel .*', 'userland .*', self.INITRAMFS, 'guest .*', 'selftests', 'kernel distro'):
            self.assertTrue(any(re.fullmatch(pattern, name) for name in self.before), pattern)
        self.assertEqual(len({key for name, key in self.before.items() if name.startswith('kernel')}),
                         len([name for name in self.before if name.startswith('kernel')]))

    def test_same_again(self):
        self.check(lambda checkout: None)

    def test_comments(self):
        """In all files of our programs, and a function that is new there: nothing is rebuilt."""
        def change(checkout):
            paths = [*checkout.glob('vmtest/**/*.py'), *checkout.glob('tests/table/*.py'), checkout / 'Makefile',
                     *checkout.glob('scripts/vmtest'), *checkout.glob('scripts/setup')]
            self.assertGreater(len(paths), 25)
            for path in paths:
                with open(path, 'a', encoding='utf-8') as file:
                    file.write('\n# A comment\n')
                    if path.suffix == '.py' and path.name != '__main__.py':
                        file.write('\n\ndef one_more():\n    """Not called."""\n')
        self.check(change)

    def test_texts(self):
        """Nor when README, tests or hosts' tests change."""
        self.check(self.append('\n# more\n', 'README.md', 'tests/host/commands', 'tests/table/root.py', 'Documentation/carrying.md'))

    def test_fragment_of_a_flavour(self):
        self.check(self.append('CONFIG_X=y\n', 'tests/configs/debug.config'), self.flavours(lambda row: 'debug' in row.fragments))

    def test_fragment_of_all(self):
        self.check(self.append('CONFIG_X=y\n', 'tests/configs/base.config'), self.flavours(lambda row: row.name not in ('native', 'distro')),
                   self.OTHER_MACHINES, self.INITRAMFS)

    def test_fragment_of_a_version(self):
        self.check(self.append('CONFIG_X=y\n', f'tests/configs/debug-{OTHER}.config'), f'kernel {re.escape(OTHER)} debug(-loadable)?')

    def test_fragment_of_an_architecture(self):
        self.check(self.append('CONFIG_X=y\n', 'tests/configs/arm64.config'), r'kernel \S+ builtin arm64')

    def test_fragment_of_the_distribution(self):
        self.check(self.append('CONFIG_X=y\n', 'tests/configs/distro.config'), 'kernel distro')

    def test_module(self):
        """It is built in, or beside the loadable kernels; the packaged ones are without."""
        self.check(self.append('/* more */\n', 'module/nullfs.c'), self.flavours(lambda row: row.builtin or row.loadable), self.OTHER_MACHINES,
                   'kernel distro', self.INITRAMFS)

    def test_patch(self):
        self.check(self.append('\n', 'kernel-hooks.patch'), self.flavours(lambda row: row.patched), self.OTHER_MACHINES, 'kernel distro',
                   self.INITRAMFS)

    def test_choice_of_patches(self):
        self.check(self.append('\n', 'scripts/patches'), self.flavours(lambda row: row.patched), self.OTHER_MACHINES, 'kernel distro',
                   self.INITRAMFS)

    def test_add_to_tree(self):
        self.check(self.append('\n', 'scripts/add-to-tree'), self.flavours(lambda row: row.builtin), self.OTHER_MACHINES, 'kernel distro')

    def test_guest(self):
        self.check(self.append('\n', 'tests/guest/guest.h'), 'guest .*')

    def test_guest_that_is_in_an_initramfs_as_well(self):
        self.check(self.append('\n', 'tests/guest/exitrd.sh'), 'guest .*', self.INITRAMFS)

    def test_hooks(self):
        self.check(self.append('\n', 'initramfs/common/load'), self.INITRAMFS)

    def test_packages(self):
        self.check(self.replace('vmtest/userland.py', 'DEBIAN = ["systemd-sysv"', 'DEBIAN = ["one-more", "systemd-sysv"'), 'userland (ext4|squashfs)')

    def test_packages_of_a_system(self):
        self.check(self.replace('vmtest/userland.py', '"initramfs-tools", ("busybox",)', '"initramfs-tools", ("one-more", "busybox")'),
                   '(userland|initramfs) debian12-initramfs-tools')

    def test_selftests(self):
        self.check(self.replace('vmtest/selftests.py', '    cachestat ', '    one-more cachestat '), 'selftests')

    def test_recipes(self):
        for path, name, *wanted in (
                ('kernel', 'RECIPE', 'kernel .*', self.INITRAMFS), ('userland', 'RECIPE', 'userland .*', self.INITRAMFS),
                ('selftests', 'RECIPE', 'selftests'), ('images', 'GUEST_RECIPE', 'guest .*')):
            with self.subTest(path):
                text = (self.checkout / f'vmtest/{path}.py').read_text(encoding='utf-8')
                number, = re.findall(rf'^{name} = (\d+)', text, re.M)
                self.check(self.replace(f'vmtest/{path}.py', f'\n{name} = {number}', f'\n{name} = {int(number) + 1}'), *wanted)

    def test_compiler(self):
        self.programs(gcc='gcc (Debian) 13')
        self.addCleanup(self.programs)
        self.check(lambda checkout: None, 'kernel .*', 'guest .*', 'selftests', self.INITRAMFS)

    def test_compiler_of_a_flavour(self):
        for llvm in {row.llvm for row in FLAVOURS.values() if row.llvm}:
            executable(self.work / f'bin/clang{llvm}', 'echo another')
        self.addCleanup(self.programs)
        self.check(lambda checkout: None, self.flavours(lambda row: row.llvm))

    def test_source(self):
        self.programs(patch='2-1')
        self.addCleanup(self.programs)
        self.check(lambda checkout: None, 'kernel .*', 'guest .*', 'selftests', self.INITRAMFS)

    def test_place(self):
        """A checkout at another place finds the same."""
        checkout = self.work / 'a place'
        shutil.copytree(self.checkout, checkout, symlinks=True)
        self.assertEqual(self.keys(checkout), self.before)

    def test_wrong_row(self):
        """A mistake in tests/kernels is one line, not a traceback."""
        checkout = self.work / 'wrong'
        shutil.copytree(self.checkout, checkout, symlinks=True)
        self.append(f'{DEFAULT_VERSION}  newest\n', 'tests/kernels')(checkout)
        number = len((checkout / 'tests/kernels').read_text(encoding='utf-8').splitlines())
        done = subprocess.run([checkout / 'scripts/vmtest', '--help'], cwd=TOP, capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (1, ''))
        self.assertRegex(done.stderr, rf'^vmtest: tests/kernels:{number}: 2 columns, [^\n]*\n$')
