# SPDX-License-Identifier: GPL-2.0-only
"""Parses and judges the reports of guests, and prints KTAP."""
import re
from dataclasses import dataclass, field

# How a boot ends, in the words of a test
KINDS = {'hang': 'hang', 'panic': 'panic', 'lost': 'lost VM', 'no fault': 'no fault'}


@dataclass
class Report:
    """The report of one guest program."""
    plan: int | None = None
    status: int | None = None
    results: list = field(default_factory=list)     # (ok, name, comments)


def parse(text):
    reports: dict[str, Report] = {}
    current: Report | None = None
    comments: list[str] = []
    for line in text.splitlines():
        if begin := re.match(r'# program (\S+)$', line):
            current, comments = reports.setdefault(begin[1], Report()), []
        elif current is None:
            continue
        elif end := re.match(r'# exit \S+ (\d+)$', line):
            current.status, current = int(end[1]), None
        elif plan := re.match(r'1\.\.(\d+)', line):
            current.plan = int(plan[1])
        elif result := re.match(r'(not ok|ok) \d+(?: -)? ?(.*)$', line):
            current.results.append((result[1] == 'ok', result[2], comments))
            # kselftest_harness.h explains a failure before the result, other programs after it
            comments = [] if result[1] == 'ok' else comments
        elif re.match(r'#  +RUN ', line):
            comments = []
        elif line.startswith('#'):
            comments.append(line)
    return reports


def judge(test, outcome, reports, programs, patterns):
    """The verdict on a boot, as (kind, why). The first fault decides."""
    kind = KINDS.get(outcome.end)
    if kind and kind != test.expect:
        return kind, outcome.why
    if outcome.splats:
        return 'leak' if 'kmemleak: ' in outcome.splats[0] else 'kernel complaint', outcome.splats[0]
    for name in programs if not kind else ():
        report = reports.get(name, Report())
        if report.plan is None:
            return 'missing plan', f'{name} reported no plan'
        if not report.plan and not report.results:
            return 'nothing run', f'{name} planned nothing'
        if len(report.results) != report.plan:
            return 'too few results', f'{name} planned {report.plan} results and gave {len(report.results)}'
        failed = [name for ok, name, _ in report.results if not ok]
        if failed:
            return 'leak' if name == 'leaks' else 'failed check', f'{name}: {", ".join(failed)}'
        if report.status != 0:
            return 'failed check', f'{name} ended with status {report.status}'
    for pattern in patterns:
        if not re.search(pattern, outcome.console):
            return 'failed check', f'the console does not show: {pattern}'
    for pattern in test.absent:
        if re.search(pattern, outcome.console):
            return 'failed check', f'the console shows: {pattern}'
    return kind or 'passed', outcome.why


@dataclass
class Result:
    name: str
    ok: bool
    lines: list                 # KTAP below it and comments
    seconds: float = 0
    outcome: object = None
    skipped: str = ''           # the reason, if it was not run
    why: str = ''               # the reason in one line, if it is not ok
    again: str = ''             # the command that repeats it


def nested(name, reports):
    """The guest's results, indented, with comments on those that are not ok."""
    lines: list[str] = []
    number = 0
    for program, report in reports.items():
        for good, result, comments in report.results:
            number += 1
            lines += [f'  {line}' for line in comments if not good or line.startswith('# measured')]
            result = re.sub(r'^global\.', '', result).removeprefix(program + '.')
            lines.append(f'  {"ok" if good else "not ok"} {number} {program}.{result}')
    return ['  KTAP version 1', f'  # Subtest: {name}', f'  1..{number}', *lines] if number else []


def emit(number, result):
    for line in result.lines:
        print(line)
    took = f' # SKIP {result.skipped}' if result.skipped else f' # {result.seconds:.1f} s' if result.seconds else ''
    print(f'{"ok" if result.ok else "not ok"} {number} {result.name}{took}', flush=True)


def summary(results):
    """Print the failures, each with the command that repeats it, and the counts as the last line."""
    failed = [result for result in results if not result.ok]
    skipped = sum(bool(result.skipped) for result in results)
    for result in failed:
        print(f'# failed: {result.name}: {result.why}')
        if result.again:
            print(f'#   again: {result.again}')
    passed = len(results) - len(failed) - skipped
    print(f'{passed} passed, {len(failed)} failed' + (f', {skipped} skipped' if skipped else ''), flush=True)
    return bool(passed and not failed)
