# SPDX-License-Identifier: GPL-2.0-only
"""usage: tests/run [--kernel NAME,...|all] [--machine NAME] [--short] [--long [--until MINUTES]]
                 [--also NAME,...|rest [--within MINUTES]] [--nightly] [--coverage] [--test NAME]

Runs the tests of tests/table.py, most in virtual machines, and reports as KTAP on stdout. Kernels are those of tests/kernels
(6.12 and 6.1); NAME of a test may be a pattern ('root-*').
--short runs only the few that show stock, builtin and loadable each at work, --long also those that take long; of these none
is begun when that many minutes have passed. --also runs the short ones on further kernels; none of these is built when that
many minutes have passed, nor are those with security modules or KCSAN. What was left out is told. --nightly makes storms long.
--coverage runs them on kernels that count what is executed, and tells which lines of the module and of the patch no test
reaches; on 6.12 unless --kernel names others.
JOBS in the environment is how many machines run at a time (one more than there are processors), SEED which storm
the tests of that name make, OPERATIONS how long it is. The last line is 'N passed, N failed', and ', N skipped' for want of
time; the exit status is 0 if everything else passed.
"""
import argparse
import fcntl
import fnmatch
import hashlib
import math
import os
import random
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

HERE = os.path.dirname(os.path.realpath(__file__))
TOP = os.path.dirname(HERE)
from .checks import coverage
from . import newc
from .checks import races
from . import selftests
from . import qemu as vm
from .config import DEFAULT, Unknown, architecture
from tests.table import (DEBIAN, DEBUG, DEBUG_VERSIONS, DEFAULT_VERSIONS, KCSAN, NATIVE_SERIES, RARE, SELECTIONS, TESTS, VERSIONS)

