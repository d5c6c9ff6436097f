# SPDX-License-Identifier: GPL-2.0-only
"""Where kernel sources come from, and what tells one from another."""
import os
import shutil
import subprocess
import tarfile
import tempfile
import unittest
from io import BytesIO
from pathlib import Path
from unittest import mock

from vmtest import Failure, debian, sources
from vmtest.config import GIVEN_VERSIONS, VERSIONS


MAKEFILE = '# SPDX-License-Identifier: GPL-2.0\nVERSION = 6\nPATCHLEVEL = 6\nSUBLEVEL = 1\n'


class Names(unittest.TestCase):
    def test_numbers(self):
        self.assertEqual(debian.numbers('6.12.107-1~bpo13+1'), [6, 12, 107, 1, 13, 1])
        versions = ['6.12.8-1', '6.12.9-1', '6.12.10-1', '6.12.107-1', '6.2.1-1', '6.12.9-1+b1']
        self.assertEqual(sorted(versions, key=debian.numbers),
                         ['6.2.1-1', '6.12.8-1', '6.12.9-1', '6.12.9-1+b1', '6.12.10-1', '6.12.107-1'])

    def test_kernel_sources(self):
        """Those of a series, the oldest first; 6.1 is no 6.12."""
        known = {debian.Release('linux', version) for version in
                 ('6.1.192-3', '6.12.8-1', '6.12.107-1', '6.12.10-1', '7.0.1-1', '7.3.4-1')}
        with mock.patch.object(debian, 'all_kernel_sources', lambda: known):
            self.assertEqual([release.version for release in debian.kernel_sources('6.12')],
                             ['6.12.8-1', '6.12.10-1', '6.12.107-1'])
            self.assertEqual([release.version for release in debian.kernel_sources('6.1')], ['6.1.192-3'])
            self.assertEqual([release.version for release in debian.kernel_sources('7')], ['7.0.1-1', '7.3.4-1'])
            self.assertEqual(debian.kernel_sources('5.10'), [])

    def test_sites(self):
        """The machine's own archive, and that of its security updates; what is not Debian's is left alone."""
        said = 'http://one/debian bookworm\nhttp://one/debian bookworm-updates\nhttp://two/security bookworm-security\n'
        with mock.patch.object(debian, 'run', lambda *words, **more: (0, said)), \
                mock.patch.object(debian.os.path, 'exists', lambda path: True):
            self.assertEqual(debian.sites(), {'': 'http://one/debian', '-updates': 'http://one/debian', '-security': 'http://two/security'})
            lines = debian.sources_of('trixie').splitlines()
        self.assertEqual([line.split('] ')[1] for line in lines],
                         ['http://one/debian trixie main', 'http://one/debian trixie-updates main',
                          'http://two/security trixie-security main'])
        with mock.patch.object(debian, 'run', lambda *words, **more: (0, '')), \
                self.assertRaisesRegex(Failure, 'apt knows no archive of Debian'):
            debian.sites()


