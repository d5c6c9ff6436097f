# SPDX-License-Identifier: GPL-2.0-only
"""
Builds Debian packages of a kernel with a configuration of the user, by default that of the running kernel: Debian's source
with all of Debian's patches, kernel-hooks.patch, and the module in the tree (=m). The cache keeps them, and what an
interrupted build has made.
"""

import json
import os
import re
import resource
import shutil
import tempfile
import time
from pathlib import Path

from . import TOP, Failure, smoke
from .config import DEFAULT_VERSION, PATCHED_VERSIONS, VERSIONS
from .flavours import DebKernel
from .kernel import CONFIGS, KO, Tree
from .process import must, setup
from .store import CACHE, progress

FLAVOUR = "distro"
FRAGMENT = CONFIGS / "kernel-deb.config"
NO_DEBUG = CONFIGS / "no-debug.config"
# Those that have Debian's patches. Of the others only the original source is fetched.
DEBIAN_VERSIONS = tuple(name for name in PATCHED_VERSIONS if VERSIONS[name].origin.startswith("linux-source-"))
REQUIRED = ("CONFIG_ROOTFS_PROVIDER", "CONFIG_IMMUTABLE_ROOTFS", "CONFIG_LOCALVERSION")
# Measured with Debian's cloud-amd64 configuration, and with that of the tests: both are near one line.
FILES_PER_SYMBOL, FILES_LESS = 2.93, 630
SECONDS_PER_FILE = 0.43
GIGABYTES, GIGABYTES_PER_FILE, DEBUG_FACTOR = 4, 0.0003, 5


def symbols(config):
    """Its symbols. One that is not set counts as absent."""
    return {name: None if value == "not set" else value for name, value in
            re.findall(r"^(?:# )?(CONFIG_\w+)(?:=| is )(.*)$", config, re.M)}


class ConfiguredKernel(DebKernel):
    """A configuration and further lines for it. It has a tree of its own, so no other build waits for it."""

    def __init__(self, version, config, lines, place):
        self.config, self.lines, self.place = config, lines, place
        super().__init__(version, FLAVOUR)
        self.what = f"{self.source.version} {place}"
        self.stem = f"{self.source.name}-{place}-"
        self.fragments = [config]
        self.entry = CACHE / "kernel" / (self.stem + self.key())

    def ingredients(self):
        return [*super().ingredients(), self.lines]

    @property
    def files(self):
        enabled = len(re.findall(r"^CONFIG_\w+=[ym]$", self.config.read_text(), re.M))
        return max(1000, int(round(FILES_PER_SYMBOL * enabled - FILES_LESS, -2)))

    def get(self):
        if not self.entry.is_dir():
            self.source.tree()
            self.source.name += f"-{self.place}"
        return super().get()

    def build(self):
        """Add up the time of a build, also when it was interrupted."""
        self.account = Tree(self.source).top / "spent.json"
        try:
            self.spent = json.loads(self.account.read_text())
        except (OSError, ValueError):
            cold = not (self.account.parent / FLAVOUR / "vmlinux").exists()
            self.spent = {"seconds": 0, "processor": 0, "of": "all" if cold else "what had changed"}
        self.started = time.monotonic()
        try:
            super().build()
        except BaseException:
            if self.account.parent.is_dir():
                self.account.write_text(json.dumps(self.spending()))
            raise
        self.account.unlink(missing_ok=True)

    def spending(self):
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return {"seconds": round(self.spent["seconds"] + time.monotonic() - self.started),
                "processor": round(self.spent["processor"] + children.ru_utime + children.ru_stime),
                "of": self.spent["of"]}

    def configure(self):
        fragment = self.objects / "fragment"
        fragment.write_text(self.lines)
        shutil.copy(self.config, self.objects / ".config")
        self.step([self.tree / "scripts/kconfig/merge_config.sh", "-m", "-O", self.objects,
                   self.objects / ".config", fragment], cwd=self.objects)
        self.step(["make", "-C", self.tree, f"O={self.objects}", *self.make_words, "olddefconfig"])
        theirs, ours, wanted = map(symbols, (self.config.read_text(), (self.objects / ".config").read_text(), self.lines))
        # A symbol whose dependencies are off is absent.
        lost = [name for name, value in wanted.items() if ours.get(name) != value and (name in ours or name in REQUIRED)]
        if lost:
            raise Failure(f"{self.what}: the source {self.source.id} drops {', '.join(lost)} from {self.config}: "
                          "take a configuration that has modules (CONFIG_MODULES=y)")
        differences = [f"{name} {theirs.get(name) or 'n'} -> {ours.get(name) or 'n'}"
                       for name in sorted({*theirs, *ours}) if theirs.get(name) != ours.get(name)]
        (self.objects / "differences").write_text("\n".join(differences) + "\n")

    def make_more(self, new):
        super().make_more(new)
        shutil.copy(self.objects / "differences", new)
        objects = sum(1 for _ in self.objects.rglob("*.o"))
        (new / "spent.json").write_text(json.dumps({**self.spending(), "objects": objects}))

    def tree_modules(self):
        return [f"fs/immutable_rootfs/{KO}"]