GUEST = os.path.join(TOP, 'tests/guest')
CACHE = os.path.join(os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache'), 'immutable-rootfs')
SEED = os.environ.get('SEED') or random.getrandbits(32)
SELFTEST_SECONDS = 120      # the kernel's own 45 are too few on a busy host
HARNESS_VERSION = '6.12'    # whose kselftest_harness.h the guest programs are built with


class Failure(Exception):
    """One line for the user."""


def printed(*words):
    """What a command of ours prints; its progress and its errors go to our stderr."""
    done = subprocess.run(words, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, cwd=TOP)
    if done.returncode:
        raise Failure(f'{" ".join(words)} failed with status {done.returncode}, see above')
    return done.stdout.strip()


def script(name, *words):
    if name == 'setup':
        return printed('scripts/setup', *words)
    return printed('scripts/vmtest', name, *words)


def shell(*words):
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise Failure(f'{words[0]} failed: {done.stdout.strip()}')


SIGNED = b'~Module signature appended~\n'


class Images:
    """What the machines boot from, in a directory of its own: parts of initramfs, initrds and disks, by name."""

    def __init__(self, directory, machine):
        self.directory = directory
        self.machine = machine
        self.made = {}
        self.programs = None

    def get(self, name):
        """The image's path. It is made when first asked for, and why that failed is remembered as well."""
        if name not in self.made:
            try:
                self.made[name] = self.make(name)
            except Failure as failure:
                self.made[name] = failure
        if isinstance(self.made[name], Failure):
            raise self.made[name]
        return self.made[name]

    def make(self, name):
        path = os.path.join(self.directory, name)
        if name in ('tools', 'selftests-tools', 'lsm-tools'):
            return script('userland', name, self.machine.name)
        if name in DEBIAN:
            return script('userland', name)
        kind, *words = name.split()
        if kind == 'initramfs':
            system, version, variant = words
            return os.path.join(script('userland', 'initramfs', system, version), f'{variant}.img')
        if kind.endswith('module'):
            with newc.Archive(path) as archive:
                archive.file(*kernel_module(kind, *words, self.machine))
            return path
        if kind == 'selftests':
            with newc.Archive(path) as archive:
                self.selftests(archive, Path(script('kernel', 'selftests', *words)))
            return path
        if self.programs is None:
            self.programs = compile_guest(self.machine)
        if kind == 'root-selftests':
            self.unpacked(path, ('selftests-tools', ' '.join(('selftests', *words)), 'guest', 'init=init'))
        elif name == 'ext4':
            self.disk(path, 'ext4')
        elif name == 'squashfs':
            with self.tree() as tree:
                shell('mksquashfs', tree, path, '-all-root', '-noappend', '-quiet', '-no-progress')
        elif kind == 'boot':
            self.boot(path, self.get(' '.join(('initramfs', *words))))
        elif name == 'initrd.ext2':
            self.disk(path, 'ext2')
        elif name == 'zeros':
            with open(path, 'wb') as disk:
                disk.truncate(1 << 20)
        elif name.startswith('init='):      # the program that is /init
            with newc.Archive(path) as archive:
                archive.file('init', self.program(name.removeprefix('init=')), 0o755)
        else:
            with newc.Archive(path) as archive:
                getattr(self, name.replace('-', '_'))(archive)
        return path

    def program(self, name):
        with open(os.path.join(self.programs, name), 'rb') as source:
            return source.read()

    def guest(self, archive):
        for directory in ('dev', 'root', 'tests'):
            archive.directory(directory)
        archive.node('dev/console', stat.S_IFCHR, 0o600, 5, 1)
        for name in sorted(os.listdir(self.programs)):
            archive.file(f'tests/{name}', self.program(name), 0o755)

    def pivot_init(self, archive):
        with tempfile.TemporaryDirectory(dir=self.directory) as work:
            for name in ('Makefile', 'pivot_init.c'):
                shutil.copy(os.path.join(TOP, 'initramfs/pivot_init', name), work)
            shell('make', '-s', '-C', work, f'CC={self.machine.cross}gcc', 'pivot_init')
            with open(os.path.join(work, 'pivot_init'), 'rb') as source:
                archive.file('pivot_init', source.read(), 0o755)

    def load_script(self, archive):
        with open(os.path.join(TOP, 'scripts/load'), 'rb') as source:
            archive.file('load', source.read(), 0o755)

    def empty_namespace(self, archive):
        with tempfile.NamedTemporaryFile(dir=self.directory) as program:
            shell(f'{self.machine.cross}gcc', '-static', '-O2', '-Wall', '-Wextra', '-Werror', '-o', program.name,
                  os.path.join(TOP, 'demo/empty-namespace.c'))
            archive.file('empty-namespace', program.read(), 0o755)

    def selftests(self, archive, directory):
        archive.directory('selftests')
        archive.tree(directory, 'selftests/', skip=(selftests.LIST, 'settings'))
        names = selftests.listed(directory)
        archive.file(f'selftests/{selftests.LIST}', ''.join(f'{name}\n' for name in names))
        for collection in {name.split(':')[0] for name in names}:
            archive.file(f'selftests/{collection}/settings', f'timeout={SELFTEST_SECONDS}\n')

    def unpacked(self, path, parts):
        """A disk with what is in these parts of an initramfs."""
        with tempfile.TemporaryDirectory(dir=self.directory) as tree:
            os.chmod(tree, 0o755)
            # owners and devices, although an ordinary user unpacks them
            shell('fakeroot', 'sh', '-ec', '''
                disk=$1
                cd "$2"
                shift 2
                for part; do cpio -idmu --quiet <"$part"; done
                PATH=$PATH:/usr/sbin:/sbin mke2fs -q -F -t ext4 -m 0 -d . "$disk" 400M''',
                'sh', path, tree, *map(self.get, parts))

    def large(self, archive):
        archive.file('large', os.urandom(64 << 20))

    def bare(self, archive):
        for directory in ('dev', 'root'):
            archive.directory(directory)
        archive.node('dev/console', stat.S_IFCHR, 0o600, 5, 1)

    def switch_root(self, archive):
        archive.node('dev/console', stat.S_IFCHR, 0o600, 5, 1)
        archive.file('init', self.program('switch-root.sh'), 0o755)

    def tree(self):
        """A small root: what its /sbin/init runs, and places to mount on."""
        tree = tempfile.TemporaryDirectory(dir=self.directory)
        os.chmod(tree.name, 0o755)
        for name in ('dev', 'new', 'proc', 'sbin', 'sys', 'tests'):
            os.mkdir(os.path.join(tree.name, name))
        for source, to in (('init', 'sbin/init'), ('handover', 'tests/handover'), ('load-late', 'tests/load-late'),
                           ('linuxrc', 'linuxrc')):
            shutil.copy(os.path.join(self.programs, source), os.path.join(tree.name, to))
        return tree

    def boot(self, path, initramfs):
        """The /boot of a Debian system, with the tests in it."""
        with tempfile.TemporaryDirectory(dir=self.directory) as tree:
            with open(os.path.join(os.path.dirname(initramfs), 'release')) as release:
                shutil.copy(initramfs, os.path.join(tree, 'initrd.img-' + release.read()))
            shutil.copytree(self.programs, os.path.join(tree, 'tests'))
            shell('mksquashfs', tree, path, '-all-root', '-noappend', '-quiet', '-no-progress', '-comp', 'lz4')

    def disk(self, path, kind):
        with self.tree() as tree:
            shell('/sbin/mke2fs', '-q', '-F', '-t', kind, '-E', 'root_owner=0:0', '-d', tree, path, '8M')


def kernel_module(kind, version, flavour, machine):
    """Name and content of a module that this kernel takes, or refuses for another reason than that it is not its own."""
    if kind == 'leaking-module':
        path = os.path.join(os.path.dirname(script('kernel', 'image', version, flavour)), 'kmemleak-test.ko')
    elif kind.endswith('signed-module'):
        path = printed(os.path.join(TOP, 'tests/host/signed-module'), version)
    else:
        path = script('kernel', 'ko', version, flavour if flavour.endswith('-loadable') else 'loadable', machine.name)
    try:
        with open(path, 'rb') as ko:
            content = ko.read()
    except FileNotFoundError:
        raise Failure(f'{path}: the kernel was built without it') from None
    if kind == 'renamed-module':
        return 'renamed.ko', content.replace(b'immutable_rootfs', b'immutable_nullfs')
    if kind.endswith('signed-module'):
        if not content.endswith(SIGNED):
            raise Failure(f'{path}: dkms has not signed it')
        if kind == 'unsigned-module':
            # before the mark there are a struct module_signature, which ends with a length, and that much of signature
            content = content.removesuffix(SIGNED)
            content = content[:-12 - int.from_bytes(content[-4:], 'big')]
        return 'immutable_rootfs.ko', content
    return os.path.basename(path), content


def compile_guest(machine):
    """The directory of the compiled guest programs, kept in the cache."""
    headers = os.path.join(script('kernel', 'source', HARNESS_VERSION), 'tools/testing/selftests')
    sources = sorted(os.listdir(GUEST))
    key = hashlib.sha256(headers.encode())
    for name in sources:
        with open(os.path.join(GUEST, name), 'rb') as source:
            key.update(name.encode() + source.read())
    parent = os.path.join(CACHE, 'guest' + machine.suffix)
    final = os.path.join(parent, key.hexdigest()[:16])
    os.makedirs(parent, exist_ok=True)
    with open(os.path.join(parent, 'lock'), 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.isdir(final):
            return final
        for old in os.listdir(parent):
            shutil.rmtree(os.path.join(parent, old), ignore_errors=True)
        with tempfile.TemporaryDirectory(dir=parent) as new:
            for name in sources:
                source, (stem, kind) = os.path.join(GUEST, name), os.path.splitext(name)
                if kind == '.c':
                    # kselftest_harness.h makes an unsigned long long of a pointer
                    shell(f'{machine.cross}gcc', '-static', '-O2', '-Wall', '-Werror', '-Wno-pointer-to-int-cast',
                          '-I', headers, '-o', os.path.join(new, stem), source)
                elif kind == '.sh':
                    shutil.copy(source, os.path.join(new, name))
            os.chmod(new, 0o755)
            shutil.copytree(new, final + '.new')
            os.rename(final + '.new', final)
    return final


@dataclass
class Report:
    """What one guest program reported."""
    plan: int = None
    status: int = None
    results: list = field(default_factory=list)     # (ok, name, comments)


def parse(text):
    reports, current, comments = {}, None, []
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
            # kselftest_harness.h explains a failure before its result, others explain it after
            comments = [] if result[1] == 'ok' else comments
        elif re.match(r'#  +RUN ', line):
            comments = []
        elif line.startswith('#'):
            comments.append(line)
    return reports


def judge(test, outcome, reports, programs, patterns):
    """What became of the boot, as (kind, why); the first thing that went wrong names it."""
    kind = {'hang': 'hang', 'panic': 'panic', 'lost': 'lost VM', 'no fault': 'no fault'}.get(outcome.end)
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
    skipped: str = ''           # why it was not run


class Case:
    """One test on one kernel, in a virtual machine or (flavour 'host') without."""

    def __init__(self, test, version, flavour, kernel, images, logs, too_late):
        self.test, self.version, self.flavour, self.images = test, version, flavour, images
        self.kernel = kernel        # path, or the Failure to build it
        self.too_late = too_late    # why it is not to be begun any more, if so
        self.operations = int(os.environ.get('OPERATIONS') or test.operations)
        self.name = f'{test.name} {version} {flavour}' + images.machine.suffix.replace('-', ' ')
        self.log = os.path.join(logs, self.name.replace(' ', '-').replace('/', '-'))

    def images_of(self, names):
        """The names of images, some of which are for one kernel only, or of one variant for the loadable module."""
        variant = 'module' if self.flavour == 'loadable' else 'plain'
        return [name.format(version=self.version, flavour=self.flavour, variant=variant) for name in names]

    def machine(self):
        test = self.test
        if isinstance(self.kernel, Failure):
            raise self.kernel
        patched, debug = not self.flavour.startswith('stock'), self.flavour in DEBUG
        nullfs = patched and test.selects
        self.programs = [name for name in test.programs if name != 'nullfs' or nullfs]
        self.patterns = (*test.console, *(test.immutable_console if nullfs else test.stock_console),
                         *(test.patched_console if patched else ()))
        machine = self.images.machine
        words = [test.append, f'flavour={self.flavour}', f'expect={"nullfs" if nullfs else "stock"}',
                 f'report=/dev/{machine.report}']
        if test.operations:
            words.append(f'seed={SEED} operations={self.operations}')
        if self.programs:
            words.append('tests=' + ','.join(self.programs))
        if patched:
            words.append(test.parameter)
        if debug:
            words.append('panic_on_warn=1 oops=panic')
            self.programs.append('leaks')
        return vm.Machine(kernel=self.kernel, architecture=machine,
                          initrd=[self.images.get(name) for name in self.images_of(test.initrd)],
                          disks=[self.images.get(name) for name in self.images_of(test.disks)],
                          append=' '.join(filter(None, words)), memory=test.memory * (2 if debug else 1), smp=test.smp,
                          console=self.log + '.console', report=self.log + '.report',
                          gdb=test.fault.commands(self.kernel + '.map') if test.fault and patched else [])

    def boot(self):
        machine = self.machine()
        self.how = f'command line: {machine.append}'
        started = []

        def follow(text):
            if self.test.kill:
                started[0].kill()
            for line in re.findall(r'storm: \d+ of \d+ operations$', text, re.MULTILINE):
                print(f'# {self.name}: {line}', flush=True)

        timeout = self.test.timeout * (5 if self.flavour in (*DEBUG, *KCSAN) else 1)
        if self.test.operations:
            timeout *= max(1, self.operations / self.test.operations)
        return vm.run(machine, timeout, self.test.stuck, started.append, follow)

    def run_on_host(self):
        program, = self.programs = self.test.programs
        self.patterns = ()
        command = [os.path.join(TOP, 'tests/host', program)]
        self.how = f'KERNEL={self.version} {command[0]}'
        begin, status = time.monotonic(), 'killed'
        with open(self.log + '.report', 'w+') as report, open(self.log + '.console', 'w+') as console:
            report.write(f'# program {program}\n')
            report.flush()
            try:
                status = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=report, stderr=console,
                                        env={**os.environ, 'KERNEL': self.version}, timeout=self.test.timeout).returncode
            except subprocess.TimeoutExpired:
                pass
            report.write(f'# exit {program} {status}\n')
        end = 'hang' if status == 'killed' else 'done'
        return vm.Outcome(end, f'status {status}', [], vm.read(self.log + '.console'), vm.read(self.log + '.report'),
                          time.monotonic() - begin)

    def run(self):
        late = not isinstance(self.kernel, Failure) and self.too_late()
        if late:
            return Result(self.name, True, [], skipped=late)
        try:
            outcome = self.run_on_host() if self.flavour == 'host' else self.boot()
        except Failure as failure:
            return Result(self.name, False, [f'# not run: {failure}'])
        raced = races.sort_out(outcome) if self.flavour in KCSAN else []
        reports = parse(outcome.report)
        kind, why = judge(self.test, outcome, reports, self.programs, self.patterns)
        ok = kind == self.test.expect
        lines = self.nested(reports, ok)
        lines += [f'# {line}' for line in (*raced, *(self.test.tells(outcome) if self.test.tells else ()))]
        if not ok:
            wanted = '' if self.test.expect == 'passed' else f', expected: {self.test.expect}'
            lines.append(f'# {kind}{wanted}: {why}')
            if kind != 'failed check' or not reports:
                lines += [f'# console: {line}' for line in (outcome.splats or outcome.console.splitlines())[-15:]]
            lines.append(f'# logs: {self.log}.console and .report; {self.how}')
        return Result(self.name, ok, lines, outcome.seconds, outcome)

    def nested(self, reports, ok):
        """The guest's own results, indented; with its comments where a result is not ok."""
        lines, number = [], 0
        if self.test.expect != 'passed' and ok:
            return lines
        for program, report in reports.items():
            for good, name, comments in report.results:
                number += 1
                lines += [f'  {line}' for line in comments if not good or line.startswith('# measured')]
                name = re.sub(r'^global\.', '', name).removeprefix(program + '.')
                lines.append(f'  {"ok" if good else "not ok"} {number} {program}.{name}')
        return ['  KTAP version 1', f'  # Subtest: {self.name}', f'  1..{number}', *lines] if number else []


def compare(case, stock, patched):
    """What test.same finds in the boots of stock and of this flavour has to be equal."""
    name, test, flavour = f'{case.name} same-as-stock', case.test, case.flavour
    if late := stock.skipped or patched.skipped:
        return Result(name, True, [], skipped=late)
    if not stock.outcome or not patched.outcome:
        return Result(name, False, ['# not compared, as one of the two did not run'])
    ours, theirs = test.same(stock.outcome), test.same(patched.outcome)
    if not ours:
        return Result(name, False, ['# nothing to compare'])
    lines = []
    for sign, one, other in (('stock only:', ours, list(theirs)), (f'{flavour} only:', theirs, list(ours))):
        for line in one:
            if line in other:
                other.remove(line)
            else:
                lines.append(f'# {sign} {line}')
    if not lines and ours != theirs:
        lines.append('# the same lines in another order')
    return Result(name, not lines, lines)


def conform(case, reference, results):
    """What differs from the boot of the reference, another flavour, has to be explained, or to be better."""
    name = f'{case.name} conforms-to-{reference}'
    two = [results[case.name], results.get(f'{case.test.name} {case.version} {reference}')]
    if late := next((result.skipped for result in two if result and result.skipped), ''):
        return Result(name, True, [], skipped=late)
    outcome, other = (result and result.outcome for result in two)
    if not all(boot and boot.end == 'done' for boot in (outcome, other)):
        return Result(name, False, ['# not compared, as one of the two did not run to its end'])
    try:
        wrong, told = case.test.conforms.differences(case.version, case.flavour, reference, outcome, other)
    except (OSError, ValueError) as error:
        wrong, told = [error], []
    return Result(name, not wrong, [f'# {line}' for line in (*wrong, *told)])


def cover(version, cases, results):
    """Each line of ours is executed by one of the boots, or it is explained why not."""
    boots = [(f'{case.kernel}.gcov', outcome.report if outcome.end == 'done' else '') for case in cases
             if case.version == version and (outcome := results[case.name].outcome)]
    try:
        lines, ok = coverage.judge(boots, script('kernel', 'source', version))
    except (Failure, OSError, ValueError) as error:
        lines, ok = [error], False
    return Result(f'coverage {version}', ok, [f'# {line}' for line in lines])


def emit(number, result):
    for line in result.lines:
        print(line)
    took = f' # SKIP {result.skipped}' if result.skipped else f' # {result.seconds:.1f} s' if result.seconds else ''
    print(f'{"ok" if result.ok else "not ok"} {number} {result.name}{took}', flush=True)


def label_of(version, flavour):
    """What is left out together when time is short: a version, or its kernels that only few tests need."""
    group = next((group for group in RARE if flavour in group), ())
    return ' '.join(filter(None, (version, ' and '.join(group))))


def build(planned, directory, machine, in_time):
    """
    The kernel of each (version, flavour), or the Failure to build it; in our own directory, as the cache drops an image
    when a newer one is built. And the labels of those for which it was too late.
    """
    kernels, begun, late = {}, set(), []
    wanted = dict.fromkeys((version, flavour) for _, version, flavour in planned if flavour != 'host')
    for version, flavour in sorted(wanted, key=lambda one: any(one[1] in group for group in RARE)):
        label = label_of(version, flavour)
        if label not in begun and label not in late and not in_time(label):
            late.append(label)
        if label in late:
            continue
        begun.add(label)
        try:
            image = script('kernel', 'image', NATIVE_SERIES if flavour == 'native' else version, flavour, machine.name)
            copy = os.path.join(directory, f'kernel-{version}-{flavour}')
            if flavour != 'native':
                shutil.copy(os.path.join(os.path.dirname(image), 'System.map'), copy + '.map')
            if flavour in coverage.FLAVOURS.values():
                shutil.copytree(os.path.join(os.path.dirname(image), 'gcov'), copy + '.gcov')
            kernels[version, flavour] = shutil.copy(image, copy)
        except Failure as failure:
            kernels[version, flavour] = failure
    return kernels, late


def plan(versions, tests, selections):
    """Every case as (test, version, flavour), a test's flavours together, in the order of the table."""
    return [(test, version, flavour) for version in versions for test in tests for flavour in test.flavours
            if all(SELECTIONS[selection](test, flavour) for selection in selections)
            and (flavour not in (*DEBUG, *KCSAN) or version in DEBUG_VERSIONS) and (not test.once or version == versions[0])
            and (not test.kernels or version in test.kernels)]


def long_one(test, version, flavour, options):
    """What to call a case that is left out as it takes long, if it is: by its kernel or, if none was asked for by name, its test."""
    if options.long:
        return None
    if flavour in (*DEBUG, *KCSAN) and version != DEBUG_VERSIONS[0]:
        return f'{version} {flavour}'
    if options.test == '*' and test.takes_long(flavour):
        return test.name if test.long is True else f'{test.name} {flavour}'
    return None


def make_log_directory():
    """A new one; the ten before it are kept, and those of a day, as one that goes on may be among them."""
    parent = os.path.join(CACHE, 'logs')
    os.makedirs(parent, exist_ok=True)
    yesterday = time.strftime('%Y%m%d-%H%M%S', time.localtime(time.time() - 86400))
    for old in sorted(os.listdir(parent))[:-10]:
        if old < yesterday:
            shutil.rmtree(os.path.join(parent, old), ignore_errors=True)
    return tempfile.mkdtemp(prefix=time.strftime('%Y%m%d-%H%M%S-'), dir=parent)


def arguments():
    parser = argparse.ArgumentParser(usage=__doc__.split('\n\n')[0].removeprefix('usage: '))
    parser.add_argument('--kernel')
    parser.add_argument('--machine', default=DEFAULT)
    parser.add_argument('--short', action='store_true')
    parser.add_argument('--long', action='store_true')
    parser.add_argument('--until', metavar='MINUTES', type=float, default=math.inf)
    parser.add_argument('--also', default='')
    parser.add_argument('--within', metavar='MINUTES', type=float, default=math.inf)
    parser.add_argument('--nightly', action='store_true')
    parser.add_argument('--coverage', action='store_true')
    parser.add_argument('--test', metavar='NAME', default='*')
    options = parser.parse_args()
    try:
        options.machine = architecture(options.machine)
    except Unknown as unknown:
        sys.exit(f'tests/run: {unknown}')
    options.kernel = versions(options.kernel or ','.join(DEFAULT_VERSIONS[:1 if options.coverage else None]), 'all', VERSIONS)
    options.also = versions(options.also, 'rest', [version for version in VERSIONS if version not in options.kernel])
    options.tests = [test for test in TESTS if fnmatch.fnmatchcase(test.name, options.test)]
    if not options.tests:
        sys.exit(f"tests/run: no test is called '{options.test}'; there are: " + ' '.join(test.name for test in TESTS))
    if options.nightly:
        options.tests = [replace(test, operations=test.nightly, timeout=test.timeout * test.nightly / test.operations)
                         if test.nightly else test for test in options.tests]
    if options.coverage:
        options.tests = [replace(test, flavours=tuple(coverage.FLAVOURS[name] for name in test.flavours
                                                      if name in coverage.FLAVOURS))
                         for test in options.tests]
    return options


def versions(names, word, meaning):
    if names == word:
        return meaning
    wanted = re.findall(r'[^\s,]+', names)
    for name in wanted:
        if name not in VERSIONS and not os.environ.get('KERNEL_SRC'):
            sys.exit(f"tests/run: '{name}' is no kernel to test, there are {' '.join((*VERSIONS, word))}")
    return wanted


def main():
    options = arguments()
    machine, begin = options.machine, time.monotonic()
    selections = [machine.tests] + ['short'] * options.short + ['coverage'] * options.coverage
    planned = plan(options.kernel, options.tests, selections)
    long = list(dict.fromkeys(filter(None, (long_one(*case, options) for case in planned))))
    planned = [case for case in planned if not long_one(*case, options)] + plan(options.also, options.tests, [machine.tests, 'short'])
    command = 'coverage' if options.coverage else 'check'
    left_out = long and f'left out, as they take long: {", ".join(long)}; to run them: make {command} LONG=1'
    if not planned:
        sys.exit('tests/run: ' + (left_out or f"none of the tests '{options.test}' runs on {machine.name}"
                                              + ' with --short' * options.short))
    try:
        script('setup', 'build', 'boot', 'test', *machine.groups)
    except Failure as failure:
        sys.exit(f'tests/run: {failure}')
    logs = make_log_directory()
    signal.signal(signal.SIGTERM, signal.default_int_handler)

    def too_late():
        return f'{options.until:g} minutes had passed' if time.monotonic() - begin > 60 * options.until else ''

    passed = failed = skipped = 0
    with tempfile.TemporaryDirectory(prefix='immutable-rootfs-') as directory, \
            ThreadPoolExecutor(int(os.environ.get('JOBS') or os.cpu_count() + 1)) as pool:
        kernels, late = build(planned, directory, machine,
                              lambda label: label in options.kernel or time.monotonic() - begin < 60 * options.within)
        images = Images(directory, machine)
        cases = [Case(test, version, flavour, kernels.get((version, flavour)), images, logs,
                      too_late if test.takes_long(flavour) else lambda: '')
                 for test, version, flavour in planned if label_of(version, flavour) not in late]
        for case in cases:      # here rather than by two threads at once
            for name in case.images_of((*case.test.initrd, *case.test.disks)):
                try:
                    images.get(name)
                except Failure:
                    pass        # each test that needs it says so
        compared = [case for case in cases if case.test.same and case.flavour in ('builtin', 'loadable', 'lsm')]
        references = {case.name: case.test.conforms.REFERENCES.get(case.flavour, ()) for case in cases
                      if case.test.conforms}
        covered = options.kernel if options.coverage else []
        count = len(cases) + len(compared) + sum(map(len, references.values())) + len(covered)
        print(f'KTAP version 1\n# logs: {logs}\n1..{count}', flush=True)
        try:
            futures = [(case, pool.submit(case.run)) for case in cases]
            number, stock, announced, done = 0, None, None, {}
            for case, future in futures:
                results = [future.result()]
                if announced != (case.test, case.version):
                    announced = (case.test, case.version)
                    print(f'# {case.test.name}: {case.test.sentence}')
                if case.flavour.startswith('stock'):
                    stock = results[0]
                if case in compared:
                    results.append(compare(case, stock, results[0]))
                done[case.name] = results[0]
                results += [conform(case, reference, done) for reference in references.get(case.name, ())]
                if case is cases[-1]:
                    results += [cover(version, cases, done) for version in covered]
                for result in results:
                    number += 1
                    emit(number, result)
                    skipped += bool(result.skipped)
                    passed += result.ok and not result.skipped
                    failed += not result.ok
        except KeyboardInterrupt:
            vm.stopping.set()
            pool.shutdown(cancel_futures=True)
            raise
    if left_out:
        print(f'# {left_out}')
    if late:
        print(f'# left out, as {options.within:g} minutes had passed: Linux {", ".join(late)}')
    others = [version for version in VERSIONS if version not in (*options.kernel, *options.also)]
    if others and options.test == '*':
        print(f'# left out, as not asked for: Linux {", ".join(others)}; to run all: make check KERNEL=all')
    print(f'# {time.monotonic() - begin:.0f} s')
    print(f'{passed} passed, {failed} failed' + (f', {skipped} skipped' if skipped else ''))
    return 0 if passed and not failed else 1


def command():
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit('tests/run: interrupted')
