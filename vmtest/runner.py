# SPDX-License-Identifier: GPL-2.0-only
"""Plans and runs the tests of tests/table, most of them in virtual machines. __main__.py has the options."""
import fnmatch
import math
import os
import random
import re
import shutil
import signal
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from tests.table import SELECTIONS, TESTS

from . import TOP, Failure, qemu, report, secure_boot
from .checks import coverage, races
from .config import (COVERED, DEFAULT_MACHINE, DEFAULT_VERSION, FLAVOURS, GIVEN_VERSIONS, HOST, NATIVE_SERIES,
                     PATCHED_VERSIONS, SHARES, architecture, running)
from .flavours import kernel
from .images import Images
from .process import run, setup, start, terminate
from .report import Result, emit
from .sources import source, version as version_of
from .store import CACHE, Times, progress

SEED = os.environ.get('SEED') or random.getrandbits(32)
PASSED = CACHE / 'passed'       # scripts/release reads it


@dataclass(frozen=True)
class Planned:
    """A test on a kernel."""
    test: object
    version: str
    flavour: str
    share: str      # of SHARES: the last ones are left out first

    @property
    def kernel(self):
        """(version, flavour) of the kernel, or None if nothing boots."""
        return None if self.flavour == HOST else (self.version, self.flavour)


