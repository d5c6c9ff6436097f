# SPDX-License-Identifier: GPL-2.0-only
"""usage: scripts/userland tools|selftests-tools|lsm-tools|ext4|squashfs|dkms|dkms-trixie|dkms-boot|SYSTEM
       scripts/userland tools|selftests-tools|lsm-tools MACHINE
       scripts/userland initramfs SYSTEM VERSION

Makes Debian file systems for virtual machines, keeps them in the cache, and
prints the path of the one asked for:

  tools     initramfs (uncompressed cpio) with busybox, util-linux, klibc's
            tools, bubblewrap, crun and runc, but without /init: append an
            archive that holds one; for x86_64 or another MACHINE
  selftests-tools
            the same with what the kernel's selftests need beside it
  lsm-tools what makes and loads the policies of AppArmor, SELinux and TOMOYO,
            in the same form, and little else
  ext4      disk image with a minimal Debian 12 whose init is systemd
  squashfs  the same Debian as a squashfs image
  dkms      tar archive of a Debian in which dkms builds modules, with the
            headers of Debian's own kernel, for scripts/in-debian
  dkms-trixie
            the same of Debian 13, without these headers
  dkms-boot the same of Debian 12, without these headers, with what it takes to
            boot it from a disk
  SYSTEM    disk image of a Debian that makes its own initramfs, and mounts
            /dev/vdb as /boot: debian12-initramfs-tools, debian12-dracut or
            debian13-dracut

With initramfs it is the directory of what SYSTEM made for our kernel VERSION,
with our hooks installed: plain.img without and module.img with the loadable
module there, for debian12-dracut also shell.img, like module.img but without
systemd, and for both of Debian 12 pivot.img, which pivot_init leaves; what the
generator said in NAME.log; what `make install` said in install.log; and the
kernel's release.
"""

import contextlib
import fcntl
import hashlib
import inspect
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

from . import debian
from . import newc
from .config import DEFAULT, Unknown, architecture
from .store import Failure

HERE = os.path.dirname(os.path.realpath(__file__))
TOP = os.path.dirname(HERE)
MERGED_USR = "/usr/share/mmdebstrap/hooks/merged-usr"
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"),
                     "immutable-rootfs", "userland")
SPACE_MB = 1500

TOOLS = """
    bubblewrap busybox-static coreutils crun dash findutils grep klibc-utils kmod mount procps
    runc sed util-linux
""".split()
SELFTESTS_TOOLS = [*TOOLS, "bash", "e2fsprogs", "libcap-ng0", "libcap2"]
LSM_TOOLS = "apparmor coreutils dash mount secilc tomoyo-tools".split()
# Comes along with the packages, and nothing above uses it.
TOOLS_LEAVE_OUT = re.compile(
    r"dev/.*|usr/share/.*|var/lib/.*|.*\.a|.*/(gconv|perl-base|dpkg|apt|systemd)(/.*)?"
    r"|usr/s?bin/(dpkg.*|perl.*|tar)|etc/(cron\.daily|init\.d|apparmor\.d)(/.*)?")
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
}
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
    suite: str
    generator: str
    command: str        # makes $image for $release
    kinds: dict         # images: what is added to the command
    more: tuple = ()    # packages


NO_SYSTEMD = "-o systemd -o systemd-initrd -o dracut-systemd -o crypt"


def dracut(suite, hooks, **kinds):
    # The hook tells how the exitrd was entered at shutdown.
    command = f'dracut --no-hostonly --include /exitrd.sh {hooks}/pre-shutdown/exitrd.sh --kver "$release" "$image"'
    return System(suite, "dracut", command, {"plain": "", "module": "", **kinds})


SYSTEMS = {
    "debian12-initramfs-tools": System("bookworm", "initramfs-tools", 'mkinitramfs -v -o "$image" "$release"',
                                       {"plain": "", "module": "", "pivot": ""},
                                       ("busybox",)),   # recommended, and its run-init is then the one used
    "debian12-dracut": dracut("bookworm", "/usr/lib/dracut/hooks", shell=NO_SYSTEMD,
                              pivot=f"-a pivot-init {NO_SYSTEMD}"),
    "debian13-dracut": dracut("trixie", "/var/lib/dracut/hooks"),
}

