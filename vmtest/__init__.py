# SPDX-License-Identifier: GPL-2.0-only
"""Builds kernels and Debian systems, boots them in virtual machines, and judges what they report."""
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent


class Failure(Exception):
    """One line for the user: the thing, the cause and the cure."""
