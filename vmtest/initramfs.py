# SPDX-License-Identifier: GPL-2.0-only
"""
The output of the initramfs generators of userland.py's systems for our kernels, with our hooks installed. An entry of
the cache has plain.img without the loadable module, module.img with it, shell.img with it and without systemd (dracut
of Debian 12), pivot.img, which pivot_init leaves (Debian 12), and module-pivot.img, the same with the module. NAME.log
is the output of the generator, install.log that of `make install`, and release is the kernel's release.
"""

import os
import shlex
import shutil
from dataclasses import dataclass

from . import TOP, Failure
from .flavours import kernel
from .process import must
from .store import progress
from .userland import SYSTEMS, Entry, mmdebstrap, system_entry

EXITRD = TOP / "tests/guest/exitrd.sh"
NO_SYSTEMD = "-o systemd -o systemd-initrd -o dracut-systemd -o crypt"


@dataclass
class Generator:
    command: str        # makes $image for $release
    kinds: dict         # images: what is added to the command


def dracut(hooks, **kinds):
    # The hook reports how systemd enters the exitrd at shutdown.
    command = f'dracut --no-hostonly --include /exitrd.sh {hooks}/pre-shutdown/exitrd.sh --kver "$release" "$image"'
    return Generator(command, {"plain": "", "module": "", **kinds})


def initramfs_tools(*kinds):
    return Generator('mkinitramfs -v -o "$image" "$release"', dict.fromkeys(kinds, ""))


GENERATORS = {
    "debian12-initramfs-tools": initramfs_tools("plain", "module", "pivot"),
    "debian12-plymouth": initramfs_tools("pivot"),
    "debian12-live": initramfs_tools("module-pivot"),
    "debian12-dracut": dracut("/usr/lib/dracut/hooks", shell=NO_SYSTEMD, pivot=f"-a pivot-init {NO_SYSTEMD}"),
    "debian13-dracut": dracut("/var/lib/dracut/hooks"),
}


def release_of(kernel):
    """The kernel's release, from the header of the x86 boot protocol in a bzImage."""
    with open(kernel, "rb") as f:
        header = f.read(1 << 16)
    start = 0x200 + int.from_bytes(header[0x20e:0x210], "little")
    return header[start:].split(b" ", 1)[0].decode()


# Runs in the system, with the files of make_initramfs().
GENERATE = """
    /initramfs/install >/install.log
    modules=/usr/lib/modules/$release
    mkdir -p $modules
    touch $modules/modules.order $modules/modules.builtin $modules/modules.builtin.modinfo
    generate() {
        image=/$1.img
        depmod "$release"
        %s $2 >/$1.log 2>&1 || { echo "E: making $1.img failed: $(grep . /$1.log | tail -n 1)"; exit 1; }
        chmod 644 $image
    }
    """


def make_initramfs(title, directory, generator, tar, kernel, config, ko):
    """Unpack the system, add kernel and hooks, and run its generator."""
    release = release_of(kernel)
    with open(f"{directory}/release", "w") as f:
        f.write(release)
    files = f"{directory}/files"
    os.makedirs(f"{files}/boot")
    must("make", "-C", f"{TOP}/initramfs/pivot_init", "install", f"DESTDIR={files}/pivot_init")
    shutil.copytree(f"{TOP}/initramfs", f"{files}/initramfs")
    shutil.copy(config, f"{files}/boot/config-{release}")
    shutil.copy(ko, files)
    shutil.copy(EXITRD, files)
    script = f"release={release}" + GENERATE % generator.command
    for kind, words in generator.kinds.items():
        if "module" not in kind and kind != "shell":
            script += "rm -rf $modules/updates\n"
        else:
            script += f"install -D -m 644 /{os.path.basename(ko)} -t $modules/updates/dkms\n"
        if "pivot" in kind:
            script += "cp -a /pivot_init/usr /\n"
        if "pivot" in kind and generator.command.startswith("mkinitramfs"):
            script += "echo PIVOT_INIT=y >/etc/initramfs-tools/conf.d/pivot-init\n"
        script += f"generate {kind} {shlex.quote(words)}\n"
    with open(f"{files}/generate", "w") as f:
        f.write(script)
    must("tar", "-C", files, "-cf", f"{directory}/files.tar", ".")
    progress.show(f"{title}: making the images", always=True)
    # A hook's shell may run as a user who cannot read our files; mmdebstrap's own hooks can.
    mmdebstrap(title, f"{directory}/log", "", "--variant=custom", "--format=null", "--skip=update,cleanup",
               f"--setup-hook=upload {shlex.quote(str(tar))} /system.tar",
               """--setup-hook=tar -C "$1" --exclude='./dev/*' --numeric-owner -xf "$1/system.tar\"""",
               f"--customize-hook=tar-in {shlex.quote(str(directory))}/files.tar /",
               '--customize-hook=chroot "$1" sh -e /generate',
               *(f"--customize-hook=download /{made} {shlex.quote(str(directory))}/{made}" for made in
                 ("install.log", *(f"{kind}.{suffix}" for kind in generator.kinds for suffix in ("img", "log")))),
               "", "/dev/null")
    shutil.rmtree(files)
    os.unlink(f"{directory}/files.tar")


def entry_of(name, version):
    """The cache entry of that system's images for the loadable kernel of a version."""
    if name not in SYSTEMS:
        raise Failure(f"no system '{name}', there are {', '.join(SYSTEMS)}")
    system, generator = system_entry(name), GENERATORS[name]
    built = kernel(version, "loadable").get()
    image, config, ko = built / "bzImage", built / "config", built / "immutable_rootfs.ko"
    hooks = sorted(path for path in (TOP / "initramfs").rglob("*") if path.is_file() and path.name != "pivot_init")
    return Entry(
        f"initramfs-{name}-{version}", f"Linux {version}, initramfs of {name}",
        lambda title, directory: make_initramfs(title, directory, generator, system.get() / "system.tar", image, config, ko),
        ("mmdebstrap", "make", "gcc"),
        (system.path.name, generator, GENERATE, release_of(image), *(str(path.relative_to(TOP)) for path in hooks),
         config, ko, EXITRD, *hooks))


def make(name, version):
    return entry_of(name, version).get()
