# SPDX-License-Identifier: GPL-2.0-only
"""
Measures what leaving an initramfs costs, with several tools on several kernels, and what nullfs beneath the rootfs
costs when no program uses it. Prints tables and goals; writes the data to bench/data and the plots to bench/plots.

The guests are QEMU machines whose clock counts instructions (-icount): one instruction is one nanosecond. The cache
keeps the measurements, so an interrupted run continues.
"""
import functools
import hashlib
import json
import os
import re
import signal
import stat
import statistics
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from . import TOP, Failure, newc, qemu, store
from .config import DEFAULT_VERSION as VERSION, NATIVE_SERIES
from .flavours import kernel as built
from .images import GUEST
from .process import must, setup
from .userland import image

HERE = TOP / 'bench'
CACHE = store.CACHE / 'bench'
DATA, PLOTS = HERE / 'data', HERE / 'plots'
MEMORY = 1024
TIMEOUT = 600
FILE = b'\n' * 4096
FILES_IN_DIRECTORY = 100
COUNTS = (100, 1000, 10000, 50000)
TOOLS = ('busybox', 'util-linux', 'klibc', 'pivot', 'pivot_init')
SELECT = 'immutable_rootfs'
RUNS = 5                # of measurements that vary
COMPARED = 10000        # files, to compare the tools in RUNS runs
TASKS = (1, 100, 1000)

# kernel: its flavour, what it needs on the command line
KERNELS = {
    'stock': ('stock', ''),
    'builtin': ('builtin', SELECT),
    'loadable': ('loadable', ''),
    'native': (None, ''),
}
UNUSED = {
    'stock': ('stock', ''),
    'patched, no provider': ('loadable', ''),
    'builtin, off': ('builtin', ''),
    'builtin, on': ('builtin', SELECT),
}
COSTS = {
    'init': 'instructions to /init',
    'unshare-1': 'unshare(CLONE_NEWNS), exit: 1 mount',
    'unshare-20': '20 mounts',
    'unshare-200': '200 mounts',
    'open-above': 'open("/..")',
    'stat-deep': 'stat() 16 levels deep',
}
LIBRARIES = 'usr/lib/x86_64-linux-gnu'
# Names in the tools image, and in this one
TOOL_FILES = {
    r'usr/bin/busybox': 'busybox',
    r'usr/sbin/switch_root': 'usr/sbin/switch_root',
    r'usr/lib/klibc/bin/run-init': 'run-init',
    r'usr/lib/(klibc-.*\.so)': r'lib/\1',
    r'usr/lib/x86_64-linux-gnu/(libc\.so\.6)': r'lib/\1',
    r'usr/lib/x86_64-linux-gnu/(ld-linux-x86-64\.so\.2)': r'lib64/\1',
}


def log(text):
    print(text, file=sys.stderr, flush=True)


def archive_members(path):
    """Names and contents of the files of an uncompressed newc archive."""
    with open(path, 'rb') as stream:
        while header := stream.read(110):
            mode, size, name_size = (int(header[at:at + 8], 16) for at in (14, 54, 94))
            name = stream.read(name_size)[:-1].decode()
            stream.seek(-stream.tell() % 4, os.SEEK_CUR)
            if name == 'TRAILER!!!':
                return
            if stat.S_ISREG(mode) and size:
                yield name, stream.read(size)
            else:
                stream.seek(size, os.SEEK_CUR)
            stream.seek(-stream.tell() % 4, os.SEEK_CUR)


@functools.cache
def qemu_version():
    return must(qemu.Machine('').architecture.qemu, '--version')