class Case:
    """One test on one kernel, in a virtual machine or (flavour HOST) without."""

    def __init__(self, planned, booted, images, logs, too_late=lambda: '', accelerator='tcg', smoke=False):
        self.test, self.version, self.flavour, self.images = planned.test, planned.version, planned.flavour, images
        self.row = FLAVOURS.get(planned.flavour)
        self.kernel = booted        # path, or the Failure to build it
        self.too_late = too_late    # returns the reason if it must not start any more
        self.accelerator, self.smoke = accelerator, smoke
        self.operations = int(os.environ.get('OPERATIONS') or self.test.operations)
        self.name = f'{self.test.name} {self.version} {self.flavour}' + images.machine.suffix.replace('-', ' ')
        self.log = os.path.join(logs, self.name.replace(' ', '-').replace('/', '-'))
        self.how = ''
        self.programs: list[str] = []
        self.patterns: tuple = ()

    def again(self, flavours=None):
        """The command that repeats it."""
        words = [f'KERNEL={self.version}', f'FLAVOUR={flavours or self.flavour}', f'TEST={self.test.name}']
        words += [f'MACHINE={self.images.machine.name}'] * (self.images.machine.name != DEFAULT_MACHINE)
        words += ['LONG=1'] * self.test.takes_long(self.flavour) + [f'SEED={SEED}'] * bool(self.test.operations)
        return f'make check {" ".join(words)}'

    def images_of(self, names):
        """The names of images, for this kernel and for the variant with or without the loadable module."""
        variant = 'module' if self.flavour == 'loadable' else 'plain'
        return [name.format(version=self.version, flavour=self.flavour, variant=variant) for name in names]

    def machine(self):
        test, row = self.test, self.row
        if isinstance(self.kernel, Failure):
            raise self.kernel
        nullfs = row.patched and test.selects
        self.programs = [name for name in test.programs if name != 'nullfs' or nullfs]
        self.patterns = (*test.console, *(test.immutable_console if nullfs else test.stock_console),
                         *(test.patched_console if row.patched else ()))
        machine = self.images.machine
        words = [test.append, f'flavour={self.flavour}', f'expect={"nullfs" if nullfs else "stock"}',
                 f'report=/dev/{machine.report}']
        if test.operations:
            words.append(f'seed={SEED} operations={self.operations}')
        if self.programs:
            words.append('tests=' + ','.join(self.programs))
        if row.patched:
            words.append(test.parameter)
        if row.debug:
            words.append('panic_on_warn=1 oops=panic')
            self.programs.append('leaks')
        booted = self.images.get(*self.images_of([test.boots])) if test.boots else self.kernel
        return qemu.Machine(kernel=booted, architecture=machine, accelerator=self.accelerator,
                            initrd=[self.images.get(name) for name in self.images_of(test.initrd)],
                            disks=[self.images.get(name) for name in self.images_of(test.disks)],
                            append=' '.join(filter(None, words)), memory=test.memory * row.memory, smp=test.smp,
                            console=self.log + '.console', report=self.log + '.report',
                            firmware=secure_boot.Firmware(secure_boot.files(self.version), test.firmware)
                            if test.firmware and not self.smoke else None,
                            gdb=test.fault.commands(self.kernel + '.map') if test.fault and row.patched and not self.smoke else [])

    def boot(self):
        machine = self.stand_in(self.machine()) if self.smoke else self.machine()
        self.how = f'command line: {machine.append}'
        started: list[subprocess.Popen] = []

        def begun(process):
            started.append(process)
            if self.smoke:
                self.report(machine)

        def follow(text):
            if self.test.kill and not self.smoke:
                started[0].kill()
            for line in re.findall(r'storm: \d+ of \d+ operations$', text, re.MULTILINE):
                print(f'# {self.name}: {line}', flush=True)

        timeout = self.test.timeout * self.row.slow
        if self.test.operations:
            timeout *= max(1, self.operations / self.test.operations)
        return qemu.run(machine, timeout, self.test.stuck, begun, follow)

    # A smoke run does what a run does, but for QEMU and what its guests say.

    def stand_in(self, machine):
        machine.command()
        return replace(machine, architecture=replace(machine.architecture, qemu='true'))

    def report(self, machine):
        """What a guest reports in which everything is as it should be."""
        with open(machine.console, 'w', encoding='utf-8') as console:
            console.write('[    0.000000] VFS: not booted\n')
        with open(machine.report, 'w', encoding='utf-8') as lines:
            for name in self.programs:
                lines.write(f'# program {name}\n1..1\nok 1 not_booted\n# exit {name} 0\n')
            lines.write(f'# same: not booted\n{qemu.END}\n')
        self.patterns = ()
        self.test = replace(self.test, expect='passed', absent=())

    def run_on_host(self):
        program, = self.programs = list(self.test.programs)
        command = [TOP / 'tests/host' / program]
        if not os.access(command[0], os.X_OK):
            raise Failure(f'{command[0]} is not there, or not executable')
        if self.smoke:
            return qemu.Outcome('done', 'not run', [], '', f'# program {program}\n1..1\nok 1 not_run\n# exit {program} 0\n', 0)
        self.how = f'KERNEL={self.version} {command[0]}'
        begin, status = time.monotonic(), 'killed'
        with open(self.log + '.report', 'w+', encoding='utf-8') as output, open(self.log + '.console', 'wb') as console:
            output.write(f'# program {program}\n')
            output.flush()
            with start(command, stdout=output, stderr=console, env={**os.environ, 'KERNEL': self.version}) as process:
                while process.poll() is None:
                    if time.monotonic() > begin + self.test.timeout or qemu.stopping.is_set():
                        terminate(process)
                        break
                    time.sleep(0.1)
                else:
                    status = str(process.returncode)
            output.write(f'# exit {program} {status}\n')
        end = 'hang' if status == 'killed' else 'done'
        return qemu.Outcome(end, f'status {status}', [], qemu.read(self.log + '.console'), qemu.read(self.log + '.report'),
                            time.monotonic() - begin)

    def run(self):
        late = not isinstance(self.kernel, Failure) and self.too_late()
        if late:
            return Result(self.name, True, [], skipped=late)
        try:
            outcome = self.run_on_host() if self.flavour == HOST else self.boot()
        except Failure as failure:
            return Result(self.name, False, [f'# not run: {failure}'], why=f'not run: {failure}', again=self.again())
        raced = races.sort_out(outcome) if self.row and self.row.races else []
        reports = report.parse(outcome.report)
        kind, why = report.judge(self.test, outcome, reports, self.programs, self.patterns)
        ok = kind == self.test.expect
        lines = [] if self.test.expect != 'passed' and ok else report.nested(self.name, reports)
        lines += [f'# {line}' for line in (*raced, *(self.test.tells(outcome) if self.test.tells else ()))]
        if not ok:
            wanted = '' if self.test.expect == 'passed' else f', expected: {self.test.expect}'
            why = f'{kind}{wanted}: {why}'
            lines.append(f'# {why}')
            if kind != 'failed check' or not reports:
                lines += [f'# console: {line}' for line in (outcome.splats or outcome.console.splitlines())[-15:]]
            lines.append(f'# logs: {self.log}.console and .report; {self.how}')
        return Result(self.name, ok, lines, outcome.seconds, outcome, why=why, again=self.again())


