# SPDX-License-Identifier: GPL-2.0-only
"""
Unit tests of vmtest/: `make unit` runs them in seconds, without root, network or a kernel. recorded/ has the consoles and
reports of real boots, those of the tests runner-*, cut down to their ends.
"""
import atexit
import os
import shutil
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOP = HERE.parent.parent
RECORDED = HERE / 'recorded'

# vmtest.store looks for its place when it is imported: none of these tests may touch the user's cache.
_home = tempfile.mkdtemp(prefix='immutable-rootfs-unit-')
atexit.register(shutil.rmtree, _home, ignore_errors=True)
os.environ['XDG_CACHE_HOME'] = _home
for _name in ('KERNEL_SRC', 'KERNEL', 'SEED', 'OPERATIONS', 'UPSTREAM', 'JOBS'):
    os.environ.pop(_name, None)


def executable(path, text):
    """A script that takes the place of a program."""
    path.write_text(f'#!/bin/sh\n{text}\n', encoding='utf-8')
    path.chmod(0o755)
    return path


def qemu(path, text):
    """A stand-in for QEMU; in it $console and $report are the files behind the serial ports, $gdb is the debugger's socket."""
    return str(executable(path, f'''
        unset console report gdb
        for word; do
            case $word in
            file:*) if [ "$console" ]; then report=${{word#file:}}; else console=${{word#file:}}; fi ;;
            unix:*) gdb=${{word#unix:}} gdb=${{gdb%%,*}} ;;
            esac
        done
        {text}'''))
