# SPDX-License-Identifier: GPL-2.0-only
"""
Prints the cache keys of a checkout as JSON. test_keys.py runs this in copies of the checkout, with stand-ins for apt and
the compiler, and with XDG_CACHE_HOME. Nothing is built: what a key is made of that has to be built before is made up, and
depends on the key of that, as it does in truth.
"""
import functools
import json
from pathlib import Path

from vmtest import distro, flavours, images, initramfs, kernel, process, selftests, sources, store, userland
from vmtest.config import ARCHITECTURES, DEFAULT_MACHINE, FLAVOURS, running

VERSIONS = running('check')


def built(path):
    """A kernel that looks like one, as far as it is looked at."""
    path.mkdir(parents=True, exist_ok=True)
    image = bytearray(0x1000)
    image[0x20e:0x210] = (0x100).to_bytes(2, 'little')
    image[0x300:0x340] = f'6.12.1-{path.name} (builder)'.encode().ljust(0x40)[:0x40]
    (path / 'bzImage').write_bytes(image)
    for name in ('config', 'immutable_rootfs.ko'):
        (path / name).write_text(path.name, encoding='utf-8')


def not_made(path, *_, **__):
    return path


def keys():
    found = {}
    (flavours.MOK / 'mok.pem').parent.mkdir(parents=True, exist_ok=True)
    (flavours.MOK / 'mok.pem').write_text('certificate', encoding='utf-8')
    for version in VERSIONS:
        pristine = store.CACHE / 'source' / sources.source(version).id / 'tools/testing/selftests/mount'
        pristine.mkdir(parents=True, exist_ok=True)
        (pristine / 'Makefile').touch()
        for name, row in FLAVOURS.items():
            if name in ('native', 'distro'):
                continue
            one = flavours.kernel(version, name)
            found[f'kernel {version} {name}'] = one.entry.name
            if row.loadable:
                built(one.entry)
    for machine in ARCHITECTURES:
        if machine != DEFAULT_MACHINE:
            found[f'kernel {VERSIONS[0]} builtin {machine}'] = flavours.kernel(VERSIONS[0], 'builtin', machine).entry.name
    config = Path(store.CACHE / 'config')
    config.write_text('CONFIG_X=y\n', encoding='utf-8')
    found['kernel distro'] = distro.DistroKernel(config).entry.name
    for name in userland.IMAGES:
        found[f'userland {name}'] = userland.entry_of(name)[0].path.name
    found['userland tools arm64'] = userland.entry_of('tools', 'arm64')[0].path.name
    for name in userland.SYSTEMS:
        found[f'initramfs {name}'] = initramfs.entry_of(name, VERSIONS[0]).path.name
    for module in (images, selftests):
        setattr(module, 'kept', not_made)
    for machine in (DEFAULT_MACHINE, 'arm64'):
        found[f'guest {machine}'] = images.compile_guest(ARCHITECTURES[machine]).name
    found['selftests'] = selftests.build(sources.source(VERSIONS[0])).name
    return found


@functools.cache
def once(*command):
    return process.run(command)


if __name__ == '__main__':
    for module in (images, kernel, selftests, sources):     # each asks for the compiler, or for the package
        setattr(module, 'run', lambda command, **_: once(*map(str, command)))
    print(json.dumps(keys()))
