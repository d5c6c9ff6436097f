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

TESTS = [
    *(Test(name, 'bubblewrap, crun and runc run from the initramfs and hide it from their containers; on stock they fail',
           programs=(*first, 'containers.sh'), initrd=(*files, 'tools', *GUEST), memory=512, timeout=120, **more)
      for name, (first, files, more) in PLACES.items()),
]
