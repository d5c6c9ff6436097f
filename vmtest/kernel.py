# SPDX-License-Identifier: GPL-2.0-only
"""Fetch, patch, build and keep the kernels of the tests and the demonstration.

scripts/kernel image VERSION FLAVOUR [MACHINE]  print the path of a bootable image
scripts/kernel ko VERSION [FLAVOUR [MACHINE]]   print the path of the loadable module, of loadable or another such flavour
scripts/kernel packages VERSION                 print the directory of its Debian packages
scripts/kernel source VERSION                   print the path of the unpatched source
scripts/kernel files VERSION FILE...            print a directory that has these files of it
scripts/kernel selftests VERSION                print a directory of its own tests, built
scripts/kernel clean                            remove everything that was kept

VERSION is a name of tests/kernels, such as 6.12 or 6.1-oldest; with KERNEL_SRC in
the environment, a directory or a tar archive, it only names what that holds.
FLAVOUR is one of
  stock           unpatched
  builtin         patched, the module built in and selected by the boot parameter
  loadable        patched, the module built out of tree
  debug           builtin with KASAN, lockdep, kmemleak and their like
  debug-loadable  the same, with the module built out of tree
  kcsan, kcsan-loadable
                  builtin and loadable with KCSAN, which finds data races
  coverage, coverage-loadable
                  builtin and loadable, and what the project adds counts what is executed of it
  packaged        patched, takes only modules that the test key has signed
  stock-lsm, lsm, lsm-loadable
                  stock, builtin and loadable with SELinux, AppArmor, TOMOYO,
                  Landlock and Yama, of which lsm= on the command line chooses
  native          Debian's own, of a series that has nullfs already
MACHINE is x86_64, or another one of scripts/architectures.py.
"""

import filecmp
import inspect
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from . import debian
from . import selftests
from .config import DEFAULT, Unknown, architecture
from .store import (BUILD_ENV, CACHE, FIXED_ENV, TOP, Failure, digest, first_line, locked, need_space, progress, remove,
                   remove_entry, run, scratch, start)
from .sources import Source, table

CONFIGS = TOP / "tests/configs"
PATCH = TOP / "kernel-hooks.patch"
PATCHES = TOP / "scripts/patches"
MODULE = TOP / "module"
ADD = TOP / "scripts/add-to-tree"

# Flavours that share an object directory differ in a few files only.
FLAVOURS = {
    "stock":    {"patched": False, "module": False, "objects": "base", "fragments": ["stock"]},
    "builtin":  {"patched": True, "module": True, "objects": "base", "fragments": ["builtin"]},
    "loadable": {"patched": True, "module": False, "objects": "base", "fragments": ["loadable"]},
    "debug":    {"patched": True, "module": True, "objects": "debug", "fragments": ["builtin", "debug"]},
    "debug-loadable": {"patched": True, "module": False, "objects": "debug", "fragments": ["loadable", "debug"]},
    "kcsan":    {"patched": True, "module": True, "objects": "kcsan", "fragments": ["builtin", "kcsan"]},
    "kcsan-loadable": {"patched": True, "module": False, "objects": "kcsan", "fragments": ["loadable", "kcsan"]},
    "coverage": {"patched": True, "module": True, "objects": "coverage", "fragments": ["builtin", "coverage"]},
    "coverage-loadable": {"patched": True, "module": False, "objects": "coverage", "fragments": ["loadable", "coverage"]},
    "packaged": {"patched": True, "module": False, "objects": "base", "fragments": ["loadable", "packaged"]},
    "stock-lsm": {"patched": False, "module": False, "objects": "lsm", "fragments": ["stock", "lsm"]},
    "lsm":      {"patched": True, "module": True, "objects": "lsm", "fragments": ["builtin", "lsm"]},
    "lsm-loadable": {"patched": True, "module": False, "objects": "lsm", "fragments": ["loadable", "lsm"]},
}
KO = "immutable_rootfs.ko"
IMAGE = "bzImage"
MOK = CACHE / "mok"  # the test key, named as dkms names its own
FILES_GUESS = {"base": 1430, "debug": 1480, "kcsan": 1450, "coverage": 1500, "lsm": 1570}  # until a build has counted them
CHANGED_GUESS = 25
NEEDED = {"base": 1, "debug": 2, "kcsan": 2, "coverage": 1, "lsm": 1}  # gigabytes