# Comparisons of boots


def compare(case, theirs, ours):
    """test.same has to find the same in the boots of the reference and of this flavour."""
    name, reference = f'{case.name} same-as-stock', case.row.reference
    if late := theirs.skipped or ours.skipped:
        return Result(name, True, [], skipped=late)
    if not theirs.outcome or not ours.outcome:
        why = 'not compared, as one of the two did not run'
        return Result(name, False, [f'# {why}'], why=why, again=case.again())
    one, other = case.test.same(theirs.outcome), case.test.same(ours.outcome)
    if not one:
        return Result(name, False, ['# nothing to compare'], why='nothing to compare', again=case.again())
    lines = []
    for label, mine, rest in ((reference, one, list(other)), (case.flavour, other, list(one))):
        for line in mine:
            if line in rest:
                rest.remove(line)
            else:
                lines.append(f'# {label} only: {line}')
    if not lines and one != other:
        lines.append('# the same lines in another order')
    return Result(name, not lines, lines, why='; '.join(line[2:] for line in lines[:1]), again=case.again())


def conform(case, reference, results):
    """A difference to the boot of the reference has to be explained, or better."""
    name = f'{case.name} conforms-to-{reference}'
    two = [results[case.name], results.get(f'{case.test.name} {case.version} {reference}')]
    if late := next((result.skipped for result in two if result and result.skipped), ''):
        return Result(name, True, [], skipped=late)
    outcome, other = (result and result.outcome for result in two)
    if not all(boot and boot.end == 'done' for boot in (outcome, other)):
        why = 'not compared, as one of the two did not run to its end'
        return Result(name, False, [f'# {why}'], why=why, again=case.again())
    try:
        wrong, told = case.test.conforms.differences(case.version, case.flavour, reference, outcome, other)
    except (OSError, ValueError) as error:
        wrong, told = [str(error)], []
    return Result(name, not wrong, [f'# {line}' for line in (*wrong, *told)], why=str(wrong[:1]), again=case.again())


def cover(version, cases, results):
    """The boots execute each line of ours, or the list of exceptions explains why not."""
    boots = [(f'{case.kernel}.gcov', outcome.report if outcome.end == 'done' else '') for case in cases
             if case.version == version and (outcome := results[case.name].outcome)]
    try:
        lines, ok = coverage.judge(boots, source(version).tree())
    except (Failure, OSError, ValueError) as error:
        lines, ok = [str(error)], False
    return Result(f'coverage {version}', ok, [f'# {line}' for line in lines], why=str(lines[-1:]), again='make coverage')


# The plan


def plan(options, versions, selections):
    """All chosen tests on the chosen kernels in the order of the table, with a test's flavours together."""
    planned = []
    for version in versions:
        for test in options.tests:
            flavours = [name for name in test.flavours
                        if all(SELECTIONS[selection](test, name) for selection in selections)
                        and (name == HOST or not FLAVOURS[name].extra or version in running(FLAVOURS[name].extra))
                        and (not test.once or version == versions[0]) and (not test.kernels or version in test.kernels)]
            wanted = [name for name in flavours if any(fnmatch.fnmatchcase(name, pattern) for pattern in options.flavour)]
            # Comparisons need their reference.
            needed = {FLAVOURS[name].reference for name in wanted if name != HOST} if test.same else set()
            if test.conforms:
                needed |= {name for one in wanted for name in test.conforms.REFERENCES.get(one, ())}
            planned += [Planned(test, version, name, share_of(test, version, name, options)) for name in flavours
                        if name in wanted or name in needed]
    return planned


def share_of(test, version, flavour, options):
    if test.operations:
        return 'stress'
    if flavour != HOST and FLAVOURS[flavour].rare:
        return 'builds'
    if version not in options.kernel:
        return 'versions'
    return 'long' if test.takes_long(flavour) else 'guest'