NOT_INSTALLED = ["path-exclude=/usr/share/doc/*", "path-exclude=/usr/share/info/*",
                 "path-exclude=/usr/share/locale/*", "path-exclude=/usr/share/man/*"]

TIDY_UP = """
    rm -f "$1/etc/apt/apt.conf.d/99mmdebstrap" "$1/etc/resolv.conf"
    rm -f "$1"/etc/*-   # copies of passwd, shadow ... that even their owner may not read
    echo debian >"$1/etc/hostname"
    """


class Progress:
    """One line on a terminal that is overwritten, else a line per step."""

    def __init__(self, title):
        self.title = title
        self.tty = sys.stderr.isatty()
        self.start = time.monotonic()

    def step(self, text):
        line = f"{self.title}: {text}"
        print(f"\r\033[K{line}" if self.tty else line, end="" if self.tty else "\n",
              file=sys.stderr, flush=True)

    def end(self, path):
        size = sum(entry.stat().st_blocks for entry in os.scandir(path)) * 512 / 1e6
        self.step(f"done, {size:.0f} MB in {time.monotonic() - self.start:.0f} s")
        if self.tty:
            print(file=sys.stderr)


def lines_of(*command):
    try:
        return subprocess.run(command, check=True, text=True, capture_output=True).stdout.splitlines()
    except FileNotFoundError:
        raise Failure(f"{command[0]} is not installed: this needs a Debian system") from None
    except subprocess.CalledProcessError as e:
        raise Failure(f"{command[0]} failed: {(e.stderr.strip() or 'no reason given').splitlines()[-1]}") from None


def network_options():
    """How this machine's apt reaches the archives: proxies, and clocks that cannot be relied on."""
    wanted = re.compile(r"Acquire::(https?|Check-Date|Check-Valid-Until|Retries|ForceIPv[46])\b")
    return [line for line in lines_of("apt-config", "dump", "--format", '%F "%v";%n', "Acquire")
            if wanted.match(line) and not line.endswith(' "";')]


def debootstrap(progress, log, suite, target, variant, packages, *options):
    options = [f"--variant={variant}", f"--hook-dir={MERGED_USR}", "--include=" + ",".join(packages), *options]
    options += [f"--aptopt={option}" for option in network_options()]
    options += [f"--dpkgopt={option}" for option in NOT_INSTALLED]
    options += [f"--customize-hook={TIDY_UP}"]
    mmdebstrap(progress, log, debian.sources_of(suite), *options, suite, target)


def mmdebstrap(progress, log, sources, *words):
    command = ["mmdebstrap", "--mode=auto", *words, "-"]
    with open(log, "w+") as output:
        # A session of its own: on some errors mmdebstrap sends SIGHUP to its whole process group.
        with subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, start_new_session=True) as process:
            try:
                with contextlib.suppress(BrokenPipeError):  # it ended before it read them, and says why
                    process.stdin.write(sources)
                    process.stdin.close()
                for line in process.stdout:
                    output.write(line)
                    step = re.match(r"I: ((running apt-get|downloading|extracting|installing|creating).*)\.\.\.", line)
                    if step:
                        progress.step(step[1])
            except BaseException:
                os.killpg(process.pid, signal.SIGTERM)
                raise
        if process.returncode:
            output.seek(0)
            raise Failure(reason(output.read()))


def reason(log):
    """What made mmdebstrap fail, in one line with the cure."""
    errors = re.findall(r"^(?:[EW]:|.*dpkg.*error:?) *(.*)", log, re.M)
    for pattern, cure in (
            ("^making .* failed", f"mend {TOP}/initramfs"),
            ("No space left on device", f"make room in {tempfile.gettempdir()} and in {CACHE}"),
            ("Unable to locate package|has no installation candidate", "the archive in /etc/apt lacks it"),
            ("Could not resolve|Could not connect|Unable to connect|Temporary failure|Connection|timed out|Failed to fetch",
             "check the network and /etc/apt"),
            ("unable to pick chroot mode|unshare|newuidmap|fakechroot",
             "become root, or have root run: apt-get install uidmap fakechroot fakeroot")):
        for error in errors:
            if re.search(pattern, error):
                return f"{error} ({cure})"
    return "mmdebstrap: " + (errors[-1] if errors else log.strip().splitlines()[-1] if log.strip() else "no reason given")


