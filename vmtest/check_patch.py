# SPDX-License-Identifier: GPL-2.0-only
"""
Tries the patches on kernel sources, with each tool that distributions apply patches with, and allows no fuzz: those that
scripts/patches prints for the source, with all combinations of the optional ones. Only the files that the patches touch
are kept.
"""

import itertools
import os
import re
import shlex
import shutil
import sys
import tempfile
from pathlib import Path

from . import TOP, Failure
from .config import DEFAULT_VERSION, VERSIONS
from .process import run
from .sources import source
from .store import progress

HOOKS = TOP / "kernel-hooks.patch"
OPTIONAL = sorted(path.stem for path in TOP.glob("patches/*.patch"))
HEADER, NULLFS, MAKEFILE = "include/linux/rootfs_provider.h", "fs/nullfs.c", "fs/Makefile"
# Files of a kernel; the patch adds the header.
TOUCHED = sorted(set(re.findall(r"^--- a/(.*)", HOOKS.read_text(), re.M)) - {HEADER})
ENV = {**os.environ, "LC_ALL": "C", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null",
       **{f"GIT_{who}_{what}": "check@localhost" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}}
PATCH = ["patch", "-p1", "-F0", "--batch", "-i"]
REVERT = ["patch", "-p1", "-F0", "-R", "--force", "-i"]     # --batch would apply what is not there
TOOLS = {"patch -p1 -F0": PATCH, "git apply": ["git", "apply"], "git am": ["git", "am", "-q"]}
DRY_RUN = "patch -p1 -F0 --dry-run"     # of kernel-hooks.patch, with nothing applied
# Verdicts on a tree, in the words of tests/kernels.
APPLIES, APPLIED, NATIVE, TOO_OLD, FAILS = "applies", "already applied", "native", "too old", "does not apply"


class Trial:
    """The patches on one kernel source."""

    def __init__(self, tree, work):
        self.tree = tree
        self.work = work
        self.lines = []

    def version(self):
        makefile = (self.tree / "Makefile").read_text()
        return [int(re.findall(rf"^{name} = *(\d+)", makefile, re.M)[0]) for name in ("VERSION", "PATCHLEVEL", "SUBLEVEL")]

    def verdict(self):
        missing = [name for name in ("Makefile", *TOUCHED) if not (self.tree / name).is_file()]
        if missing:
            self.lines.append(f"not a kernel source tree, it has no {' '.join(missing)}")
            return FAILS
        if (self.tree / NULLFS).is_file():
            self.lines.append("it has nullfs already: nothing to apply")
            return NATIVE
        if (self.tree / HEADER).is_file():
            return self.applied()
        found = [self.patches(chosen) for number in range(len(OPTIONAL), -1, -1)
                 for chosen in itertools.combinations(OPTIONAL, number)]
        combinations = [list(patches) for patches in dict.fromkeys(map(tuple, found))]  # the first has all that the source takes
        if self.dry_run() and all([self.applies(tool, combinations) for tool in TOOLS]):
            return APPLIES
        if self.version() < [6, 1]:
            self.lines.append("older than 6.1, and untested: to try it, put in by hand what has failed")
            return TOO_OLD
        return FAILS

    def patches(self, chosen):
        """What scripts/patches prints for the source with these optional patches."""
        words = [word for name in OPTIONAL for word in ("--with" if name in chosen else "--without", name)]
        status, output = run([TOP / "scripts/patches", *words, self.tree])
        if status:
            raise Failure(output.strip())
        return list(map(Path, output.splitlines()))

    def copy(self):
        shutil.rmtree(self.work, ignore_errors=True)
        for name in (*TOUCHED, HEADER, MAKEFILE):
            if (self.tree / name).is_file():
                (self.work / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(self.tree / name, self.work / name)

    def do(self, *command):
        return run(command, env=ENV, cwd=self.work)

    def applied(self):
        self.copy()
        self.do(TOP / "scripts/add-to-tree", "--remove", self.work)
        applied = [HOOKS]
        for name in OPTIONAL:
            patch = TOP / f"patches/{name}.patch"
            if not self.do(*REVERT, patch, "--dry-run")[0]:
                self.do(*REVERT, patch)
                applied.append(patch)
        if self.do(*REVERT, HOOKS)[0]:
            self.lines.append("another version of this patch is applied: take that out first")
            return FAILS
        self.lines.append(f"already applied: {', '.join(patch.name for patch in applied)}")
        return APPLIED

    def failed(self, tool, patch, output):
        self.lines += [f"FAILED: {tool}: {patch.name}", *(f"    {line}" for line in output.splitlines())]
        return False

    def dry_run(self):
        self.copy()
        status, output = run(["sh", "-c", f"{DRY_RUN} --batch <{shlex.quote(str(HOOKS))}"], env=ENV, cwd=self.work)
        if status:
            return self.failed(DRY_RUN, HOOKS, output)
        self.lines.append(f"ok: {DRY_RUN}")
        return True

    def applies(self, tool, combinations):
        moved = []
        for patches in combinations:
            self.copy()
            for command in ("git init -q", "git add .", "git commit -q -m base"):
                self.do(*command.split())
            for patch in patches:
                status, output = self.do(*TOOLS[tool], patch)
                if status:
                    return self.failed(tool, patch, output)
                if patches is combinations[0]:
                    moved += offsets(output)
        optional = ", ".join(patch.stem for patch in combinations[0][1:])
        self.lines += [f"ok: {tool}, also with all combinations of {optional}", *moved]
        return True


def offsets(output):
    """How far patch(1) has moved the hunks."""
    for line in output.splitlines():
        if file := re.match(r"patching file (.*)", line):
            name = file[1]
        elif hunk := re.match(r"Hunk #(\d+) succeeded at \d+ \(offset (-?\d+ lines?)\)", line):
            yield f"  {name} hunk {hunk[1]}: {hunk[2]} off"


def main(names):
    given = os.environ.get("KERNEL_SRC")
    if not names:
        kernel = os.environ.get("KERNEL") or "all"
        names = [kernel] if kernel != "all" else [DEFAULT_VERSION] if given else list(VERSIONS)
    applies = tried = surprises = 0
    with tempfile.TemporaryDirectory() as work:
        for name in names:
            own = given or Path(name).is_dir()
            tree = Path(name) if Path(name).is_dir() else source(name).files(["Makefile", NULLFS, HEADER, MAKEFILE, *TOUCHED])
            progress.end()
            trial = Trial(tree.resolve(), Path(work, "tree"))
            verdict = trial.verdict()
            version = ".".join(map(str, trial.version())) if (tree / "Makefile").is_file() else "?"
            print(f"Linux {version} ({tree if own else name}): {verdict}")
            for line in trial.lines:
                print(f"    {line}")
            expected = (APPLIES, APPLIED) if own else (VERSIONS[name].expected,)
            if verdict not in expected:
                surprises += 1
                print(f"    expected: {expected[0]}")
            elif verdict in (NATIVE, TOO_OLD):
                continue
            tried += 1
            applies += verdict in (APPLIES, APPLIED)
            sys.stdout.flush()
    print(f"kernel-hooks.patch applies to {applies} of {tried} source trees"
          + (f"; {len(names) - tried} more are refused, as they should be" if len(names) > tried else ""))
    return 1 if surprises else 0
