# SPDX-License-Identifier: GPL-2.0-only
"""
Builds a distribution's kernel as make kernel-deb does, with Debian's configuration cloud-amd64. Has Debian 12 install the
packages, dkms build the next version of the module for it, and initramfs-tools make an initramfs; boots the result in
QEMU, with and without nullfs; and prints a table. The cache keeps the results.
"""

import json
import lzma
import os
import re
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

from tests.table import handover
from tests.table.same import reported

from . import TOP, Failure, qemu, runner, smoke, sources, userland
from .config import ARCHITECTURES, DEFAULT_MACHINE, DEFAULT_VERSION as VERSION, Version
from .flavours import TrustsTestKey
from .images import Images, compile_guest
from .kernel import CONFIGS, KO
from .kernel_deb import FLAVOUR, FRAGMENT, NO_DEBUG, ConfiguredKernel, symbols
from .lab import checkout, run
from .process import must, setup
from .report import emit
from .store import progress, scratch

CONFIGURATION = "cloud-amd64"
RECIPE = 1      # see store.digest()
BASE = "dkms-boot"
DISK = f"UUID={userland.DISK_UUID}"
DISK_SIZE = "2G"
PROGRAMS = ("handover", "debian", "booted")


class Configuration(sources.PackageSource):
    """The package with Debian's configurations of a version, kept like a source."""

    def __init__(self):
        super().__init__(Version(f"{VERSION}-config", f"linux-config-{VERSION}", VERSION, frozenset(), ""))

    def file_name(self):
        return super().file_name().replace("_all", "_amd64")

    def unpack(self, tree, names):
        package = self.fetch()
        with scratch(sources.DOWNLOAD) as work:
            self.check(sources.failed(["dpkg-deb", "-x", package, work]), package)
            packed = work / f"usr/src/{self.package}/config.amd64_none_{CONFIGURATION}.xz"
            (tree / CONFIGURATION).write_bytes(lzma.decompress(packed.read_bytes()))
        self.discard(package)

    def path(self):
        return self.tree() / CONFIGURATION


class DistroKernel(TrustsTestKey, ConfiguredKernel):
    """As make kernel-deb builds it, with Debian's configuration for clouds."""

    def __init__(self, config):
        lines = "".join(path.read_text() for path in (FRAGMENT, NO_DEBUG, CONFIGS / f"{FLAVOUR}.config"))
        super().__init__(VERSION, config, lines, FLAVOUR)


# The system: a Debian 12 with the packages of the kernel and of the module


def raise_version(directory):
    """Give a checkout the next version, as dkms does not replace a module by one of the same version."""
    old, = re.findall(r'PACKAGE_VERSION="(.*)"', (directory / "dkms.conf").read_text())
    for name in ("dkms.conf", "debian/changelog", "module/provider.c"):
        path = directory / name
        text = path.read_text()
        if text.count(old) != 1:
            raise Failure(f"{name} names the version {old} {text.count(old)} times, not once")
        path.write_text(text.replace(old, f"{old}.1"))


def make_system(title, directory, entry, programs):
    progress.show(f"{title}: making the packages of the module", always=True)
    lab = Path(directory, "lab")
    shutil.copytree(programs, lab / "tests")
    for path in ("debian/booted", "host/tap.sh"):
        shutil.copy(TOP / "tests" / path, lab / "tests")
    for path in (*entry.glob("*.deb"), *entry.glob("mok.*")):
        shutil.copy(path, lab)
    (lab / "setup").write_text(userland.SYSTEM_SETUP)
    (lab / "disk").write_text(DISK)
    checkout(lab / "checkout")
    for name in ("same", "next"):
        if name == "next":
            raise_version(lab / "checkout")
        must(lab / "checkout/scripts/deb", lab / name)
    progress.show(f"{title}: installing the packages of the kernel and of the module, making the initramfs", always=True)
    run(BASE, "distro", lab, Path(directory))
    shutil.rmtree(lab)
    userland.write_ext4(title, directory, "system", DISK_SIZE)
    os.unlink(f"{directory}/system.tar")


def system_of(entry, programs):
    """Its entry in the cache, with the kernel of an entry and the guest programs of a directory."""
    installed = sorted(path for name in ("module", "debian", "initramfs", "scripts") for path in (TOP / name).rglob("*")
                       if path.is_file() and path.name != "pivot_init")
    installed += [TOP / name for name in ("dkms.conf", "Makefile", "tests/host/tap.sh", "tests/debian/common.sh",
                                          "tests/debian/distro", "tests/debian/booted")]
    return userland.Entry(
        FLAVOUR, f"Debian bookworm, {entry.name}", partial(make_system, entry=entry, programs=programs),
        (*userland.DISK_PROGRAMS, "dpkg-buildpackage"),
        (RECIPE, userland.entry_of(BASE)[0].path.name, entry.name, programs.name, userland.SYSTEM_SETUP, DISK, DISK_SIZE,
         *installed))


def system(entry):
    userland.image(BASE)
    return system_of(entry, compile_guest(ARCHITECTURES[DEFAULT_MACHINE])).get()


# The boots


