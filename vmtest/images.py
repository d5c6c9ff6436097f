# SPDX-License-Identifier: GPL-2.0-only
"""Parts of an initramfs, initrds and disks, with the guest programs."""
import os
import re
import shutil
import stat
import tempfile
from functools import cached_property
from pathlib import Path

from . import TOP, Failure, initramfs, newc, secure_boot, selftests, upgrade, userland
from .config import DEFAULT_VERSION, FLAVOURS, NATIVE_SERIES
from .flavours import kernel
from .process import BUILD_ENV, DISK_ENV, first_line, must, run, script
from .sources import source
from .store import CACHE, digest, kept
from .userland import IN_RAM, SYSTEMS, TOOLS_PACKAGES

GUEST = TOP / 'tests/guest'
STATUS = TOP / 'initramfs/bin/immutable-rootfs'
GUEST_RECIPE = 1            # see store.digest()
HARNESS_VERSION = DEFAULT_VERSION   # its kselftest_harness.h is for the guest programs
SELFTEST_SECONDS = 120      # the kernel's own 45 are too few on a busy host
SIGNED = b'~Module signature appended~\n'


class Images:
    """Parts of an initramfs, initrds and disks by name, in a directory."""

    def __init__(self, directory, machine):
        self.directory = directory
        self.machine = machine
        self.made: dict = {}

    @cached_property
    def programs(self):
        return compile_guest(self.machine)

    def get(self, name):
        """The image's path. The first call makes it; a failure is remembered."""
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
        if name in TOOLS_PACKAGES:
            return str(userland.image(name, self.machine.name))
        if name in SYSTEMS or name in IN_RAM:
            return str(userland.image(name))
        kind, *words = name.split()
        if kind == 'initramfs':
            system, version, variant = words
            return str(initramfs.make(system, version) / f'{variant}.img')
        if kind == 'upgrade':
            version, file = words
            return os.path.join(self.get(f'upgraded {version}'), file)
        if kind == 'upgraded':
            return str(upgrade.system(*words))
        if kind.endswith('module'):
            with newc.Archive(path) as archive:
                archive.file(*kernel_module(kind, words, self.machine))
            return path
        if kind == 'selftests':
            with newc.Archive(path) as archive:
                self.selftests(archive, selftests.build(source(*words)))
            return path
        if kind == 'root-selftests':
            self.unpacked(path, ('selftests-tools', ' '.join(('selftests', *words)), 'guest', 'init=init'))
        elif kind == 'root':
            self.unpacked(path, (*words, 'guest', 'init=init'))
        elif name == 'ext4':
            self.disk(path, 'ext4')
        elif name == 'ext4-image':
            self.disk(path, 'ext4', 'root.squashfs')
        elif name == 'ext4-live':
            self.disk(path, 'ext4', 'live/filesystem.squashfs')
        elif name == 'squashfs':
            with self.tree() as tree:
                must('mksquashfs', tree, path, '-all-root', '-noappend', '-quiet', '-no-progress')
        elif kind == 'boot':
            self.boot(path, self.get(' '.join(('initramfs', *words))) if words else None)
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
        return (self.programs / name).read_bytes()

    def guest(self, archive):
        for directory in ('dev', 'root', 'tests'):
            archive.directory(directory)
        archive.node('dev/console', stat.S_IFCHR, 0o600, 5, 1)
        for name in sorted(os.listdir(self.programs)):
            archive.file(f'tests/{name}', self.program(name), 0o755)

    def pivot_init(self, archive):
        with tempfile.TemporaryDirectory(dir=self.directory) as work:
            for path in (TOP / 'initramfs/pivot_init').iterdir():
                if path.name == 'Makefile' or path.suffix in ('.c', '.h'):
                    shutil.copy(path, work)
            cross = self.machine.cross
            must('make', '-s', '-C', work, *([f'CC={cross}gcc'] if cross else []), 'pivot_init')
            archive.file('pivot_init', Path(work, 'pivot_init').read_bytes(), 0o755)

    def status(self, archive):
        archive.file('tests/immutable-rootfs', STATUS.read_bytes(), 0o755)

    def load_script(self, archive):
        archive.file('load', (TOP / 'scripts/load').read_bytes(), 0o755)

    def empty_namespace(self, archive):
        with tempfile.NamedTemporaryFile(dir=self.directory) as program:
            must(f'{self.machine.cross}gcc', '-static', '-O2', '-Wall', '-Wextra', '-Werror', '-o', program.name,
                  TOP / 'demo/empty-namespace.c')
            archive.file('empty-namespace', program.read(), 0o755)

    def selftests(self, archive, directory):
        archive.directory('selftests')
        archive.tree(directory, 'selftests/', skip=(selftests.LIST, 'settings'))
        names = selftests.listed(directory)
        archive.file(f'selftests/{selftests.LIST}', ''.join(f'{name}\n' for name in names))
        for collection in {name.split(':')[0] for name in names}:
            archive.file(f'selftests/{collection}/settings', f'timeout={SELFTEST_SECONDS}\n')

    def unpacked(self, path, parts):
        """A disk with the content of these parts of an initramfs."""
        with tempfile.TemporaryDirectory(dir=self.directory) as tree:
            os.chmod(tree, 0o755)
            # fakeroot keeps owners and devices for an ordinary user
            must('fakeroot', 'sh', '-ec', '''
                disk=$1
                cd "$2"
                shift 2
                for part; do cpio -idmu --quiet <"$part"; done
                [ -e usr/sbin/init ] || ln -s /init usr/sbin/init
                mke2fs -q -F -t ext4 -m 0 -d . "$disk" 400M''',
                'sh', path, tree, *map(self.get, parts), env=DISK_ENV)

    def overlay(self, archive):
        archive.file('overlay.ko', kernel(NATIVE_SERIES, 'native').get_overlay().read_bytes())

    def large(self, archive):
        archive.file('large', os.urandom(64 << 20))

    def image(self, archive):
        archive.file('root.squashfs', Path(self.get('squashfs')).read_bytes())

    def container_image(self, archive):
        """A root for a container, as an image in the initramfs."""
        path = os.path.join(self.directory, 'container.squashfs')
        with tempfile.TemporaryDirectory(dir=self.directory) as tree:
            os.chmod(tree, 0o755)
            for name in ('dev', 'proc', 'run', 'sys', 'tmp', 'var/tmp'):
                os.makedirs(os.path.join(tree, name))
            shutil.copy(self.programs / 'container', tree)
            must('mksquashfs', tree, path, '-all-root', '-noappend', '-quiet', '-no-progress')
        archive.file('container.squashfs', Path(path).read_bytes())

    def root_directory(self, archive):
        archive.directory('root')
        with self.tree() as tree:
            archive.tree(tree, 'root/')

    def bare(self, archive):
        for directory in ('dev', 'root'):
            archive.directory(directory)
        archive.node('dev/console', stat.S_IFCHR, 0o600, 5, 1)

    def tree(self):
        """A small root with an init and mount points."""
        tree = tempfile.TemporaryDirectory(dir=self.directory)
        os.chmod(tree.name, 0o755)
        for name in ('dev', 'new', 'proc', 'sbin', 'sys', 'tests'):
            os.mkdir(os.path.join(tree.name, name))
        for name, to in (('init', 'sbin/init'), ('linuxrc', 'linuxrc'),
                         *((name, f'tests/{name}') for name in ('daemon', 'handover', 'kept', 'load-late'))):
            shutil.copy(os.path.join(self.programs, name), os.path.join(tree.name, to))
        return tree

    def boot(self, path, made):
        """The /boot of a Debian system, with the tests in it; made: the initramfs, if it needs one."""
        with tempfile.TemporaryDirectory(dir=self.directory) as tree:
            if made:
                release = Path(made).with_name('release').read_text(encoding='ascii')
                shutil.copy(made, os.path.join(tree, f'initrd.img-{release}'))
            shutil.copytree(self.programs, os.path.join(tree, 'tests'))
            shutil.copy(STATUS, os.path.join(tree, 'tests'))
            must('mksquashfs', tree, path, '-all-root', '-noappend', '-quiet', '-no-progress', '-comp', 'lz4')

    def disk(self, path, kind, image=None):
        """A small root; image: where on it the same is as a squashfs image."""
        with self.tree() as tree:
            if image:
                os.makedirs(os.path.dirname(os.path.join(tree, image)), exist_ok=True)
                shutil.copy(self.get('squashfs'), os.path.join(tree, image))
            must('/sbin/mke2fs', '-q', '-F', '-t', kind, '-E', 'root_owner=0:0', '-d', tree, path, '12M')