def run(*command, **options):
    try:
        subprocess.run(command, check=True, text=True, stderr=subprocess.PIPE,
                       **{"stdout": subprocess.DEVNULL, **options})
    except subprocess.CalledProcessError as e:
        raise Failure(f"{command[0]}: {(e.stderr.strip() or 'no reason given').splitlines()[-1]}") from None


def make_tools(progress, directory, packages, port=None):
    tar = f"{directory}/tools.tar"
    debootstrap(progress, f"{directory}/log", "bookworm", tar, "extract", packages,
                *([f"--architectures={port}"] if port else []))
    progress.step("writing the archive")
    with newc.Archive(f"{directory}/tools.cpio") as archive:
        added = archive.tar(tar, TOOLS_LEAVE_OUT.fullmatch)
        for name, mode in TOOLS_DIRECTORIES.items():
            if name not in added:
                archive.directory(name, mode)
        archive.file("etc/passwd", PASSWD)
        archive.file("etc/group", GROUP)
        archive.directory("home/user", 0o755, 1000, 1000)
        if "usr/bin/sh" not in added:
            archive.symlink("usr/bin/sh", "dash")
    os.unlink(tar)


def make_debian(progress, directory):
    tar = f"{directory}/debian.tar"
    debootstrap(progress, f"{directory}/log", "bookworm", tar, "minbase", DEBIAN,
                '--customize-hook=mkdir "$1/initramfs"')
    progress.step("writing the squashfs image")
    with open(tar, "rb") as f:
        run("mksquashfs", "-", f"{directory}/debian.squashfs", "-tar", "-quiet", "-no-progress", stdin=f)
    write_ext4(progress, directory, "debian", DEBIAN_SIZE)
    os.unlink(tar)


