# SPDX-License-Identifier: GPL-2.0-only
"""Versions, flavours, architectures and defaults, as data: with tests/kernels the only place for these facts."""

import math
import re
from dataclasses import dataclass

from . import TOP, Failure

# Versions


@dataclass(frozen=True)
class Version:
    """A row of tests/kernels."""
    name: str
    origin: str         # a Debian package, "oldest", "newest", the file of a package, or "given"
    series: str
    runs: frozenset     # what runs on it beside the short test
    expected: str       # the verdict of check-patch


ORIGINS = r"oldest|newest|given|linux-source-\d[\d.]*(_\S+_all\.deb)?"
RUNS = ("check", "debug", "kcsan", "lsm", "clang", "rt", "conform", "selftests", "faults")
EXPECTED = ("applies", "native", "too old")


def read_versions(text):
    """tests/kernels, by name."""
    found: dict[str, Version] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue

        def refuse(why):
            raise Failure(f"tests/kernels:{number}: {why}")

        words = line.split(maxsplit=4)
        if len(words) != 5:
            refuse(f"{len(words)} columns, and 5 columns are needed: name, origin, series, runs, expected")
        name, origin, series, runs, expected = (word.strip() for word in words)
        if name in found:
            refuse(f"{name} is there twice")
        if not re.fullmatch(ORIGINS, origin):
            refuse(f"origin '{origin}' is neither a package of a kernel's source or its file, nor oldest, newest or given")
        if not re.fullmatch(r"\d+(\.\d+)?", series):
            refuse(f"'{series}' is no series such as 6.12")
        for word in runs.split(",") if runs != "-" else ():
            if word not in RUNS:
                refuse(f"'{word}' is nothing that runs, there are {', '.join(RUNS)}; - is none of them")
        if expected not in EXPECTED:
            refuse(f"'{expected}' is nothing that becomes of a patch, there are {', '.join(EXPECTED)}")
        found[name] = Version(name, origin, series, frozenset(runs.split(",")) - {"-"}, expected)
    return found


VERSIONS = read_versions((TOP / "tests/kernels").read_text(encoding="utf-8"))
GIVEN_VERSIONS = tuple(version.name for version in VERSIONS.values() if version.origin == "given")
PATCHED_VERSIONS = tuple(version.name for version in VERSIONS.values()
                         if version.expected == "applies" and version.name not in GIVEN_VERSIONS)
DEFAULT_VERSION = PATCHED_VERSIONS[0]
NATIVE_SERIES = next(version.name for version in VERSIONS.values() if version.expected == "native")


def running(what):
    """The versions that have this word in tests/kernels."""
    return tuple(name for name in (*PATCHED_VERSIONS, *GIVEN_VERSIONS) if what in VERSIONS[name].runs)


# Flavours


@dataclass(frozen=True)
class Objects:
    """An object directory. Flavours that differ in a few files share it."""
    files: int          # in a first build, until a build has counted them
    gigabytes: int = 1


OBJECTS = {
    "base": Objects(1430),
    "debug": Objects(1480, 2),
    "kcsan": Objects(1450, 2),
    "coverage": Objects(1500),
    "lsm": Objects(1570),
    "clang": Objects(1430),
    "rt": Objects(1450),
    "secure-boot": Objects(1550),
    "distro": Objects(8000, 6),
}


@dataclass(frozen=True)
class Flavour:
    name: str
    fragments: tuple            # of tests/configs, above base.config and the architecture's
    text: str                   # what it is
    patched: bool = True
    builtin: bool = False       # the module is in the tree
    loadable: bool = False      # a .ko is built and kept beside the image
    llvm: str = ""              # LLVM= of the kernel's makefiles: clang and lld of that version build it, and not gcc
    objects: str = "base"
    extra: str = ""             # the word of tests/kernels that a version needs for this flavour
    rare: bool = False          # few tests need it
    debug: bool = False         # warnings panic, and kmemleak runs
    slow: int = 1               # its guests take so many times as long
    memory: int = 1             # and need so many times the memory
    races: bool = False         # KCSAN reports on the console
    coverage: bool = False      # the image keeps what gcov(1) needs
    packaged: bool = False      # Debian packages are built as well
    test_key: bool = False      # the kernel trusts the test key
    optional: tuple = ("--with", "empty-namespaces")    # for scripts/patches
    groups: tuple = ()          # more groups of scripts/setup
    reference: str = ""         # the flavour whose boots are compared with those of this one


