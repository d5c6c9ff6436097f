# SPDX-License-Identifier: GPL-2.0-only
"""What runs, in which order, what is left out, and what is printed about it."""
import contextlib
import io
import math
import os
import re
import tempfile
import unittest
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

from tests.table import TESTS
from tests.table.row import Fault, Test
from vmtest import Failure, __main__, runner, store
from vmtest.config import DEFAULT_VERSION, FLAVOURS, HOST, PATCHED_VERSIONS, SHARES, running
from vmtest.images import Images
from vmtest.report import Result

from . import executable, qemu as stand_in

OTHER = running('check')[1]


def options_of(*words, tests=None):
    """As the command line makes them."""
    parser = __main__.Parser(prog='test')
    __main__.test(parser)
    options = parser.parse_args(words)
    runner.resolve(options)
    if tests is not None:
        options.tests = tests
    return options


def planned(*words, tests=None, selections=('all',)):
    """(test, version, flavour) of what runs."""
    options = options_of(*words, tests=tests)
    return [(one.test.name, one.version, one.flavour) for one in runner.plan(options, options.kernel, selections)]


def same(outcome):
    return outcome.report.splitlines()


class Plan(unittest.TestCase):
    def test_flavours_and_versions(self):
        """A test's flavours together, in the order of the table."""
        tests = [Test('one', '', flavours=('stock', 'builtin')), Test('two', '', flavours=('loadable',))]
        self.assertEqual(planned(f'--kernel={DEFAULT_VERSION},{OTHER}', tests=tests), [
            (name, version, flavour) for version in (DEFAULT_VERSION, OTHER)
            for name, flavour in (('one', 'stock'), ('one', 'builtin'), ('two', 'loadable'))])

    def test_flavour_filter(self):
        tests = [Test('one', '', flavours=('stock', 'builtin', 'loadable')), Test('two', '', flavours=('stock',)),
                 Test('host-three', '', flavours=(HOST,))]
        words = f'--kernel={DEFAULT_VERSION}'
        self.assertEqual(planned(words, '--flavour=builtin', tests=tests), [('one', DEFAULT_VERSION, 'builtin')])
        self.assertEqual(planned(words, '--flavour=b*,host', tests=tests),
                         [('one', DEFAULT_VERSION, 'builtin'), ('host-three', DEFAULT_VERSION, 'host')])
        self.assertEqual(len(planned(words, tests=tests)), 5)

    def test_reference_comes_along(self):
        """Where boots are compared, that of the reference is needed as well; once."""
        tests = [Test('one', '', flavours=('stock', 'builtin', 'loadable'), same=same), Test('two', '', flavours=('stock', 'builtin'))]
        self.assertEqual(planned(f'--kernel={DEFAULT_VERSION}', '--flavour=builtin,loadable', tests=tests), [
            ('one', DEFAULT_VERSION, 'stock'), ('one', DEFAULT_VERSION, 'builtin'), ('one', DEFAULT_VERSION, 'loadable'),
            ('two', DEFAULT_VERSION, 'builtin')])

    def test_reference_of_a_conformance_test(self):
        conforms = SimpleNamespace(REFERENCES={'builtin': ('native', 'stock')})
        tests = [Test('one', '', flavours=('native', 'stock', 'builtin', 'loadable'), conforms=conforms)]
        self.assertEqual(planned(f'--kernel={DEFAULT_VERSION}', '--flavour=builtin', tests=tests), [
            ('one', DEFAULT_VERSION, 'native'), ('one', DEFAULT_VERSION, 'stock'), ('one', DEFAULT_VERSION, 'builtin')])

    def test_once(self):
        tests = [Test('one', '', flavours=('stock',), once=True), Test('two', '', flavours=('stock',))]
        self.assertEqual(planned(f'--kernel={OTHER},{DEFAULT_VERSION}', tests=tests),
                         [('one', OTHER, 'stock'), ('two', OTHER, 'stock'), ('two', DEFAULT_VERSION, 'stock')])

    def test_kernels(self):
        tests = [Test('one', '', flavours=('stock',), kernels=(OTHER,))]
        self.assertEqual(planned(f'--kernel={DEFAULT_VERSION},{OTHER}', tests=tests), [('one', OTHER, 'stock')])

    def test_extra_flavours(self):
        """Those that need a word of tests/kernels run on the versions that have it."""
        tests = [Test('one', '', flavours=tuple(name for name in FLAVOURS if FLAVOURS[name].extra))]
        found = planned('--kernel=all', tests=tests)
        self.assertTrue(found)
        for version in PATCHED_VERSIONS:
            self.assertEqual({flavour for _, of, flavour in found if of == version},
                             {row.name for row in FLAVOURS.values() if row.extra and version in running(row.extra)}, version)

    def test_selections(self):
        names = {name for name, _, _ in planned('--machine=s390x', f'--kernel={DEFAULT_VERSION}', selections=('short',))}
        self.assertEqual(len(names), len([test for test in TESTS if test.name in names]))
        self.assertTrue(names < {test.name for test in TESTS})
        self.assertFalse([row for row in planned(f'--kernel={DEFAULT_VERSION}', selections=('guest',)) if row[2] not in
                          ('stock', 'builtin', 'loadable')])

    def test_defaults(self):
        """make check: the versions with the word check; make coverage: the first of them."""
        self.assertEqual(tuple(options_of().kernel), running('check'))
        self.assertEqual(tuple(options_of('--coverage').kernel), running('check')[:1])
        self.assertEqual(options_of('--also=rest').also, [name for name in PATCHED_VERSIONS if name not in running('check')])
        self.assertEqual(tuple(options_of('--kernel=all').kernel), PATCHED_VERSIONS)
        self.assertEqual(options_of('--kernel', f' {OTHER}, {DEFAULT_VERSION}').kernel, [OTHER, DEFAULT_VERSION])

    def test_coverage(self):
        flavours = {name for test in options_of('--coverage').tests for name in test.flavours}
        self.assertEqual(flavours, {'coverage', 'coverage-loadable'})

    def test_nightly(self):
        def storm(*words):
            return next(test for test in options_of('--test=storm', *words).tests)
        short, long = storm(), storm('--nightly')
        self.assertEqual(long.operations, short.nightly)
        self.assertAlmostEqual(long.timeout / short.timeout, short.nightly / short.operations)

    def test_refused(self):
        for words, text in ((['--kernel=9.9'], "'9.9' is no kernel to test, there are 6"),
                            (['--flavour=strange'], "no flavour 'strange', there are stock, builtin"),
                            (['--test=strange'], "no test is called 'strange'; there are: .*host-commands")):
            with self.subTest(words), self.assertRaisesRegex(Failure, text):
                options_of(*words)
        with self.assertRaisesRegex(Failure, "none of the tests 'host-kernels' runs on x86_64 as builtin"):
            main('--test=host-kernels', '--flavour=builtin')


