# SPDX-License-Identifier: GPL-2.0-only
"""The cache: an entry is complete or not there, is made once, and takes the place of the one before."""
import multiprocessing
import os
import stat
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path
from unittest import mock

from vmtest import Failure, process, store

from . import TOP


class InCache(unittest.TestCase):
    """With a cache of its own."""

    def setUp(self):
        work = tempfile.TemporaryDirectory()
        self.addCleanup(work.cleanup)
        self.cache = Path(work.name)
        self.progress = mock.Mock()
        for name, value in (('CACHE', self.cache), ('progress', self.progress)):
            patch = mock.patch.object(store, name, value)
            patch.start()
            self.addCleanup(patch.stop)
        patch = mock.patch.object(store.Times, 'PATH', self.cache / 'times.json')
        patch.start()
        self.addCleanup(patch.stop)
        self.place = self.cache / 'things'

    def names(self):
        return sorted(path.name for path in self.place.iterdir())


class Kept(InCache):
    def keep(self, name='thing-1', **more):
        def make(directory):
            self.made.append(name)
            (directory / 'content').write_text(name, encoding='utf-8')
        return store.kept(self.place / name, 'a thing', make, 0, **more)

    def setUp(self):
        super().setUp()
        self.made: list = []

    def test_made_once(self):
        for _ in range(2):
            self.assertEqual((self.keep() / 'content').read_text(encoding='utf-8'), 'thing-1')
        self.assertEqual(self.made, ['thing-1'])
        self.assertEqual(self.names(), ['thing-1'])

    def keep_after(self, seconds):
        """thing-2, that long after thing-1 was made."""
        self.keep('other-1')
        self.keep('thing-1')
        for name in self.names():
            os.utime(self.place / name, (time.time() - seconds,) * 2)

    def test_others_go(self):
        """Those that the caller says are older; nothing else."""
        self.keep_after(store.LONGEST_RUN + 60)
        self.keep('thing-2', others=lambda other: other.startswith('thing-'))
        self.assertEqual(self.names(), ['other-1', 'thing-2'])

    def test_others_in_use_stay(self):
        """A run of another checkout may go on with what it has found."""
        self.keep_after(store.LONGEST_RUN + 60)
        self.keep('thing-1')
        self.keep('thing-2', others=lambda other: other.startswith('thing-'))
        self.assertEqual(self.names(), ['other-1', 'thing-1', 'thing-2'])

    def test_nobody_else_may_not_read(self):
        self.assertEqual(stat.S_IMODE(self.keep().stat().st_mode) & 0o055, 0o055)

    def test_failure_leaves_nothing(self):
        self.keep('thing-1', others=lambda other: True)

        def fail(directory):
            (directory / 'half').touch()
            raise Failure('no such luck')
        for error in (Failure, KeyboardInterrupt):
            with self.subTest(error), self.assertRaises(error):
                store.kept(self.place / 'thing-2', 'a thing', fail if error is Failure else self.interrupted, 0,
                           others=lambda other: True)
            self.assertEqual(self.names(), ['thing-1'])     # and what was there is still there

    @staticmethod
    def interrupted(directory):
        (directory / 'half').touch()
        raise KeyboardInterrupt

    def test_failure_is_tried_again(self):
        with self.assertRaises(ZeroDivisionError):
            store.kept(self.place / 'thing-1', 'a thing', lambda directory: 1 / 0, 0)
        self.keep()
        self.assertEqual(self.made, ['thing-1'])

    def test_two_at_once(self):
        """The second waits for the first, and makes nothing."""
        begun = threading.Event()
        calls = []

        def slow(directory):
            calls.append(directory)
            begun.set()
            time.sleep(0.3)
            (directory / 'content').touch()

        def get():
            return store.kept(self.place / 'thing-1', 'a thing', slow, 0)
        first = threading.Thread(target=get)
        first.start()
        begun.wait(10)
        self.assertTrue((get() / 'content').exists())
        first.join()
        self.assertEqual(len(calls), 1)

    def test_what_a_killed_process_left(self):
        """A scratch directory whose owner is gone is removed, one whose owner runs is not."""
        gone = subprocess.Popen(['true'])
        gone.wait()
        self.place.mkdir()
        (self.place / f'.new-{gone.pid}-x').mkdir()
        (self.place / f'.new-{os.getppid()}-x').mkdir()
        self.keep()
        self.assertEqual(self.names(), [f'.new-{os.getppid()}-x', 'thing-1'])

    def test_no_space(self):
        with self.assertRaisesRegex(Failure, r'^a thing: .* needs 1000000000 GB free and has .* make room, or set XDG_CACHE_HOME'):
            store.kept(self.place / 'thing-1', 'a thing', lambda directory: None, 10 ** 9)
        self.assertFalse(self.place.exists())

    def test_remove_entry(self):
        """A reader that has opened a file of it can go on."""
        with open(self.keep() / 'content', encoding='utf-8') as content:
            store.remove_entry(self.place / 'thing-1')
            self.assertEqual(content.read(), 'thing-1')
        self.assertEqual(self.names(), [])


