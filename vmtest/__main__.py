# SPDX-License-Identifier: GPL-2.0-only
"""The commands, and what they take."""
import argparse
import math
import os
import signal
import sys
import textwrap

from . import Failure

try:
    from .config import ARCHITECTURES, DEFAULT_MACHINE, DEFAULT_VERSION, FLAVOURS, HOST, SHARES, VERSIONS, running
except Failure as failure:      # a row of tests/kernels
    sys.exit(f'vmtest: {failure}')
from .store import CACHE, progress

KERNEL_SRC = """\
KERNEL_SRC in the environment, a kernel tree or a tar archive of one, is taken instead; its Makefile tells the version."""


class Parser(argparse.ArgumentParser):
    def __init__(self, **words):
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **words)

    def error(self, message):
        print(f'{self.prog}: {message}; see {self.prog} --help', file=sys.stderr)
        sys.exit(2)


def rows(*pairs):
    """A table for a help text."""
    width = max(len(name) for name, _ in pairs)
    return '\n'.join(textwrap.fill(f'  {name:{width}}  {text}', 100, subsequent_indent=' ' * (width + 4))
                     for name, text in pairs)


def flavour_table():
    return rows(*((flavour.name, flavour.text) for flavour in FLAVOURS.values()))


# Of each command: what it adds to its parser, and what it does. Modules are loaded when they are needed.


def kernel(parser):
    parser.epilog = f'flavours:\n{flavour_table()}\n\n{KERNEL_SRC}'
    commands = parser.add_subparsers(dest='what', metavar='WHAT', required=True, parser_class=Parser)

    def command(name, text, *words, **more):
        part = commands.add_parser(name, help=text, description=text, **more)
        for word in words:
            word(part)

    def version(part):
        part.add_argument('version', nargs='?', default=DEFAULT_VERSION, help=f'a name of tests/kernels ({DEFAULT_VERSION})')

    def flavour(default):
        return lambda part: part.add_argument('--flavour', default=default, help=f'see below ({default})')

    def machine(part):
        part.add_argument('--machine', default=DEFAULT_MACHINE, help=f'one of {", ".join(ARCHITECTURES)} ({DEFAULT_MACHINE})')

    flavours = {'epilog': f'flavours:\n{flavour_table()}'}
    command('image', 'print the path of a bootable image, built if it is missing', version, flavour('builtin'), machine,
            **flavours)
    command('ko', 'print the path of the loadable module', version, flavour('loadable'), machine, **flavours)
    command('packages', 'print the directory of the Debian packages of the flavour packaged', version)
    command('source', 'print the path of the unpatched source', version)
    command('files', 'print a directory that has these files of the source', version,
            lambda part: part.add_argument('names', nargs='+', metavar='FILE', help='a path in the source'))
    command('selftests', "print a directory of the kernel's own tests, built", version)
    command('list', 'print the names of tests/kernels that are tested')
    command('clean', 'remove everything from the cache')
    return run_kernel


def run_kernel(options):
    from . import config, flavours, process, selftests, sources, store
    if options.what == 'clean':
        store.clean()
        return
    if options.what == 'list':
        print(*config.PATCHED_VERSIONS, sep='\n')
        return
    row = VERSIONS.get(sources.version(options.version))
    groups = ['build']
    if options.what in ('image', 'ko'):
        flavour, machine = config.flavour(options.flavour), config.architecture(options.machine)
        known = [name for name, other in FLAVOURS.items()
                 if name != 'distro' and (other.loadable if options.what == 'ko' else True)]
        if flavour.name not in known:
            raise Failure(f"no flavour '{flavour.name}' for {options.what}, there are {', '.join(known)}")
        if (row is not None and row.expected == 'native') != (flavour.name == 'native'):
            raise Failure('only the flavour native is of a kernel that has nullfs already')
        groups += [*machine.groups, *flavour.groups]
    groups += {'packages': ['kernel-deb'], 'selftests': ['selftests']}.get(options.what, [])
    process.setup(*groups)
    if options.what == 'image':
        path = flavours.kernel(options.version, options.flavour, options.machine).get_image()
    elif options.what == 'ko':
        path = flavours.kernel(options.version, options.flavour, options.machine).get_module()
    elif options.what == 'packages':
        path = flavours.kernel(options.version, 'packaged').get()
    elif options.what == 'files':
        path = sources.source(options.version).files(options.names)
    elif options.what == 'selftests':
        path = selftests.build(sources.source(options.version))
    else:
        path = sources.source(options.version).tree()
    progress.end()
    print(path)