# The working tree: one for each version, switched between its states


class Tree:
    """A copy of the pristine tree to patch, and the object directories."""

    def __init__(self, source):
        self.source = source
        self.top = CACHE / "build" / source.name
        self.path = self.top / "tree"
        self.state = self.top / "state"

    def prepare(self, flavour):
        """Bring the tree into the state that the flavour is built from."""
        pristine = self.source.tree()
        wanted = {"source": self.source.id, "content": tree_key(flavour)}
        try:
            state = json.loads(self.state.read_text())
        except (OSError, ValueError):
            state = {}
        if state == wanted:
            return
        # Without a valid state (interrupted, killed, never made) the tree is
        # compared as well; only a change of the source makes it useless.
        marker = self.top / "source"
        if not marker.is_file() or marker.read_text() != self.source.id:
            if self.top.exists():
                remove_entry(self.top)
            with scratch(self.top.parent) as new:
                # patch(1) replaces files, so links to the pristine ones are
                # safe, but in fs/ add-to-tree and people edit in place.
                status, output = run(
                    ["sh", "-ec", 'cp -al "$1" "$2"; rm -r "$2/fs"; cp -a "$1/fs" "$2"', "sh", pristine, new / "tree"])
                if status:
                    raise Failure(f"{self.source.version}: cannot copy {pristine}: {first_line(output)}")
                (new / "source").write_text(self.source.id)
                new.rename(self.top)
        self.state.unlink(missing_ok=True)
        changed = self.restore(pristine)
        if flavour["patched"]:
            self.patch()
        if flavour["module"]:
            self.add_module()
        # A file that comes out as it was has not changed for make either.
        for path, (content, times) in changed.items():
            if path.is_file() and path.read_bytes() == content:
                os.utime(path, ns=times)
        self.state.write_text(json.dumps(wanted))

    def restore(self, pristine):
        """Make the tree equal to the pristine one; return what was different.

        Files still linked to it need no look. The others get a fresh time,
        older objects are therefore rebuilt.
        """
        changed = {}

        def keep(path):
            info = path.lstat()
            changed[path] = (path.read_bytes(), (info.st_atime_ns, info.st_mtime_ns))

        def visit(mine, theirs):
            entries = {entry.name: entry for entry in os.scandir(mine)}
            for other in os.scandir(theirs):
                entry = entries.pop(other.name, None)
                target = Path(mine, other.name)
                if other.is_dir(follow_symlinks=False):
                    if not entry:
                        target.mkdir()
                    visit(target, other.path)
                elif not entry:
                    shutil.copy(other.path, target, follow_symlinks=False)
                elif entry.inode() != other.inode() and not (
                        entry.is_symlink() or filecmp.cmp(target, other.path, shallow=False)):
                    keep(target)
                    target.unlink()
                    shutil.copy(other.path, target)
            for entry in entries.values():
                if entry.is_dir(follow_symlinks=False):
                    for path in Path(entry.path).rglob("*"):
                        if path.is_file():
                            keep(path)
                else:
                    keep(Path(entry.path))
                remove(Path(entry.path))

        visit(self.path, pristine)
        return changed

    def patch(self):
        status, patches = run([PATCHES, self.path])
        if status:
            raise Failure(f"{self.source.version}: scripts/patches: {first_line(patches) or status}")
        for patch in map(Path, patches.splitlines()):
            status, output = run(["patch", "-d", self.path, "-p1", "-F0", "-f", "--no-backup-if-mismatch", "-r", "-",
                                  "-i", patch])
            if status:
                where = re.search(r"patching file (\S+)\n(?:Hunk .* succeeded .*\n)*Hunk (#\d+) FAILED", output)
                raise Failure(f"{patch.name} does not apply to {self.source.id}: "
                              + (f"{where[1]}, hunk {where[2]}" if where else output.strip().splitlines()[-1]))

    def add_module(self):
        status, output = run([ADD, self.path])
        if status:
            raise Failure(f"{self.source.version}: add-to-tree: {output.strip() or status}")