class Parts:
    """Parts of an initramfs, in a directory of their own. One thread at a time makes them."""

    def __init__(self, directory):
        self.directory = directory
        self.lock = threading.Lock()

    def get(self, name):
        path = os.path.join(self.directory, name)
        with self.lock:
            if not os.path.exists(path):
                with newc.Archive(path) as archive:
                    kind, _, argument = name.partition('=')
                    getattr(self, kind)(archive, argument)
        return path

    def program(self, name):
        built = os.path.join(self.directory, 'program')
        must('gcc', '-static', '-O2', '-Wall', '-Wextra', '-Werror', '-I', GUEST, '-Wl,-e,first_instruction',
             '-o', built, HERE / f'guest/{name}.c')
        with open(built, 'rb') as source:
            return source.read()

    def init(self, archive, program):
        archive.file('init', self.program(program), 0o755)
        archive.directory('dev')
        archive.node('dev/console', stat.S_IFCHR, 0o600, 5, 1)

    def module(self, archive, _):
        archive.file('immutable_rootfs.ko', built(VERSION, 'loadable').get_module().read_bytes())

    def tools(self, archive, _):
        for name in ('lib', 'lib64', 'usr', 'usr/sbin'):
            archive.directory(name)
        for name, data in archive_members(image('tools')):
            for pattern, ours in TOOL_FILES.items():
                if re.fullmatch(pattern, name):
                    archive.file(re.sub(pattern, ours, name), data, 0o755)
        made = must('make', '-s', '--no-print-directory', '-C', TOP, 'pivot_init').strip()
        archive.file('pivot_init', Path(made).read_bytes(), 0o755)

    def systemd(self, archive, program):
        """Debian's systemd as init, the only service of which is the program."""
        tree = os.path.join(self.directory, 'systemd-tree')
        must('unsquashfs', '-q', '-n', '-d', tree, image('squashfs'),
             'usr/bin/systemctl', 'usr/lib/systemd/systemd', LIBRARIES)
        names = {'usr/bin/systemctl', 'usr/lib/systemd/systemd'}
        look = list(names)
        while look:
            with open(os.path.join(tree, look.pop()), 'rb') as source:
                data = source.read()
            for directory in (LIBRARIES, f'{LIBRARIES}/systemd'):
                for library in set(re.findall(rb'(?<=\0)[\w+-]+\.so(?:\.\d+)*(?=\0)', data)):
                    path = f'{directory}/{library.decode()}'
                    if path not in names and os.path.exists(os.path.join(tree, path)):
                        names.add(path)
                        look.append(path)
        for name in ('dev', 'etc', 'etc/systemd', 'etc/systemd/system', 'proc', 'run', 'sys', 'tmp', 'usr', 'usr/bin', 'usr/lib',
                     'usr/lib/systemd', 'usr/lib64', LIBRARIES, f'{LIBRARIES}/systemd'):
            archive.directory(name)
        archive.symlink('lib', 'usr/lib')
        archive.symlink('lib64', 'usr/lib64')
        for name in sorted(names):
            with open(os.path.join(tree, name), 'rb') as source:
                archive.file(name, source.read(), 0o755)
        archive.symlink('usr/lib64/ld-linux-x86-64.so.2', f'/{LIBRARIES}/ld-linux-x86-64.so.2')
        archive.symlink('init', 'usr/lib/systemd/systemd')
        archive.file('etc/initrd-release', 'ID=bench\n')
        archive.file('etc/systemd/system/leave.target', '[Unit]\nRequires=leave.service\nAllowIsolate=yes\n')
        archive.file('etc/systemd/system/leave.service',
                     '[Unit]\nDefaultDependencies=no\n[Service]\nExecStart=/leave service\n')
        archive.file('leave', self.program(program), 0o755)
        archive.node('dev/console', stat.S_IFCHR, 0o600, 5, 1)

    def files(self, archive, count):
        for number in range(int(count)):
            directory = f'files-{number // FILES_IN_DIRECTORY}'
            if number % FILES_IN_DIRECTORY == 0:
                archive.directory(directory)
            archive.file(f'{directory}/{number}', FILE)


@dataclass
class Cell:
    """One boot."""
    kernel: Path
    parts: tuple
    append: str
    run: int = 0        # its number, of several equal ones

    def key(self, parts):
        total = hashlib.sha256(repr((self.parts, self.append, self.run, MEMORY, FILE, FILES_IN_DIRECTORY,
                                     qemu.Machine('', icount=True).command(), qemu_version())).encode())
        for path in (self.kernel, *(parts.get(name) for name in self.parts if not name.startswith('files='))):
            with open(path, 'rb') as stream:
                total.update(stream.read())
        return total.hexdigest()[:24]

    def measure(self, parts, keep=True):
        """The guest's report as a dictionary of its lines name=value. Samples are a list."""
        kept = os.path.join(CACHE, self.key(parts))
        if keep and os.path.exists(kept):
            with open(kept) as stream:
                return json.load(stream)
        with tempfile.TemporaryDirectory(dir=parts.directory) as work:
            outcome = qemu.run(qemu.Machine(
                kernel=str(self.kernel), initrd=[parts.get(name) for name in self.parts], memory=MEMORY, smp=1, icount=True,
                append=f'quiet nokaslr {self.append}', console=f'{work}/console', report=f'{work}/report'), TIMEOUT)
        report: dict = {}
        for name, value in re.findall(r'^([\w-]+)=(.*)$', outcome.report, re.M):
            if name == 'sample':
                report.setdefault(name, []).append([int(number) for number in value.split()])
            else:
                report[name] = int(value) if re.fullmatch(r'-?\d+', value) else value
        wrong = outcome.why if outcome.end != 'done' else next(iter(outcome.splats), report.get('error'))
        if wrong:
            last = '; '.join(outcome.console.strip().splitlines()[-2:])
            raise Failure(f'{self.append}, {", ".join(self.parts)}: {wrong}; its console: {last}')
        if keep:
            with open(kept + '.new', 'w') as stream:
                json.dump(report, stream)
            os.rename(kept + '.new', kept)
        return report