def userland(parser):
    from .userland import IMAGES, SYSTEMS
    parser.epilog = f'images:\n{rows(*IMAGES.items())}'
    parser.add_argument('name', metavar='IMAGE', help='one of those below, or initramfs: the output of such a system')
    parser.add_argument('words', nargs='*', metavar='WORD',
                        help='a machine, for tools (' + ', '.join(ARCHITECTURES) + '); of an initramfs its system ('
                        + ', '.join(SYSTEMS) + ') and the version of the kernel')
    return run_userland


def run_userland(options):
    from . import initramfs, userland as systems
    from .sources import version
    words = options.words
    if options.name == 'initramfs':
        if len(words) not in (1, 2):
            raise Failure('an initramfs has a system, and a version of the kernel')
        path = initramfs.make(words[0], version(words[1] if words[1:] else DEFAULT_VERSION))
    else:
        if len(words) > 1:
            raise Failure('an image has a name, and a machine')
        path = systems.image(options.name, *words)
    progress.end()
    print(path)


def test(parser):
    add = parser.add_argument
    parser.epilog = f"""\
environment:
{rows(('JOBS', 'how many machines run at a time (one more than there are processors)'),
      ('SEED', 'which random operations the tests called storm make'),
      ('OPERATIONS', 'how many of them'))}

{KERNEL_SRC}

With --budget these are left out in the order from the last to the first:
{rows(*((share.name, share.text) for share in SHARES.values()))}

The results are KTAP. The last line is 'N passed, N failed', and ', N skipped' for lack of time; the exit status is 0 if
something passed and nothing failed."""
    add('--kernel', metavar='NAME,...', 
        help=f'kernels of tests/kernels, default ({DEFAULT_VERSION}), or all ({",".join(running("check"))})')
    add('--flavour', metavar='NAME,...', default='*',
        help=f'only these flavours, or patterns of them; {HOST} is for tests that boot nothing')
    add('--test', metavar='NAME', default='*', help="only the test of that name, or those that match a pattern ('root-*')")
    add('--machine', metavar='NAME', default=DEFAULT_MACHINE,
        help=f'the architecture: there are {", ".join(ARCHITECTURES)}')
    add('--accel', default='auto', choices=('auto', 'kvm', 'tcg'),
        help='how QEMU runs the guests; auto takes KVM if a trial boot on it comes up (auto)')
    add('--short', action='store_true', help='only the few tests that show stock, builtin and loadable each at work')
    add('--long', action='store_true', help='also the tests that take long')
    add('--also', metavar='NAME,...', default='', help='the short tests on further kernels, or on the rest of them')
    add('--budget', metavar='MINUTES', type=float, default=math.inf, help='how long it may take, see below')
    add('--nightly', action='store_true', help='make the storms long')
    add('--coverage', action='store_true', help='on kernels that count what is executed, and tell which of our lines are not')
    add('--list', action='store_true', help='print what would run, what has to be built, and how long that took last time')
    add('--smoke', action='store_true', help='do everything but build and boot')
    return lambda options: runner().main(options)


def runner():
    from . import runner as module
    return module


def boot(parser):
    parser.add_argument('--kernel', metavar='NAME', default=DEFAULT_VERSION,
                        help=f'a name of tests/kernels ({DEFAULT_VERSION})')
    parser.add_argument('--append', metavar='WORDS', default='', help='more boot parameters')
    parser.add_argument('--initrd', metavar='FILE', help='boot this initramfs instead, at the serial console')
    parser.epilog = KERNEL_SRC

    def run(options):
        from .demonstration import main
        return main(options)
    return run


def several_machines(parser):
    parser.epilog = 'JOBS in the environment is how many machines run at a time (2).'
    parser.add_argument('--smoke', action='store_true', help='do everything but build and boot')


def engines(parser):
    several_machines(parser)

    def run(options):
        from .engines import main
        return main(options)
    return run


def distro(parser):
    several_machines(parser)

    def run(options):
        from .distro import main
        return main(options)
    return run


