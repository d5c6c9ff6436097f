# SPDX-License-Identifier: GPL-2.0-only
"""Compares what the kernel's selftests report on one kernel with what they report on another: nothing may be worse.

tests/guest/selftests.sh has put PREFIX before each line of their runner. That tells of each selftest its name, what it said
itself, behind another '# ', and how it ended: '# selftests: nsfs: owner', '# ok 1 ...', 'ok 1 selftests: nsfs: owner'.
"""
import re
from dataclasses import dataclass, field

from ..selftests import LEFT_OUT

REFERENCES = {'builtin': ('stock',)}
PREFIX = '# ktap: '
RESULT = re.compile(r'(not ok|ok)\b(?: +\d+)?(?: +-)? *(.*)$')
# Process ids, addresses and the like
NUMBERS = re.compile(r'0x[0-9a-f]+|\d+')
RANKS = {'passed': 3, 'skipped': 2, 'failed': 1, 'missing': 1, 'killed': 0}
SIGNALS = range(128 + 1, 128 + 64 + 1)     # how the runner's shell tells them from what a program returns
SHOWN = 15      # lines of what a selftest said


@dataclass
class Verdict:
    word: str = 'missing'       # of RANKS
    why: str = ''

    def __str__(self):
        return f'{self.word} ({self.why})' if self.why else self.word


@dataclass
class Selftest:
    verdict: Verdict = field(default_factory=Verdict)
    subtests: dict = field(default_factory=dict)    # (name without NUMBERS, how many before had that) -> (name, Verdict)
    said: list = field(default_factory=list)


def result(text):
    """(name, Verdict) of a line with a result."""
    if not (found := RESULT.match(text)):
        return None
    name, directive = (part.strip() for part in re.findall('(.*?)(?:# (.*))?$', found[2])[0])
    if directive.startswith('SKIP'):
        reason = directive.removeprefix('SKIP').strip()
        # ksft_test_result_skip() gives the name there.
        return name or reason, Verdict('skipped', reason if name else '')
    if (status := re.fullmatch(r'exit=(\d+)', directive)) and int(status[1]) in SIGNALS:
        return name, Verdict('killed', f'by signal {int(status[1]) - 128}')
    return name, Verdict('passed' if found[1] == 'ok' else 'failed', directive)


def selftests(outcome):
    """COLLECTION: NAME -> Selftest"""
    found: dict[str, Selftest] = {}
    current = None
    for line in outcome.report.splitlines():
        if not line.startswith(PREFIX):
            continue
        text = line.removeprefix(PREFIX)
        if begin := re.fullmatch(r'# selftests: (\S+: \S+)', text):
            current = found.setdefault(begin[1], Selftest())
        elif text.startswith('# ') and current:
            current.said.append(text[2:])
            if sub := result(text[2:]):
                name, verdict = NUMBERS.sub('N', sub[0]), sub[1]
                again = sum(other[0] == name for other in current.subtests)
                current.subtests[name, again] = (sub[0], verdict)
        elif end := result(text):
            name, verdict = end
            found.setdefault(name.removeprefix('selftests: '), Selftest()).verdict = verdict
            current = None
    return found


def pairs(one, other):
    """(name, here, there) of a selftest as a whole, and of what it tells of itself; either may be missing."""
    yield '', one.verdict, other.verdict
    for key in {**other.subtests, **one.subtests}:
        (name, here), (same, there) = (found.subtests.get(key, ('', Verdict())) for found in (one, other))
        yield f': {name or same}', here, there


def counted(verdicts):
    words = [verdict.word for verdict in verdicts]
    return ', '.join(f'{words.count(word)} {word}' for word in RANKS if word in words) or 'none'


def counts(outcome):
    found = selftests(outcome)
    lines = [f'selftests: {counted(one.verdict for one in found.values())}; their own results: '
             + counted(verdict for one in found.values() for _, verdict in one.subtests.values())]
    for name, one in found.items():
        lines += [f'{name}{more}: {verdict}' for more, verdict, _ in pairs(one, Selftest()) if verdict.word != 'passed']
    return lines + [f'left out, see scripts/selftests.py: {", ".join(LEFT_OUT)}']


def worse(here, there):
    return RANKS[here.word] < RANKS[there.word]


def differences(_version, _flavour, reference, here, there):
    """What is wrong, and what else to tell, as lines to print; here and there are outcomes."""
    ours, theirs = selftests(here), selftests(there)
    passed = sum(one.verdict.word == 'passed' for one in theirs.values())
    if passed <= len(theirs) / 2:
        return [f'too few selftests pass on {reference} to be compared: {passed} of {len(theirs)}'], []
    wrong, better = [], []
    for name in {**theirs, **ours}:
        one, other = ours.get(name, Selftest()), theirs.get(name, Selftest())
        lines = [f'{name}{more}: {mine}, on {reference} {verdict}' for more, mine, verdict in pairs(one, other)
                 if worse(mine, verdict)]
        if lines:
            wrong += lines + [f'  {line}' for line in one.said[-SHOWN:]]
        gains = [f'better: {name}{more}: {mine}, on {reference} {verdict}' for more, mine, verdict in pairs(one, other)
                 if worse(verdict, mine)]
        # if it is better as a whole, it will be so in parts
        better += gains[:1] if worse(other.verdict, one.verdict) else gains
    return wrong, better
