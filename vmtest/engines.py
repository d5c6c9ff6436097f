# SPDX-License-Identifier: GPL-2.0-only
"""
Starts container engines from the initramfs on a stock kernel, on nullfs and on a kernel with its own nullfs, with the programs of
tests/table/containers.py, and prints what works as a table for a document.
"""
import os
import re
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from tests.table import TESTS

from . import Failure, report, runner
from .config import DEFAULT_MACHINE, DEFAULT_VERSION, NATIVE_SERIES, architecture
from .flavours import kernel
from .process import setup
from .store import progress

# What the programs have to print where pivot_root works. They ask for it on each kernel.
WORKS = 'inside=inside users=inside built=built'
COLUMNS = {'stock': 'stock', 'builtin': 'nullfs', 'native': 'native'}
# Rows of the table: a test, and those of its checks that have to pass
ROWS = {
    'bubblewrap, as root': ('containers', 'bubblewrap', 'bubblewrap-in-bubblewrap'),
    'bubblewrap, as a user': ('containers', 'bubblewrap-unprivileged', 'bubblewrap-in-bubblewrap-unprivileged'),
    'crun': ('containers', 'crun'),
    'runc': ('containers', 'runc'),
    'podman, as root, with crun and with runc': ('podman', 'vfs-crun', 'vfs-runc', 'overlay-crun', 'overlay-runc', 'exec', 'pod', 'build'),
    'podman, as a user': ('podman', 'user-vfs-crun', 'user-vfs-runc', 'user-overlay-crun', 'user-exec', 'user-pod'),
    'buildah': ('podman', 'buildah-oci', 'user-buildah-oci'),
    'docker, on vfs': ('docker', 'docker-vfs'),
    'docker, on overlay2': ('docker', 'docker-overlay2', 'docker-exec', 'docker-build'),
    'containerd': ('docker', 'containerd'),
    'crun and runc, without pivot_root': ('containers', 'crun-no-pivot', 'runc-no-pivot'),
    'podman and buildah, without pivot_root': ('podman', 'vfs-crun-no-pivot', 'buildah-chroot'),
    'docker and containerd, without pivot_root': ('docker', 'docker-ramdisk', 'containerd-no-pivot'),
}
NOT_RUN = 'not run'


def chosen(flavour):
    """The tests, changed so that they ask for the same on each kernel."""
    for name in dict.fromkeys(name for name, *_ in ROWS.values()):
        test = next(test for test in TESTS if test.name == name)
        # Debian's kernel has overlay as a module.
        native = {'programs': ('overlay.sh', *test.programs), 'initrd': (*test.initrd, 'overlay')} if flavour == 'native' else {}
        yield replace(test, append=WORKS, **native)


def cell(results, checks):
    """results: check to (whether it passed, the lines that it printed)"""
    if any(check not in results for check in checks):
        return NOT_RUN
    failed = [results[check][1] for check in checks if not results[check][0]]
    if not failed:
        return 'works'
    lines = failed[0]
    why = 'pivot_root: EINVAL' if any(re.search('pivot.*invalid argument', line, re.I) for line in lines) else ''.join(lines[-1:])
    some = f'{len(failed)} of {len(checks)} checks fail' if len(failed) < len(checks) else 'fails'
    return f'{some}: {why or "it printed nothing"}'


def results_of(text):
    """check to (whether it passed, the lines that it printed), from a guest's report"""
    found = {}
    for program in report.parse(text).values():
        for ok, name, comments in program.results:
            begin = f'# {name}: '
            found[name] = ok, [line.removeprefix(begin) for line in comments if line.startswith(begin)]
    return found


def release(console):
    found = re.search(r'Linux version (\d+\.\d+(\.\d+)?)', console)
    return found[1] if found else NOT_RUN


def boot(case):
    print(f'booting {case.flavour} with the programs of {case.test.name}', flush=True)
    outcome = case.boot()
    print(f'{case.flavour}, {case.test.name}: ended after {outcome.seconds:.0f} s: {outcome.why}', flush=True)
    return outcome


def measure(directory, smoke):
    """Outcomes by flavour and the name of the test"""
    images = (runner.StandIns if smoke else runner.Images)(directory, architecture(DEFAULT_MACHINE))
    logs = runner.make_log_directory()
    cases = []
    for flavour in COLUMNS:
        version = NATIVE_SERIES if flavour == 'native' else DEFAULT_VERSION
        image = os.devnull if smoke else str(kernel(version, flavour).get_image())
        for test in chosen(flavour):
            cases.append(runner.Case(runner.Planned(test, DEFAULT_VERSION, flavour, 'long'), image, images, logs, smoke=smoke))
    for case in cases:      # here and not in two threads at once
        for name in case.images_of(case.test.initrd):
            images.get(name)
    progress.end()
    with ThreadPoolExecutor(int(os.environ.get('JOBS') or 2)) as pool:
        outcomes = list(pool.map(boot, cases))
    print(f'consoles and reports: {logs}\n')
    return {(case.flavour, case.test.name): outcome for case, outcome in zip(cases, outcomes)}


def table(outcomes):
    """Lines of Markdown, and what does not work on a nullfs"""
    heads = [f'{word} {release(next(outcome.console for (column, _), outcome in outcomes.items() if column == flavour))}'
             for flavour, word in COLUMNS.items()]
    lines = ['| started from the initramfs | ' + ' | '.join(heads) + ' |', '|---' * (1 + len(heads)) + '|']
    results = {key: results_of(outcome.report) for key, outcome in outcomes.items()}
    wrong = [f'{flavour}: {name}: {outcome.end}: {outcome.why}' for (flavour, name), outcome in outcomes.items() if outcome.end != 'done']
    wrong += [f'{flavour}: the kernel complains: {outcome.splats[0]}' for (flavour, _), outcome in outcomes.items() if outcome.splats]
    for row, (name, *checks) in ROWS.items():
        cells = {flavour: cell(results[flavour, name], checks) for flavour in COLUMNS}
        lines.append(f'| {row} | {" | ".join(cells.values())} |')
        wrong += [f'{flavour}: {row}: {text}' for flavour, text in cells.items()
                  if text == NOT_RUN or flavour != 'stock' and text != 'works']
    return lines, wrong


def main(options):
    if not options.smoke:
        setup('build', 'boot', 'test')
    with tempfile.TemporaryDirectory(prefix='immutable-rootfs-engines-') as directory:
        lines, wrong = table(measure(directory, options.smoke))
    print('\n'.join(lines), flush=True)
    if wrong and not options.smoke:
        raise Failure('\nengines: '.join(wrong))
