# SPDX-License-Identifier: GPL-2.0-only
"""
Boots the demonstration in QEMU, first on a stock kernel and then on an immutable rootfs, and prints what the two guests
reported side by side; or somebody's own initramfs on an immutable rootfs, with the terminal as its serial console.
"""

import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap

from . import TOP, Failure, newc, qemu
from .flavours import kernel
from .process import setup
from .sources import version
from .store import progress
from .userland import image

TIMEOUT = 120
BALLAST = 64 << 20      # makes an initramfs that stays in memory visible
SELECT = "immutable_rootfs"
# Without udev no unit may wait for the serial port.
DEBIAN_APPEND = "systemd.getty_auto=no systemd.show_status=no"


def given_back(report):
    before, after = (int(report[name]) / 1024 for name in ("shmem-before", "shmem-after"))
    return f"{before - after:.1f} of {before:.1f} MB"


def new_root(report):
    """Debian's / and its parent, by the mount ids that the initramfs saw."""
    rootfs, beneath, parent = (re.findall(pattern, report[name])[0] for pattern, name in
                               (("id (.*),", "mount"), ("parent (.*)", "mount"), ("parent (.*)", "root")))
    place = {beneath: "where the rootfs was", rootfs: "on top of the rootfs"}   # on stock the same id
    return f"{report['root']}: {place.get(parent, 'neither on the rootfs nor in its place')}"


# Rows of the table, from a guest's report.
ROWS = {
    "/ in the initramfs":   lambda report: report["mount"],
    "bwrap as root":        lambda report: report["bwrap-root"],
    "bwrap as a user":      lambda report: report["bwrap-user"],
    "crun":                 lambda report: report["crun"],
    "runc":                 lambda report: report["runc"],
    "handover":             lambda report: report["handover"],
    "memory given back":    given_back,
    "booted":               lambda report: report["os"],
    "/ in Debian":          new_root,
}


NOT_REPORTED = "not reported"


def cell(row, report):
    try:
        return ROWS[row](report)
    except (KeyError, IndexError, ValueError):
        return NOT_REPORTED


def table(columns):
    """columns: heading to cells"""
    names = ["", *ROWS]
    first = max(map(len, names))
    terminal = shutil.get_terminal_size((110, 25)).columns
    limit = max(24, (terminal - first) // len(columns) - 2)
    wrapped = [[textwrap.wrap(text, limit) for text in (heading, *found)] for heading, found in columns.items()]
    widths = [max(len(line) for text in column for line in text) for column in wrapped]
    lines = []
    for name, *row in zip(names, *wrapped):
        for name, *parts in itertools.zip_longest([name], *row, fillvalue=""):
            lines.append("  ".join([name.ljust(first), *map(str.ljust, parts, widths)]).rstrip())
        if not lines[1:]:
            lines.append("  ".join("-" * width for width in (first, *widths)))
    return "\n".join(lines)


class Story:
    """Prints the guest's own lines of a console as they arrive."""

    def __init__(self):
        self.rest = ""

    def __call__(self, text):
        *lines, self.rest = (self.rest + text).replace("\r", "").split("\n")
        for line in lines:
            if found := re.search(r"demo: (.*)", line):
                print("  " + found[1], flush=True)


def boot(title, booted, parts, disk, append, logs, name):
    """The guest's report as a dict, and the failure or None."""
    print(f"\n{title}", flush=True)
    machine = qemu.Machine(kernel=str(booted), initrd=parts, disks=[disk], append=append, memory=1024,
                         console=os.path.join(logs, f"{name}.console"), report=os.path.join(logs, f"{name}.report"))
    outcome = qemu.run(machine, TIMEOUT, follow=Story())
    report = dict(line.split("=", 1) for line in outcome.report.splitlines() if "=" in line)
    print(f"  ended after {outcome.seconds:.0f} s: {outcome.why}", flush=True)
    if outcome.end != "done":
        return report, f"{outcome.end}: {outcome.why}"
    if outcome.splats:
        return report, f"the kernel complains: {outcome.splats[0]}"
    missing = [row for row in ROWS if cell(row, report) == NOT_REPORTED]
    return report, f"not reported: {', '.join(missing)}" if missing else None


def demonstration(options):
    stock, builtin = (kernel(options.kernel, flavour).get_image() for flavour in ("stock", "builtin"))
    tools, debian = image("tools"), image("ext4")
    progress.end()
    append = f"{DEBIAN_APPEND} {options.append}".strip()
    boots = {
        "stock": (f"Linux {options.kernel} as it is", stock, append),
        "immutable": (f"Linux {options.kernel}, patched, with {SELECT} on the command line",
                      builtin, f"{SELECT} {append}"),
    }
    logs = tempfile.mkdtemp(prefix="immutable-rootfs-boot-")
    columns, wrong = {}, []
    try:
        initramfs = os.path.join(logs, "demo.cpio")
        with newc.Archive(initramfs) as archive:
            archive.directory("demo")
            archive.tree(TOP / "demo", "demo/")
            archive.symlink("init", "demo/init")
            archive.file("demo/ballast", os.urandom(BALLAST))
        for number, (name, (title, booted, words)) in enumerate(boots.items(), 1):
            report, failure = boot(f"Boot {number} of {len(boots)}: {title}", booted, [tools, initramfs],
                                   debian, words, logs, name)
            columns[name] = [cell(row, report) for row in ROWS]
            if failure:
                wrong.append(f"{name}: {failure}; its console: {logs}/{name}.console")
        for row, text in zip(ROWS, columns["immutable"]):
            if text.startswith(("fails", "pivot_root fails")):
                wrong.append(f"immutable: {row}: {text}; its console: {logs}/immutable.console")
        os.unlink(initramfs)
    finally:
        if not wrong:
            shutil.rmtree(logs)
    print(f"\n{table(columns)}")
    if wrong:
        print(file=sys.stderr)
        raise Failure("\nboot: ".join(wrong))


def interactive(options):
    try:
        with open(options.initrd, "rb") as f:
            size = os.fstat(f.fileno()).st_size >> 20
    except OSError as e:
        raise Failure(f"INITRD {options.initrd}: {e.strerror}") from None
    builtin = kernel(options.kernel, "builtin").get_image()
    progress.end()
    # The archive may be compressed, and is in memory together with its content.
    machine = qemu.Machine(kernel=str(builtin), append=f"{SELECT} {options.append}", memory=max(1024, 512 + 6 * size),
                         console="stdio")
    print(f"Linux {options.kernel} with {SELECT} and {options.initrd}; to leave, type Ctrl-a x", flush=True)
    return subprocess.run(machine.command(options.initrd), check=False).returncode


def main(options):
    options.kernel = version(options.kernel)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    setup("build", "boot")
    if options.initrd:
        return interactive(options)
    return demonstration(options)