class Long(unittest.TestCase):
    def left_out(self, test, *words, version=DEFAULT_VERSION, flavour='builtin'):
        options = options_of(*words)
        return runner.long_one(runner.Planned(test, version, flavour, 'long'), options)

    def test_long(self):
        long, partly, quick = Test('a', '', long=True), Test('b', '', long=('debug',)), Test('c', '')
        self.assertEqual(self.left_out(long), 'a')
        self.assertIsNone(self.left_out(partly))
        self.assertEqual(self.left_out(partly, flavour='debug'), 'b debug')
        self.assertIsNone(self.left_out(quick))
        for test in (long, partly, quick):
            self.assertIsNone(self.left_out(test, '--long', flavour='debug'))

    def test_asked_for_by_name(self):
        self.assertIsNone(self.left_out(Test('a', '', long=True), '--test=host-*'))

    def test_debug_kernels_of_other_versions(self):
        """They take long to build, whatever runs on them; by their name."""
        self.assertEqual(self.left_out(Test('c', ''), version=OTHER, flavour='debug'), f'{OTHER} debug')
        self.assertEqual(self.left_out(Test('c', ''), '--test=host-*', version=OTHER, flavour='kcsan'), f'{OTHER} kcsan')
        self.assertIsNone(self.left_out(Test('c', ''), flavour='debug'))
        self.assertIsNone(self.left_out(Test('c', ''), version=OTHER))


