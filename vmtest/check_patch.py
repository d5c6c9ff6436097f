# SPDX-License-Identifier: GPL-2.0-only
"""
Tries the patches on kernel sources, with each tool that distributions apply patches with, and allows no fuzz: those that
scripts/patches prints for the source, with all combinations of the optional ones. A hunk that applies outside of the function
that it belongs to is a failure. Only the files that the patches touch are kept.
"""

import itertools
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from . import TOP, Failure
from .config import DEFAULT_VERSION, GIVEN_VERSIONS, VERSIONS
from .process import last_line, run, start
from .sources import source
from .store import progress

HOOKS = [TOP / "kernel-hooks.patch", *sorted(TOP.glob("patches/kernel-hooks-*.patch"))]     # a source takes one of them
OPTIONAL = sorted(path.stem for path in TOP.glob("patches/*.patch") if path not in HOOKS)
HEADER, NULLFS, MAKEFILE = "include/linux/rootfs_provider.h", "fs/nullfs.c", "fs/Makefile"
# Files of a kernel; the patch adds the header.
TOUCHED = sorted(set(re.findall(r"^--- a/(.*)", HOOKS[0].read_text(), re.M)) - {HEADER})
ENV = {**os.environ, "LC_ALL": "C", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null",
       **{f"GIT_{who}_{what}": "check@localhost" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}}
PATCH = ["patch", "-p1", "-F0", "--batch", "--verbose", "-i"]
REVERT = ["patch", "-p1", "-F0", "-R", "--force", "-i"]     # --batch would apply what is not there
TOOLS = {"patch -p1 -F0": PATCH, "git apply": ["git", "apply"], "git am": ["git", "am", "-q"]}
DRY_RUN = "patch -p1 -F0 --dry-run"     # with nothing applied
# Verdicts on a tree, in the words of tests/kernels.
APPLIES, APPLIED, NATIVE, TOO_OLD, FAILS = "applies", "already applied", "native", "too old", "does not apply"
NOTHING_TO_DO = (NATIVE, TOO_OLD)