def hold(cache, locked, release):
    """In another process."""
    store.CACHE = cache
    with store.locked('name', 'a thing'):
        locked.set()
        release.wait(20)


class Locked(InCache):
    def test_second_waits_and_says_so(self):
        context = multiprocessing.get_context('fork')
        held, release = context.Event(), context.Event()
        other = context.Process(target=hold, args=(self.cache, held, release))
        other.start()
        self.assertTrue(held.wait(10))
        threading.Timer(0.3, release.set).start()
        begin = time.monotonic()
        with store.locked('name', 'a thing'):
            waited = time.monotonic() - begin
        other.join()
        self.assertGreater(waited, 0.1)
        self.progress.show.assert_called_once_with('a thing: waiting for another build of it', always=True)

    def test_other_names_do_not_wait(self):
        with store.locked('one', 'one'), store.locked('two', 'two'):
            self.progress.show.assert_not_called()

    def test_children_hold_it(self):
        """Should this process be killed, the lock stays as long as what it has started."""
        with store.locked('name', 'a thing'):
            self.assertEqual(len(process.inherited), 1)
            with process.start(['sleep', '20']) as child:
                self.assertIn(str(self.cache / 'lock/name'), [os.readlink(link) for link in Path(f'/proc/{child.pid}/fd').iterdir()])
                process.terminate(child)
        self.assertEqual(process.inherited, [])

    def test_released_on_failure(self):
        with self.assertRaises(Failure), store.locked('name', 'a thing'):
            raise Failure('x')
        with store.locked('name', 'a thing'):
            self.progress.show.assert_not_called()


class Digest(InCache):
    def test_strings(self):
        self.assertRegex(store.digest('a', 'b'), '^[0-9a-f]{16}$')
        self.assertEqual(store.digest('a', 'b'), store.digest('a', 'b'))
        different = [store.digest(*parts) for parts in (('a', 'b'), ('b', 'a'), ('ab',), ('a',), (), ('a', 'b', ''))]
        self.assertEqual(len(set(different)), len(different))

    def test_files(self):
        """By name and content, wherever they are and whenever they were written."""
        one, other = self.cache / 'one', self.cache / 'directory/one'
        other.parent.mkdir()
        one.write_text('content', encoding='utf-8')
        other.write_text('content', encoding='utf-8')
        os.utime(other, (0, 0))
        self.assertEqual(store.digest(one), store.digest(other))
        other.write_text('other', encoding='utf-8')
        self.assertNotEqual(store.digest(one), store.digest(other))
        self.assertNotEqual(store.digest(one), store.digest(one.rename(self.cache / 'two')))

    def test_same_in_another_process(self):
        said = subprocess.run([sys.executable, '-B', '-c', 'from vmtest.store import digest; print(digest("a", "b"))'], cwd=TOP,
                              env={**os.environ, 'PYTHONHASHSEED': '1'}, capture_output=True, text=True, check=True).stdout
        self.assertEqual(said.strip(), store.digest('a', 'b'))


class Times(InCache):
    def test_added(self):
        self.assertEqual(store.Times.read(), {})
        store.Times.add({'one': 1, 'two': 2})
        store.Times.add({'two': 3})
        self.assertEqual(store.Times.read(), {'one': 1, 'two': 3})
        self.assertEqual([path.name for path in self.cache.iterdir() if path.name.startswith('.new')], [])

    def test_damaged(self):
        """They are for information only: what cannot be read or written is no reason to fail."""
        store.Times.PATH.write_text('{half', encoding='utf-8')
        self.assertEqual(store.Times.read(), {})
        store.Times.add({'one': 1})
        self.assertEqual(store.Times.read(), {'one': 1})
        with mock.patch.object(store, 'CACHE', Path('/dev/null/cache')):
            store.Times.add({'two': 2})


class Clean(InCache):
    def test_clean(self):
        self.place.mkdir()
        store.clean()
        self.assertFalse(self.cache.exists())
        store.clean()       # a second time as well
        self.cache.mkdir()