class Share(unittest.TestCase):
    def test_share_of(self):
        options = options_of(f'--kernel={DEFAULT_VERSION}', '--long')
        for test, version, flavour, share in (
                (Test('a', ''), DEFAULT_VERSION, 'builtin', 'guest'),
                (Test('a', ''), DEFAULT_VERSION, HOST, 'guest'),
                (Test('a', '', long=True), DEFAULT_VERSION, 'builtin', 'long'),
                (Test('a', '', long=True), OTHER, 'builtin', 'versions'),
                (Test('a', ''), DEFAULT_VERSION, 'lsm', 'builds'),
                (Test('a', '', operations=1), DEFAULT_VERSION, 'builtin', 'stress'),
                (Test('a', '', operations=1), OTHER, 'kcsan', 'stress')):
            with self.subTest(version=version, flavour=flavour):
                self.assertEqual(runner.share_of(test, version, flavour, options), share)

    def test_order(self):
        """What is left out first comes last, and the rest stays in the order of the table."""
        lines = main('--smoke', '--long', f'--kernel={DEFAULT_VERSION}', f'--also={OTHER}')[1].splitlines()
        names = [re.sub(r'^ok \d+ (.*?)( # .*)?$', r'\1', line) for line in lines if re.match('ok ', line)]
        options = options_of('--long', f'--kernel={DEFAULT_VERSION}', f'--also={OTHER}')
        tests = {test.name: test for test in TESTS}
        shares = [list(SHARES).index(runner.share_of(tests[test], version, flavour, options))
                  for test, version, flavour in (name.split() for name in names if len(name.split()) == 3)]
        self.assertEqual(shares, sorted(shares))
        self.assertEqual(set(shares), set(range(len(SHARES))))


class TimeIsUp(unittest.TestCase):
    def at(self, minutes, budget):
        with mock.patch.object(runner.time, 'monotonic', lambda: 1000.0):
            clock = runner.Budget(budget)
        with mock.patch.object(runner.time, 'monotonic', lambda: 1000.0 + 60 * minutes):
            return {share.name: (bool(clock.too_late(share.build)), bool(clock.too_late(share.begin))) for share in SHARES.values()}

    def test_none(self):
        """With a budget of nothing only what is never left out runs."""
        self.assertEqual({name for name, late in self.at(0.01, 0).items() if late == (False, False)}, {'guest'})
        self.assertEqual({late for name, late in self.at(0.01, 0).items() if name != 'guest'}, {(True, True)})

    def test_without_a_budget(self):
        self.assertEqual(set(self.at(10 ** 6, math.inf).values()), {(False, False)})

    def test_part(self):
        at = self.at(30, 60)    # half of the time
        self.assertEqual(at['guest'], (False, False))
        self.assertEqual(at['versions'], (True, False))
        at = self.at(46, 60)
        self.assertEqual({name for name, late in at.items() if not late[1]}, {'guest'})

    def test_why(self):
        with mock.patch.object(runner.time, 'monotonic', lambda: 0.0):
            clock = runner.Budget(60)
        with mock.patch.object(runner.time, 'monotonic', lambda: 60.0 * 31):
            self.assertEqual(clock.too_late(0.5), '30 minutes had passed')
            self.assertEqual(clock.too_late(0.75), '')


class Build(unittest.TestCase):
    """With stand-ins for the kernels."""

    def build(self, rows, too_late=lambda part: ''):
        built = []

        class Image:
            def __init__(self, work, one):
                self.work, self.one = work, one

            def get_image(self):
                built.append(self.one.kernel)
                if self.one.version == 'broken':
                    raise Failure('it does not compile')
                for name in ('bzImage', 'System.map'):
                    (self.work / name).write_text(' '.join(self.one.kernel), encoding='utf-8')
                return self.work / 'bzImage'
        with tempfile.TemporaryDirectory() as work:
            (Path(work) / 'copies').mkdir()
            with mock.patch.object(runner, 'kernel_of', lambda one, machine: Image(Path(work), one)):
                kernels, late = runner.build(rows, f'{work}/copies', None, too_late)
            contents = {key: Path(path).read_text(encoding='utf-8') if isinstance(path, str) else path for key, path in kernels.items()}
        return built, contents, late

    def row(self, version, flavour, share='guest'):
        return runner.Planned(Test('one', ''), version, flavour, share)

    def test_each_once(self):
        rows = [self.row('6', 'stock'), self.row('6', HOST), self.row('6', 'stock'), self.row('6', 'builtin')]
        built, contents, late = self.build(rows)
        self.assertEqual(built, [('6', 'stock'), ('6', 'builtin')])
        self.assertEqual(contents, {('6', 'stock'): '6 stock', ('6', 'builtin'): '6 builtin'})
        self.assertEqual(late, [])

    def test_failure(self):
        """It is that of the tests that need the kernel; others go on."""
        _, contents, _ = self.build([self.row('broken', 'stock'), self.row('6', 'stock')])
        self.assertIsInstance(contents['broken', 'stock'], Failure)
        self.assertEqual(contents['6', 'stock'], '6 stock')

    def test_too_late(self):
        """A version that was begun is completed; another is not begun; kernels that are rare are a group of their own."""
        late: list = []
        rows = [self.row('6', 'stock', 'versions'), self.row('6', 'builtin', 'versions'), self.row('7', 'stock', 'versions'),
                self.row('7', 'builtin', 'versions'), self.row('6', 'lsm', 'builds')]

        def too_late(part):
            late.append(part)
            return len(late) > 1
        built, contents, left = self.build(rows, too_late)
        self.assertEqual(built, [('6', 'stock'), ('6', 'builtin')])
        self.assertEqual(left, ['Linux 7', 'Linux 6 with lsm'])
        self.assertEqual(set(contents), {('6', 'stock'), ('6', 'builtin')})