def long_one(planned, options):
    """The name for a case that is left out because it takes long, or None: its kernel or its test."""
    test, version, flavour = planned.test, planned.version, planned.flavour
    if options.long:
        return None
    if flavour != HOST and FLAVOURS[flavour].extra in ('debug', 'kcsan') and version != DEFAULT_VERSION:
        return f'{version} {flavour}'
    if options.test == '*' and test.takes_long(flavour):
        return test.name if test.long is True else f'{test.name} {flavour}'
    return None


def versions(names, word, meaning):
    if names == word:
        return meaning
    wanted = [DEFAULT_VERSION if name == 'default' else name for name in re.findall(r'[^\s,]+', names)]
    for name in wanted:
        if name in GIVEN_VERSIONS:
            source(name)        # which says how to give it
        if name not in PATCHED_VERSIONS:
            raise Failure(f"'{name}' is no kernel to test, there are {' '.join((*PATCHED_VERSIONS, word))}")
    return wanted


def resolve(options):
    """Replace the words of the command line by their meaning."""
    checked = running('check')
    options.machine = architecture(options.machine)
    if os.environ.get('KERNEL_SRC'):
        options.kernel, options.also = [version_of(options.kernel)], []
    else:
        options.kernel = versions(options.kernel or ','.join(checked[:1] if options.coverage else checked), 'all', PATCHED_VERSIONS)
        options.also = versions(options.also, 'rest', [name for name in PATCHED_VERSIONS if name not in options.kernel])
    options.flavour = re.findall(r'[^\s,]+', options.flavour)
    for pattern in options.flavour:
        if not fnmatch.filter((*FLAVOURS, HOST), pattern):
            raise Failure(f"no flavour '{pattern}', there are {', '.join((*FLAVOURS, HOST))}")
    options.tests = [test for test in TESTS if fnmatch.fnmatchcase(test.name, options.test)]
    if not options.tests:
        raise Failure(f"no test is called '{options.test}'; there are: " + ' '.join(test.name for test in TESTS))
    if options.nightly:
        options.tests = [replace(test, operations=test.nightly, timeout=test.timeout * test.nightly / test.operations)
                         if test.nightly else test for test in options.tests]
    if options.coverage:
        options.tests = [replace(test, flavours=tuple(COVERED[name] for name in test.flavours if name in COVERED))
                         for test in options.tests]


def kernel_of(planned, machine, fetch=True):
    version, flavour = planned.kernel
    return kernel(NATIVE_SERIES if flavour == 'native' else version, flavour, machine.name, fetch=fetch)


def group_of(planned):
    """What is left out together: a version, or the kernels of it that few tests need."""
    row = FLAVOURS[planned.flavour]
    return f'Linux {planned.version}' + (f' with {row.extra}' if row.rare else '')


def build(planned, directory, machine, too_late):
    """
    The kernel of each (version, flavour), or the Failure to build it, and the groups that came too late. The directory
    gets copies, because the cache drops an image when a newer one is built.
    """
    kernels: dict[tuple[str, str], str | Failure] = {}
    begun, late = set(), []
    for one in planned:
        if not one.kernel or one.kernel in kernels:
            continue
        group = group_of(one)
        if group not in begun and group not in late and too_late(SHARES[one.share].build):
            late.append(group)
        if group in late:
            continue
        begun.add(group)
        try:
            image = kernel_of(one, machine).get_image()
            copy = os.path.join(directory, 'kernel-' + '-'.join(one.kernel))
            if one.flavour != 'native':
                shutil.copy(image.with_name('System.map'), copy + '.map')
            if FLAVOURS[one.flavour].coverage:
                shutil.copytree(image.with_name('gcov'), copy + '.gcov')
            kernels[one.kernel] = str(shutil.copy(image, copy))
        except Failure as failure:
            kernels[one.kernel] = failure
    progress.end()
    return kernels, late


