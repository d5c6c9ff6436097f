# SPDX-License-Identifier: GPL-2.0-only
"""Compares what tests/guest/conform.c reports on one kernel with what it reports on another.

Documentation/conformance.md says what may differ, and why. Any other difference fails, and so does a line of it that is
no longer true. The lines, in sections 'FLAVOURS compared with REFERENCE', are: kernels, who, where (lists, or *),
operation (a pattern), the result there, and the result on the reference, with two spaces or more between them.
"""
import os
import re
from dataclasses import dataclass

from .. import TOP

TABLE = os.path.join(TOP, 'Documentation', 'conformance.md')
REFERENCES = {'builtin': ('native', 'stock'), 'loadable': ('native',)}


@dataclass
class Line:
    """A line of the table: differences that are explained."""
    number: int
    kernels: str
    who: str
    where: str
    operation: str
    here: str
    there: str

    def explains(self, who, where, operation, here, there):
        return (listed(who, self.who) and listed(where, self.where) and matches(operation, self.operation)
                and matches(here, self.here) and matches(there, self.there))


def listed(name, names):
    return names == '*' or name in names.split(',')


def matches(text, pattern):
    """Only * is special: operations are full of brackets."""
    return re.fullmatch('.*'.join(map(re.escape, pattern.split('*'))), text) is not None


def table(version, flavour, reference):
    """The lines that are for this comparison."""
    lines, wanted = [], False
    with open(TABLE, encoding='utf-8') as file:
        for number, text in enumerate(file, 1):
            if heading := re.match(r'## (.*) compared with (\S+)$', text):
                wanted = flavour in re.split(r', | and ', heading[1]) and heading[2] == reference
            elif text.startswith('## '):
                wanted = False
            elif text.startswith('    ') and wanted:
                words = re.split(r'  +', text.strip())
                if len(words) != 6:
                    raise ValueError(f'{os.path.relpath(TABLE)}:{number}: {len(words)} columns instead of 6')
                line = Line(number, *words)
                if listed(version, line.kernels):
                    lines.append(line)
    return lines


def rows(outcome):
    """(who, where, operation) -> result."""
    found = {}
    for line in outcome.report.splitlines():
        if line.startswith('# row '):
            head, rest = line.removeprefix('# row ').split('|', 1)
            operation, result = rest.rsplit('|', 1)
            key = (*head.split(), operation)
            if key in found:
                raise ValueError(f'reported twice: {" ".join(key)}')
            found[key] = result.strip() or 'nothing'
    return found


def differences(version, flavour, reference, here, there):
    """What is wrong, and what else to tell, as lines to print; here and there are outcomes."""
    ours, theirs = rows(here), rows(there)
    if not ours or not theirs:
        return ['nothing to compare'], []
    lines = table(version, flavour, reference)
    used: set[int] = set()
    unexplained: dict[tuple, list] = {}
    missing = [key for keys, others in ((ours, theirs), (theirs, ours)) for key in keys
               if key not in others and others.get((*key[:2], '(reached)'), 'ok') == 'ok']
    for key in (key for key in ours if key in theirs and ours[key] != theirs[key]):
        explaining = [line for line in lines if line.explains(*key, ours[key], theirs[key])]
        used.update(line.number for line in explaining)
        if not explaining:
            unexplained.setdefault((key[2], ours[key], theirs[key]), []).append(key[:2])
    wrong = [f'only in one of them: {" ".join(key)}' for key in missing]
    for (operation, one, other), places in unexplained.items():
        who, where = (','.join(dict.fromkeys(names)) for names in zip(*places))
        wrong.append(f'not explained: {"  ".join((version, who, where, operation, one, other))}')
    wrong += [f'no longer true: {os.path.basename(TABLE)}:{line.number}: {line.operation}'
              for line in lines if line.number not in used]
    return wrong, []