def main(*words):
    """runner.main() with this command line: what it returns, and what it prints."""
    parser = __main__.Parser(prog='test')
    __main__.test(parser)
    with contextlib.redirect_stdout(io.StringIO()) as output, mock.patch.object(runner.signal, 'signal'):
        ok = runner.main(parser.parse_args(words))
    return ok, output.getvalue()


class Smoke(unittest.TestCase):
    """Everything but the builds and the boots."""

    def test_all(self):
        before = store.Times.read()
        ok, said = main('--smoke', '--long', '--kernel=all')
        self.assertTrue(ok, [line for line in said.splitlines() if line.startswith('not ok')][:5])
        lines = said.splitlines()
        self.assertRegex(lines[-1], r'^\d+ passed, 0 failed$')
        self.assertIn(f'1..{lines[-1].split()[0]}', lines)
        for test in TESTS:
            self.assertTrue(any(f' {test.name} ' in line for line in lines if line.startswith('ok ')), test.name)
        self.assertEqual(store.Times.read(), before, 'the time that it takes is none of a boot')

    def test_left_out(self):
        _, said = main('--smoke', f'--kernel={DEFAULT_VERSION}')
        self.assertRegex(said, r'\n# left out, as they take long: .*; to run them: make check LONG=1\n')
        self.assertRegex(said, r'\n# left out, as not asked for: Linux .*; to run all: make check KERNEL=all\n')

    def test_no_time(self):
        """Skipped tests are counted and listed with their share; the others run."""
        ok, said = main('--smoke', '--long', f'--kernel={DEFAULT_VERSION}', '--budget=0')
        self.assertTrue(ok)
        (passed, skipped), = [map(int, found) for found in re.findall(r'\n(\d+) passed, 0 failed, (\d+) skipped\n$', said)]
        self.assertGreater(passed, 50)
        self.assertGreater(skipped, 20)
        for share in ('long', 'builds', 'stress'):
            self.assertTrue(re.search(rf'\n# left out, no time: \d+ {re.escape(SHARES[share].text)}: ', said), share)
        self.assertNotIn(SHARES['guest'].text, said)

    def test_broken_case_is_seen(self):
        """It calls what a real run calls."""
        with mock.patch.object(runner.report, 'judge', side_effect=TypeError), self.assertRaises(TypeError):
            main('--smoke', f'--kernel={DEFAULT_VERSION}', '--test=initramfs')
        with mock.patch.object(runner, 'compare', side_effect=TypeError), self.assertRaises(TypeError):
            main('--smoke', f'--kernel={DEFAULT_VERSION}', '--test=initramfs')

    def test_missing_host_program(self):
        with mock.patch.object(runner, 'TESTS', [Test('host-nonsuch', '', programs=('nonsuch',), flavours=(HOST,))]):
            ok, said = main('--smoke', f'--kernel={DEFAULT_VERSION}')
        self.assertFalse(ok)
        self.assertIn('tests/host/nonsuch', said)