def list_plan(planned, options):
    """Print what would run, what has to be built for it, and how long each took the last time."""
    times = Times.read()

    def took(name):
        return f'{times[name]:.0f} s last time' if name in times else 'never measured here'

    booted = {one.kernel: one for one in planned if one.kernel}
    kernels = {name: kernel_of(one, options.machine, fetch=False) for name, one in booted.items()}
    missing = {what.what: took(what.what) for what in kernels.values() if not what.is_kept()}
    for what in kernels.values():
        print(f'kernel  {what.what}: ' + (f'to be built, {missing[what.what]}' if what.what in missing else 'there'))
    images = Images('', options.machine)
    names = [Case(one, '', images, '').name for one in planned]
    for name in names:
        print(f'test    {name}: {took(name)}')
    spent = sum(times.get(name, 0) for name in names)
    print(f'{len(names)} tests, {len(missing)} of {len(kernels)} kernels to be built; the boots took {spent:.0f} s last time')


def make_log_directory():
    """A new one. The ten before it remain, and all of the last day: another run may use one of them."""
    parent = CACHE / 'logs'
    parent.mkdir(parents=True, exist_ok=True)
    yesterday = time.strftime('%Y%m%d-%H%M%S', time.localtime(time.time() - 86400))
    for old in sorted(parent.iterdir())[:-10]:
        if old.name < yesterday:
            shutil.rmtree(old, ignore_errors=True)
    return tempfile.mkdtemp(prefix=time.strftime('%Y%m%d-%H%M%S-'), dir=parent)


def clean_commit():
    """The commit of this checkout if no file differs from it, otherwise None."""
    status, changes = run(['git', '-C', TOP, 'status', '--porcelain'])
    if status or changes:
        return None
    return run(['git', '-C', TOP, 'rev-parse', 'HEAD'])[1].strip()


def record(options, commit, results):
    """Remember the kernels on which all tests of a commit have passed, for `make release`."""
    everything = options.long and options.test == '*' and options.flavour == ['*'] and options.machine.name == DEFAULT_MACHINE \
        and options.budget == math.inf and not (options.smoke or options.coverage or options.short or os.environ.get('KERNEL_SRC'))
    if everything and all(result.ok and not result.skipped for result in results) and commit and commit == clean_commit():
        (PASSED / commit).mkdir(parents=True, exist_ok=True)
        for version in options.kernel:
            (PASSED / commit / version).touch()


class StandIns(Images):
    """For a smoke run: makes nothing."""

    def make(self, name):
        return os.devnull


def accelerator(options, kernels):
    """tcg, or kvm if a kernel boots on it. Prints which, and why."""
    if options.accel == 'tcg':
        return 'tcg'
    image = next((path for path in kernels.values() if isinstance(path, str)), None)
    trouble = qemu.kvm_trouble(image, options.machine) if image else 'there is no kernel to try it with'
    if trouble and options.accel == 'kvm':
        raise Failure(f'KVM cannot be used: {trouble}; take ACCEL=tcg')
    print(f'# QEMU emulates the processor: {trouble}' if trouble else '# QEMU uses KVM')
    return 'tcg' if trouble else 'kvm'


class Budget:
    """How many minutes a run may take."""

    def __init__(self, minutes):
        self.minutes, self.begin = minutes, time.monotonic()

    def too_late(self, part):
        """Why it is, once that part of them has passed."""
        minutes = part if part == math.inf else part * self.minutes
        return f'{minutes:g} minutes had passed' if self.seconds() > 60 * minutes else ''

    def seconds(self):
        return time.monotonic() - self.begin