def handover_cell(kernels, name, tool, count, more='', run=0):
    flavour, select = KERNELS[name]
    parts = ['systemd=leave'] if tool == 'systemd' else ['init=leave', 'tools']
    parts += [f'files={count}'] + (['module'] if flavour == 'loadable' else [])
    if tool == 'systemd':
        more += ' rd.systemd.unit=leave.target systemd.show_status=no'
    return Cell(kernels[name], tuple(parts), f'{select} tool={tool} flavour={flavour} {more}'.strip(), run)


def plan(kernels):
    """All cells by the key of their results."""
    cells: dict[tuple, Cell] = {}
    for count in COUNTS:
        for kernel in kernels:
            for tool in TOOLS:
                if (kernel, tool) != ('stock', 'pivot'):    # it cannot
                    cells['handover', kernel, tool, count] = handover_cell(kernels, kernel, tool, count)
    for count in COUNTS:
        for kernel in kernels:
            cells['handover', kernel, 'systemd', count] = handover_cell(kernels, kernel, 'systemd', count)
    for kernel, tool in (('stock', 'busybox'), ('stock', 'util-linux'), ('builtin', 'pivot'),
                         ('builtin', 'pivot_init')):
        cells['samples', kernel, tool, COUNTS[-1]] = handover_cell(kernels, kernel, tool, COUNTS[-1], 'sampling=1')
    for kernel in kernels:
        for tool in TOOLS:
            if (kernel, tool) != ('stock', 'pivot'):
                cells['survivor', kernel, tool, COMPARED] = handover_cell(kernels, kernel, tool, COMPARED, 'survivor=1')
    for kernel in kernels:
        cells['execve', kernel] = handover_cell(kernels, kernel, 'none', COUNTS[0])
    for run in range(RUNS):
        for kernel in kernels:
            for tool in ('busybox', 'util-linux', 'pivot_init'):
                cells['again', kernel, tool, run] = handover_cell(kernels, kernel, tool, COMPARED, run=run)
        for name, (flavour, select) in UNUSED.items():
            cells['unused', name, run] = Cell(kernels[flavour], ('init=cost',), select, run)
        for tasks in TASKS:
            cells['load', tasks, run] = Cell(kernels['loadable'], ('init=cost', 'module'),
                                             f'flavour=loadable tasks={tasks}', run)
    return cells


def write_table(name, heading, rows):
    os.makedirs(DATA, exist_ok=True)
    with open(os.path.join(DATA, name), 'w') as stream:
        for row in ([f'# {heading[0]}', *heading[1:]], *rows):
            stream.write('\t'.join(str(field) for field in row) + '\n')


def show_table(title, heading, rows):
    print(f'\n{title}\n')
    rows = [[str(field) for field in row] for row in (heading, *rows)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(heading))]
    rows.insert(1, ['-' * width for width in widths])
    for row in rows:
        print('  ' + '  '.join(field.ljust(width) if at < 2 else field.rjust(width)
                               for at, (field, width) in enumerate(zip(row, widths))).rstrip())


def milliseconds(count):
    return f'{count / 1e6:.2f}' if count < 99.95e6 else f'{count / 1e6:.0f}'


def handover_tables(results, kernels):
    rows = [(*key[1:], result['handover'], result['back'], result['before'], result['held'])
            for key, result in results.items() if key[0] == 'handover']
    write_table('handover.tsv', ('kernel', 'tool', 'files', 'instructions to the new init', 'until the memory is back',
                                 'KB before', 'KB never given back'), rows)
    for title, name in (('Time to the new init, in ms', 'handover'),
                        ('Time until the memory is back, and instructions in all, in ms and millions', 'back'),
                        ('KB of the initramfs never given back', 'held')):
        lines = []
        for kernel in kernels:
            for tool in (*TOOLS, 'systemd'):
                if ('handover', kernel, tool, COUNTS[0]) in results:
                    cells = [results['handover', kernel, tool, count] for count in COUNTS]
                    lines.append([kernel, tool, *(
                        cell['held'] if name == 'held' else 'never' if name == 'back' and cell['held'] > 0
                        else milliseconds(cell[name]) for cell in cells)])
        show_table(title, ('kernel', 'tool', *(f'{count:,} files' for count in COUNTS)), lines)
    write_table('samples.tsv', ('kernel', 'tool', 'ms since the old init', 'MB of the initramfs in memory'),
                [(*key[1:3], f'{time / 1e6:.3f}', f'{kb / 1024:.3f}')
                 for key, result in results.items() if key[0] == 'samples' for time, kb in result['sample']])