class Trial:
    """The patches on one kernel source."""

    def __init__(self, tree, work):
        self.tree = tree
        self.work = work
        self.lines = []
        self.hooks = None       # which of HOOKS it takes
        self.misplaced = False
        self.offset = 0         # of the hunk that has moved farthest
        self.verdict = self.find_verdict()

    def version(self):
        if not (self.tree / "Makefile").is_file():
            return []
        makefile = (self.tree / "Makefile").read_text(errors="replace")
        found = [re.search(rf"^{name} *= *(\d+)", makefile, re.M) for name in ("VERSION", "PATCHLEVEL", "SUBLEVEL")]
        return [int(number[1]) for number in found if number]

    def find_verdict(self):
        if (self.tree / NULLFS).is_file():
            self.lines.append("it has nullfs already: nothing to apply")
            return NATIVE
        missing = [name for name in ("Makefile", *TOUCHED) if not (self.tree / name).is_file()]
        if missing:
            self.lines.append(f"not a kernel source tree, it has no {' '.join(missing)}")
            return FAILS
        if (self.tree / HEADER).is_file():
            return self.applied()
        found = [self.patches(chosen) for number in range(len(OPTIONAL), -1, -1)
                 for chosen in itertools.combinations(OPTIONAL, number)]
        combinations = [list(one) for one in dict.fromkeys(map(tuple, found))]      # the first has all that the source can take
        self.hooks = combinations[0][0]
        if self.dry_run() and all([self.applies(tool, combinations) for tool in TOOLS]):
            return FAILS if self.misplaced else APPLIES
        if self.version() < [5, 10]:
            self.lines.append("older than 5.10, and untested: to try it, put in by hand what has failed")
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
        names = []
        for name in OPTIONAL:
            patch = TOP / f"patches/{name}.patch"
            if not self.do(*REVERT, patch, "--dry-run")[0]:
                self.do(*REVERT, patch)
                names.append(patch.name)
        self.hooks = next((hooks for hooks in HOOKS if not self.do(*REVERT, hooks, "--dry-run")[0]), None)
        if not self.hooks:
            self.lines.append("another version of this patch is applied: take that out first")
            return FAILS
        self.lines.append(f"already applied: {', '.join((self.hooks.name, *names))}")
        return APPLIED

    def failed(self, tool, patch, output):
        self.lines += [f"FAILED: {tool}: {patch.name}", *(f"    {line}" for line in output.splitlines())]
        return False

    def dry_run(self):
        self.copy()
        status, output = run(["sh", "-c", f"{DRY_RUN} --batch <{shlex.quote(str(self.hooks))}"], env=ENV, cwd=self.work)
        if status:
            return self.failed(DRY_RUN, self.hooks, output)
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
                if patches is combinations[0] and TOOLS[tool] is PATCH:
                    moved += self.look_at(patch, output)
        optional = ", ".join(patch.stem for patch in combinations[0][1:])
        self.lines += [f"ok: {tool}{f', also with all combinations of {optional}' if optional else ''}", *moved]
        return True

    def look_at(self, patch, output):
        """Where the hunks have gone, as patch(1) tells it: how far from their place, and into which function."""
        belongs = functions_of(patch)
        name, lines = "", []
        for line in output.splitlines():
            if file := re.match(r"patching file (.*)", line):
                name = file[1]
                lines = (self.work / name).read_text(errors="replace").splitlines()
            elif hunk := re.match(r"Hunk #(\d+) succeeded at (\d+)(?: \(offset (-?\d+) lines?\))?", line):
                number, at, offset = int(hunk[1]), int(hunk[2]), int(hunk[3] or 0)
                if offset:
                    self.offset = max(self.offset, offset, key=abs)
                    yield f"  {name} hunk {number}: {offset} {'line' if abs(offset) == 1 else 'lines'} off"
                function = belongs[name][number - 1]
                # git has found it with three lines of context, and the patch has one or two.
                found = [function_before(lines[:at - 1 - more]) for more in range(3)]
                if function and function not in found:
                    self.misplaced = True
                    yield f"  {name} hunk {number}: MISPLACED: line {at} comes after {found[0]}, the hunk belongs after {function}"


def called(line):
    """What a line at the left margin begins, as function(), or MACRO(argument)."""
    found = re.search(r"(\w+) *\((\w*)", line)
    if not found:
        return line.strip()
    return f"{found[1]}({found[2]})" if found[1].isupper() or found[1].startswith("SYSCALL_") else f"{found[1]}()"


def function_before(lines):
    """The last thing that begins there, as diff(1) and git find it for the heading of a hunk."""
    return next((called(line) for line in reversed(lines) if re.match(r"[A-Za-z_](?!\w*:$)", line)), None)


def functions_of(patch):
    """By file, what the headings of its hunks say; None for those without."""
    found: dict[str, list[str | None]] = {}
    name = ""
    for line in patch.read_text().splitlines():
        if file := re.match(r"\+\+\+ b/(.*)", line):
            name = file[1]
        elif heading := re.match(r"@@ -\d\S* \+\d\S* @@ ?(.*)", line):
            found.setdefault(name, []).append(called(heading[1]) if heading[1] else None)
    return found


def tell(trial, name, expected):
    """Print the verdict and why; return whether it is not an expected one."""
    print(f"Linux {'.'.join(map(str, trial.version())) or '?'} ({name}): {trial.verdict}")
    for line in trial.lines:
        print(f"    {line}")
    surprise = trial.verdict not in expected
    if surprise:
        print(f"    expected: {expected[0]}")
    sys.stdout.flush()
    return surprise