class Given(unittest.TestCase):
    """KERNEL_SRC"""

    def setUp(self):
        work = tempfile.TemporaryDirectory()
        self.addCleanup(work.cleanup)
        self.work = Path(work.name)
        self.tree = self.work / 'linux'
        (self.tree / 'fs').mkdir(parents=True)
        for name, content in (('Kbuild', 'k'), ('Makefile', MAKEFILE), ('fs/namespace.c', 'n')):
            (self.tree / name).write_text(content, encoding='utf-8')
        sources.given_source.cache_clear()

    def given(self, path=None):
        sources.given_source.cache_clear()
        return sources.source('6.12', str(path or self.tree))

    def archive(self, name='linux.tar.gz', top='linux-6.6.1', **contents):
        path = self.work / name
        with tarfile.open(path, 'w:gz') as tar:
            for file, content in (contents or {'Kbuild': 'k', 'Makefile': MAKEFILE, 'fs/namespace.c': 'n', 'fs/namei.c': 'i'}).items():
                info = tarfile.TarInfo(f'{top}/{file}')
                info.size = len(content)
                tar.addfile(info, BytesIO(content.encode()))
        return path

    def test_tree_id(self):
        first = self.given()
        self.assertEqual(first.id, self.given().id)
        self.assertTrue(first.id.startswith(first.stem))
        self.assertEqual((first.series, first.version), ('6.6', '6.6'))     # of its Makefile, whatever was asked for
        (self.tree / 'fs/namespace.c').write_text('another', encoding='utf-8')
        changed = self.given()
        self.assertNotEqual(changed.id, first.id)
        self.assertEqual(changed.name, first.name)      # takes its place
        (self.tree / 'fs/new.c').touch()
        self.assertNotEqual(self.given().id, changed.id)

    def test_git_is_no_content(self):
        before = self.given().id
        (self.tree / '.git').mkdir()
        (self.tree / '.git/index').touch()
        self.assertEqual(self.given().id, before)

    def test_other_tree_other_name(self):
        other = self.work / 'other'
        shutil.copytree(self.tree, other)
        self.assertNotEqual(self.given().name, self.given(other).name)

    def test_archive_id(self):
        path = self.archive()
        first = self.given(path)
        self.assertEqual(first.id, self.given(path).id)
        self.assertEqual((first.name, first.series), ('archive', '6.6'))
        os.utime(path, (0, 0))
        self.assertNotEqual(self.given(path).id, first.id)

    def test_refused(self):
        with self.assertRaisesRegex(Failure, '^KERNEL_SRC=/nonexistent: no such directory or tar archive$'):
            self.given('/nonexistent')
        (self.tree / 'Makefile').write_text('nothing', encoding='utf-8')
        with self.assertRaisesRegex(Failure, '^KERNEL_SRC=.*: its Makefile has no VERSION and PATCHLEVEL$'):
            self.given()
        (self.tree / 'Kbuild').unlink()
        with self.assertRaisesRegex(Failure, '^KERNEL_SRC=.*: not a kernel source tree$'):
            self.given()

    def test_environment(self):
        with mock.patch.dict(os.environ, KERNEL_SRC=str(self.tree)):
            self.assertEqual(sources.source('6.12').path, self.tree.resolve())
            self.assertEqual(sources.version('6.12'), '6.6')
        self.assertEqual(sources.version('6.12'), '6.12')
        with self.assertRaisesRegex(Failure, "^'9.9' is no kernel of tests/kernels, there are 6.*; or set KERNEL_SRC$"):
            sources.source('9.9')

    def test_versions_without_a_source(self):
        """They are in the table so that a source that is given is known."""
        for name in GIVEN_VERSIONS:
            with self.assertRaisesRegex(Failure, rf'^{name}: .*name a tree or a tar archive of it with KERNEL_SRC=$'):
                sources.source(name)

    def test_files_of_a_tree(self):
        """They are where they are."""
        self.assertEqual(self.given().files(['fs/namespace.c']), self.tree.resolve())

    def test_files_of_an_archive(self):
        found = self.given(self.archive()).files(['fs/namespace.c', 'fs/nullfs.c', 'Kbuild'])
        names = sorted(str(path.relative_to(found)) for path in found.rglob('*') if path.is_file())
        self.assertEqual(names, ['Kbuild', 'fs/namespace.c'])
        self.assertEqual((found / 'fs/namespace.c').read_text(encoding='utf-8'), 'n')

    def test_whole_archive(self):
        path = self.archive()
        found = self.given(path).tree()
        self.assertEqual(sorted(str(file.relative_to(found)) for file in found.rglob('*') if file.is_file()),
                         ['Kbuild', 'Makefile', 'fs/namei.c', 'fs/namespace.c'])
        self.assertTrue(path.is_file())     # the user's

    def test_no_tree_in_it(self):
        path = self.archive('other.tar.gz', Makefile=MAKEFILE)
        with self.assertRaisesRegex(Failure, 'no kernel source tree in it$'):
            self.given(path).tree()
        self.assertTrue(path.is_file())

    def test_no_archive(self):
        path = self.work / 'broken.tar.gz'
        path.write_bytes(b'nothing')
        with self.assertRaisesRegex(Failure, r'^broken.tar.gz: cannot unpack .*broken.tar.gz: '):
            self.given(path).tree()

    def test_copy_of_a_tree(self):
        (self.tree / '.git').mkdir()
        (self.tree / 'link').symlink_to('Kbuild')
        found = self.given().tree()
        self.assertFalse((found / '.git').exists())
        self.assertTrue((found / 'link').is_symlink())