class List(unittest.TestCase):
    def test_list(self):
        """Kernels, and tests, and how long each took; nothing is built or downloaded, and each kernel is looked up once."""
        kernels = []

        def kernel_of(one, machine, fetch=True):
            kernels.append((one.kernel, fetch))
            return SimpleNamespace(what=' '.join(one.kernel), is_kept=lambda: one.flavour == 'stock')
        tests = [Test('one', '', flavours=('stock', 'builtin')), Test('two', '', flavours=('stock',))]
        with mock.patch.object(runner, 'kernel_of', kernel_of), mock.patch.object(runner, 'TESTS', tests), \
                mock.patch.object(runner.Times, 'read', lambda: {f'one {DEFAULT_VERSION} stock': 4.2, f'{DEFAULT_VERSION} builtin': 80}), \
                mock.patch.object(Images, 'get', side_effect=AssertionError('made')):
            ok, said = main('--list', f'--kernel={DEFAULT_VERSION}')
        self.assertTrue(ok)
        self.assertEqual(len(kernels), 2)
        self.assertEqual(said.splitlines(), [
            f'kernel  {DEFAULT_VERSION} stock: there', f'kernel  {DEFAULT_VERSION} builtin: to be built, 80 s last time',
            f'test    one {DEFAULT_VERSION} stock: 4 s last time', f'test    one {DEFAULT_VERSION} builtin: never measured here',
            f'test    two {DEFAULT_VERSION} stock: never measured here',
            '3 tests, 1 of 2 kernels to be built; the boots took 4 s last time'])
        self.assertFalse(any(fetch for _, fetch in kernels))