def kernel_deb(parser):
    parser.epilog = KERNEL_SRC
    add = parser.add_argument
    add('--config', metavar='FILE', default='', help='the configuration (/boot/config-RELEASE of the running kernel)')
    add('--kernel', metavar='NAME', default='', help=f'a name of tests/kernels (the series of the configuration, or {DEFAULT_VERSION})')
    add('--localversion', metavar='TEXT', default='-nullfs', help='what is added to the name of the kernel (-nullfs)')
    add('--debug-info', action='store_true', help='with debug information, which takes more time and disk')
    add('--smoke', action='store_true', help='do everything but build')

    def run(options):
        from .kernel_deb import main
        return main(options)
    return run


def bench(parser):
    parser.add_argument('--smoke', action='store_true', help='measure one cell only, and keep nothing')

    def run(options):
        from .bench import main
        return main(options)
    return run


def cost(parser):
    parser.epilog = f"""\
UPSTREAM in the environment is a mailbox of upstream's series, to be counted and built as well.
{KERNEL_SRC}"""
    parser.add_argument('version', nargs='?', default=DEFAULT_VERSION, help=f'a name of tests/kernels ({DEFAULT_VERSION})')
    parser.add_argument('--smoke', action='store_true', help='count the patch only, and build nothing')

    def run(options):
        from .cost import main
        return main(options)
    return run


def check_patch(parser):
    parser.epilog = KERNEL_SRC
    parser.add_argument('names', nargs='*', metavar='KERNEL', help='a kernel tree, or a name of tests/kernels ($KERNEL, or all)')
    parser.add_argument('--tried', action='store_true', help='end with the table of Documentation/carrying.md, for which the module'
                                                             ' is compiled for each source as well')
    parser.add_argument('--boot', action='store_true', help='the same, and run the short test on each source, which builds three kernels')

    def run(options):
        from .check_patch import main
        return main(options.names, options.tried, options.boot)
    return run


def debian_source(parser):
    parser.add_argument('version', help='a series, such as 6.12')

    def run(options):
        from .debian_source import kept_source
        print(kept_source(options.version))
    return run


COMMANDS = {
    'kernel': (kernel, 'fetch, patch, build and keep kernels'),
    'userland': (userland, 'make and keep Debian systems'),
    'test': (test, 'run the tests'),
    'boot': (boot, 'boot the demonstration, stock beside immutable'),
    'engines': (engines, 'start container engines from the initramfs on stock, nullfs and Linux 7.x, and print a table'),
    'distro': (distro, "boot Debian 12 on Debian's own configuration of the kernel, patched; building that takes long"),
    'kernel-deb': (kernel_deb, "make Debian packages of a patched kernel with the running kernel's configuration"),
    'bench': (bench, 'measure leaving an initramfs, and what nullfs costs'),
    'cost': (cost, 'count what a distribution carries, and by how much a kernel grows'),
    'check-patch': (check_patch, 'try the patches on kernel sources, with each tool that distributions apply patches with'),
    'debian-source': (debian_source, "print a directory with the files of Debian's source package that patches change"),
}


def interrupted(number, _frame):
    raise KeyboardInterrupt(number)


def main():
    parser = Parser(prog='vmtest', description=sys.modules[__package__].__doc__)
    commands = parser.add_subparsers(dest='command', metavar='COMMAND', required=True, parser_class=Parser)
    runs = {}
    for name, (add, text) in COMMANDS.items():
        runs[name] = add(commands.add_parser(name, help=text, description=text))
    options = parser.parse_args()
    name = options.command
    signal.signal(signal.SIGTERM, interrupted)
    signal.signal(signal.SIGHUP, interrupted)
    try:
        status = runs[name](options)
        progress.end()
    except Failure as failure:
        progress.end()
        sys.exit(f'{name}: {failure}')
    except OSError as error:
        progress.end()
        sys.exit(f'{name}: {error.filename or CACHE}: {error.strerror}')
    except KeyboardInterrupt:
        progress.end()
        print(f'{name}: interrupted; what was finished is kept', file=sys.stderr)
        sys.exit(130)
    sys.exit(0 if status is None or status is True else 1 if status is False else status)


if __name__ == '__main__':
    os.environ['PYTHONDONTWRITEBYTECODE'] = '1'
    main()