def _flavours(*rows):
    return {row.name: row for row in rows}


_DEBUG: dict = {"objects": "debug", "extra": "debug", "debug": True, "slow": 5, "memory": 2}
_KCSAN: dict = {"objects": "kcsan", "extra": "kcsan", "rare": True, "slow": 5, "races": True}
_LSM: dict = {"objects": "lsm", "extra": "lsm", "rare": True}
_CLANG: dict = {"llvm": "-16", "objects": "clang", "extra": "clang", "rare": True, "groups": ("clang",)}
_RT: dict = {"objects": "rt", "extra": "rt", "rare": True, "slow": 3}
FLAVOURS = _flavours(
    Flavour("stock", (), "unpatched", patched=False),
    Flavour("builtin", ("builtin",), "patched, the module built in and selected by the boot parameter", builtin=True,
            reference="stock"),
    Flavour("builtin-plain", ("builtin",), "builtin without the optional patches/empty-namespaces.patch", builtin=True,
            optional=()),
    Flavour("loadable", ("loadable",), "patched, the module built out of tree", loadable=True, reference="stock"),
    Flavour("debug", ("builtin", "debug"), "builtin with KASAN, lockdep, kmemleak and their like", builtin=True, **_DEBUG),
    Flavour("debug-loadable", ("loadable", "debug"), "loadable with the same", loadable=True, **_DEBUG),
    Flavour("kcsan", ("builtin", "kcsan"), "builtin with KCSAN, which finds data races", builtin=True, **_KCSAN),
    Flavour("kcsan-loadable", ("loadable", "kcsan"), "loadable with the same", loadable=True, **_KCSAN),
    Flavour("coverage", ("builtin", "coverage"), "builtin, and what the project adds counts what is executed of it",
            builtin=True, coverage=True, objects="coverage"),
    Flavour("coverage-loadable", ("loadable", "coverage"), "loadable with the same", loadable=True, coverage=True,
            objects="coverage"),
    Flavour("packaged", ("loadable", "packaged"),
            "patched, in Debian packages; takes only modules that the test key has signed", packaged=True, test_key=True,
            groups=("kernel-deb",)),
    Flavour("stock-packaged", ("stock-packaged",), "unpatched, in Debian packages", patched=False, packaged=True,
            groups=("kernel-deb",)),
    Flavour("secure-boot", ("loadable", "secure-boot"),
            "patched, in Debian packages; locks itself down under Secure Boot", packaged=True, rare=True, objects="secure-boot",
            groups=("kernel-deb",)),
    Flavour("stock-lsm", ("lsm",), "stock with SELinux, AppArmor, TOMOYO, Landlock and Yama", patched=False, **_LSM),
    Flavour("lsm", ("builtin", "lsm"), "builtin with the same", builtin=True, reference="stock-lsm", **_LSM),
    Flavour("lsm-loadable", ("loadable", "lsm"), "loadable with the same", loadable=True, **_LSM),
    Flavour("clang", ("builtin", "small", "clang"), "builtin by clang and lld, with kCFI", builtin=True, **_CLANG),
    Flavour("clang-loadable", ("loadable", "small", "clang"), "loadable with the same", loadable=True, **_CLANG),
    Flavour("rt", ("builtin", "small", "rt"), "builtin with PREEMPT_RT and lockdep", builtin=True, **_RT),
    Flavour("rt-loadable", ("loadable", "small", "rt"), "loadable with the same", loadable=True, **_RT),
    Flavour("distro", (), "as Debian configures its cloud-amd64, patched, with the module in the tree", builtin=True,
            packaged=True, objects="distro", groups=("kernel-deb",)),
    Flavour("native", (), "Debian's own, of a series that has nullfs already"),
)
COVERED = {"builtin": "coverage", "loadable": "coverage-loadable"}     # the flavour that counts in place of another
HOST = "host"       # the flavour of tests that boot nothing


def flavour(name):
    if name not in FLAVOURS:
        raise Failure(f"no flavour '{name}', there are {', '.join(FLAVOURS)}")
    return FLAVOURS[name]


# Architectures