class Cases(unittest.TestCase):
    def setUp(self):
        work = tempfile.TemporaryDirectory()
        self.addCleanup(work.cleanup)
        self.work = Path(work.name)
        self.images = Images(str(self.work), options_of().machine)

    def case(self, test, flavour='builtin', booted='bzImage', **more):
        one = runner.Planned(test, DEFAULT_VERSION, flavour, 'guest')
        self.images.made.update(dict.fromkeys((*test.initrd, *test.disks), os.devnull))
        return runner.Case(one, booted, self.images, str(self.work), **more)

    def test_again(self):
        """A line to paste."""
        self.assertEqual(self.case(Test('one', '')).again(), f'make check KERNEL={DEFAULT_VERSION} FLAVOUR=builtin TEST=one')
        storm = self.case(Test('storm', '', operations=5, long=True)).again()
        self.assertEqual(storm, f'make check KERNEL={DEFAULT_VERSION} FLAVOUR=builtin TEST=storm LONG=1 SEED={runner.SEED}')
        self.images.machine = options_of('--machine=arm64').machine
        self.assertEqual(self.case(Test('one', '')).again(), f'make check KERNEL={DEFAULT_VERSION} FLAVOUR=builtin TEST=one MACHINE=arm64')

    def test_again_is_understood(self):
        """It plans this test on this kernel, and with it only what it is compared with."""
        for test in TESTS:
            for flavour in test.flavours:
                version = next((name for name in test.kernels or PATCHED_VERSIONS
                                if flavour == HOST or not FLAVOURS[flavour].extra or name in running(FLAVOURS[flavour].extra)))
                one = runner.Planned(test, version, flavour, 'guest')
                words = runner.Case(one, '', self.images, '').again().split()
                self.assertEqual(words[:2], ['make', 'check'])
                arguments = {'KERNEL': '--kernel', 'FLAVOUR': '--flavour', 'TEST': '--test', 'MACHINE': '--machine'}
                command = ['--long'] * ('LONG=1' in words) + [f'{arguments[word.split("=")[0]]}={word.split("=", 1)[1]}' for word in words[2:]
                                                               if word.split('=')[0] in arguments]
                self.assertIn((test.name, version, flavour), planned(*command))

    def test_command_line(self):
        test = Test('one', '', programs=('a', 'nullfs'), append='test=x', parameter='immutable_rootfs')
        machine = self.case(test).machine()
        for word in ('test=x', 'flavour=builtin', 'expect=nullfs', 'report=/dev/ttyS1', 'tests=a,nullfs', 'immutable_rootfs'):
            self.assertIn(word, machine.append.split())
        stock = self.case(test, 'stock').machine()
        for word in ('expect=stock', 'tests=a'):
            self.assertIn(word, stock.append.split())
        self.assertNotIn('immutable_rootfs', stock.append.split())

    def test_debug(self):
        case = self.case(Test('one', '', programs=('a',), memory=256), 'debug')
        machine = case.machine()
        self.assertIn('panic_on_warn=1', machine.append.split())
        self.assertEqual(machine.memory, 512)
        self.assertEqual(case.programs, ['a', 'leaks'])

    def test_patterns(self):
        test = Test('one', '', console=('a',), immutable_console=('b',), stock_console=('c',), patched_console=('d',))
        for flavour, selects, patterns in (('stock', True, ('a', 'c')), ('builtin', True, ('a', 'b', 'd')), ('builtin', False, ('a', 'c', 'd'))):
            test.selects = selects
            case = self.case(test, flavour)
            case.machine()
            self.assertEqual(case.patterns, patterns)

    def test_not_built(self):
        result = self.case(Test('one', ''), booted=Failure('no such kernel')).run()
        self.assertFalse(result.ok)
        self.assertEqual((result.why, result.lines), ('not run: no such kernel', ['# not run: no such kernel']))

    def test_not_built_is_never_too_late(self):
        result = self.case(Test('one', ''), booted=Failure('x'), too_late=lambda: '5 minutes had passed').run()
        self.assertFalse(result.ok)
        result = self.case(Test('one', ''), too_late=lambda: '5 minutes had passed').run()
        self.assertEqual((result.ok, result.skipped), (True, '5 minutes had passed'))

    def boot(self, test, text, flavour='builtin'):
        """With a stand-in for QEMU that says this."""
        program = stand_in(self.work / 'qemu', text)
        self.images.machine = runner.replace(self.images.machine, qemu=program)
        return self.case(test, flavour).run()

    REPORT = "printf '# program a\\n1..1\\n%s 1 fine\\n# exit a 0\\n# end of report\\n' >\"$report\""

    def test_boots(self):
        result = self.boot(Test('one', '', programs=('a',)), self.REPORT % 'ok')
        self.assertTrue(result.ok, result.lines)
        self.assertEqual(result.lines[-1], '  ok 1 a.fine')

    def test_fails(self):
        result = self.boot(Test('one', '', programs=('a',)), self.REPORT % 'not ok')
        self.assertFalse(result.ok)
        self.assertEqual(result.why, 'failed check: a: fine')
        self.assertIn('one-', result.lines[-1])
        self.assertRegex(result.lines[-1], r'^# logs: .*\.console and \.report; command line: .*tests=a')
        self.assertEqual(result.again, f'make check KERNEL={DEFAULT_VERSION} FLAVOUR=builtin TEST=one')

    def test_panics(self):
        """The end of the console is printed with it."""
        result = self.boot(Test('one', '', programs=('a',)), 'echo "Kernel panic - not syncing: x" >"$console"')
        self.assertEqual(result.why, 'panic: Kernel panic - not syncing: x')
        self.assertIn('# console: Kernel panic - not syncing: x', result.lines)

    def test_expected(self):
        result = self.boot(Test('one', '', programs=('a',), expect='panic'), 'echo "Kernel panic - not syncing: x" >"$console"')
        self.assertTrue(result.ok)
        result = self.boot(Test('one', '', programs=('a',), expect='panic'), self.REPORT % 'ok')
        self.assertEqual(result.why, 'passed, expected: panic: powered off or reset')

    def test_on_host(self):
        """A program of tests/host gets its kernel in the environment, and its status counts."""
        (self.work / 'tests/host').mkdir(parents=True)
        test = Test('host-x', '', programs=('x',), flavours=(HOST,), timeout=5)
        for status, why in ((0, 'status 0'), (3, 'failed check: x ended with status 3')):
            executable(self.work / 'tests/host/x', f'echo "1..1"; echo "ok 1 for $KERNEL"; exit {status}')
            with mock.patch.object(runner, 'TOP', self.work):
                result = self.case(test, HOST).run()
            self.assertEqual((result.ok, result.why), (not status, why))
            self.assertIn(f'  ok 1 x.for {DEFAULT_VERSION}', result.lines)

    def test_hang_on_host(self):
        """What the program has started ends as well."""
        (self.work / 'tests/host').mkdir(parents=True)
        executable(self.work / 'tests/host/x', f'sleep 20 & echo $! >{self.work}/child; wait')
        test = Test('host-x', '', programs=('x',), flavours=(HOST,), timeout=1)
        with mock.patch.object(runner, 'TOP', self.work):
            self.assertRegex(self.case(test, HOST).run().why, '^hang: ')
        child = Path('/proc', (self.work / 'child').read_text().strip(), 'cmdline')
        self.assertFalse(child.exists() and child.read_bytes(), 'it still runs')


