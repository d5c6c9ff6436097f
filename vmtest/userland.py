# SPDX-License-Identifier: GPL-2.0-only
"""Debian systems for virtual machines, made by mmdebstrap and kept in the cache."""

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from . import TOP, Failure, debian, newc
from .config import DEFAULT_MACHINE, architecture
from .process import DISK_ENV, last_line, must, start
from .store import CACHE, Times, digest, kept, progress

RECIPE = 1      # see store.digest()
PLACE = CACHE / "userland"
GIGABYTES = 2
MERGED_USR = "/usr/share/mmdebstrap/hooks/merged-usr"
TOOLS = """
    bubblewrap busybox-static coreutils crun dash findutils grep klibc-utils kmod mount procps
    runc sed util-linux
""".split()
SELFTESTS_TOOLS = [*TOOLS, "bash", "e2fsprogs", "libcap-ng0", "libcap2"]
FUSE_TOOLS = [*TOOLS, "mergerfs", "unionfs-fuse"]
INIT_TOOLS = "busybox-static dash e2fsprogs mount sysvinit-core".split()
LSM_TOOLS = "apparmor coreutils dash mount secilc tomoyo-tools".split()
ENGINE_TOOLS = "busybox-static coreutils dash grep mount procps sed util-linux".split()
# Container engines, and stress-ng.
ENGINES = {
    "podman-tools": "buildah catatonit crun podman runc uidmap".split(),
    "docker-tools": ["containerd", "docker.io", "runc"],
    "lxc-tools": ["lxc", "systemd-container", "uidmap"],
    "stress-tools": ["stress-ng"],
    "virtiofsd-tools": ["virtiofsd"],
}
ONLY_IN_TRIXIE = ("virtiofsd-tools",)
# Comes along with the packages, and nothing above uses it.
TOOLS_LEAVE_OUT = re.compile(
    r"dev/.*|usr/share/.*|var/lib/.*|.*\.a|.*/(gconv|perl-base|dpkg|apt|systemd)(/.*)?"
    r"|usr/s?bin/(dpkg.*|perl.*|tar)|etc/(cron\.daily|init\.d|apparmor\.d)(/.*)?")
ENGINES_LEAVE_OUT = re.compile(
    r"dev/.*|usr/share/(?!containers|lxc).*|var/lib/.*|.*\.a|.*/(gconv|perl-base|dpkg|apt|gnupg|udev|cni|dri)(/.*)?"
    r"|usr/lib/systemd/.*|usr/lib/.*/(libLLVM|libicu|libz3).*|etc/(cron\.daily|init\.d|apparmor\.d)(/.*)?"
    r"|usr/s?bin/(dpkg.*|perl.*|tar|gpg.*|systemd(?!-nspawn).*|containerd-s(him|him-runc-v1|tress)|docker-proxy|dnet|ovrouter)")
TOOLS_DIRECTORIES = {
    "dev": 0o755, "etc": 0o755, "home": 0o755, "mnt": 0o755, "proc": 0o755,
    "root": 0o700, "run": 0o755, "sys": 0o755, "tmp": 0o1777,
}
PASSWD = "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/home/user:/bin/sh\n"
GROUP = "root:x:0:\ntty:x:5:\nuser:x:1000:\n"

# Two kinds of headers packages are at work: Debian's own, of which .config is all that is read, and those made by
# the kernel's own bindeb-pkg, which need libelf1 and do not say so.
DKMS = {
    "dkms": ("bookworm", "dkms gcc initramfs-tools libc6-dev libelf1 linux-headers-amd64 make".split()),
    "dkms-trixie": ("trixie", "dkms gcc libc6-dev libelf1t64 make".split()),
    "dkms-boot": ("bookworm", """
        dkms gcc libc6-dev libelf1 make xz-utils
        busybox e2fsprogs initramfs-tools kmod systemd-sysv udev util-linux zstd""".split()),
    "secure-boot": ("trixie", """
        dkms gcc libc6-dev libelf1t64 make
        grub-efi-amd64-signed openssl ovmf python3-virt-firmware sbsigntool shim-signed""".split()),
}
# Debian 13 with the packages of Debian's kernel of a series that has nullfs in /native, not installed.
UPGRADE = """
    dkms gcc gcc-14-for-host libc6-dev libelf1t64 linux-base make pahole
    busybox e2fsprogs initramfs-tools kmod systemd-sysv udev util-linux zstd""".split()