def summary(trials):
    """A table, one line for each tree."""
    rows = [("version", "tree", "patch", "hunks in their functions", "farthest")]
    for name, trial in trials:
        tried = trial.verdict == APPLIES or trial.misplaced
        rows.append((".".join(map(str, trial.version())) or "?", name,
                     f"{trial.verdict}: {trial.hooks.name}" if trial.verdict == APPLIES else trial.verdict,
                     ("no" if trial.misplaced else "yes") if tried else "-", f"{trial.offset} lines" if tried else "-"))
    widths = [max(map(len, column)) for column in zip(*rows)]
    return [" ".join(f"{cell:{width}}" for cell, width in zip(row, widths)).rstrip() for row in rows]


def compiles(tree):
    """Whether the module does, for the whole source."""
    if not (tree / "Kconfig").is_file():
        return "not tried"
    status, output = run([TOP / "scripts/try-module", tree])
    if status:
        print(output, file=sys.stderr)
    return "no" if status else "yes"


def short_test(tree):
    """How it ends for the whole source: the last line of the report."""
    with start([TOP / "scripts/vmtest", "test", "--short"], env={**os.environ, "KERNEL_SRC": str(tree)},
               stdout=subprocess.PIPE) as process:
        report, _ = process.communicate()
    if process.returncode:
        print(report, file=sys.stderr)
    return last_line(report) if report else "not run", not process.returncode


def print_tried(trials, boot):
    """The table of Documentation/carrying.md, which names trees by their directories; return how many fail behind the patch."""
    print("| source | version | patch | hunks in their functions | farthest | module compiles | short test |\n"
          "|---|---|---|---|--:|---|---|", flush=True)
    failed = 0
    for name, trial in trials:
        cells = [Path(name).name, ".".join(map(str, trial.version()))]
        if trial.verdict in (APPLIES, APPLIED):
            compiled = compiles(trial.tree)
            booted, passed = short_test(trial.tree) if boot and trial.verdict == APPLIES else ("-", True)
            failed += compiled == "no" or not passed
            cells += [f"`{trial.hooks.name}`", "no" if trial.misplaced else "yes", f"{trial.offset} lines", compiled, booted]
        else:
            cells += [trial.verdict, "", "", "", ""]
        print(f"| {' | '.join(cells)} |", flush=True)
    return failed


def main(names, table=False, boot=False):
    given = os.environ.get("KERNEL_SRC")
    left_out = []
    if not names:
        kernel = os.environ.get("KERNEL") or "all"
        names = [DEFAULT_VERSION] if given else [kernel] if kernel != "all" else list(VERSIONS)
        left_out = [name for name in GIVEN_VERSIONS if name in names and len(names) > 1]
    trials, surprises = [], 0
    with tempfile.TemporaryDirectory() as work:
        for name in (name for name in names if name not in left_out):
            own = given or Path(name).is_dir()
            tree = Path(name) if Path(name).is_dir() else source(name).files(["Makefile", NULLFS, HEADER, MAKEFILE, *TOUCHED])
            progress.end()
            trial = Trial(tree.resolve(), Path(work, "tree"))
            trials.append((str(tree) if own else name, trial))
            surprises += tell(trial, trials[-1][0], (APPLIES, APPLIED, NATIVE) if own else (VERSIONS[name].expected,))
    if table or boot:
        surprises += print_tried(trials, boot)
    elif len(trials) > 1:
        print(*summary(trials), sep="\n")
    verdicts = [trial.verdict for _, trial in trials]
    nothing_to_do = sum(verdict in NOTHING_TO_DO for verdict in verdicts)
    print(f"the patch applies to {sum(verdict in (APPLIES, APPLIED) for verdict in verdicts)} of"
          f" {len(trials) - nothing_to_do} source trees"
          + (f"; {nothing_to_do} more do not need it or are refused" if nothing_to_do else "")
          + (f"; not tried, to be given: Linux {', '.join(left_out)}" if left_out else ""))
    return 1 if surprises else 0