def write_ext4(progress, directory, name, size):
    """NAME.ext4 from NAME.tar"""
    progress.step("writing the ext4 image")
    os.mkdir(f"{directory}/tree")
    # fakeroot: files keep their owners and devices although an ordinary user unpacks them.
    run("fakeroot", "sh", "-ec", f"""
        tar -C tree --numeric-owner -xf {name}.tar
        mke2fs -q -t ext4 -m 0 -U {DISK_UUID} -E hash_seed={DISK_UUID},root_owner=0:0,lazy_itable_init=0 \\
               -d tree {name}.ext4 {size}""", cwd=directory,
        env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"})
    shutil.rmtree(f"{directory}/tree")


def make_dkms(progress, directory, suite, packages):
    tar = f"{directory}/all.tar"
    debootstrap(progress, f"{directory}/log", suite, tar, "minbase", packages, f"--dpkgopt={NOT_READ}")
    progress.step("writing the archive")
    # An ordinary user cannot make devices when it is unpacked.
    with open(tar, "rb") as every, open(f"{directory}/dkms.tar", "wb") as some:
        run("mmtarfilter", "--path-exclude=/dev/*", stdin=every, stdout=some)
    os.unlink(tar)


def make_system(progress, directory, system):
    debootstrap(progress, f"{directory}/log", system.suite, f"{directory}/system.tar", "minbase",
                [*SYSTEM, system.generator, *system.more], f"--customize-hook={SYSTEM_SETUP}")
    write_ext4(progress, directory, "system", SYSTEM_SIZE)


def release_of(kernel):
    """What uname -r says, from the header that the x86 boot protocol gives a bzImage."""
    with open(kernel, "rb") as f:
        header = f.read(1 << 16)
    start = 0x200 + int.from_bytes(header[0x20e:0x210], "little")
    return header[start:].split(b" ", 1)[0].decode()


# In the system, with what make_initramfs() has put there.
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


def make_initramfs(progress, directory, system, tar, kernel, config, ko):
    """The images, by the system itself: it is unpacked, gets kernel and hooks, and runs its generator."""
    release = release_of(kernel)
    with open(f"{directory}/release", "w") as f:
        f.write(release)
    files = f"{directory}/files"
    os.makedirs(f"{files}/boot")
    run("make", "-C", f"{TOP}/initramfs/pivot_init", "install", f"DESTDIR={files}/pivot_init")
    shutil.copytree(f"{TOP}/initramfs", f"{files}/initramfs")
    shutil.copy(config, f"{files}/boot/config-{release}")
    shutil.copy(ko, files)
    shutil.copy(EXITRD, files)
    script = f"release={release}" + GENERATE % system.command
    for kind, words in system.kinds.items():
        if kind in ("plain", "pivot"):
            script += "rm -rf $modules/updates\n"
        else:
            script += f"install -D -m 644 /{os.path.basename(ko)} -t $modules/updates/dkms\n"
        if kind == "pivot":
            script += "cp -a /pivot_init/usr /\n"
        if kind == "pivot" and system.generator == "initramfs-tools":
            script += "echo PIVOT_INIT=y >/etc/initramfs-tools/conf.d/pivot-init\n"
        script += f"generate {kind} {shlex.quote(words)}\n"
    with open(f"{files}/generate", "w") as f:
        f.write(script)
    run("tar", "-C", files, "-cf", f"{directory}/files.tar", ".")
    progress.step("making the images")
    # What a hook's shell runs may be somebody who cannot read our files; mmdebstrap's own hooks can.
    mmdebstrap(progress, f"{directory}/log", "", "--variant=custom", "--format=null", "--skip=update,cleanup",
               f"--setup-hook=upload {shlex.quote(tar)} /system.tar",
               """--setup-hook=tar -C "$1" --exclude='./dev/*' --numeric-owner -xf "$1/system.tar\"""",
               f"--customize-hook=tar-in {shlex.quote(directory)}/files.tar /",
               '--customize-hook=chroot "$1" sh -e /generate',
               *(f"--customize-hook=download /{made} {shlex.quote(directory)}/{made}" for made in
                 ("install.log", *(f"{kind}.{suffix}" for kind in system.kinds for suffix in ("img", "log")))),
               "", "/dev/null")
    shutil.rmtree(files)
    os.unlink(f"{directory}/files.tar")


EXITRD = f"{TOP}/tests/guest/exitrd.sh"
DISK_PROGRAMS = ("mmdebstrap", "fakeroot", "mke2fs")
# image: what makes the cache entry it is in, the entry, the file, the programs needed, the words it is made of
IMAGES = {
    "ext4":     (make_debian, "debian", "debian.ext4", (*DISK_PROGRAMS, "mksquashfs"), (DEBIAN, DEBIAN_SIZE)),
    "squashfs": (make_debian, "debian", "debian.squashfs", (*DISK_PROGRAMS, "mksquashfs"), (DEBIAN, DEBIAN_SIZE)),
}
TOOLS_IMAGES = {"tools": TOOLS, "selftests-tools": SELFTESTS_TOOLS, "lsm-tools": LSM_TOOLS}
# What makes any image, apart from its own function and words
RECIPE = (debootstrap, mmdebstrap, write_ext4, newc.Archive)
WORDS = (DISK_UUID, NOT_INSTALLED, TIDY_UP)


def key(make, *parts):
    """Of the packages and of how they are installed. Not of the archive's address: with a
    filled cache no archive has to be known at all."""
    digest = hashlib.sha256()
    for part in (*map(inspect.getsource, (*RECIPE, make)), repr(WORDS), *parts):
        digest.update(hashlib.sha256(part.encode() if isinstance(part, str) else part).digest())
    return digest.hexdigest()[:12]


def contents(*paths):
    """Of files, for a key."""
    for path in paths:
        with open(path, "rb") as f:
            yield f.read()


def drop_others(entry, directory):
    """Entries of the same name that something else went into."""
    for other in os.scandir(CACHE):
        if re.fullmatch(re.escape(entry) + "-[0-9a-f]{12}", other.name) and other.path != directory:
            shutil.rmtree(other.path, ignore_errors=True)


def kept(title, entry, make, arguments, programs, *parts):
    """The directory of a cache entry, which make() fills when it is missing; parts are what its key consists of."""
    directory = os.path.join(CACHE, f"{entry}-{key(make, *parts)}")
    if os.path.isdir(directory):
        return directory
    for program in programs:
        if not shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin"):
            raise Failure(f"{program} is not installed: run scripts/setup boot")
    os.makedirs(CACHE, exist_ok=True)
    progress = Progress(title)
    with open(directory + ".lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.step("waiting for another process that is making it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.isdir(directory):
            return directory
        free = shutil.disk_usage(CACHE).free // 2**20
        if free < SPACE_MB:
            raise Failure(f"{free} MB are free in {CACHE}, {SPACE_MB} MB are needed:"
                          " make room, or set XDG_CACHE_HOME to a larger disk")
        unfinished = directory + ".tmp"
        shutil.rmtree(unfinished, ignore_errors=True)
        os.mkdir(unfinished)
        try:
            make(progress, unfinished, *arguments)
            os.rename(unfinished, directory)
            drop_others(entry, directory)
        finally:
            if progress.tty:
                print("\r\033[K", end="", file=sys.stderr, flush=True)
            shutil.rmtree(unfinished, ignore_errors=True)
        progress.end(directory)
    return directory


def system_directory(name):
    system = SYSTEMS[name]
    return kept(f"Debian {system.suite}, {system.generator}", name, make_system, (system,), DISK_PROGRAMS,
                repr((system.suite, system.generator, system.more, SYSTEM, SYSTEM_SIZE, SYSTEM_SETUP)))


def tools(name, machine):
    packages, port = TOOLS_IMAGES[name], architecture(machine).debian
    words = packages, TOOLS_LEAVE_OUT.pattern, TOOLS_DIRECTORIES, PASSWD, GROUP
    return os.path.join(kept(f"Debian bookworm, {name} for {machine}", name + architecture(machine).suffix, make_tools,
                             (packages, port), ("mmdebstrap",), repr((words, port))), "tools.cpio")


def image(name):
    if name in TOOLS_IMAGES:
        return tools(name, DEFAULT)
    if name in SYSTEMS:
        return os.path.join(system_directory(name), "system.ext4")
    if name in DKMS:
        suite, packages = DKMS[name]
        return os.path.join(kept(f"Debian {suite}, dkms", name, make_dkms, (suite, packages), ("mmdebstrap",),
                                 repr((suite, packages, NOT_READ))), "dkms.tar")
    make, entry, filename, programs, words = IMAGES[name]
    return os.path.join(kept(f"Debian bookworm, {entry}", entry, make, (), programs, repr(words)), filename)


def from_kernel(*words):
    """What scripts/kernel prints; it says itself what goes wrong."""
    done = subprocess.run([f"{TOP}/scripts/vmtest", "kernel", *words], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(done.returncode)
    return done.stdout.strip()


def initramfs(name, version):
    system, tar = SYSTEMS[name], os.path.join(system_directory(name), "system.tar")
    kernel, ko = from_kernel("image", version, "loadable"), from_kernel("ko", version)
    config = os.path.join(os.path.dirname(kernel), "config")
    hooks = sorted(os.path.join(directory, file) for directory, _, files in os.walk(f"{TOP}/initramfs")
                   for file in files if file != "pivot_init")
    parts = [os.path.basename(os.path.dirname(tar)), repr(system), GENERATE, release_of(kernel),
             *(os.path.relpath(path, TOP) for path in hooks), *contents(config, ko, EXITRD, *hooks)]
    return kept(f"Linux {version}, initramfs of {name}", f"initramfs-{name}-{version}", make_initramfs,
                (system, tar, kernel, config, ko), ("mmdebstrap", "make", "gcc"), *parts)


def main():
    words = sys.argv[1:]
    wanted = " ".join(words)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        if len(words) == 1 and words[0] in (*TOOLS_IMAGES, *IMAGES, *SYSTEMS, *DKMS):
            print(image(words[0]))
        elif len(words) == 2 and words[0] in TOOLS_IMAGES:
            print(tools(*words))
        elif len(words) == 3 and words[0] == "initramfs" and words[1] in SYSTEMS:
            print(initramfs(*words[1:]))
        else:
            sys.exit(__doc__)
    except (Failure, Unknown) as e:
        sys.exit(f"userland {wanted}: {e}")
    except OSError as e:
        sys.exit(f"userland {wanted}: {e.filename or CACHE}: {e.strerror}, nothing was kept")
    except KeyboardInterrupt:
        sys.exit(130)


def command():
    main()