UPGRADE_SETUP = """
    APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get clean
    APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get -y -t trixie-backports --no-install-recommends --download-only \\
        install linux-image-cloud-amd64 linux-headers-cloud-amd64
    mkdir "$1/native"
    mv "$1"/var/cache/apt/archives/*.deb "$1/native"
    """
NOT_READ = "path-exclude=/usr/src/linux-headers-*-common/*"

DEBIAN = ["systemd-sysv"]
DEBIAN_SIZE = "400M"
# Nothing of a disk image may differ from run to run without need.
DISK_UUID = "6e756c6c-6673-4d75-a16c-696e69747266"

# Debian 12 and 13 as they boot from a disk. What only takes time is masked: all of the kernel is built in.
SYSTEM = ["systemd-sysv", "udev", "kmod", "e2fsprogs", "util-linux", "zstd"]
SYSTEM_SIZE = "500M"
SYSTEM_SETUP = """
    cd "$1"
    echo 6e756c6c66734d75a16c696e69747266 >etc/machine-id
    printf '%s\\n' '/dev/vda / ext4 errors=remount-ro 0 1' '/dev/vdb /boot squashfs ro 0 0' >etc/fstab
    for unit in modprobe@.service e2scrub_reap.service e2scrub_all.timer fstrim.timer apt-daily.timer \\
            apt-daily-upgrade.timer dpkg-db-backup.timer; do
        ln -s /dev/null "etc/systemd/system/$unit"
    done
    printf '%s\\n' [Unit] RequiresMountsFor=/boot [Service] Type=exec ExecStart=/boot/tests/service \\
        >etc/systemd/system/tests.service
    mkdir -p etc/sysctl.d etc/systemd/system/multi-user.target.wants
    ln -s ../tests.service etc/systemd/system/multi-user.target.wants
    touch etc/.updated var/.updated
    mkdir -p etc/systemd/system.conf.d
    printf '%s\\n' [Manager] DefaultTimeoutStartSec=9min DefaultDeviceTimeoutSec=9min >etc/systemd/system.conf.d/slow.conf
    # tinyconfig's kernel 6.1 refuses the value.
    ln -s /dev/null etc/sysctl.d/50-pid-max.conf
    """


@dataclass
class System:
    """A Debian that boots from a disk through an initramfs of its own."""
    suite: str
    generator: str
    more: tuple = ()    # packages


SYSTEMS = {
    # busybox is recommended, and its run-init is then the one used
    "debian12-initramfs-tools": System("bookworm", "initramfs-tools", ("busybox",)),
    "debian12-plymouth": System("bookworm", "initramfs-tools", ("busybox", "plymouth")),
    "debian12-live": System("bookworm", "initramfs-tools", ("busybox", "live-boot", "live-boot-initramfs-tools")),
    "debian12-dracut": System("bookworm", "dracut"),
    "debian13-dracut": System("trixie", "dracut"),
}

# Debian 12 and 13 as they live in their initramfs.
IN_RAM = {"debian12-in-ram": "bookworm", "debian13-in-ram": "trixie"}
# systemd-modules-load.service fails without libkmod2, which systemd of Debian 13 does not depend on.
IN_RAM_PACKAGES = ["busybox-static", "dbus", "libkmod2", "systemd-sysv"]
IN_RAM_SETUP = SYSTEM_SETUP + """
    : >etc/fstab
    sed -i -e /RequiresMountsFor/d -e s,/boot/,/, etc/systemd/system/tests.service
    ln -s usr/lib/systemd/systemd init
    # It waits for a device of udev's.
    mkdir -p etc/systemd/system-generators
    ln -s /dev/null etc/systemd/system-generators/systemd-getty-generator
    """
IN_RAM_LEAVE_OUT = re.compile(
    r"usr/share/(?!dbus-1|factory).*|var/lib/(apt|dpkg)/.*|.*/(gconv|perl-base|dpkg|apt)(/.*)?|usr/bin/(dpkg|perl).*")

