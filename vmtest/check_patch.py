# SPDX-License-Identifier: GPL-2.0-only
"""
Tries the patches on kernel sources, with each tool that distributions apply patches with, and allows no fuzz. Only the
files that the patches touch are kept.
"""

import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

from . import TOP, Failure
from .config import DEFAULT_VERSION, VERSIONS
from .process import run
from .sources import source
from .store import progress

HOOKS, MOUNT_IDS = TOP / "kernel-hooks.patch", TOP / "mount-ids.patch"
HEADER, NULLFS, MAKEFILE = "include/linux/rootfs_provider.h", "fs/nullfs.c", "fs/Makefile"
# Files of a kernel; the patch adds the header.
TOUCHED = sorted(set(re.findall(r"^--- a/(.*)", HOOKS.read_text(), re.M)) - {HEADER})
ENV = {**os.environ, "LC_ALL": "C", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null",
       **{f"GIT_{who}_{what}": "check@localhost" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}}
PATCH = ["patch", "-p1", "-F0", "--batch", "-i"]
TOOLS = {"patch -p1 -F0": PATCH, "git apply": ["git", "apply"], "git am": ["git", "am", "-q"]}
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
        status, patches = run([TOP / "scripts/patches", self.tree])
        if status:
            raise Failure(patches.strip())
        if all([self.applies(tool, patches.split()) for tool in TOOLS]):
            return APPLIES
        if self.version() < [6, 1]:
            self.lines.append("older than 6.1, and untested: to try it, put in by hand what has failed")
            return TOO_OLD
        return FAILS

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
        # A later commit changes what an earlier one adds.
        commits = re.split(r"(?m)^(?=From [0-9a-f]{40} )", HOOKS.read_text())
        last_first = self.work.parent / HOOKS.name
        last_first.write_text("".join(reversed(commits)))
        patches = [last_first]
        if "mnt_id_min" in (self.work / HEADER).read_text():
            patches.insert(0, MOUNT_IDS)
        if any(self.do(*PATCH, patch, "-R")[0] for patch in patches):
            self.lines.append("another version of this patch is applied: take that out first")
            return FAILS
        self.lines.append(f"already applied: {', '.join(patch.name for patch in reversed(patches))}")
        return APPLIED

    def applies(self, tool, patches):
        self.copy()
        for command in ("git init -q", "git add .", "git commit -q -m base"):
            self.do(*command.split())
        moved = []
        for patch in map(Path, patches):
            status, output = self.do(*TOOLS[tool], patch)
            if status:
                self.lines += [f"FAILED: {tool}: {patch.name}", *(f"    {line}" for line in output.splitlines())]
                return False
            moved += offsets(output)
        self.lines += [f"ok: {tool}{' with ' + MOUNT_IDS.name if len(patches) > 1 else ''}", *moved]
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
