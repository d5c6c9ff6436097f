# SPDX-License-Identifier: GPL-2.0-only
"""
Prints what a distribution carries: kernel-hooks.patch and patches/ in figures, and by how much they enlarge a kernel.
Beside them is upstream's series "fs: add immutable rootfs and support pivot_root() in the initramfs", as far as it is known:
UPSTREAM=file in the environment names a mailbox of it, to be counted and built as well.
"""
import mailbox
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field, fields

from . import TOP, Failure, smoke
from .flavours import kernel
from .process import last_line, must
from .sources import source
from .store import CACHE, digest, locked, progress, remove_entry, scratch

PATCH = TOP / 'kernel-hooks.patch'
OPTIONAL = sorted(path for path in TOP.glob('patches/*.patch') if not path.stem.startswith('kernel-hooks'))
UNKNOWN = 'not known'
FLAVOURS = ('stock', 'loadable', 'builtin')
# The alignment of huge pages, where padding in the kernel's text ends
ALIGNED = 2 << 20

# The diffstat of its cover letter
COVER_LETTER = '20260102-work-immutable-rootfs-v1-0-f2073b2d1602@kernel.org'
COVER_FIGURES = {'lines added': 223, 'lines removed': 60, 'files in all': 10}

SOURCES = """\
text: System.map's _stext to _etext, without the padding before each huge page; init text: _sinittext to _einittext;
data: _sdata to _edata. The other kernels are shown as differences to stock, with those of patches/ that they can take.
The loadable module: the size of the file after strip --strip-debug, and the output of size(1) for it."""


@dataclass
class Figures:
    """Figures of one commit or of a series."""
    added: int = 0
    removed: int = 0
    hunks: int = 0
    exports: int = 0
    files: set = field(default_factory=set)
    created: set = field(default_factory=set)

    def __add__(self, other):
        return Figures(*(getattr(self, part.name) | getattr(other, part.name) if isinstance(getattr(self, part.name), set)
                         else getattr(self, part.name) + getattr(other, part.name) for part in fields(self)))

    def rows(self):
        return {'lines added': self.added, 'lines removed': self.removed, 'files changed': len(self.files - self.created),
                'files created': len(self.created), 'files in all': len(self.files), 'hunks': self.hunks,
                'exported symbols': self.exports}


@dataclass
class Commit:
    """A mail of a series."""
    subject: str
    text: str
    figures: Figures


EXPORT = re.compile(r'\s*EXPORT_SYMBOL\w*\(')


def count(diff, name):
    """The figures of a diff. Hunks state their length, so their content cannot be mistaken for a header."""
    figures = Figures()
    old = new = ''
    old_left = new_left = 0
    for line in diff.replace('\r\n', '\n').split('\n'):
        kind, text = line[:1] or ' ', line[1:]
        if old_left or new_left:
            if kind not in ' +-\\':
                break
            old_left -= kind in ' -'
            new_left -= kind in ' +'
            figures.added += kind == '+'
            figures.removed += kind == '-'
            if EXPORT.match(text):
                figures.exports += (kind == '+') - (kind == '-')
        elif name_of := re.match(r'--- (?:a/)?([^\t]+)', line):
            old = name_of[1]
        elif name_of := re.match(r'\+\+\+ (?:b/)?([^\t]+)', line):
            new = name_of[1]
        elif hunk := re.match(r'@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@', line):
            if not old or not new:
                raise Failure(f'{name}: a hunk does not tell which file it is for')
            old_left, new_left = (1 if length is None else int(length) for length in hunk.groups())
            figures.hunks += 1
            path = old if new == '/dev/null' else new
            figures.files.add(path)
            if old == '/dev/null':
                figures.created.add(path)
    if old_left or new_left:
        raise Failure(f'{name}: the last hunk is cut off')
    return figures


def commits(path):
    """The patches of a mailbox, without replies and cover letters."""
    if not os.path.isfile(path):
        raise Failure(f'{path}: no such file')
    found = []
    for mail in mailbox.mbox(path, create=False):
        subject = ' '.join(str(mail['Subject']).split())
        if not re.match(r'\[[^]]*PATCH[^]]*\]', subject):
            continue
        text = ''.join(part.get_payload(decode=True).decode(errors='replace') for part in mail.walk()
                       if part.get_content_maintype() == 'text')
        figures = count(text, f'{path}: {subject}')
        if figures.hunks:
            found.append(Commit(subject, text, figures))
    if not found:
        raise Failure(f'{path}: there is no patch in it; a mailbox of the series is needed, as git format-patch makes it')
    return found


def total(series):
    return sum((commit.figures for commit in series), Figures())


class DoesNotApply(Exception):
    """A commit, and where it fails."""