def series_of(config):
    """The series of the kernel whose configuration this is, such as 6.12, or None."""
    header = re.search(r"^# Linux/(\S+) (\d+\.\d+)\S* Kernel Configuration$", config.read_text(errors="replace")[:400], re.M)
    if header and not header[1].startswith("x86"):
        raise Failure(f"{config}: it is for {header[1]}, and only kernels for x86 are built: take another one with CONFIG=")
    return header and header[2]


def choose(options):
    """The configuration, its series, and the version to build."""
    config = Path(options.config or f"/boot/config-{os.uname().release}")
    if not config.is_file():
        raise Failure(f"{config} is not there: name the configuration of a kernel with CONFIG=")
    series = series_of(config)
    if not options.kernel and series and int(series.split(".")[0]) >= 7:
        raise Failure(f"{config}: Linux {series} has its own nullfs and needs no patch; to build an older one name it with KERNEL=")
    version = options.kernel or (series if series in DEBIAN_VERSIONS else DEFAULT_VERSION)
    if version not in DEBIAN_VERSIONS:
        raise Failure(f"KERNEL={version}: Debian has no package of the source with its patches, only of {', '.join(DEBIAN_VERSIONS)}")
    if not re.fullmatch(r"[-+.a-z0-9]+", options.localversion):
        raise Failure(f"LOCALVERSION={options.localversion}: the name of a package may have only a-z, 0-9, '-', '+' and '.'")
    return config, series, version


def lines_of(options):
    lines = FRAGMENT.read_text() + f'CONFIG_LOCALVERSION="{options.localversion}"\n'
    return lines if options.debug_info else lines + NO_DEBUG.read_text()


def announce(kernel, config, series, debug_info):
    processors = os.cpu_count() or 1
    minutes = kernel.files * SECONDS_PER_FILE / processors / 60
    size = GIGABYTES + kernel.files * GIGABYTES_PER_FILE * (DEBUG_FACTOR if debug_info else 1)
    print(f"Linux {kernel.source.version} ({kernel.source.id}) with the configuration {config}")
    if series and series != kernel.source.series:
        print(f"This is the configuration of Linux {series}: options that are new in {kernel.source.series} get their defaults.")
    print("Changed in it: the module (=m), the name, no keys of Debian, a key of its own for the modules"
          + ("" if debug_info else ", no debug information (DEBUG_INFO=1 keeps it)") + ".")
    if kernel.is_kept():
        print("It is there already.")
        return
    print(f"About {kernel.files} files: about {minutes:.0f} minutes on {processors} processors, and {size:.0f} GB in {CACHE}.\n"
          "If you interrupt it, the same command goes on.", flush=True)


def tell(kernel, entry):
    image, = entry.glob("linux-image-*.deb")
    headers, = entry.glob("linux-headers-*.deb")
    name = must("dpkg-deb", "-f", image, "Package").strip()
    release = name.removeprefix("linux-image-")
    print(f"""
{image}
{headers}

Install the hooks that load the module in the initramfs, and the packages:
    sudo make -C {TOP} install
    sudo dpkg -i {image} {headers}
Choose it in GRUB's menu under "Advanced options", or for the next boot:
    sudo grub-reboot 'Advanced options for Debian GNU/Linux>Debian GNU/Linux, with Linux {release}'
See whether it works:
    immutable-rootfs status
Go back: boot another kernel, and
    sudo dpkg --purge {name} linux-headers-{release}
Debian has not signed this kernel. With Secure Boot, sign it: see {TOP}/Documentation/using.md, "Secure Boot".""")
    differences = (entry / "differences").read_text().splitlines()
    print(f"Options that differ from {kernel.config}: {len(differences)}, listed in {entry / 'differences'}")


def smoke_run(kernel):
    """All but the build: packages that contain nothing."""
    with tempfile.TemporaryDirectory() as work:
        entry = smoke.Kernel(work).get()
        (entry / "differences").write_text("CONFIG_LOCALVERSION\n")
        for kind in ("image", "headers"):
            tree = entry / kind / "DEBIAN"
            tree.mkdir(parents=True)
            package = f"linux-{kind}-0.0.0" + symbols(kernel.lines)["CONFIG_LOCALVERSION"].strip('"')
            (tree / "control").write_text(f"Package: {package}\nVersion: 0\nArchitecture: all\nMaintainer: none\n"
                                          "Description: not built\n")
            must("dpkg-deb", "--root-owner-group", "-b", tree.parent, entry / f"{package}.deb")
        tell(kernel, entry)


def main(options):
    config, series, version = choose(options)
    setup("build", "kernel-deb")
    kernel = ConfiguredKernel(version, config, lines_of(options), f"deb{options.localversion}")
    announce(kernel, config, series, options.debug_info)
    if options.smoke:
        smoke_run(kernel)
        return
    entry = kernel.get()
    progress.end()
    tell(kernel, entry)
