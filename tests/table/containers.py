# SPDX-License-Identifier: GPL-2.0-only
"""Container tools in the initramfs."""
from vmtest.config import DEFAULT_VERSION

from .row import BOTH, GUEST, LOADABLE, MODULE, Test

# The first programs, more parts of the initramfs, and the kernels. Debug kernels of 6.1 lack BPF, which crun and runc need.
PLACES: dict[str, tuple[tuple, tuple, dict]] = {
    'containers': ((), (), {'flavours': BOTH}),
    'containers-debug': ((), (), {'flavours': ('debug',), 'long': True, 'kernels': (DEFAULT_VERSION,)}),
    'load-containers': (('load',), (MODULE,), {'flavours': LOADABLE, 'parameter': ''}),
}


def engine(name, sentence, memory, timeout=600):
    """A script of this name starts what vmtest/userland.py has for it in an initramfs, with the module built in and loaded."""
    more = {'memory': memory, 'timeout': timeout, 'smp': 1, 'long': True, 'kernels': (DEFAULT_VERSION,)}
    yield Test(name, sentence, programs=(f'{name}.sh',), initrd=(f'{name}-tools', *GUEST), **more)
    yield Test(f'load-{name}', f'{sentence}, after the module was loaded', programs=('load', f'{name}.sh'),
               initrd=(MODULE, f'{name}-tools', *GUEST), flavours=LOADABLE, parameter='', **more)


def after_handover(name, sentence, memory, words):
    """The same script in a real root on a disk, with what it has to print on all kernels."""
    return Test(f'{name}-after-handover', sentence, programs=(f'{name}.sh',), initrd=('bare', 'tools', 'pivot_init', 'init=live.sh'),
                disks=(f'root {name}-tools',), append=f'layout=disk tool=pivot_init {words}', memory=memory, smp=1, timeout=600,
                long=True, kernels=(DEFAULT_VERSION,))


TESTS = [
    *(Test(name, 'bubblewrap, crun and runc run from the initramfs and hide it from their containers; on stock they fail',
           programs=(*first, 'containers.sh'), initrd=(*files, 'tools', *GUEST), memory=512, timeout=120, **more)
      for name, (first, files, more) in PLACES.items()),
    *(Test(f'workaround-{way}-{name}', f'what works on stock after / was {way} works on nullfs as well', programs=('workaround.sh',),
           initrd=(image, *GUEST), memory=memory, timeout=600, append=f'workaround={way} then={name}.sh', long=True,
           kernels=(DEFAULT_VERSION,))
      for way in ('covered', 'copied') for name, image, memory in (('containers', 'tools', 768), ('podman', 'podman-tools', 1280))),
    *engine('podman', 'podman and buildah run from the initramfs, for root and for users; on stock they fail', 1024),
    *engine('docker', 'docker and containerd run from the initramfs; on stock they fail', 1280),
    after_handover('podman', 'podman and buildah run after the handover to a disk, on stock as on nullfs', 768,
                   'inside=inside users=inside'),
    after_handover('docker', 'docker and containerd run after the handover to a disk, on stock as on nullfs', 768,
                   'inside=inside built=built'),
    *engine('virtiofsd', 'virtiofsd runs in its sandbox from the initramfs; on stock it fails', 256, 60),
    *engine('lxc', 'LXC and systemd-nspawn run from the initramfs, as on stock', 768),
]
