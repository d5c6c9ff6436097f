# SPDX-License-Identifier: GPL-2.0-only
"""The cache. Its directories are complete or absent."""

import fcntl
import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path

from . import Failure
from .process import inherited

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "immutable-rootfs"
GIGABYTE = 1 << 30
LONGEST_RUN = 6 * 3600     # seconds
DIGITS = 16     # of a key


class Progress:
    """One line on a terminal; elsewhere a line every 30 s."""

    INTERVAL = 30

    def __init__(self):
        self.terminal = sys.stderr.isatty()
        self.last = 0.0
        self.open = False

    def show(self, text, always=False):
        now = time.monotonic()
        if self.terminal:
            if always or now - self.last > 0.1:
                sys.stderr.write(f"\r\033[K{text}")
                sys.stderr.flush()
                self.open = True
                self.last = now
        elif always or now - self.last > self.INTERVAL:
            print(text, file=sys.stderr, flush=True)
            self.last = now

    def done(self, text):
        """A line that stays."""
        self.show(text, always=True)
        if self.terminal:
            sys.stderr.write("\n")
            self.open = False

    def end(self):
        if self.open:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()
            self.open = False


progress = Progress()


@contextmanager
def locked(name, what):
    path = CACHE / "lock" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.show(f"{what}: waiting for another build of it", always=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        # Children inherit it: if this process is killed, the next one waits
        # until make has ended, too.
        inherited.append(lock.fileno())
        try:
            yield
        finally:
            inherited.remove(lock.fileno())


@contextmanager
def scratch(parent):
    """A directory that the caller renames when it is complete; otherwise it is removed."""
    parent.mkdir(parents=True, exist_ok=True)
    for left in parent.glob(".new-*"):  # by a process that was killed
        if not Path("/proc", left.name.split("-")[1]).exists():
            shutil.rmtree(left, ignore_errors=True)
    path = Path(tempfile.mkdtemp(prefix=f".new-{os.getpid()}-", dir=parent))
    path.chmod(0o755)
    try:
        yield path
    finally:
        if path.exists():
            remove(path)


def kept(path, what, make, gigabytes=1, others=lambda name: False, lock=""):
    """
    The directory path of the cache. If it is missing, make(directory) fills one that becomes it. Then it
    removes older entries beside it: those for whose names others() is true.
    """
    if claim(path):
        return path
    with locked(lock or f"{path.parent.name}-{path.name}", what):
        if not path.is_dir():
            need_space(gigabytes, what)
            with scratch(path.parent) as new:
                entry = new / "entry"
                entry.mkdir()
                make(entry)
                remove_unused(old for old in list(path.parent.iterdir())
                              if old != path and not old.name.startswith(".new-") and others(old.name))
                entry.rename(path)
    return path


def claim(path):
    """Whether the entry is there. If so, other runs leave it there for as long as this one may take."""
    with suppress(FileNotFoundError, PermissionError):
        os.utime(path)
    return path.is_dir()


def remove_unused(entries):
    """Remove those that no run of another checkout may still use."""
    for entry in entries:
        if entry.stat().st_mtime < time.time() - LONGEST_RUN:
            remove_entry(entry)


def remove(path):
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def remove_entry(path):
    """Remove it so that a reader sees all of it or nothing."""
    with scratch(path.parent) as bin_:
        path.rename(bin_ / "old")


def need_space(gigabytes, what):
    CACHE.mkdir(parents=True, exist_ok=True)
    info = os.statvfs(CACHE)
    free = info.f_bavail * info.f_frsize
    if free < gigabytes * GIGABYTE:
        raise Failure(
            f"{what}: {CACHE} needs {gigabytes} GB free and has {free / GIGABYTE:.1f} GB; "
            "make room, or set XDG_CACHE_HOME to a directory on a larger disk")


def digest(*parts):
    """
    Hash strings and files (a file by its name and content). A key consists of inputs and of a recipe number, which is
    raised when the same inputs give something else. Source text of this package is no part of it.
    """
    total = hashlib.sha256()
    for part in parts:
        text = part.name.encode() + b"\0" + part.read_bytes() if isinstance(part, Path) else part.encode()
        total.update(hashlib.sha256(text).digest())
    return total.hexdigest()[:DIGITS]


class Times:
    """How long each build and test took the last time."""

    PATH = CACHE / "times.json"

    @classmethod
    def read(cls):
        try:
            return json.loads(cls.PATH.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}

    @classmethod
    def add(cls, times):
        if not times:
            return
        with suppress(OSError), locked("times", "times"), scratch(CACHE) as new:
            (new / "times").write_text(json.dumps({**cls.read(), **times}, indent=0), encoding="utf-8")
            (new / "times").rename(cls.PATH)


def clean():
    if CACHE.is_dir():
        shutil.rmtree(CACHE)
