# SPDX-License-Identifier: GPL-2.0-only
import unittest

from vmtest import engines
from vmtest.qemu import Outcome

REPORT = """\
# program containers.sh
# crun: pivot_root: Invalid argument
not ok 1 crun
# runc: inside
ok 2 runc
# runc-no-pivot: said this
# runc-no-pivot: and that
not ok 3 runc-no-pivot
1..3
# exit containers.sh 0
"""
RESULTS = engines.results_of(REPORT)


class Cell(unittest.TestCase):
    def test_works(self):
        self.assertEqual(engines.cell(RESULTS, ['runc']), 'works')

    def test_pivot_root_fails(self):
        self.assertEqual(engines.cell(RESULTS, ['crun']), 'fails: pivot_root: EINVAL')

    def test_fails_otherwise(self):
        self.assertEqual(engines.cell(RESULTS, ['runc-no-pivot']), 'fails: and that')

    def test_some_fail(self):
        self.assertEqual(engines.cell(RESULTS, ['runc', 'crun']), '1 of 2 checks fail: pivot_root: EINVAL')

    def test_missing(self):
        self.assertEqual(engines.cell(RESULTS, ['runc', 'none']), 'not run')


class Table(unittest.TestCase):
    def table(self, **ends):
        console = '[    0.0] Linux version 6.12.117 (somebody)\n'
        passed = ''.join(f'ok 1 {check}\n' for name, *checks in engines.ROWS.values() for check in checks)
        text = f'# program one\n{passed}# exit one 0\n'
        outcomes = {(flavour, name): Outcome(ends.get(flavour, 'done'), 'why', [], console, text, 1)
                    for flavour in engines.COLUMNS for name in ('containers', 'podman', 'docker')}
        return engines.table(outcomes)

    def test_all_work(self):
        lines, wrong = self.table()
        self.assertEqual(wrong, [])
        self.assertEqual(lines[0], '| started from the initramfs | stock 6.12.117 | nullfs 6.12.117 | native 6.12.117 |')
        self.assertIn('| crun | works | works | works |', lines)

    def test_a_hang_is_told(self):
        self.assertIn('native: podman: hang: why', self.table(native='hang')[1])