def apply(series, tree):
    for commit in series:
        done = subprocess.run(['patch', '-d', tree, '-p1', '-F0', '-f', '--no-backup-if-mismatch', '-r', '-'],
                              check=False, input=commit.text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            where = re.search(r'patching file (\S+)\n(?:Hunk .* succeeded .*\n)*Hunk (#\d+) FAILED', done.stdout)
            raise DoesNotApply(f'"{commit.subject}", ' + (f'{where[1]}, hunk {where[2]}' if where
                                                         else last_line(done.stdout)))


def upstream_image(version, series):
    """The image of a stock kernel with the series in it."""
    pristine = source(version).tree()
    content = digest(str(pristine), *(commit.text for commit in series))
    kept = CACHE / 'upstream' / version
    what = f'{version} upstream'
    with locked(f'upstream-{version}', what):
        if not (kept / content).is_file():
            with scratch(kept.parent) as new:
                # patch(1) replaces files, so links to those of the source are safe.
                must('cp', '-al', pristine, new / 'tree')
                apply(series, new / 'tree')
                (new / content).touch()
                if kept.exists():
                    remove_entry(kept)
                new.rename(kept)
        progress.show(f'{what}: the stock kernel with the series, as {version} stock', always=True)
        return kernel(version, 'stock', given=kept / 'tree').get_image()


def sizes(system_map):
    """Bytes of a kernel's parts, from the addresses of its symbols."""
    names: dict[str, int] = {}
    marks = set()
    with open(system_map, encoding='ascii') as lines:
        for line in lines:
            place, _, name = line.split()
            names[name] = int(place, 16)
            if name.endswith('_end'):
                marks.add(names[name])

    def address(name):
        if name not in names:
            raise Failure(f'{system_map}: there is no symbol {name}')
        return names[name]

    begin, end = address('_stext'), address('_etext')
    places = sorted({place for place in names.values() if begin <= place <= end})
    padding = sum(after - before for before, after in zip(places, places[1:]) if before in marks and after % ALIGNED == 0)
    return {'text': end - begin - padding, 'init text': address('_einittext') - address('_sinittext'),
            'data': address('_edata') - address('_sdata')}


def module_sizes(path):
    """Sizes of the loadable module: the file, and in memory."""
    with tempfile.TemporaryDirectory() as work:
        stripped = shutil.copy(path, work)
        must('strip', '--strip-debug', stripped)
        text, data, bss = must('size', stripped).splitlines()[1].split()[:3]
        return {'the file, stripped of debug information': os.path.getsize(stripped),
                'text and read-only data': int(text), 'data': int(data) + int(bss)}


def table(title, columns, rows):
    lines = [(title, *columns), *((name, *map(str, cells)) for name, cells in rows)]
    widths = [max(map(len, column)) for column in zip(*lines)]
    for first, *rest in lines:
        print('  '.join((first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(rest, widths[1:])))))
    print()


def print_patch(upstream):
    series = commits(PATCH)
    columns = [*(commit.figures for commit in series), total(series)]
    known = total(upstream).rows() if upstream else COVER_FIGURES
    table('kernel-hooks.patch', (*(f'commit {number}' for number in range(1, len(columns))), 'in all', 'upstream'),
          [(name, (*(column.rows()[name] for column in columns), known.get(name, UNKNOWN)))
           for name in columns[0].rows()])
    optional = [total(commits(path)).rows() for path in OPTIONAL]
    table('patches/', [path.stem for path in OPTIONAL], [(name, [rows[name] for rows in optional]) for name in optional[0]])


def sizes_beside(image):
    return sizes(os.path.join(os.path.dirname(image), 'System.map'))


def print_kernels(version, upstream, kernel=kernel):
    """Returns the reason if the series is known and its bytes are not."""
    images = {flavour: kernel(version, flavour).get_image() for flavour in FLAVOURS}
    found = {flavour: sizes_beside(image) for flavour, image in images.items()}
    config = images['stock'].with_name('config').read_text(encoding='utf-8')
    (arch, release), *_ = re.findall(r'^# Linux/(\S+) (\S+) ', config, re.M)
    others = [found['loadable'], found['builtin'], None]
    why = None
    try:
        if upstream:
            others[-1] = sizes_beside(upstream_image(version, upstream))
    except DoesNotApply as failure:
        why = f'{failure} does not apply to Linux {release}; KERNEL=name takes another one'
    stock = found['stock']
    table(f'bytes of Linux {release}, {arch}', ('stock', 'patched', 'module built in', 'upstream'),
          [(name, (stock[name], *(f'{other[name] - stock[name]:+}' if other else UNKNOWN for other in others)))
           for name in stock])
    table('bytes of immutable_rootfs.ko', ('loadable',),
          [(name, (size,)) for name, size in module_sizes(kernel(version, 'loadable').get_module()).items()])
    return why


def main(options):
    path = os.environ.get('UPSTREAM')
    upstream = commits(path) if path else None
    print_patch(upstream)
    if options.smoke:
        with tempfile.TemporaryDirectory() as work:
            stand_in = smoke.Kernel(work)
            why = print_kernels(options.version, None, lambda *words: stand_in)
    else:
        why = print_kernels(options.version, upstream)
    if upstream:
        print(f'Upstream is the sum of the commits in {path}'
              + (f'. Its bytes are not known:\n{why}.' if why else ', applied to the stock kernel.'))
    else:
        print(f'Upstream is what the cover letter says, Message-Id {COVER_LETTER};\n'
              'UPSTREAM=file counts a mailbox of the series, and builds a kernel with it.')
    print(SOURCES)
