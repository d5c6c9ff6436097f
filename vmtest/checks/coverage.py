# SPDX-License-Identifier: GPL-2.0-only
"""Which lines of the module, and of those that the patches add, have been executed by guests of the flavours that count.

Their kernels count what they execute, and the guests report the counts as gcov(1) wants them (tests/guest/report.h). A line
that was not reached needs one of its own in tests/coverage.txt: file, its text, and the reason, with two spaces or more
between them. What is explained there and was reached, or is no longer in the source, fails as well.
"""
import json
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass

from .. import TOP

EXPLANATIONS = os.path.join(TOP, 'tests/coverage.txt')
COUNTS = re.compile(r'^# counts (\S+) ([0-9a-z]+)$', re.M)


@dataclass
class Source:
    """A file, and which lines of it are ours."""
    text: list
    added: set | None = None

    def ours(self, number):
        return self.added is None or number in self.added

    def line(self, number):
        return ' '.join(self.text[number - 1].split())


class Notes:
    """What the build of a kernel has kept for gcov: DIRECTORY/sources has the patched files, the rest are the notes."""

    def __init__(self, directory, pristine):
        self.directory = directory
        self.sources = {}
        module = os.path.join(TOP, 'module')
        for name in os.listdir(module):
            if name.endswith(('.c', '.h')):
                self.sources[f'module/{name}'] = Source(lines_of(os.path.join(module, name)))
        top = os.path.join(directory, 'sources')
        for path in files(top):
            name = os.path.relpath(path, top)
            added = subprocess.run(['diff', '--unchanged-line-format=', '--old-line-format=', '--new-line-format=%dn\n',
                                    os.path.join(pristine, name), path], stdout=subprocess.PIPE, text=True).stdout
            self.sources[name] = Source(lines_of(path), set(map(int, added.split())))

    def paths(self):
        """Of the notes, as names below the directory."""
        return [os.path.relpath(path, self.directory) for path in files(self.directory) if path.endswith('.gcno')]

    def name(self, path):
        """What we call a file that the compiler was given, if it is one of ours."""
        for name in self.sources:
            directory, file = os.path.split(name)
            places = ('immutable_rootfs', 'module') if directory == 'module' else (directory,)
            if path == file or any(path.endswith(f'/{place}/{file}') for place in places):
                return name
        return None

    def count(self, counts, into):
        """Adds what the counts, by name, say to into: (file, line) -> count. Without counts nothing was executed."""
        with tempfile.TemporaryDirectory() as work:
            wanted = []
            for path in self.paths():
                name = os.path.join(work, path)
                os.makedirs(os.path.dirname(name), exist_ok=True)
                shutil.copyfile(os.path.join(self.directory, path), name)   # younger than any source, as gcov wants it
                data = path.removesuffix('.gcno') + '.gcda'
                content = next((content for place, content in counts if place.endswith('/' + data)), None)
                if content:
                    with open(os.path.join(work, data), 'wb') as file:
                        file.write(decoded(content))
                if content or not counts:
                    wanted.append(os.path.join(work, data))
            if not wanted:
                raise ValueError('a guest has counted nothing that is ours')
            said = subprocess.run(['gcov', '--json-format', '--stdout', *wanted], stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True, cwd=work, check=False)
            if counts and (said.returncode or said.stderr):
                raise ValueError(f'gcov: {said.stderr.strip() or said.returncode}')
        for document in said.stdout.splitlines():
            for described in json.loads(document)['files']:
                name = self.name(described['file'])
                for line in described['lines'] if name else ():
                    if self.sources[name].ours(line['line_number']):
                        key = (name, line['line_number'])
                        into[key] = into.get(key, 0) + line['count']


def decoded(content):
    """Bytes in hexadecimal, and in the letters after those of it how many zeros follow each other."""
    return bytes.fromhex(re.sub('[g-z]', lambda letter: '00' * (ord(letter[0]) - ord('f')), content))


def lines_of(path):
    with open(path, encoding='utf-8') as file:
        return file.read().splitlines()


def files(top):
    return [os.path.join(directory, name) for directory, _, names in os.walk(top) for name in names]


def explanations():
    """(file, text) -> [(number of the line, reason)]: lines of the same text need a reason each."""
    found: dict[tuple, list] = {}
    for number, line in enumerate(lines_of(EXPLANATIONS), 1):
        if line and not line.startswith('#'):
            words = re.split(r'  +', line.strip(), maxsplit=2)
            if len(words) != 3:
                raise ValueError(f'{os.path.relpath(EXPLANATIONS, TOP)}:{number}: not a file, a line of it and a reason')
            found.setdefault((words[0], words[1]), []).append((number, words[2]))
    return found


def table(counts, sources):
    """How many lines there are in which something is executed, and how many were reached: of each file, and together."""
    lines = [f'{"file":28}{"lines":>6}{"reached":>9}']
    for what, of_module in (('the module', True), ('the patches', False)):
        rows = {name: [bool(count) for (file, _), count in counts.items() if file == name]
                for name in sorted(sources) if name.startswith('module/') == of_module}
        rows[what] = sum(rows.values(), [])
        lines += [f'{name:28}{len(row):6}{sum(row):9}' for name, row in rows.items()]
    return lines


def judge(boots, pristine):
    """(what to print, whether all is well) of boots: (notes' directory, report)"""
    kinds: dict[str, Notes] = {}
    counts: dict[tuple, int] = {}
    for directory, report in boots:
        if directory not in kinds:
            kinds[directory] = Notes(directory, pristine)
            kinds[directory].count((), counts)
    reported = 0
    for directory, report in boots:
        if found := COUNTS.findall(report):
            kinds[directory].count(found, counts)
            reported += 1
    if not reported:
        return ['no guest has reported what it executed'], False
    sources = next(iter(kinds.values())).sources
    unused, explained, wrong = explanations(), [], []
    for (name, number), count in sorted(counts.items()):
        if count:
            continue
        text = sources[name].line(number)
        if reasons := unused.get((name, text)):
            explained.append(f'not reached: {name}:{number}: {text}: {reasons.pop(0)[1]}')
        else:
            wrong.append(f'not reached, and not explained: {name}:{number}: {text}')
    wrong += [f'reached, or no longer there: {os.path.relpath(EXPLANATIONS, TOP)}:{number}: {text}'
              for (_, text), reasons in unused.items() for number, _ in reasons]
    return [*table(counts, sources), f'in {reported} of {len(boots)} boots; the others did not get as far as to a report',
            *explained, *wrong], not wrong