def main(options):
    budget = Budget(options.budget)
    resolve(options)
    machine = options.machine
    selections = [machine.tests] + ['short'] * options.short + ['coverage'] * options.coverage
    planned = plan(options, options.kernel, selections)
    long = list(dict.fromkeys(name for one in planned if (name := long_one(one, options))))
    planned = [one for one in planned if not long_one(one, options)] + plan(options, options.also, [machine.tests, 'short'])
    # The shares that are left out first come last.
    planned.sort(key=lambda one: list(SHARES).index(one.share))
    command = 'coverage' if options.coverage else 'check'
    left_out = long and f'left out, as they take long: {", ".join(long)}; to run them: make {command} LONG=1'
    if not planned:
        raise Failure(left_out or f"none of the tests '{options.test}' runs on {machine.name} as {','.join(options.flavour)}"
                      + ' with --short' * options.short)
    if options.list:
        list_plan(planned, options)
        return True
    if not options.smoke:
        setup('build', 'boot', 'test', *machine.groups, *{group for one in planned if one.kernel
                                                          for group in FLAVOURS[one.flavour].groups})
    logs = make_log_directory()
    commit = clean_commit()
    signal.signal(signal.SIGTERM, signal.default_int_handler)

    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix='immutable-rootfs-') as directory, \
            ThreadPoolExecutor(int(os.environ.get('JOBS') or (os.cpu_count() or 1) + 1)) as pool:
        if options.smoke:
            kernels, late = {one.kernel: os.devnull for one in planned if one.kernel}, []
        else:
            kernels, late = build(planned, directory, machine, budget.too_late)
        planned = [one for one in planned if not one.kernel or one.kernel in kernels]
        images = (StandIns if options.smoke else Images)(directory, machine)
        accel = 'tcg' if options.smoke or not kernels else accelerator(options, kernels)
        cases = [Case(one, kernels.get(one.kernel), images, logs, lambda share=SHARES[one.share]: budget.too_late(share.begin), accel,
                      options.smoke) for one in planned]
        for case in cases:      # here and not in two threads at once
            for name in case.images_of((*case.test.initrd, *case.test.disks)):
                try:
                    images.get(name)
                except Failure:
                    pass        # each test that needs it reports that
        progress.end()
        run_cases(cases, pool, options, logs, results)
        skipped = {share: [case.name for one, case in zip(planned, cases) if one.share == share
                           and any(result.name == case.name and result.skipped for result in results)] for share in SHARES}
    if not options.smoke:
        Times.add({result.name: result.seconds for result in results if result.seconds})
    record(options, commit, results)
    if left_out:
        print(f'# {left_out}')
    if late:
        print(f'# left out, no time ({options.budget:g} minutes): {", ".join(late)}')
    for share, names in skipped.items():
        if names:
            print(f'# left out, no time: {len(names)} {SHARES[share].text}: {", ".join(names)}')
    others = [name for name in PATCHED_VERSIONS if name not in (*options.kernel, *options.also)]
    if others and options.test == '*':
        print(f'# left out, as not asked for: Linux {", ".join(others)}; to run all: make check KERNEL=all')
    not_given = [name for name in GIVEN_VERSIONS if name not in options.kernel]
    if not_given and options.test == '*':
        print(f'# not run, as Debian has no source of it: Linux {", ".join(not_given)}; to run one: make check KERNEL_SRC=TREE')
    print(f'# {budget.seconds():.0f} s')
    return report.summary(results)


def run_cases(cases, pool, options, logs, results):
    """Run them, and print their results and the comparisons."""
    compared = [case for case in cases if case.test.same and case.row.reference]
    references = {case.name: case.test.conforms.REFERENCES.get(case.flavour, ()) for case in cases
                  if case.test.conforms and not options.smoke}
    covered = options.kernel if options.coverage and not options.smoke else []
    count = len(cases) + len(compared) + sum(map(len, references.values())) + len(covered)
    print(f'KTAP version 1\n# logs: {logs}\n1..{count}', flush=True)
    done: dict[str, Result] = {}
    announced = None

    def tell(result):
        results.append(result)
        emit(len(results), result)

    try:
        for case, future in [(case, pool.submit(case.run)) for case in cases]:
            done[case.name] = future.result()
            if announced != (case.test, case.version):
                announced = (case.test, case.version)
                print(f'# {case.test.name}: {case.test.sentence}')
            tell(done[case.name])
            if case in compared:
                reference = case.name.replace(f' {case.flavour}', f' {case.row.reference}')
                tell(compare(case, done[reference], done[case.name]))
            for reference in references.get(case.name, ()):
                tell(conform(case, reference, done))
        for version in covered:
            tell(cover(version, cases, done))
    except KeyboardInterrupt:
        qemu.stopping.set()
        pool.shutdown(cancel_futures=True)
        raise


