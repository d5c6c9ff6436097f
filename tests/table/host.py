# SPDX-License-Identifier: GPL-2.0-only
"""Tests on the host that boot nothing."""

from vmtest.initramfs import GENERATORS

from .row import Test


def host(script, sentence, initrd=(), **more):
    """tests/host/SCRIPT, which boots nothing and reports like a guest; initrd names the images that it needs."""
    return Test(f'host-{script}', sentence, programs=(script,), flavours=('host',), initrd=initrd, timeout=600, **more)


TESTS = [
    host('add-to-tree', 'add-to-tree adds the module to a patched kernel tree, removes it again, and refuses other trees'),
    host('compat', 'the module does not compile for unsupported kernels', once=True),
    host('backports', 'the module builds for Linux 6.1 with headers that have parts of later kernels', once=True, long=True),
    host('check-patch', 'check-patch distinguishes a patch that applies from one that does not', once=True),
    host('carry', "carry adds patch and module to git, a quilt series (Debian's own package), a directory, a spec and a PKGBUILD", once=True,
         long=True),
    host('recipes', 'rpmbuild and makepkg take the lines that carry prints for a spec and a PKGBUILD', once=True, long=True),
    host('reproducible', 'module, pivot_init and the Debian packages are the same bit by bit, in whatever directory they are built',
         once=True, long=True),
    host('release', 'make release refuses a commit that is not ready, and makes the files of one that is', once=True, long=True),
    host('cost', 'make cost prints correct figures', initrd=('module {version} loadable',)),
    host('kernels', 'the patches apply to all kernels that tests/kernels lists', once=True),
    host('commands', 'a command that lacks something prints one line that names the cure', once=True),
    host('smoke', 'the commands that no other test starts work; only builds and boots are replaced', once=True),
    host('documented', 'each command that the Makefile, the help and the documents name exists, and a test starts it', once=True),
    host('ktap', "the comparison of the kernel's selftests finds every result that is worse than on stock", once=True),
    host('races', 'a data race that KCSAN reports fails a test if code of this project takes part in it', once=True),
    host('coverage', 'make coverage reports every line that no test reaches, and every wrong explanation', once=True),
    host('bench', 'the benchmark measures one handover', once=True),
    host('initramfs', 'the hooks are where the generators look, and load the module unless a parameter disables it', once=True, long=True,
         initrd=tuple(f'initramfs {system} {{version}} module' for system, generator in GENERATORS.items()
                      if 'module' in generator.kinds)),
    host('security', 'Documentation/security.md names existing tests, and says which of them take long', once=True),
    host('style', 'checkpatch, sparse and the compiler report nothing', once=True),
    host('deb', 'the Debian package builds, lintian reports nothing, and all files agree on the version', once=True),
    host('dkms', "Debian 12's dkms builds, signs, installs and removes the module, and skips other kernels", once=True, long=True),
    host('dkms-trixie', "Debian 13's dkms builds, signs, installs and removes the module, and skips other kernels", once=True, long=True),
    host('package', 'the Debian package installs the module, and purging it removes everything', once=True, long=True),
]