def module_files():
    return sorted(path for path in MODULE.iterdir() if path.name in ("Kbuild", "Kconfig", "Makefile")
                  or path.suffix in (".c", ".h"))


def tree_key(flavour):
    """Hash of what is put into the pristine tree."""
    parts = []
    if flavour["patched"]:
        parts += [PATCHES, *sorted(TOP.glob("*.patch"))]
    if flavour["module"]:
        parts += [ADD, *module_files()]
    return digest(*parts)


# Kernels


class Kernel:
    def __init__(self, version, flavour, machine=DEFAULT):
        self.flavour = flavour
        self.architecture = architecture(machine)
        self.make_words = [f"ARCH={self.architecture.arch}", f"CROSS_COMPILE={self.architecture.cross}"]
        self.spec = FLAVOURS[flavour]
        if self.spec["patched"]:
            for path in (PATCH, MODULE, ADD):
                if not path.exists():
                    raise Failure(f"{version} {flavour}: {path.relative_to(TOP)} is missing from this checkout")
        self.source = Source(version)
        self.what = f"{version} {flavour}" + self.architecture.suffix.replace("-", " ")
        self.fragments = []
        for name in ("base", *self.architecture.fragments, *self.spec["fragments"]):
            for path in (CONFIGS / f"{name}.config", CONFIGS / f"{name}-{self.source.series}.config"):
                if path.is_file():
                    self.fragments.append(path)
        self.stem = f"{self.source.name}{self.architecture.suffix}-{flavour}-"
        self.entry = CACHE / "kernel" / (self.stem + self.key())

    def key(self):
        return digest(*self.ingredients())

    def ingredients(self):
        _, compiler = run([f"{self.architecture.cross}gcc", "--version"], env=BUILD_ENV)
        # The code that builds is part of it, the rest of this file is not.
        code = [inspect.getsource(part) for part in (Tree, *type(self).__mro__[:-1])]
        return [*code, repr((FIXED_ENV, self.spec, self.make_words, self.architecture.image)), self.source.id,
                first_line(compiler), tree_key(self.spec), *self.fragments]

    def get(self):
        """The cache entry, built when it is missing."""
        if not self.entry.is_dir():
            self.source.tree()
            with locked(f"build-{self.source.name}", self.what):
                if not self.entry.is_dir():
                    self.build()
        return self.entry

    def build(self):
        need_space(NEEDED[self.spec["objects"]], self.what)
        started = time.monotonic()
        progress.show(f"{self.what}: preparing", always=True)
        tree = Tree(self.source)
        tree.prepare(self.spec)
        self.tree = tree.path
        self.objects = tree.top / (self.spec["objects"] + self.architecture.suffix)
        self.objects.mkdir(exist_ok=True)
        self.log_path = tree.top / f"{self.flavour}{self.architecture.suffix}.log"
        with scratch(self.entry.parent) as new, open(
                self.log_path, "w", buffering=1, encoding="utf-8") as self.log:
            self.configure()
            self.compile(tree.top / "totals.json")
            self.make_more(new)
            for name in (self.architecture.image, "System.map", *self.tree_modules()):
                shutil.copy(self.objects / name, new)
            shutil.copy(self.objects / ".config", new / "config")
            shutil.copy(self.log_path, new / "build.log")
            for old in self.entry.parent.glob(self.stem + "*"):
                remove_entry(old)
            new.rename(self.entry)
        seconds = time.monotonic() - started
        # .config: a choice of tinyconfig that a fragment changes, as it should
        warnings = sum(": warning:" in line and not line.startswith(".config:")
                       for line in (self.entry / "build.log").read_text().splitlines())
        progress.show(f"{self.what}: built in {seconds:.0f} s"
                      + (f", {warnings} warnings in {self.entry / 'build.log'}" if warnings else ""), always=True)
        if progress.terminal:
            sys.stderr.write("\n")
            progress.open = False

    def image(self):
        """The name of what is booted, in the cache entry, and for make."""
        return Path(self.architecture.image).name

    def make(self, *words):
        return ["make", "-C", self.objects, *self.make_words, *words]

    def step(self, command, cwd=None):
        status, _ = run(command, self.log, env=BUILD_ENV, cwd=cwd)
        if status:
            self.fail()

    def fail(self):
        """Tell the first errors of the log."""
        lines = self.log_path.read_text(errors="replace").splitlines()
        errors = [line.strip() for line in lines
                  if re.search(r"error:|undefined reference|No space left|Error \d|\*\*\*|ERROR", line)]
        raise Failure(f"{self.what}: the build failed, see {self.log_path}\n"
                      + "\n".join(f"  {line}" for line in (errors or lines[-1:])[:5]))

    def configure(self):
        self.step(["make", "-C", self.tree, f"O={self.objects}", *self.make_words, "tinyconfig"])
        self.step([self.tree / "scripts/kconfig/merge_config.sh", "-m", "-O", self.objects,
                   self.objects / ".config", *self.fragments], cwd=self.objects)
        self.step(self.make("olddefconfig"))
        wanted = {}
        for path in self.fragments:
            for line in path.read_text().splitlines():
                name = re.match(r"(?:# )?(CONFIG_\w+)(?:=| is not set$)", line)
                if name:
                    wanted[name[1]] = (line, path.name)
        result = (self.objects / ".config").read_text().splitlines()
        lost = []
        for name, (line, fragment) in wanted.items():
            # A symbol whose dependencies are off is off as well.
            absent = line.startswith("#") and not any(row.startswith(f"{name}=") for row in result)
            if line not in result and not absent:
                lost.append(f"{line} ({fragment})")
        if lost:
            raise Failure(f"{self.what}: the configuration of {self.source.id} drops {', '.join(lost)}; "
                          "a symbol of one version only belongs into tests/configs/NAME-VERSION.config")

    def compile(self, totals_path):
        """Build the image, counting files."""
        try:
            totals = json.loads(totals_path.read_text())
        except (OSError, ValueError):
            totals = {}
        cold = not (self.objects / "vmlinux").exists()
        kind = f"{self.flavour}{self.architecture.suffix} {'all' if cold else 'changed'}"
        total = totals.get(kind) or (FILES_GUESS[self.spec["objects"]] if cold else CHANGED_GUESS)
        done = 0
        # modules: what modpost writes is needed for building one out of tree
        with start(self.make(f"-j{os.cpu_count()}", self.image(), "modules"), env=BUILD_ENV,
                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
            for line in process.stdout:
                self.log.write(line)
                done += bool(re.match(r"  (CC|AS|LD) ", line))
                progress.show(f"{self.what}: building, {done} of ~{max(total, done)} files")
            status = process.wait()
        if status:
            self.fail()
        # A build that goes on where another was interrupted counts fewer.
        totals[kind] = max(done, totals.get(kind, 0)) if cold else done
        totals_path.write_text(json.dumps(totals))

    def tree_modules(self):
        # Commit f65a486821cf ("kbuild: change module.order to list *.o instead of *.ko"), 6.3
        return [Path(name).with_suffix(".ko") for name in (self.objects / "modules.order").read_text().split()]

    def make_more(self, new):
        """What some flavours keep beside the image."""


class LoadableKernel(Kernel):
    def ingredients(self):
        return [*super().ingredients(), *module_files()]

    def make_more(self, new):
        """As DKMS does it: a copy of the sources against the built kernel."""
        module = self.objects.parent / "module"
        remove(module)
        module.mkdir()
        for path in module_files():
            shutil.copy(path, module)
        self.step(self.make(f"M={module}", "CONFIG_IMMUTABLE_ROOTFS=m", "modules"))
        if not (module / KO).is_file():
            raise Failure(f"{self.what}: {MODULE.name}/ was built without making {KO}, see {self.log_path}")
        shutil.copy(module / KO, new)


class CoverageKernel(Kernel):
    """Beside the image it keeps what gcov(1) needs: notes of the compiler, and the patched files."""

    def __init__(self, *words):
        super().__init__(*words)
        self.patched = sorted({Path(name) for patch in TOP.glob("*.patch")
                               for name in re.findall(r"^\+\+\+ b/(\S+\.c)$", patch.read_text(), re.M)})
        self.added = [Path(path.name) for path in module_files() if path.suffix == ".c"]
        for stem in (path.stem for path in (*self.patched, *self.added)):
            # What is inlined before gcc adds its counters is counted where the function was called, if at all.
            self.make_words += [f"GCOV_PROFILE_{stem}.o=y", f"CFLAGS_{stem}.o=-fno-early-inlining"]

    def make_more(self, new):
        super().make_more(new)
        built = self.objects.parent
        module = self.objects / "fs/immutable_rootfs" if self.spec["module"] else built / "module"
        notes = [(self.objects / name).with_suffix(".gcno") for name in self.patched]
        # A loadable module is not made of all files.
        notes += filter(Path.is_file, [(module / name).with_suffix(".gcno") for name in self.added])
        for path in notes:
            copy_to(new / "gcov" / path.relative_to(built), path)
        for name in self.patched:
            copy_to(new / "gcov/sources" / name, self.tree / name)


class LoadableCoverageKernel(CoverageKernel, LoadableKernel):
    """The module is built, and then looked for what gcov(1) needs."""


def copy_to(path, source):
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, path)


