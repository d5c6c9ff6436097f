# SPDX-License-Identifier: GPL-2.0-only
"""
The tests, as data, a file for each subject: what is booted (or run on the host), and what is expected of it. row.py says
what a row consists of; vmtest/runner.py carries them out.

A guest gets `expect=nullfs` or `expect=stock` on its command line, according to flavour and parameter, and runs its
programs (tests/guest) one after the other; each reports a TAP document of its own.
"""
from . import (conformance, containers, faults, handover, host, in_ram, initramfs, load, parameters, root, runner,
               secure_boot, security_modules, status, stress, upgrade)
from .row import PATCHED

SHORT = ('initramfs', 'empty', 'memory', 'load', 'load-empty', 'root-ext4', 'unselected')
SUBJECTS = (host, initramfs, security_modules, secure_boot, conformance, load, handover, stress, root, faults, containers, in_ram,
            parameters, runner, status, upgrade)
TESTS = [test for subject in SUBJECTS for test in subject.TESTS]

# The tests and flavours that run on an architecture, with --short, or with --coverage.
SELECTIONS = {
    'all': lambda test, flavour: True,
    # These need no debugger for x86-64, no Debian system that runs on the host, no native kernel, and no selftests,
    # which are built for x86-64.
    'guest': lambda test, flavour: flavour in PATCHED and not test.fault and not test.conforms
        and not any(name.startswith('initramfs ') or name.endswith('-in-ram') for name in test.initrd),
    'short': lambda test, flavour: flavour in PATCHED and test.name in SHORT,
    # The initramfs of a generator contains the module of loadable, and this kernel rejects it.
    'coverage': lambda test, flavour: flavour != 'coverage-loadable'
        or not any(name.startswith('initramfs ') for name in test.initrd),
}