NOT_INSTALLED = ["path-exclude=/usr/share/doc/*", "path-exclude=/usr/share/info/*",
                 "path-exclude=/usr/share/locale/*", "path-exclude=/usr/share/man/*"]

TIDY_UP = """
    rm -f "$1/etc/apt/apt.conf.d/99mmdebstrap" "$1/etc/resolv.conf"
    rm -f "$1"/etc/*-   # copies of passwd, shadow ... that even their owner may not read
    echo debian >"$1/etc/hostname"
    """


def network_options():
    """This machine's options for apt to reach the archives."""
    wanted = re.compile(r"Acquire::(https?|Check-Date|Check-Valid-Until|Retries|ForceIPv[46])\b")
    return [line for line in must("apt-config", "dump", "--format", '%F "%v";%n', "Acquire").splitlines()
            if wanted.match(line) and not line.endswith(' "";')]


def debootstrap(title, log, suite, target, variant, packages, *options, sources=""):
    words = [f"--variant={variant}", f"--hook-dir={MERGED_USR}", "--include=" + ",".join(packages), *options]
    words += [f"--aptopt={option}" for option in network_options()]
    words += [f"--dpkgopt={option}" for option in NOT_INSTALLED]
    words += [f"--customize-hook={TIDY_UP}"]
    mmdebstrap(title, log, debian.sources_of(suite) + sources, *words, suite, target)


