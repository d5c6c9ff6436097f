# SPDX-License-Identifier: GPL-2.0-only
"""What newc.py writes is what cpio(1) reads."""
import os
import re
import shutil
import stat
import subprocess
import tarfile
import tempfile
import unittest
from io import BytesIO
from pathlib import Path

from vmtest import bench, newc


class Archives(unittest.TestCase):
    def setUp(self):
        if not shutil.which('cpio'):
            self.skipTest('cpio is not installed')
        work = tempfile.TemporaryDirectory()
        self.addCleanup(work.cleanup)
        self.work = Path(work.name)
        self.path = self.work / 'archive.cpio'

    def cpio(self, *words, cwd=None):
        with open(self.path, 'rb') as archive:
            done = subprocess.run(['cpio', '--quiet', *words], stdin=archive, capture_output=True, text=True, cwd=cwd, check=False,
                                  env={**os.environ, 'LC_ALL': 'C', 'TZ': 'UTC'})
        self.assertEqual((done.returncode, done.stderr), (0, ''))
        return done.stdout.splitlines()

    def listed(self):
        """name -> (mode, number of names, size or device)"""
        found = {}
        for line in self.cpio('-itv', '--numeric-uid-gid'):
            mode, links, uid, gid, *size, _, _, _, name = re.sub(', +', ',', line.partition(' -> ')[0]).split()
            found[name] = mode, int(links), f'{uid}:{gid}', *size
        return found

    def extracted(self):
        tree = self.work / 'tree'
        tree.mkdir()
        self.cpio('-idm', '--no-absolute-filenames', cwd=tree)
        return tree

    def test_kinds(self):
        with newc.Archive(self.path) as archive:
            archive.directory('dev', 0o700, 1000, 100)
            archive.node('dev/console', stat.S_IFCHR, 0o600, 5, 1)
            archive.node('dev/vda', stat.S_IFBLK, 0o660, 254, 0)
            archive.file('text', 'é\n', 0o755, 1, 2)
            archive.file('empty', b'')
            archive.symlink('link', 'text')
        self.assertEqual(self.listed(), {
            'dev': ('drwx------', 2, '1000:100', '0'),
            'dev/console': ('crw-------', 1, '0:0', '5,1'),
            'dev/vda': ('brw-rw----', 1, '0:0', '254,0'),
            'text': ('-rwxr-xr-x', 1, '1:2', '3'),
            'empty': ('-rw-r--r--', 1, '0:0', '0'),
            'link': ('lrwxrwxrwx', 1, '0:0', '4'),
        })

    def test_content(self):
        contents = {f'file-{size}': os.urandom(size) for size in (0, 1, 2, 3, 4, 5, 511, 512, 513, 100000)}
        with newc.Archive(self.path) as archive:
            for name, content in contents.items():
                archive.file(name, content)
            archive.symlink('link', 'file-1')
        self.assertEqual(self.path.stat().st_size % newc.ALIGNMENT, 0)
        tree = self.extracted()
        self.assertEqual({path.name: path.read_bytes() for path in tree.iterdir() if not path.is_symlink()}, contents)
        self.assertEqual(os.readlink(tree / 'link'), 'file-1')

    def test_concatenated(self):
        """The kernel unpacks one after the other: each begins at a multiple of four bytes, and names are unique in each only."""
        for name in ('one', 'two'):
            with newc.Archive(self.work / name) as archive:
                archive.file(name, name)
        self.path.write_bytes(b''.join((self.work / name).read_bytes() for name in ('one', 'two')))
        self.assertEqual(list(self.listed()), ['one'])      # cpio(1) stops at the first trailer
        second = self.path.read_bytes()[(self.work / 'one').stat().st_size:]
        self.path.write_bytes(second)
        self.assertEqual(list(self.listed()), ['two'])

    def test_tree(self):
        top = self.work / 'top'
        (top / 'directory').mkdir(parents=True)
        (top / 'directory/program').write_text('p', encoding='utf-8')
        (top / 'directory/program').chmod(0o700)
        (top / 'text').write_text('t', encoding='utf-8')
        (top / 'text').chmod(0o600)
        (top / 'link').symlink_to('text')
        (top / 'left').touch()
        with newc.Archive(self.path) as archive:
            archive.directory('there')
            archive.tree(top, 'there/', skip=('left',))
        self.assertEqual({name: row[0] for name, row in self.listed().items()}, {
            'there': 'drwxr-xr-x', 'there/directory': 'drwxr-xr-x', 'there/directory/program': '-rwxr-xr-x',
            'there/link': 'lrwxrwxrwx', 'there/text': '-rw-r--r--'})

    def tar(self):
        """As mmdebstrap writes it: names begin with ./, a file has several names, and /dev has devices."""
        path = self.work / 'system.tar'
        with tarfile.open(path, 'w') as tar:
            def add(name, kind, mode=0o644, content=b'', **more):
                info = tarfile.TarInfo(f'./{name}')
                info.type, info.mode, info.size = kind, mode, len(content)
                for key, value in more.items():
                    setattr(info, key, value)
                tar.addfile(info, BytesIO(content))
            add('', tarfile.DIRTYPE, 0o755)
            add('bin', tarfile.DIRTYPE, 0o755)
            add('bin/one', tarfile.REGTYPE, 0o4755, b'content', uid=1, gid=2)
            add('bin/two', tarfile.LNKTYPE, 0o4755, linkname='./bin/one', uid=1, gid=2)
            add('bin/three', tarfile.LNKTYPE, 0o4755, linkname='./bin/one', uid=1, gid=2)
            add('bin/alone', tarfile.REGTYPE, 0o644, b'alone')
            add('sh', tarfile.SYMTYPE, 0o777, linkname='bin/one')
            add('null', tarfile.CHRTYPE, 0o666, devmajor=1, devminor=3)
            add('disk', tarfile.BLKTYPE, 0o660, devmajor=8, devminor=1)
            add('pipe', tarfile.FIFOTYPE, 0o600)
            add('doc/readme', tarfile.REGTYPE, 0o644, b'left out')
        return path

    def test_tar(self):
        with newc.Archive(self.path) as archive:
            added = archive.tar(self.tar(), lambda name: name.startswith('doc/'))
        listed = self.listed()
        self.assertEqual(added, set(listed))
        self.assertEqual(listed['null'], ('crw-rw-rw-', 1, '0:0', '1,3'))
        self.assertEqual(listed['disk'], ('brw-rw----', 1, '0:0', '8,1'))
        self.assertEqual(listed['pipe'][0], 'prw-------')
        self.assertEqual(listed['sh'][0], 'lrwxrwxrwx')
        self.assertEqual({row[:3] for name, row in listed.items() if name in ('bin/one', 'bin/two', 'bin/three')},
                         {('-rwsr-xr-x', 3, '1:2')})
        self.assertEqual(listed['bin/alone'][:2], ('-rw-r--r--', 1))
        self.assertEqual(set(listed), {'bin', 'bin/one', 'bin/two', 'bin/three', 'bin/alone', 'sh', 'null', 'disk', 'pipe'})

    def test_hard_links(self):
        """They come out as one file. cpio(1) can make no devices for an ordinary user, so they stay."""
        with newc.Archive(self.path) as archive:
            archive.tar(self.tar(), lambda name: name in ('null', 'disk', 'doc/readme'))
        tree = self.extracted()
        files = [tree / 'bin' / name for name in ('one', 'two', 'three')]
        self.assertEqual(len({path.stat().st_ino for path in files}), 1)
        self.assertEqual(files[0].stat().st_nlink, 3)
        self.assertEqual({path.read_bytes() for path in files}, {b'content'})
        self.assertEqual((tree / 'bin/alone').stat().st_nlink, 1)

    def test_reader(self):
        """bench.py looks into them as well."""
        with newc.Archive(self.path) as archive:
            archive.directory('usr')
            archive.file('usr/one', b'12345')
            archive.symlink('usr/link', 'one')
            archive.file('usr/two', b'1234567')
        self.assertEqual(list(bench.archive_members(self.path)), [('usr/one', b'12345'), ('usr/two', b'1234567')])
