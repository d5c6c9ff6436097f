# SPDX-License-Identifier: GPL-2.0-only
"""The architectures, as data: what kernels are built for, and what virtual machine boots them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Architecture:
    name: str
    arch: str                   # ARCH of the kernel's makefiles
    cross: str                  # its CROSS_COMPILE
    image: str                  # what is booted, below the objects; make's target is its name
    fragments: tuple            # of tests/configs, between base.config and the flavour's
    qemu: str
    machine: tuple              # QEMU's options: processor and machine
    console: str                # devices: of the first serial port
    report: str                 # and of what the guests report on
    report_options: tuple       # QEMU's options for that; {report} is a file
    append: tuple = ()          # to the kernel's command line, where time depends on a loaded host
    groups: tuple = ()          # of scripts/setup, beside those that everything needs
    debian: str = None          # the name of Debian's port if it is not this machine's
    tests: str = "all"          # which tests run there, see SELECTIONS in tests/table.py

    @property
    def suffix(self):
        """Of names in the cache."""
        return "" if self.name == DEFAULT else f"-{self.name}"


DEFAULT = "x86_64"
SECOND_PORT = {"report": "ttyS1", "report_options": ("-serial", "file:{report}")}
VIRTIO_CONSOLE = {"report": "hvc0", "report_options": (
    "-chardev", "file,id=report,path={report}", "-device", "virtio-serial", "-device", "virtconsole,chardev=report")}
X86 = {"image": "arch/x86/boot/bzImage", "console": "ttyS0", "append": ("no_timer_check",), **SECOND_PORT}

ARCHITECTURES = {architecture.name: architecture for architecture in (
    Architecture("x86_64", arch="x86_64", cross="", fragments=("x86",), qemu="qemu-system-x86_64",
                 machine=("-cpu", "max", "-machine", "pc"), **X86),
    Architecture("arm64", arch="arm64", cross="aarch64-linux-gnu-", image="arch/arm64/boot/Image", fragments=("arm64",),
                 qemu="qemu-system-aarch64", machine=("-cpu", "cortex-a72", "-machine", "virt"), console="ttyAMA0",
                 groups=("arm64",), debian="arm64", tests="guest", **VIRTIO_CONSOLE),
    # 32 bits
    Architecture("i386", arch="i386", cross="i686-linux-gnu-", fragments=("x86", "i386"), qemu="qemu-system-i386",
                 machine=("-cpu", "qemu32", "-machine", "pc"), groups=("i386",), debian="i386", tests="short", **X86),
    # big-endian
    Architecture("s390x", arch="s390", cross="s390x-linux-gnu-", image="arch/s390/boot/bzImage", fragments=("s390x",),
                 qemu="qemu-system-s390x", machine=("-cpu", "max", "-machine", "s390-ccw-virtio"), console="ttysclp0",
                 groups=("s390x",), debian="s390x", tests="short", **VIRTIO_CONSOLE),
)}


class Unknown(Exception):
    """One line for the user."""


def architecture(name):
    if name not in ARCHITECTURES:
        raise Unknown(f"no machine '{name}', there are {', '.join(ARCHITECTURES)}")
    return ARCHITECTURES[name]
