# SPDX-License-Identifier: GPL-2.0-only
"""Runs commands, which end when this program ends."""
import os
import signal
import subprocess
from contextlib import contextmanager

from . import TOP, Failure

# The caller's environment must not change what is built: neither variables of
# make, below which this may run, nor ARCH, CROSS_COMPILE, LOCALVERSION or KBUILD_*.
FIXED_ENV = {
    'LC_ALL': 'C',
    'KBUILD_BUILD_USER': 'immutable',
    'KBUILD_BUILD_HOST': 'rootfs',
    'KBUILD_BUILD_TIMESTAMP': 'Thu Jan 1 00:00:00 UTC 1970',
    'KBUILD_BUILD_VERSION': '1',
}
BUILD_ENV = {**FIXED_ENV, **{k: v for k, v in os.environ.items() if k in ('PATH', 'HOME', 'TMPDIR')}}
APT_ENV = {**os.environ, 'LC_ALL': 'C'}     # may name a proxy
DISK_ENV = {**os.environ, 'PATH': os.environ['PATH'] + ':/usr/sbin:/sbin'}   # mke2fs
inherited: list[int] = []       # descriptors of locks, which children keep open


def first_line(text, prefix=''):
    return next((line.strip() for line in text.splitlines() if line.startswith(prefix)), '')


def last_line(text):
    return (text.strip().splitlines() or ['no reason given'])[-1]


def terminate(process):
    """End a process that start() started, with all its children."""
    try:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


@contextmanager
def start(command, **options):
    # A group of its own, so that all of it can be ended; mmdebstrap also sends SIGHUP to its group on some errors.
    options = {'stdin': subprocess.DEVNULL, 'text': True, 'errors': 'replace', 'start_new_session': True, **options}
    process: subprocess.Popen = subprocess.Popen([str(word) for word in command], pass_fds=inherited, **options)
    try:
        yield process
    except BaseException:
        terminate(process)
        raise


def run(command, log=None, **options):
    """Run a command; return its status and what it printed."""
    try:
        with start(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options) as process:
            output, _ = process.communicate()
    except FileNotFoundError as error:
        if error.filename != str(command[0]):
            raise
        raise Failure(f'{command[0]} is not installed: scripts/setup names the package') from None
    if log:
        log.write(output)
    return process.returncode, output


def must(*command, **options):
    """Run a command that has to succeed; return what it printed."""
    status, output = run(command, **options)
    if status:
        raise Failure(f'{command[0]}: {last_line(output)}')
    return output


def script(*command, **options):
    """Run one of our own scripts; return what it printed to stdout. Its errors go to stderr."""
    with start([TOP / command[0], *command[1:]], stdout=subprocess.PIPE, **options) as process:
        output, _ = process.communicate()
    if process.returncode:
        raise Failure(f'{command[0]} failed with status {process.returncode}, see above')
    return output.strip()


def setup(*groups):
    """Install the Debian packages of these groups of scripts/setup."""
    with start([TOP / 'scripts/setup', *groups]) as process:
        status = process.wait()
    if status:
        raise SystemExit(status)    # it has printed the reason