class Untar(unittest.TestCase):
    def setUp(self):
        work = tempfile.TemporaryDirectory()
        self.addCleanup(work.cleanup)
        self.work = Path(work.name)
        (self.work / 'linux-6.12/fs/fs').mkdir(parents=True)
        for name in ('Makefile', 'fs/Makefile', 'fs/namespace.c', 'fs/fs/namespace.c'):
            (self.work / 'linux-6.12' / name).write_text(name, encoding='utf-8')
        (self.work / 'tree').mkdir()

    def untar(self, names, kind='xz'):
        archive = self.work / f'linux.tar.{kind}'
        subprocess.run(['tar', '-C', self.work, '-caf', archive, 'linux-6.12'], check=True)
        tree = self.work / 'tree'
        return sources.untar(archive, tree, names), sorted(
            str(path.relative_to(tree)) for path in tree.rglob('*') if path.is_file())

    def test_names(self):
        """Those that there are, at their own place; that others are missing is no error."""
        self.assertEqual(self.untar(['Makefile', 'fs/namespace.c', 'fs/nullfs.c']), ([], ['Makefile', 'fs/namespace.c']))

    def test_all(self):
        self.assertEqual(self.untar([], 'gz'), ([], ['Makefile', 'fs/Makefile', 'fs/fs/namespace.c', 'fs/namespace.c']))

    def test_damaged(self):
        archive = self.work / 'linux.tar.xz'
        archive.write_bytes(b'not compressed')
        self.assertTrue(sources.untar(archive, self.work / 'tree', []))


class Package(unittest.TestCase):
    def test_candidate(self):
        row = mock.Mock(series='6.12', origin='linux-source-6.12')
        row.name = '6.12'
        with mock.patch.object(sources, 'run', lambda command, **more: (0, '  Candidate: 6.12.117-1~deb12u1\n')):
            found = sources.PackageSource(row)
        self.assertEqual(found.id, 'linux-source-6.12_6.12.117-1~deb12u1')
        self.assertEqual(found.file_name(), 'linux-source-6.12_6.12.117-1~deb12u1_all.deb')

    def test_unknown(self):
        row = mock.Mock(series='9.9', origin='linux-source-9.9')
        row.name = '9.9'
        answers = {'policy': '  Candidate: (none)\n', 'search': 'linux-source-6.12 - Linux\nlinux-source-6.1 - Linux\n'}
        with mock.patch.object(sources, 'run', lambda command, **more: (0, answers[command[1]])), \
                self.assertRaisesRegex(Failure, '^9.9: apt knows no package linux-source-9.9; there are 6.1, 6.12$'):
            sources.PackageSource(row)


class File(unittest.TestCase):
    """A package that no list of the archive names."""

    def row(self, origin):
        row = mock.Mock(series='6.16', origin=origin)
        row.name = '6.16'
        return row

    def test_checksums(self):
        rows = [row for row in VERSIONS.values() if row.origin.endswith('.deb')]
        for row in rows:
            self.assertRegex(sources.FileSource(row).checksum, '^[0-9a-f]{64}$')
        sums = sources.SUMS.read_text(encoding='ascii').splitlines()
        self.assertEqual(len(sums), len(rows))

    def test_no_checksum(self):
        with self.assertRaisesRegex(Failure, '^6.16: tests/kernels.sha256 has no line for linux-source-6.16_1_all.deb$'):
            sources.FileSource(self.row('linux-source-6.16_1_all.deb'))
