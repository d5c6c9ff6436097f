# SPDX-License-Identifier: GPL-2.0-only
"""Programs on the host, which boot nothing."""

from vmtest.userland import SYSTEMS

from .row import Test


def host(script, sentence, initrd=(), **more):
    """tests/host/SCRIPT, which boots nothing and reports in the same way; initrd is what has to be made before."""
    return Test(f'host-{script}', sentence, programs=(script,), flavours=('host',), initrd=initrd, timeout=600, **more)


TESTS = [
    host('add-to-tree', 'the module goes into a patched kernel tree, comes out again, and goes nowhere else'),
    host('compat', 'the module refuses to be built for kernels that it is not for', once=True),
    host('check-patch', 'a patch that applies is told from one that does not', once=True),
    host('carry', "patch and module go into git, a quilt series (Debian's own package), a spec and a PKGBUILD", once=True,
         long=True),
    host('cost', 'the figures of what a distribution carries are right', initrd=('module {version} loadable',)),
    host('kernels', 'the patches apply to all the kernels that they are for', once=True),
    host('commands', 'what a command lacks it says in one line that names the cure', once=True),
    host('ktap', "what the kernel's selftests report is compared, and whatever is worse than on stock is found", once=True),
    host('races', 'of the data races that KCSAN reports, those fail a test that the project has a part in', once=True),
    host('coverage', 'a line that nothing reaches is told, and a wrong excuse for one as well', once=True),
    host('bench', 'the benchmark can still measure', once=True),
    host('initramfs', 'the hooks go where the generators look, and load the module unless told not to', once=True, long=True,
         initrd=tuple(f'initramfs {system} {{version}} module' for system in SYSTEMS)),
    host('security', 'each test that Documentation/security.md names is there, and takes as long as it says', once=True),
    host('style', 'checkpatch, sparse and the compiler have nothing to say', once=True),
    host('deb', 'the Debian package is built, lintian has nothing to say, and all agree on the version', once=True),
    host('dkms', "Debian 12's dkms builds, signs, installs and removes the module, and skips other kernels", once=True, long=True),
    host('dkms-trixie', "so does Debian 13's", once=True, long=True),
    host('package', 'the Debian package installs the module and leaves nothing behind', once=True, long=True),
]