class PackagedKernel(Kernel):
    def ingredients(self):
        return [*super().ingredients(), test_key()]

    def configure(self):
        shutil.copy(test_key(), self.objects)
        super().configure()

    def make_more(self, new):
        self.step(self.make(f"-j{os.cpu_count()}", "bindeb-pkg", "KDEB_COMPRESS=none", "KDEB_CHANGELOG_DIST=unstable",
                            # what follows the dash is KBUILD_BUILD_VERSION, with another one it links anew
                            f"KDEB_PKGVERSION={self.source.version}-{FIXED_ENV['KBUILD_BUILD_VERSION']}",
                            "DPKG_FLAGS=--no-check-builddeps"))
        made = self.objects.parent  # where bindeb-pkg puts them
        for kind in ("image", "headers"):
            package, = made.glob(f"linux-{kind}-*.deb")
            package.rename(new / package.name)
        for rest in (*made.glob("linux-*"), self.objects / "debian"):
            remove(rest)
        for path in MOK.iterdir():
            shutil.copy(path, new)


class NativeKernel:
    """Debian's own kernel of a series that has nullfs, as it is."""

    PACKAGE = r"linux-binary-{}\.\S*-cloud-amd64"

    def __init__(self, series, flavour, machine):
        if machine != DEFAULT:
            raise Failure(f"{series} {flavour}: there is none for {machine}, only for {DEFAULT}")
        self.series = series

    def image(self):
        return IMAGE

    def get(self):
        names = [name for name in debian.package_names() if re.fullmatch(self.PACKAGE.format(self.series), name)]
        for name in sorted(names, key=debian.numbers, reverse=True):
            for release in debian.releases(name):
                entry = CACHE / "kernel" / f"{self.series}-native-{release.version}"
                if entry.is_dir() or self.unpack(release, entry):
                    return entry
        raise Failure(f"{self.series} native: the archive has no package {self.PACKAGE.format(self.series)}")

    def unpack(self, release, entry):
        with locked("native", f"{self.series} native"), scratch(entry.parent) as new:
            for package in debian.download(release, new):
                status, output = run(["dpkg-deb", "-x", package, new / "tree"])
                if status:
                    raise Failure(f"{package.name}: {first_line(output)}")
                kernel, = (new / "tree").glob("**/vmlinuz*")
                (new / "image").mkdir()
                kernel.rename(new / "image" / IMAGE)
                if not entry.is_dir():
                    (new / "image").rename(entry)
        return entry.is_dir()


