# SPDX-License-Identifier: GPL-2.0-only
"""What recorded boots are judged to be: each way in which a guest goes wrong is reported as itself."""
import contextlib
import io
import os
import tempfile
import unittest
from dataclasses import replace
from pathlib import Path
from unittest import mock

from tests.table.row import Test
from vmtest import qemu, report
from vmtest.config import ARCHITECTURES, DEFAULT_MACHINE

from . import RECORDED, executable, qemu as stand_in

HANG, LOSE, OFF = 'exec sleep 60', 'kill -9 $$', ''


def boot(name, end=OFF, gdb=None, timeout=20, **more):
    """The outcome of a recorded boot: QEMU is replaced by a program that writes what was recorded, and ends like that."""
    with tempfile.TemporaryDirectory() as work:
        program = stand_in(Path(work, 'qemu'), f'''
            [ ! "$gdb" ] || : >"$gdb"
            cat "{RECORDED}/{name}.console" >"$console"
            cat "{RECORDED}/{name}.report" >"$report"
            {end}''')
        executable(Path(work, 'gdb'), gdb or 'exit 0')
        machine = qemu.Machine(kernel='kernel', console=f'{work}/console', report=f'{work}/report',
                               gdb=['continue'] if gdb else [], architecture=replace(ARCHITECTURES[DEFAULT_MACHINE], qemu=program))
        with mock.patch.dict(os.environ, PATH=f'{work}:{os.environ["PATH"]}'):
            return qemu.run(machine, timeout, **more)


def judged(outcome, programs=('misbehave',), patterns=(), **words):
    test = Test('test', 'a sentence', programs=programs, **words)
    return report.judge(test, outcome, report.parse(outcome.report), programs, patterns)


class Judged(unittest.TestCase):
    def check(self, kind, why, name, *words, programs=('misbehave',), **more):
        found = judged(boot(name, *words, **more), programs)
        self.assertEqual(found[0], kind)
        self.assertRegex(found[1], why)

    def test_hang(self):
        self.check('hang', r'still running after \d s', 'hang', HANG, timeout=1)

    def test_hang_is_seen_sooner(self):
        outcome = boot('hang', HANG, timeout=30, stuck='misbehaving')
        self.assertEqual(outcome.end, 'hang')
        self.assertLess(outcome.seconds, 20)

    def test_panic(self):
        self.check('panic', 'Kernel panic - not syncing: Attempted to kill init!', 'panic')

    def test_panic_that_hangs(self):
        """The panic is reported, not that the machine had to be stopped."""
        self.check('panic', 'Kernel panic', 'panic', HANG, timeout=1)

    def test_lost_vm(self):
        self.check('lost VM', 'by signal 9', 'lost-vm', LOSE)

    def test_qemu_that_fails(self):
        self.check('lost VM', 'with status 3: no such machine', 'lost-vm', 'echo no such machine; exit 3')

    def test_unfinished_report(self):
        self.check('lost VM', 'without finishing its report', 'silent-end')

    def test_warning(self):
        self.check('kernel complaint', 'WARNING: this is provoked', 'warning')

    def test_lockdep(self):
        self.check('kernel complaint', r'\[ BUG: Invalid wait context \]', 'lockdep')

    def test_kmemleak(self):
        self.check('leak', r'kmemleak: \d+ new suspected memory leaks', 'leak', programs=('leak', 'leaks'))

    def test_missing_plan(self):
        self.check('missing plan', 'misbehave reported no plan', 'missing-plan')

    def test_missing_program(self):
        self.check('missing plan', 'nonsuch reported no plan', 'missing-program', programs=('nonsuch',))

    def test_program_that_did_not_report(self):
        self.check('missing plan', 'other reported no plan', 'passed', programs=('load-script', 'other'))

    def test_too_few_results(self):
        self.check('too few results', 'planned 2 results and gave 1', 'too-few')

    def test_nothing_run(self):
        self.check('nothing run', 'planned nothing', 'nothing-run')

    def test_failed_check(self):
        self.check('failed check', '^misbehave: wrong$', 'failed-check')

    def test_bad_status(self):
        self.check('failed check', 'misbehave ended with status 3', 'bad-status')

    def test_no_fault(self):
        self.check('no fault', 'gdb: The program is not being run', 'no-fault', programs=('devices',),
                   gdb='echo "The program is not being run."; exit 1')

    def test_fault(self):
        self.check('passed', 'powered off', 'no-fault', programs=('devices',), gdb='exit 0')

    def test_passed(self):
        self.check('passed', 'powered off or reset', 'passed', programs=('load-script',))

    def test_expected(self):
        """An expected end is no failure, but the rest of the console still counts."""
        outcome = boot('panic')
        self.assertEqual(judged(outcome, expect='panic')[0], 'panic')
        self.assertEqual(judged(outcome, expect='hang')[0], 'panic')
        self.assertEqual(judged(outcome, expect='panic', patterns=('never printed',))[0], 'failed check')
        self.assertEqual(judged(outcome, expect='panic', absent=('Attempted to kill init',))[0], 'failed check')

    def test_console_patterns(self):
        outcome, programs = boot('passed'), ('load-script',)
        self.assertEqual(judged(outcome, programs, patterns=('Run /init',))[0], 'passed')
        self.assertEqual(judged(outcome, programs, patterns=('Run /init', 'never printed')),
                         ('failed check', 'the console does not show: never printed'))
        self.assertEqual(judged(outcome, programs, absent=('Run /init',)), ('failed check', 'the console shows: Run /init'))

    def test_complaint_comes_first(self):
        """A WARNING is reported even if results are missing as well."""
        outcome = replace(boot('too-few'), splats=['WARNING: at kernel/fork.c'])
        self.assertEqual(judged(outcome), ('kernel complaint', 'WARNING: at kernel/fork.c'))

    def test_status_that_was_not_reported(self):
        outcome = boot('passed')
        outcome.report = outcome.report.replace('# exit load-script 0\n', '')
        self.assertEqual(judged(outcome, ('load-script',)), ('failed check', 'load-script ended with status None'))

    def test_no_qemu(self):
        machine = qemu.Machine(kernel='kernel', console=os.devnull, report='',
                               architecture=replace(ARCHITECTURES[DEFAULT_MACHINE], qemu='/nonexistent/qemu'))
        outcome = qemu.run(machine, 5)
        self.assertEqual(judged(outcome)[0], 'lost VM')
        self.assertRegex(outcome.why, 'install it: scripts/setup')