def kernel_module(kind, words, machine):
    """Name and content of a module for this kernel."""
    version, flavour = words
    if kind == 'leaking-module':
        path = kernel(version, flavour).get() / 'kmemleak-test.ko'
    elif flavour == secure_boot.FLAVOUR:
        path = secure_boot.files(version) / ('other.ko' if kind == 'other-module' else 'signed.ko')
    elif kind.endswith('signed-module'):
        path = Path(script('tests/host/signed-module', version))
    else:
        path = kernel(version, flavour if FLAVOURS[flavour].loadable else 'loadable', machine.name).get_module()
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise Failure(f'{path}: the kernel was built without it') from None
    if kind == 'other-module':
        return 'renamed.ko', content
    if kind == 'renamed-module':
        return 'renamed.ko', content.replace(b'immutable_rootfs', b'immutable_nullfs')
    if kind.endswith('signed-module'):
        if not content.endswith(SIGNED):
            raise Failure(f'{path}: dkms has not signed it')
        if kind == 'unsigned-module':
            # Before the mark stands a struct module_signature. It ends with the length of the signature before it.
            content = content.removesuffix(SIGNED)
            content = content[:-12 - int.from_bytes(content[-4:], 'big')]
        return 'immutable_rootfs.ko', content
    return path.name, content


def compile_guest(machine):
    """The directory of the compiled guest programs, kept in the cache."""
    headers = source(HARNESS_VERSION)
    _, compiler = run([f'{machine.cross}gcc', '--version'], env=BUILD_ENV)
    key = digest(repr(GUEST_RECIPE), headers.id, first_line(compiler), *sorted(filter(Path.is_file, GUEST.iterdir())))
    return kept(CACHE / ('guest' + machine.suffix) / key, f'guest programs{machine.suffix.replace("-", " for ")}',
                lambda directory: build_guest(machine, headers.tree() / 'tools/testing/selftests', directory),
                others=lambda name: re.fullmatch('[0-9a-f]{16}', name))


def build_guest(machine, headers, directory):
    must('make', '-s', '-C', GUEST, f'-j{os.cpu_count()}', f'HARNESS={headers}', f'O={directory}', f'CC={machine.cross}gcc')