def test_key():
    """The certificate of the key that the packaged kernels trust; made once, as dkms makes its own."""
    certificate = MOK / "mok.pem"
    if not certificate.is_file():
        with locked("mok", "test key"):
            if not certificate.is_file():
                with scratch(MOK.parent) as new:
                    for command in (
                            ["openssl", "req", "-new", "-x509", "-nodes", "-days", "36500", "-subj",
                             "/CN=immutable-rootfs test key", "-newkey", "rsa:2048", "-keyout", new / "mok.key",
                             "-outform", "DER", "-out", new / "mok.pub"],
                            ["openssl", "x509", "-inform", "DER", "-in", new / "mok.pub", "-out", new / "mok.pem"]):
                        status, output = run(command)
                        if status:
                            raise Failure(f"test key: {' '.join(command[:2])} failed: {first_line(output)}")
                    remove(MOK)
                    new.rename(MOK)
    return certificate


KINDS = {"loadable": LoadableKernel, "debug-loadable": LoadableKernel, "kcsan-loadable": LoadableKernel,
         "lsm-loadable": LoadableKernel, "coverage": CoverageKernel, "coverage-loadable": LoadableCoverageKernel,
         "packaged": PackagedKernel, "native": NativeKernel}


def kernel(version, flavour, machine=DEFAULT):
    return KINDS.get(flavour, Kernel)(version, flavour, machine)


