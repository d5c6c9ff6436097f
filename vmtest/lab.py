# SPDX-License-Identifier: GPL-2.0-only
"""Runs a script of tests/debian in a Debian system, as tests/host/lab.sh does."""
import os
import re

from . import TOP, Failure
from .process import must, script


def checkout(directory):
    """A copy of the checkout."""
    directory.mkdir()
    must("sh", "-ec", 'tar -C "$1" --exclude-vcs --exclude-vcs-ignores -c . | tar -C "$2" -x', "sh", TOP, directory)


def run(base, name, lab, directory):
    """Run tests/debian/NAME there, in a copy of lab that has a checkout; unpack made.tar, which it leaves, to directory."""
    (lab / "run").write_text(f"#!/bin/sh\nexec checkout/tests/debian/{name}\n")
    (lab / "run").chmod(0o755)
    made = directory / "made.tar"
    said = script("scripts/in-debian", base, lab, "/lab/made.tar", made)
    (directory / "report").write_text(said)
    failed = re.search(r"^not ok \d+ (.*(?:\n#.*)*)", said, re.M)
    if failed or not re.search(r"^1\.\.[1-9]", said, re.M):
        raise Failure(f"tests/debian/{name}: the system was not made as it should be: {failed[1] if failed else said}")
    must("tar", "-C", directory, "-xf", made)
    os.unlink(made)