def boots():
    """Debian's own way out of the initramfs without and with nullfs, and pivot_init."""
    off = replace(handover.debian("debian12-initramfs-tools", ""), name="off", programs=PROGRAMS, initrd=("plain",),
                  disks=("system",), memory=1024, timeout=900, append=f"root={DISK} ro fs=ext4",
                  parameter="immutable_rootfs=0", selects=False)
    on = replace(off, name="nullfs", append=off.append + " moved=1", parameter="", selects=True)
    return off, on, replace(on, name="pivot_init", initrd=("pivot",), append=off.append)


def boot(directory, logs, smoke=False):
    images = Images(str(directory), ARCHITECTURES[DEFAULT_MACHINE])
    images.made.update({name: str(directory / file) for name, file in
                        (("plain", "plain.img"), ("pivot", "pivot.img"), ("system", "system.ext4"))})
    cases = [runner.Case(runner.Planned(test, VERSION, "loadable", "long"), str(directory / "vmlinuz"), images, logs, smoke=smoke)
             for test in boots()]
    results: list = []
    with ThreadPoolExecutor(int(os.environ.get("JOBS") or 2)) as pool:
        try:
            for future in [pool.submit(case.run) for case in cases]:
                results.append(future.result())
                emit(len(results), results[-1])
        except BaseException:
            qemu.stopping.set()
            pool.shutdown(cancel_futures=True)
            raise
    for case, result in zip(cases[1:], results[1:]):
        case.test = replace(case.test, same=reported)
        results.append(runner.compare(case, results[0], result))
        emit(len(results), results[-1])
    return results


def seen(result):
    """A column of the table."""
    outcome = result.outcome
    report = outcome.report if outcome else ""
    column = dict(re.findall("^# seen: (.*?): (.*)", report, re.M))
    for row, pattern, text in (("beneath it", "beneath the root lies (.*)", report),
                               ("held of the initramfs", "unevictable (.* KB), Shmem", report),
                               ("systemd", "# /run/state: (.*)", report),
                               ("shut down", "reboot: (Power down)", outcome.console if outcome else "")):
        found = re.search(pattern, text)
        column[row] = found[1] if found else "-"
    return {**column, "seconds": f"{result.seconds:.0f}", "all checks": "passed" if result.ok else "FAILED"}


def modinfo(ko, field):
    return must("/sbin/modinfo", "-F", field, ko).strip()


def tell(configuration, entry, results):
    spent = json.loads((entry / "spent.json").read_text())
    differences = (entry / "differences").read_text().splitlines()
    columns = [seen(result) for result in results]
    ko = entry / KO
    print(f"""
Debian's configuration {CONFIGURATION} ({configuration.package} {configuration.package_version}), changed in {len(differences)}:""")
    for line in differences:
        print(f"    {line}")
    print(f"""
kernel                 {columns[0].get("kernel", "-")}
built                  {spent["of"]} in {spent["seconds"]} s, {spent["processor"]} s of them on a processor, {spent["objects"]} objects
module in the tree     version {modinfo(ko, "version")}, intree: {modinfo(ko, "intree")}, {modinfo(ko, "vermagic")}
""")
    rows = ["log", "/ in the initramfs", "/ in Debian", "beneath it", "module", "held of the initramfs", "systemd", "shut down",
            "seconds", "all checks"]
    lines = [("", *(test.name for test in boots()))] + [(row, *(column.get(row, "-") for column in columns)) for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines)]
    for line in lines:
        print("  ".join(map(str.ljust, line, widths)).rstrip())


def differences_of(config, lines):
    """What lines change in a configuration, as far as one can tell before the kernel's own tools have looked at both."""
    theirs, ours = symbols(config.read_text()), symbols(lines)
    return [f"{name} {theirs.get(name) or 'n'} -> {value or 'n'}" for name, value in ours.items() if theirs.get(name) != value]


def smoke_run(configuration, config):
    """All but building the kernel, and installing and booting it."""
    kernel = DistroKernel(config)
    with tempfile.TemporaryDirectory() as work:
        directory = Path(work)
        entry = smoke.Kernel(directory).get()
        (entry / "spent.json").write_text('{"seconds": 0, "processor": 0, "of": "nothing", "objects": 0}')
        (entry / "differences").write_text("\n".join(differences_of(kernel.config, kernel.lines)) + "\n")
        for name in ("vmlinuz", "plain.img", "pivot.img", "system.ext4"):
            (directory / name).touch()
        checkout(directory / "checkout")
        raise_version(directory / "checkout")
        progress.show(f"{system_of(kernel.entry, directory).title}: not made", always=True)
        results = boot(directory, runner.make_log_directory(), smoke=True)
        tell(configuration, entry, results[:len(boots())])
    return all(result.ok for result in results)


def main(options):
    setup("build", "kernel-deb", "boot", "deb")
    configuration = Configuration()
    config = configuration.path()
    if options.smoke:
        return smoke_run(configuration, config)
    entry = DistroKernel(config).get()
    directory = system(entry)
    results = boot(directory, runner.make_log_directory())
    tell(configuration, entry, results[:len(boots())])
    return all(result.ok for result in results)