def mmdebstrap(title, log, sources, *words):
    with open(log, "w+", encoding="utf-8") as output:
        with start(["mmdebstrap", "--mode=auto", *words, "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                   stderr=subprocess.STDOUT) as process:
            with contextlib.suppress(BrokenPipeError):  # it ended early, and its log has the reason
                process.stdin.write(sources)
                process.stdin.close()
            for line in process.stdout:
                output.write(line)
                step = re.match(r"I: ((running apt-get|downloading|extracting|installing|creating).*)\.\.\.", line)
                if step:
                    progress.show(f"{title}: {step[1]}", always=True)
            status = process.wait()
        if status:
            output.seek(0)
            raise Failure(f"{title}: {reason(output.read())}")


def reason(log):
    """Why mmdebstrap failed, in one line with the cure."""
    errors = re.findall(r"^(?:[EW]:|.*dpkg.*error:?) *(.*)", log, re.M)
    for pattern, cure in (
            ("^making .* failed", f"see {TOP}/initramfs"),
            ("No space left on device", f"make room in {tempfile.gettempdir()} and in {PLACE}"),
            ("Unable to locate package|has no installation candidate", "the archive in /etc/apt lacks it"),
            ("Could not resolve|Could not connect|Unable to connect|Temporary failure|Connection|timed out|Failed to fetch",
             "check the network and /etc/apt"),
            ("unable to pick chroot mode|unshare|newuidmap|fakechroot",
             "become root, or have root run: apt-get install uidmap fakechroot fakeroot")):
        for error in errors:
            if re.search(pattern, error):
                return f"{error} ({cure})"
    return "mmdebstrap: " + (errors[-1] if errors else last_line(log))


def make_tools(title, directory, suite, packages, leave_out, port=None):
    tar = f"{directory}/tools.tar"
    debootstrap(title, f"{directory}/log", suite, tar, "extract", packages,
                *([f"--architectures={port}"] if port else []))
    progress.show(f"{title}: writing the archive", always=True)
    with newc.Archive(f"{directory}/tools.cpio") as archive:
        added = archive.tar(tar, leave_out.fullmatch)
        for name, mode in TOOLS_DIRECTORIES.items():
            if name not in added:
                archive.directory(name, mode)
        archive.file("etc/passwd", PASSWD)
        archive.file("etc/group", GROUP)
        archive.directory("home/user", 0o755, 1000, 1000)
        if "usr/bin/sh" not in added:
            archive.symlink("usr/bin/sh", "dash")
    os.unlink(tar)


def make_debian(title, directory):
    tar = f"{directory}/debian.tar"
    debootstrap(title, f"{directory}/log", "bookworm", tar, "minbase", DEBIAN,
                '--customize-hook=mkdir "$1/initramfs"')
    progress.show(f"{title}: writing the squashfs image", always=True)
    with open(tar, "rb") as f:
        must("mksquashfs", "-", f"{directory}/debian.squashfs", "-tar", "-quiet", "-no-progress", stdin=f)
    write_ext4(title, directory, "debian", DEBIAN_SIZE)
    os.unlink(tar)


def write_ext4(title, directory, name, size):
    """Make NAME.ext4 from NAME.tar."""
    progress.show(f"{title}: writing the ext4 image", always=True)
    os.mkdir(f"{directory}/tree")
    # fakeroot keeps owners and devices for an ordinary user.
    must("fakeroot", "sh", "-ec", f"""
        tar -C tree --numeric-owner -xf {name}.tar
        mke2fs -q -t ext4 -m 0 -U {DISK_UUID} -E hash_seed={DISK_UUID},root_owner=0:0,lazy_itable_init=0 \\
               -d tree {name}.ext4 {size}""", cwd=directory, env=DISK_ENV)
    shutil.rmtree(f"{directory}/tree")


def make_dkms(title, directory, suite, packages, *options, sources=""):
    tar = f"{directory}/all.tar"
    debootstrap(title, f"{directory}/log", suite, tar, "minbase", packages, f"--dpkgopt={NOT_READ}", *options, sources=sources)
    progress.show(f"{title}: writing the archive", always=True)
    # An ordinary user cannot unpack devices.
    must("sh", "-ec", "mmtarfilter '--path-exclude=/dev/*' <all.tar >dkms.tar", cwd=directory)
    os.unlink(tar)


def make_upgrade(title, directory):
    make_dkms(title, directory, "trixie", UPGRADE, f"--customize-hook={UPGRADE_SETUP}", sources=debian.backports_of("trixie"))


def make_system(title, directory, system):
    debootstrap(title, f"{directory}/log", system.suite, f"{directory}/system.tar", "minbase",
                [*SYSTEM, system.generator, *system.more], f"--customize-hook={SYSTEM_SETUP}")
    write_ext4(title, directory, "system", SYSTEM_SIZE)


def make_in_ram(title, directory, suite):
    tar = f"{directory}/in-ram.tar"
    debootstrap(title, f"{directory}/log", suite, tar, "minbase", IN_RAM_PACKAGES, f"--customize-hook={IN_RAM_SETUP}")
    progress.show(f"{title}: writing the archive", always=True)
    with newc.Archive(f"{directory}/in-ram.cpio") as archive:
        archive.tar(tar, IN_RAM_LEAVE_OUT.fullmatch)
    os.unlink(tar)


@dataclass(frozen=True)
class Entry:
    """A directory of the cache: the function that makes it, the programs it needs, and its inputs."""
    name: str
    title: str
    make: Callable      # called with the title and the directory
    programs: tuple
    inputs: tuple

    @property
    def path(self):
        # The archive's address is no input, so a filled cache works without an archive.
        inputs = [part if isinstance(part, Path) else repr(part) for part in self.inputs]
        return PLACE / f"{self.name}-{digest(repr((RECIPE, DISK_UUID, NOT_INSTALLED, TIDY_UP)), *inputs)}"

    def get(self):
        if self.path.is_dir():
            return self.path
        for program in self.programs:
            if not shutil.which(program, path=DISK_ENV["PATH"]):
                raise Failure(f"{self.title}: {program} is not installed: run scripts/setup boot")
        begin = time.monotonic()
        path = kept(self.path, self.title, lambda directory: self.make(self.title, directory), GIGABYTES,
                    others=lambda name: re.fullmatch(re.escape(self.name) + "-[0-9a-f]{16}", name))
        size = sum(entry.stat().st_blocks for entry in os.scandir(path)) * 512 / 1e6
        seconds = time.monotonic() - begin
        progress.done(f"{self.title}: done, {size:.0f} MB in {seconds:.0f} s")
        Times.add({self.title: seconds})
        return path


DISK_PROGRAMS = ("mmdebstrap", "fakeroot", "mke2fs")
TOOLS_PACKAGES = {"tools": TOOLS, "fuse-tools": FUSE_TOOLS, "selftests-tools": SELFTESTS_TOOLS, "init-tools": INIT_TOOLS, "lsm-tools": LSM_TOOLS,
                  **{name: ENGINE_TOOLS + packages for name, packages in ENGINES.items()}}
# The images. Tools exist for each architecture, all others for this machine's.
IMAGES = {
    "tools": "initramfs (uncompressed cpio) with busybox, util-linux, klibc's tools, bubblewrap, crun and runc, but no /init",
    "fuse-tools": "the same with mergerfs and unionfs-fuse",
    "selftests-tools": "the same as tools with what the kernel's selftests need",
    "init-tools": "the same form, with busybox, sysvinit and e2fsprogs",
    "lsm-tools": "the same form, with what makes and loads policies of AppArmor, SELinux and TOMOYO",
    **{name: f"the same form, with {', '.join(packages)}" for name, packages in ENGINES.items()},
    "ext4": "disk image with a minimal Debian 12 whose init is systemd",
    "squashfs": "the same Debian as a squashfs image",
    "dkms": "tar archive for scripts/in-debian of a Debian with dkms and the headers of Debian's own kernel",
    "dkms-trixie": "the same of Debian 13, without these headers",
    "dkms-boot": "the same of Debian 12, without these headers, with what it takes to boot from a disk",
    "upgrade": "the same as dkms-boot of Debian 13, with packages of Debian's kernel of a series that has nullfs",
    "secure-boot": "the same as dkms-trixie, with what signs a kernel and boots it under Secure Boot",
    **{name: f"initramfs (uncompressed cpio) that is a minimal Debian {suite} whose init is systemd" for name, suite in IN_RAM.items()},
    **{name: f"disk image of a Debian that makes its own initramfs with {system.generator}, and mounts /dev/vdb as /boot"
          + (f"; it has {', '.join(system.more)}" if system.more else "")
       for name, system in SYSTEMS.items()},
}


def system_entry(name):
    system = SYSTEMS[name]
    return Entry(name, f"Debian {system.suite}, {system.generator}", partial(make_system, system=system), DISK_PROGRAMS,
                 (system, SYSTEM, SYSTEM_SIZE, SYSTEM_SETUP))


def entry_of(name, machine=DEFAULT_MACHINE):
    """The cache entry of an image, and the image's name in it."""
    if name in TOOLS_PACKAGES:
        packages, target = TOOLS_PACKAGES[name], architecture(machine)
        leave_out = ENGINES_LEAVE_OUT if name in ENGINES else TOOLS_LEAVE_OUT
        suite = "trixie" if name in ONLY_IN_TRIXIE else "bookworm"
        return Entry(name + target.suffix, f"Debian {suite}, {name} for {machine}",
                     partial(make_tools, suite=suite, packages=packages, leave_out=leave_out, port=target.debian),
                     ("mmdebstrap",), (packages, target.debian, leave_out.pattern, TOOLS_DIRECTORIES, PASSWD, GROUP)), "tools.cpio"
    if name in SYSTEMS:
        return system_entry(name), "system.ext4"
    if name in IN_RAM:
        suite = IN_RAM[name]
        return Entry(name, f"Debian {suite}, {name}", partial(make_in_ram, suite=suite), ("mmdebstrap",),
                     (suite, IN_RAM_PACKAGES, IN_RAM_SETUP, IN_RAM_LEAVE_OUT.pattern)), "in-ram.cpio"
    if name in DKMS:
        suite, packages = DKMS[name]
        return Entry(name, f"Debian {suite}, {name}", partial(make_dkms, suite=suite, packages=packages), ("mmdebstrap",),
                     (suite, packages, NOT_READ)), "dkms.tar"
    if name == "upgrade":
        return Entry(name, f"Debian trixie, {name}", make_upgrade, ("mmdebstrap",), (UPGRADE, UPGRADE_SETUP, NOT_READ)), "dkms.tar"
    if name in ("ext4", "squashfs"):
        return Entry("debian", "Debian bookworm, debian", make_debian, (*DISK_PROGRAMS, "mksquashfs"),
                     (DEBIAN, DEBIAN_SIZE)), f"debian.{name}"
    raise Failure(f"no image '{name}', there are {', '.join(IMAGES)}")


def image(name, machine=DEFAULT_MACHINE):
    entry, file = entry_of(name, machine)
    return entry.get() / file