def survivor_table(results):
    rows = [(*key[1:], result['before'], result['kept'], max(result['held'], 0))
            for key, result in results.items() if key[0] == 'survivor']
    heading = ('kernel', 'tool', 'files', 'KB before', 'KB kept while a process lives on', 'KB after its end')
    write_table('survivor.tsv', heading, rows)
    show_table('What a process of the initramfs keeps in memory that lives on', heading, rows)


def repeated_table(results, kernels):
    rows = [[kernel, tool, *([results['again', kernel, tool, run][what] for run in range(RUNS)]
                             for what in ('handover', 'back'))]
            for kernel in kernels for tool in ('busybox', 'util-linux', 'pivot_init')]
    write_table('again.tsv', ('kernel', 'tool', *(f'instructions to the new init, run {run + 1}' for run in range(RUNS)),
                              *(f'until the memory is back, run {run + 1}' for run in range(RUNS))),
                [[kernel, tool, *handovers, *backs] for kernel, tool, handovers, backs in rows])
    show_table(f'{COMPARED:,} files, in instructions: median (and spread) of {RUNS} runs',
               ('kernel', 'tool', 'to the new init', 'until the memory is back'),
               [[kernel, tool, spread(handovers), spread(backs)] for kernel, tool, handovers, backs in rows])


def spread(values):
    return f'{statistics.median(values):,.0f} ({min(values):,} .. {max(values):,})'


def cost_tables(results):
    values = {(name, cost): [results['unused', name, run][cost] for run in range(RUNS)]
              for name in UNUSED for cost in COSTS}
    loads = {tasks: [results['load', tasks, run]['load'] for run in range(RUNS)] for tasks in TASKS}
    write_table('cost.tsv', ('kernel', 'what', *(f'instructions, run {run + 1}' for run in range(RUNS))),
                [(name, cost, *numbers) for (name, cost), numbers in values.items()]
                + [('loadable', f'load-{tasks}', *numbers) for tasks, numbers in loads.items()])
    lines = []
    for cost, title in COSTS.items():
        base = statistics.median(values['stock', cost])
        for name in UNUSED:
            lines.append([title, name, spread(values[name, cost]),
                          f'{statistics.median(values[name, cost]) / base:.5f}'])
    for tasks, numbers in loads.items():
        lines.append([f'loading the module, {tasks} tasks', 'loadable', spread(numbers), ''])
    show_table(f'What it costs when it is not used: instructions, median (and spread) of {RUNS} runs',
               ('', 'kernel', 'instructions', 'of stock'), lines)
    return values