def clean():
    if CACHE.is_dir():
        shutil.rmtree(CACHE)


def usage(message):
    print(f"kernel: {message}; see scripts/kernel --help", file=sys.stderr)
    sys.exit(2)


def main(words):
    if words in (["-h"], ["--help"]):
        print(__doc__.strip())
        return
    command, *rest = words or [""]
    counts = {"image": (2, 3), "ko": (1, 2, 3), "packages": (1,), "source": (1,), "files": range(2, 100),
              "selftests": (1,), "clean": (0,)}
    if command not in counts:
        usage(f"no command '{command}', there are {', '.join(counts)}")
    if len(rest) not in counts[command]:
        usage(f"{command} takes {' or '.join(map(str, counts[command][:3]))} words, not {len(rest)}")
    if rest and not os.environ.get("KERNEL_SRC") and rest[0] not in table():
        usage(f"'{rest[0]}' is no kernel of tests/kernels, there are {', '.join(table())}")
    known = [name for name in (*FLAVOURS, *KINDS) if command == "image" or issubclass(KINDS.get(name, Kernel), LoadableKernel)]
    native = rest and rest[0] in table() and table()[rest[0]].expected == "native"
    if command in ("image", "ko") and native != ("native" in rest):
        usage("only the flavour native is of a kernel that has nullfs already")
    if command in ("image", "ko") and len(rest) > 1 and rest[1] not in known:
        usage(f"no flavour '{rest[1]}', there are {', '.join(known)}")

    if command == "clean":
        clean()
        return
    machine = architecture(rest[2] if command in ("image", "ko") and len(rest) == 3 else DEFAULT)
    groups = ["build", *machine.groups] + (["kernel-deb"] if "packaged" in rest or command == "packages" else [])
    groups += ["selftests"] if command == "selftests" else []
    setup = subprocess.run([TOP / "scripts/setup", *groups], check=False)
    if setup.returncode:
        sys.exit(setup.returncode)
    if command == "image":
        wanted = kernel(*rest)
        path = wanted.get() / wanted.image()
    elif command == "ko":
        path = kernel(*(rest if rest[1:] else rest + ["loadable"])).get() / KO
    elif command == "packages":
        path = kernel(*rest, "packaged").get()
    elif command == "files":
        path = Source(rest[0]).files(rest[1:])
    elif command == "selftests":
        path = selftests.build(Source(*rest))
    else:
        path = Source(*rest).tree()
    progress.end()
    print(path)


def interrupted(number, _frame):
    raise KeyboardInterrupt(number)


def command():
    signal.signal(signal.SIGTERM, interrupted)
    signal.signal(signal.SIGHUP, interrupted)
    try:
        main(sys.argv[1:])
    except (Failure, Unknown) as failure:
        progress.end()
        print(f"kernel: {failure}", file=sys.stderr)
        sys.exit(1)
    except OSError as error:
        progress.end()
        print(f"kernel: {error.filename or CACHE}: {error.strerror}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        progress.end()
        print("kernel: interrupted", file=sys.stderr)
        sys.exit(130)