class Parsed(unittest.TestCase):
    def parse(self, name):
        return report.parse((RECORDED / f'{name}.report').read_text(encoding='utf-8'))

    def test_harness(self):
        """Of what kselftest_harness.h prints."""
        devices = self.parse('no-fault')['devices']
        self.assertEqual((devices.plan, devices.status), (3, 0))
        self.assertEqual([(ok, name) for ok, name, _ in devices.results],
                         [(True, 'global.kdevtmpfs_is_private'), (True, 'device.comes_and_goes'),
                          (True, 'device.goes_with_a_mount_on_it')])
        self.assertTrue(all('RUN' not in line for _, _, comments in devices.results for line in comments))

    def test_programs_are_told_apart(self):
        found = self.parse('leak')
        self.assertEqual(list(found), ['leak', 'leaks'])
        self.assertTrue(found['leak'].results[0][0])
        self.assertFalse(found['leaks'].results[0][0])

    def test_reason(self):
        """A failure keeps its reason, whether it comes before the result or after."""
        before = self.parse('failed-check')['misbehave']
        self.assertIn('# the reason', before.results[1][2])
        after = report.parse('# program x\n1..1\nnot ok 1 wrong\n# the reason\n# exit x 1\n')['x']
        self.assertIn('# the reason', after.results[0][2])
        self.assertEqual(after.status, 1)

    def test_numbers(self):
        """Results with and without the dash that TAP allows."""
        found = report.parse('# program x\n1..2\nok 1 - one\nok 2 two\n')['x']
        self.assertEqual([name for _, name, _ in found.results], ['one', 'two'])
        self.assertIsNone(found.status)

    def test_noise(self):
        self.assertEqual(report.parse('ok 1 outside\n1..5\n'), {})
        found = report.parse('# program x\nok is what this says\nnot ok either\n')['x']
        self.assertEqual(found.results, [])


class Printed(unittest.TestCase):
    def results(self):
        return [report.Result('good 6.12 stock', True, ['  1..1'], seconds=2.25),
                report.Result('bad 6.12 builtin', False, [], why='failed check: misbehave: wrong',
                              again='make check KERNEL=6.12 FLAVOUR=builtin TEST=bad'),
                report.Result('late 6.12 stock', True, [], skipped='45 minutes had passed')]

    def printed(self, function, *words):
        with contextlib.redirect_stdout(io.StringIO()) as output:
            found = function(*words)
        return found, output.getvalue().splitlines()

    def test_summary(self):
        ok, lines = self.printed(report.summary, self.results())
        self.assertFalse(ok)
        self.assertEqual(lines, ['# failed: bad 6.12 builtin: failed check: misbehave: wrong',
                                 '#   again: make check KERNEL=6.12 FLAVOUR=builtin TEST=bad', '1 passed, 1 failed, 1 skipped'])

    def test_summary_without_failures(self):
        self.assertEqual(self.printed(report.summary, self.results()[:1]), (True, ['1 passed, 0 failed']))

    def test_nothing_that_passed_is_no_success(self):
        self.assertEqual(self.printed(report.summary, self.results()[2:]), (False, ['0 passed, 0 failed, 1 skipped']))
        self.assertFalse(self.printed(report.summary, [])[0])

    def test_emit(self):
        good, bad, late = self.results()
        self.assertEqual(self.printed(report.emit, 1, good)[1], ['  1..1', 'ok 1 good 6.12 stock # 2.2 s'])
        self.assertEqual(self.printed(report.emit, 2, bad)[1], ['not ok 2 bad 6.12 builtin'])
        self.assertEqual(self.printed(report.emit, 3, late)[1], ['ok 3 late 6.12 stock # SKIP 45 minutes had passed'])

    def test_nested(self):
        found = report.parse((RECORDED / 'failed-check.report').read_text(encoding='utf-8'))
        self.assertEqual(report.nested('failed-check 6.12 stock', found), [
            '  KTAP version 1', '  # Subtest: failed-check 6.12 stock', '  1..2',
            '  ok 1 misbehave.fine', '  # the reason', '  not ok 2 misbehave.wrong'])
        self.assertEqual(report.nested('empty', {}), [])
