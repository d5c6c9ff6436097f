# SPDX-License-Identifier: GPL-2.0-only
"""Builds kernels and Debian systems, boots them in virtual machines, and judges what they report."""
