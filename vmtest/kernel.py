# SPDX-License-Identifier: GPL-2.0-only
"""A patched tree, and a kernel built from it. flavours.py has kernels that keep more than an image."""

import filecmp
import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

from . import TOP, Failure
from .config import DEFAULT_MACHINE, FLAVOURS, OBJECTS, architecture
from .debian import numbers
from .process import BUILD_ENV, FIXED_ENV, first_line, last_line, run, start
from .sources import source
from .store import CACHE, DIGITS, Times, claim, digest, locked, need_space, progress, remove, remove_entry, remove_unused, scratch

RECIPE = 1      # see store.digest()
CONFIGS = TOP / "tests/configs"
PATCH = TOP / "kernel-hooks.patch"
PATCHES = TOP / "scripts/patches"
MODULE = TOP / "module"
ADD = TOP / "scripts/add-to-tree"
KO = "immutable_rootfs.ko"
CHANGED_GUESS = 25      # files that differ between flavours, until a build has counted them


# The working tree: one for each version, switched between states


class Tree:
    """A copy of the pristine tree to patch, and the object directories."""

    def __init__(self, source):
        self.source = source
        self.top = CACHE / "build" / source.name
        self.path = self.top / "tree"
        self.state = self.top / "state"

    def prepare(self, flavour):
        """Bring the tree into the state for the flavour."""
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
        if flavour.patched:
            self.patch(flavour.optional)
        if flavour.builtin:
            self.add_module()
        # make must not rebuild a file that has its former content.
        for path, (content, times) in changed.items():
            if path.is_file() and path.read_bytes() == content:
                os.utime(path, ns=times)
        self.state.write_text(json.dumps(wanted))

    def restore(self, pristine):
        """Make the tree equal to the pristine one; return the files that differed.

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

    def patch(self, options):
        status, patches = run([PATCHES, *options, self.path])
        if status:
            raise Failure(f"{self.source.version}: scripts/patches: {first_line(patches) or status}")
        for patch in map(Path, patches.splitlines()):
            status, output = run(["patch", "-d", self.path, "-p1", "-F0", "-f", "--no-backup-if-mismatch", "-r", "-",
                                  "-i", patch])
            if status:
                where = re.search(r"patching file (\S+)\n(?:Hunk .* succeeded .*\n)*Hunk (#\d+) FAILED", output)
                raise Failure(f"{patch.name} does not apply to {self.source.id}: "
                              + (f"{where[1]}, hunk {where[2]}" if where else last_line(output)))

    def add_module(self):
        status, output = run([ADD, self.path])
        if status:
            raise Failure(f"{self.source.version}: add-to-tree: {output.strip() or status}")


def module_files():
    return sorted(path for path in MODULE.iterdir() if path.name in ("Kbuild", "Kconfig", "Makefile")
                  or path.suffix in (".c", ".h"))


def tree_key(flavour):
    """Hash of the changes to the pristine tree."""
    parts = []
    if flavour.patched:
        parts += [PATCHES, *flavour.optional, PATCH, *sorted(TOP.glob("patches/*.patch"))]
    if flavour.builtin:
        parts += [ADD, *module_files()]
    return digest(*parts)


# Kernels


def fragments_of(name, series):
    """NAME.config, and NAME-SERIES.config and NAME-FIRST-LAST.config for this series."""
    found = [CONFIGS / f"{name}.config"]
    for path in sorted(CONFIGS.glob(f"{name}-*.config")):
        match = re.fullmatch(r"(\d+\.\d+)(?:-(\d+\.\d+))?", path.stem.removeprefix(f"{name}-"))
        if match and numbers(match[1]) <= numbers(series) <= numbers(match[2] or match[1]):
            found.append(path)
    return found


class Kernel:
    """The kernel of a version, a flavour and an architecture."""

    def __init__(self, version, flavour, machine=DEFAULT_MACHINE, given=None, fetch=True):
        self.flavour = FLAVOURS[flavour]
        self.architecture = architecture(machine)
        self.make_words = [f"ARCH={self.architecture.arch}", f"CROSS_COMPILE={self.architecture.cross}"]
        self.compiler = f"{self.architecture.cross}gcc"
        if self.flavour.llvm:
            self.make_words.append(f"LLVM={self.flavour.llvm}")
            self.compiler = f"clang{self.flavour.llvm}"
        if self.flavour.patched:
            for path in (PATCH, MODULE, ADD):
                if not path.exists():
                    raise Failure(f"{version} {flavour}: {path.relative_to(TOP)} is missing from this checkout")
        self.source = source(version, given, fetch)
        self.what = f"{self.source.version} {flavour}" + self.architecture.suffix.replace("-", " ")
        self.fragments = [path for name in ("base", *self.architecture.fragments, *self.flavour.fragments)
                          for path in fragments_of(name, self.source.series)]
        self.stem = f"{self.source.name}{self.architecture.suffix}-{flavour}-"
        self.entry = CACHE / "kernel" / (self.stem + self.key())

    @property
    def files(self):
        """How many a first build makes, until one has counted them."""
        return OBJECTS[self.flavour.objects].files

    def key(self):
        return digest(*self.ingredients())

    def ingredients(self):
        _, compiler = run([self.compiler, "--version"], env=BUILD_ENV)
        words = (RECIPE, FIXED_ENV, self.flavour.objects, self.make_words, self.architecture.image)
        return [repr(words), self.source.id, first_line(compiler), tree_key(self.flavour), *self.fragments]

    def is_kept(self):
        return self.entry.is_dir()

    def get(self):
        """The cache entry, built when it is missing."""
        if not claim(self.entry):
            self.source.tree()
            with locked(f"build-{self.source.name}", self.what):
                if not self.entry.is_dir():
                    self.build()
        return self.entry

    def build(self):
        need_space(OBJECTS[self.flavour.objects].gigabytes, self.what)
        started = time.monotonic()
        progress.show(f"{self.what}: preparing", always=True)
        tree = Tree(self.source)
        tree.prepare(self.flavour)
        self.tree = tree.path
        self.objects = tree.top / (self.flavour.objects + self.architecture.suffix)
        self.objects.mkdir(exist_ok=True)
        self.log_path = tree.top / f"{self.flavour.name}{self.architecture.suffix}.log"
        with scratch(self.entry.parent) as new, open(
                self.log_path, "w", buffering=1, encoding="utf-8") as self.log:
            self.configure()
            self.compile(tree.top / "totals.json")
            self.make_more(new)
            for name in (self.architecture.image, "System.map", *self.tree_modules()):
                shutil.copy(self.objects / name, new)
            shutil.copy(self.objects / ".config", new / "config")
            shutil.copy(self.log_path, new / "build.log")
            self.remove_older()
            new.rename(self.entry)
        seconds = time.monotonic() - started
        # Warnings about .config: fragments change choices of tinyconfig.
        warnings = sum(": warning:" in line and not line.startswith(".config:")
                       for line in (self.entry / "build.log").read_text().splitlines())
        progress.done(f"{self.what}: built in {seconds:.0f} s"
                      + (f", {warnings} warnings in {self.entry / 'build.log'}" if warnings else ""))
        Times.add({self.what: seconds})

    def remove_older(self):
        """Entries of this flavour, and not of another one whose name begins like it."""
        remove_unused(self.entry.parent.glob(self.stem + "?" * DIGITS))

    def image(self):
        """The image's name in the cache entry and for make."""
        return Path(self.architecture.image).name

    def get_image(self):
        return self.get() / self.image()

    def get_module(self):
        return self.get() / KO

    def make(self, *words):
        return ["make", "-C", self.objects, *self.make_words, *words]

    def step(self, command, cwd=None):
        status, _ = run(command, self.log, env=BUILD_ENV, cwd=cwd)
        if status:
            self.fail()

    def fail(self):
        """Raise the first errors of the log."""
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
                if symbol := re.match(r"(?:# )?(CONFIG_\w+)(?:=| is not set$)", line):
                    wanted[symbol[1]] = (line, path.name)
        result = (self.objects / ".config").read_text().splitlines()
        lost = []
        for name, (line, fragment) in wanted.items():
            # A symbol whose dependencies are off is off as well.
            absent = line.startswith("#") and not any(row.startswith(f"{name}=") for row in result)
            if line not in result and not absent:
                lost.append(f"{line} ({fragment})")
        if lost:
            raise Failure(f"{self.what}: the configuration of {self.source.id} drops {', '.join(lost)}; "
                          "a symbol that not all series have belongs into tests/configs/NAME-FIRST-LAST.config")

    def compile(self, totals_path):
        """Build the image, counting files."""
        try:
            totals = json.loads(totals_path.read_text())
        except (OSError, ValueError):
            totals = {}
        cold = not (self.objects / "vmlinux").exists()
        kind = f"{self.flavour.name}{self.architecture.suffix} {'all' if cold else 'changed'}"
        total = totals.get(kind) or (self.files if cold else CHANGED_GUESS)
        done, started = 0, time.monotonic()
        # modules: a build out of tree needs the output of modpost
        with start(self.make(f"-j{os.cpu_count()}", self.image(), "modules"), env=BUILD_ENV,
                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
            for line in process.stdout:
                self.log.write(line)
                done += bool(re.match(r"  (CC|AS|LD) ", line))
                passed = time.monotonic() - started
                left = f", {passed * (total - done) / done / 60:.0f} min left" if passed > 60 and 0 < done < total else ""
                progress.show(f"{self.what}: building, {done} of ~{max(total, done)} files{left}")
            status = process.wait()
        if status:
            self.fail()
        # A build that continues an interrupted one counts fewer files.
        totals[kind] = max(done, totals.get(kind, 0)) if cold else done
        totals_path.write_text(json.dumps(totals))

    def tree_modules(self):
        # Commit f65a486821cf ("kbuild: change module.order to list *.o instead of *.ko"), 6.3
        return [Path(name).with_suffix(".ko") for name in (self.objects / "modules.order").read_text().split()]

    def make_more(self, new):
        """For flavours that keep more than the image."""