def goals(results, kernels, values):
    def cell(kernel, tool, count, name='handover'):
        return results['handover', kernel, tool, count][name]

    print('\nGoals\n')

    def goal(met, text):
        print(f'  {"met   " if met else "MISSED"}  {text}')

    few, many = COUNTS[0], COUNTS[-1]
    for kernel in kernels:
        ratio = cell(kernel, 'pivot_init', many) / cell(kernel, 'pivot_init', few)
        goal(ratio <= 1.1, f'{kernel}: handover with {many:,} files is {ratio:.3f} x that with {few} (at most 1.1)')
        ours, util_linux, busybox = (sorted(results['again', kernel, tool, run]['handover'] for run in range(RUNS))
                                     for tool in ('pivot_init', 'util-linux', 'busybox'))
        # The worst pair of runs counts.
        ratio = ours[-1] / util_linux[0]
        least = 2 * results['execve', kernel]['handover'] / util_linux[0]
        goal(ratio <= 0.25, f'{kernel}: with {COMPARED:,} files at most {ratio:.3f} x that of util-linux (0.25);'
             f' two execve(2), of a tool and of the new init, are {least:.3f} x')
        ratio = busybox[0] / ours[-1]
        goal(ratio >= 200, f'{kernel}: with {COMPARED:,} files at most 1/{ratio:.2f} of that of busybox (1/200)')
        ratios = [cell(kernel, 'pivot_init', count, 'back') / cell(kernel, 'util-linux', count, 'back')
                  for count in COUNTS]
        goal(max(ratios) <= 1.02, f'{kernel}: instructions in all {", ".join(f"{ratio:.3f}" for ratio in ratios)} x'
             f' those of util-linux with {", ".join(f"{count:,}" for count in COUNTS)} files (at most 1.02)')
        held = max(cell(kernel, 'pivot_init', count, 'held') for count in COUNTS)
        goal(held <= 0, f'{kernel}: {max(held, 0)} KB of the initramfs are never given back (0)')
        kept, most = (results['survivor', kernel, tool, COMPARED]['kept'] for tool in ('pivot_init', 'busybox'))
        goal(kept <= most + 1024, f'{kernel}: a process that lives on keeps {kept:,} KB (at most the {most:,} KB of'
             ' busybox and 1 MB)')
    stock, off, on = (values[name, 'init'] for name in ('stock', 'patched, no provider', 'builtin, on'))
    ratio = statistics.median(on) / statistics.median(stock)
    goal(ratio <= 1.0005, f'builtin, on: {100 * (ratio - 1):+.4f} % instructions to /init (at most +0.05 %)')
    noise = max(stock) - min(stock)
    difference = statistics.median(off) - statistics.median(stock)
    goal(abs(difference) <= noise, f'patched, no provider: {difference:+,.0f} instructions to /init'
         f' ({100 * difference / statistics.median(stock):+.4f} %); the runs of stock differ by {noise:,}')


def tell(results, kernels):
    handover_tables(results, kernels)
    repeated_table(results, kernels)
    survivor_table(results)
    values = cost_tables(results)
    goals(results, kernels, values)
    os.makedirs(PLOTS, exist_ok=True)
    must('gnuplot', '-c', HERE / 'plots.gnuplot', DATA, PLOTS)
    print(f'\nData: {DATA}; plots: {PLOTS}')


def smoke():
    """Measure one cell and check that its numbers are possible; the tables and plots show it in all places, and are not kept."""
    global DATA, PLOTS
    with tempfile.TemporaryDirectory(prefix='immutable-rootfs-bench-') as directory:
        kernels = {'builtin': built(VERSION, 'builtin').get_image()}
        result = handover_cell(kernels, 'builtin', 'pivot_init', COUNTS[0]).measure(Parts(directory), keep=False)
        DATA = PLOTS = Path(directory)
        everywhere: dict = {**dict.fromkeys((*COSTS, 'load', 'kept'), 1), 'sample': [[0, 0]], **result}
        kernels = dict.fromkeys(KERNELS, kernels['builtin'])
        tell(dict.fromkeys(plan(kernels), everywhere), kernels)
    if not 0 < result['handover'] < result['back'] or result['held'] > 0 or result['before'] < 4 * COUNTS[0]:
        raise Failure(f'wrong numbers: {result}')
    print(f"{milliseconds(result['handover'])} ms to the new init, {milliseconds(result['back'])} ms until"
          f" {result['before']} KB were given back")


def everything():
    os.makedirs(CACHE, exist_ok=True)
    kernels = {}
    for name, (flavour, _) in KERNELS.items():
        if flavour:
            kernels[name] = built(VERSION, flavour).get_image()
        else:
            try:
                kernels[name] = built(NATIVE_SERIES, 'native').get_image()
            except Failure as failure:
                log(f'bench: left out: {name}: {failure}')
    with tempfile.TemporaryDirectory(prefix='immutable-rootfs-bench-', dir=CACHE) as directory, \
            ThreadPoolExecutor(int(os.environ.get('JOBS') or 2)) as pool:
        parts = Parts(directory)
        cells = plan(kernels)
        futures = {key: pool.submit(cell.measure, parts) for key, cell in cells.items()}
        results = {}
        try:
            for number, (key, future) in enumerate(futures.items(), 1):
                results[key] = future.result()
                log(f'bench: {number} of {len(cells)}: {", ".join(str(word) for word in key)}')
        except BaseException:
            qemu.stopping.set()
            pool.shutdown(cancel_futures=True)
            raise
    release = kernels['native'].parent.name if 'native' in kernels else 'not available'
    print(f'Kernels: Linux {VERSION}; native: {release}')
    tell(results, kernels)


def main(options):
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    setup('build', 'boot', 'program', 'bench')
    if options.smoke:
        smoke()
    else:
        everything()