class Compared(unittest.TestCase):
    def compare(self, one, other, skipped=''):
        case = runner.Case(runner.Planned(Test('one', '', same=same), DEFAULT_VERSION, 'builtin', 'guest'), '',
                           Images('', options_of().machine), '')
        results = [Result('x', True, [], outcome=None if text is None else SimpleNamespace(report=text), skipped=skipped) for text in (one, other)]
        return runner.compare(case, *results)

    def test_same(self):
        self.assertTrue(self.compare('a\nb', 'a\nb').ok)

    def test_differs(self):
        result = self.compare('a\nb', 'a\nc')
        self.assertFalse(result.ok)
        self.assertEqual(result.lines, ['# stock only: b', '# builtin only: c'])
        self.assertEqual(result.why, 'stock only: b')
        self.assertEqual(self.compare('a\na', 'a').lines, ['# stock only: a'])
        self.assertEqual(self.compare('a\nb', 'b\na').lines, ['# the same lines in another order'])

    def test_nothing(self):
        self.assertEqual(self.compare('', '').why, 'nothing to compare')
        self.assertFalse(self.compare(None, 'a').ok)
        self.assertEqual(self.compare('a', 'a', 'too late').skipped, 'too late')

    def test_again_brings_the_reference(self):
        self.assertEqual(self.compare('a', 'b').again, f'make check KERNEL={DEFAULT_VERSION} FLAVOUR=builtin TEST=one')


class Faults(unittest.TestCase):
    def test_commands(self):
        """By the addresses of this kernel; of several names, that which it has."""
        with tempfile.NamedTemporaryFile('w', encoding='ascii') as system_map:
            system_map.write('0000000000001000 T first\n0000000000001100 D data\n0000000000002000 t wanted.isra.0\n'
                             '0000000000003000 T caller\n0000000000004000 T after\n')
            system_map.flush()
            commands = Fault(('wanted', 'wanted.isra.0'), 12, caller='caller', skip=2, after='first').commands(system_map.name)
        self.assertEqual(commands[1:4], ['hbreak *0x1000', 'continue', 'delete'])
        self.assertEqual(commands[4], 'hbreak *0x2000 if *(unsigned long *)$rsp >= 0x3000 && *(unsigned long *)$rsp < 0x4000')
        self.assertIn('ignore $bpnum 2', commands)
        self.assertIn('set $rax = -12L', commands)

    def test_function_is_missing(self):
        with tempfile.NamedTemporaryFile('w', encoding='ascii') as system_map:
            system_map.write('0000000000001000 T first\n')
            system_map.flush()
            for fault in (Fault(('one', 'other'), 12), Fault('first', 12, caller='one'), Fault('first', 12, after='one')):
                with self.assertRaisesRegex(Failure, '^this kernel has no function one( or other)?: '):
                    fault.commands(system_map.name)


class Record(unittest.TestCase):
    """For which kernels a run says that all tests of the commit have passed."""

    def recorded(self, *words, results=(Result('one', True, []),), commits=('a', 'a')):
        with tempfile.TemporaryDirectory() as directory, mock.patch.object(runner, 'PASSED', Path(directory)), \
                mock.patch.object(runner, 'clean_commit', lambda: commits[1]), mock.patch.dict(os.environ):
            os.environ.pop('KERNEL_SRC', None)
            runner.record(options_of(*words), commits[0], list(results))
            return sorted(path.name for path in Path(directory).glob('*/*'))

    def test_all(self):
        self.assertEqual(self.recorded('--long', f'--kernel={OTHER}'), [OTHER])
        self.assertEqual(self.recorded('--long', '--kernel=all'), sorted(PATCHED_VERSIONS))

    def test_less_than_all(self):
        for words in ((), ('--long', '--test=root-*'), ('--long', '--flavour=stock'), ('--long', '--short'), ('--long', '--smoke'),
                      ('--long', '--budget=60'), ('--long', '--machine=arm64'), ('--long', '--coverage')):
            self.assertEqual(self.recorded(*words), [], words)

    def test_failed_or_skipped(self):
        good = Result('one', True, [])
        for bad in (Result('two', False, []), Result('two', True, [], skipped='no time')):
            self.assertEqual(self.recorded('--long', results=(good, bad)), [])

    def test_checkout(self):
        """It differed from the commit when the run began or ended, or was another one."""
        for commits in ((None, None), (None, 'a'), ('a', None), ('a', 'b')):
            self.assertEqual(self.recorded('--long', commits=commits), [])

