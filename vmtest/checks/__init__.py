# SPDX-License-Identifier: GPL-2.0-only
"""What virtual machines report, compared: with other kernels, and with what may be."""