@dataclass(frozen=True)
class Architecture:
    name: str
    arch: str                   # ARCH of the kernel's makefiles
    cross: str                  # its CROSS_COMPILE
    image: str                  # what is booted, below the objects; make's target is its name
    fragments: tuple            # of tests/configs, between base.config and the flavour's
    qemu: str
    machine: tuple              # QEMU's options: processor and machine
    console: str                # device of the first serial port
    report: str                 # device for the guests' reports
    report_options: tuple       # QEMU's options for it; {report} is a file
    append: tuple = ()          # kernel parameters for a host under load
    groups: tuple = ()          # more groups of scripts/setup
    debian: str | None = None   # Debian's port, unless it is that of this machine
    tests: str = "all"          # a key of SELECTIONS in tests/table

    @property
    def suffix(self):
        """A suffix for names in the cache."""
        return "" if self.name == DEFAULT_MACHINE else f"-{self.name}"


DEFAULT_MACHINE = "x86_64"
_SERIAL = ("-serial", "file:{report}")
_VIRTIO = ("-chardev", "file,id=report,path={report}", "-device", "virtio-serial", "-device", "virtconsole,chardev=report")
_X86_IMAGE = "arch/x86/boot/bzImage"

ARCHITECTURES = {architecture.name: architecture for architecture in (
    Architecture("x86_64", arch="x86_64", cross="", image=_X86_IMAGE, fragments=("x86",), qemu="qemu-system-x86_64",
                 machine=("-cpu", "max", "-machine", "pc"), console="ttyS0", report="ttyS1", report_options=_SERIAL,
                 append=("no_timer_check",)),
    Architecture("arm64", arch="arm64", cross="aarch64-linux-gnu-", image="arch/arm64/boot/Image", fragments=("arm64",),
                 qemu="qemu-system-aarch64", machine=("-cpu", "cortex-a72", "-machine", "virt"), console="ttyAMA0",
                 report="hvc0", report_options=_VIRTIO, groups=("arm64",), debian="arm64", tests="guest"),
    Architecture("riscv64", arch="riscv", cross="riscv64-linux-gnu-", image="arch/riscv/boot/Image", fragments=("riscv64",),
                 qemu="qemu-system-riscv64", machine=("-cpu", "rv64", "-machine", "virt"), console="ttyS0", report="hvc0",
                 report_options=_VIRTIO, groups=("riscv64",), debian="riscv64", tests="short"),
    # 32 bits
    Architecture("i386", arch="i386", cross="i686-linux-gnu-", image=_X86_IMAGE, fragments=("x86", "i386"),
                 qemu="qemu-system-i386", machine=("-cpu", "qemu32", "-machine", "pc"), console="ttyS0", report="ttyS1",
                 report_options=_SERIAL, append=("no_timer_check",), groups=("i386",), debian="i386", tests="short"),
    Architecture("armhf", arch="arm", cross="arm-linux-gnueabihf-", image="arch/arm/boot/zImage", fragments=("armhf",),
                 qemu="qemu-system-arm", machine=("-cpu", "cortex-a15", "-machine", "virt,highmem=off"), console="ttyAMA0",
                 report="hvc0", report_options=_VIRTIO, groups=("armhf",), debian="armhf", tests="short"),
    # big-endian
    Architecture("s390x", arch="s390", cross="s390x-linux-gnu-", image="arch/s390/boot/bzImage", fragments=("s390x",),
                 qemu="qemu-system-s390x", machine=("-cpu", "max", "-machine", "s390-ccw-virtio"), console="ttysclp0",
                 report="hvc0", report_options=_VIRTIO, groups=("s390x",), debian="s390x", tests="short"),
)}


def architecture(name):
    if name not in ARCHITECTURES:
        raise Failure(f"no machine '{name}', there are {', '.join(ARCHITECTURES)}")
    return ARCHITECTURES[name]


# When its time (--budget) is short, a run leaves out the last of these first.


@dataclass(frozen=True)
class Share:
    name: str
    text: str
    build: float        # no kernel for it is built after this part of the budget
    begin: float        # no test of it starts after this part


SHARES = {share.name: share for share in (
    Share("guest", "tests of the kernels that were asked for", math.inf, math.inf),
    Share("long", "tests that take long", 0.5, 0.75),
    Share("versions", "the short test of other versions", 0.17, 0.75),
    Share("builds", "tests that need a build of their own", 0.17, 0.7),
    Share("stress", "random operations", 0.17, 0.7),
)}
