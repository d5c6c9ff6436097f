# SPDX-License-Identifier: GPL-2.0-only
"""How things are made once and kept: commands that can be ended, locks, directories that are complete or not there."""

import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "immutable-rootfs"
GIGABYTE = 1 << 30

# Nothing of the caller's may change what is built: not make's own variables
# (this runs below make), nor ARCH, CROSS_COMPILE, LOCALVERSION or KBUILD_*.
FIXED_ENV = {
    "LC_ALL": "C",
    "KBUILD_BUILD_USER": "immutable",
    "KBUILD_BUILD_HOST": "rootfs",
    "KBUILD_BUILD_TIMESTAMP": "Thu Jan 1 00:00:00 UTC 1970",
    "KBUILD_BUILD_VERSION": "1",
}
BUILD_ENV = {**FIXED_ENV, **{k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "TMPDIR")}}
APT_ENV = {**os.environ, "LC_ALL": "C"}  # may name a proxy


class Failure(Exception):
    pass


class Progress:
    """One line on a terminal, a line now and then elsewhere."""

    INTERVAL = 30

    def __init__(self):
        self.terminal = sys.stderr.isatty()
        self.last = 0
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

    def end(self):
        if self.open:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()
            self.open = False


progress = Progress()


def first_line(text, prefix=""):
    lines = [line for line in text.splitlines() if line.startswith(prefix)]
    return lines[0].strip() if lines else ""


def terminate(process):
    """End a process started by start(), with all its children."""
    try:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


@contextmanager
def start(command, **kwargs):
    # A group of its own, so that the whole of it can be ended.
    process = subprocess.Popen(
        [str(word) for word in command], stdin=subprocess.DEVNULL, text=True,
        errors="replace", start_new_session=True, pass_fds=held_locks, **kwargs)
    try:
        yield process
    except BaseException:
        terminate(process)
        raise


def run(command, log=None, env=None, cwd=None):
    """Run a command; return its status and what it printed."""
    with start(command, env=env, cwd=cwd, stdout=subprocess.PIPE,
               stderr=subprocess.STDOUT) as process:
        output, _ = process.communicate()
    if log:
        log.write(output)
    return process.returncode, output


held_locks = []


@contextmanager
def locked(name, what):
    path = CACHE / "lock" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.show(f"{what}: waiting for another build of it", always=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        # Children inherit it: should this process be killed, the next one
        # waits until make has gone as well.
        held_locks.append(lock.fileno())
        try:
            yield
        finally:
            held_locks.remove(lock.fileno())


@contextmanager
def scratch(parent):
    """A directory to be renamed when it is complete; removed otherwise."""
    parent.mkdir(parents=True, exist_ok=True)
    for left in parent.glob(".new-*"):  # by somebody who was killed
        if not Path("/proc", left.name.split("-")[1]).exists():
            shutil.rmtree(left, ignore_errors=True)
    path = Path(tempfile.mkdtemp(prefix=f".new-{os.getpid()}-", dir=parent))
    path.chmod(0o755)
    try:
        yield path
    finally:
        if path.exists():
            remove(path)


def remove(path):
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def remove_entry(path):
    """A reader sees all of an entry or nothing."""
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
    """Hash strings and files (a file by its name and content)."""
    total = hashlib.sha256()
    for part in parts:
        text = part.name.encode() + b"\0" + part.read_bytes() if isinstance(part, Path) else part.encode()
        total.update(hashlib.sha256(text).digest())
    return total.hexdigest()[:16]
