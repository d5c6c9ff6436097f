# SPDX-License-Identifier: GPL-2.0-only
"""The parts of a boot that must be the same as on stock, as lines."""
import re


def reported(outcome):
    """The lines that the guest marks; the default size of a tmpfs depends on the size of the kernel image."""
    return [re.sub(r'\b(size|nr_inodes)=\d+k?', r'\1=N', line) for line in outcome.report.splitlines()
            if line.startswith('# same: ')]


# nullfs takes a mount id and a device number, even if it is not attached.
IDS = re.compile(r'(?<=mount: )(later )?\d+( \d+)? \d+:\d+|(?<=statx: mount )\d+|(?<=ids ).*?(?=, attributes)')


def reported_but_ids(outcome):
    return [IDS.sub('N', line) for line in reported(outcome)]


STAMP = re.compile(r'^\[ *\d+\.\d+\] ')
COLOUR = re.compile(r'\x1b(\[[0-9;]*[a-zA-Z]|M)')


# These appear at any time on a busy host.
HOST_IS_BUSY = re.compile(r'hrtimer: interrupt took|PM-Timer running at invalid rate|perf: interrupt took too long'
                          r'|workqueue: \S+ hogged CPU|: quirk_\S+ took \d+ usecs|clocksource: Long readout interval')


def messages(outcome):
    return [STAMP.sub('', line) for line in outcome.console.splitlines()
            if STAMP.match(line) and not HOST_IS_BUSY.search(line)]


def root_panic(outcome):
    """The messages about the root, up to the panic."""
    lines = messages(outcome)
    begin = re.compile(r'VFS: |Please append|List of all|[0-9a-f]{4} +\d+ \w')    # a partition and its size
    first = next((n for n, line in enumerate(lines) if begin.match(line)), len(lines))
    last = next((n for n, line in enumerate(lines) if 'Kernel panic' in line), len(lines))
    return lines[first:last + 1]


# Numbers that differ between boots or between kernel images, and messages that consist of them.
NUMBERS = re.compile(r'0x[0-9a-f]+|\b[0-9a-f]{8,16}\b|\d+(\.\d+)?')
NOT_COMPARED = re.compile(
    r'Linux version|Command line|Kernel command line|Unknown kernel command line|tsc: |TSC found unstable|Calibrating|clocksource: '
    r'|APIC calibration|APIC delta|calibrate_delay|Probably due to long platform|smpboot: Total of|Performance Events'
    r'|random: crng|random: fast init|input: |Freeing unused|Memory: |\.\.\. MAX|rtc_cmos|Write protecting|sched_clock: Marking|Trying to unpack')


def boot_log(outcome):
    """The boot's messages, without numbers and sorted: asynchronous probing prints its messages in any order."""
    return sorted(NUMBERS.sub('N', line) for line in messages(outcome) if not NOT_COMPARED.search(line))


# The service ends by itself while systemd stops it; a busy host makes systemd wait.
TIMING = re.compile(r'tests\.service|[Jj]ob .*running|Waiting for process')


def reported_and_ending(outcome):
    """And the console from where tests/guest/service.c ends the system, sorted: units stop in any order."""
    lines = COLOUR.sub('', outcome.console).splitlines()
    begin = next((n for n, line in enumerate(lines) if line.startswith('service: ')), len(lines))
    return reported(outcome) + sorted(NUMBERS.sub('N', STAMP.sub('', line)) for line in lines[begin:]
                                      if not TIMING.search(line) and not HOST_IS_BUSY.search(line))


def booted_and_ended(outcome):
    """And the kernel's messages, without ours. systemd's first ones are among these, and the guest marks them."""
    return reported_and_ending(outcome) + [line for line in boot_log(outcome) if not re.match(r'immutable_rootfs: |systemd\S*\[', line)]


REMOUNTED = "Remounting '/' read-only"


def all_but_remount(outcome):
    return [line for line in reported_and_ending(outcome) if REMOUNTED not in line]


def lsm_messages(outcome):
    """Messages of security modules, without refusals: timing decides how many of these the kernel prints."""
    return reported(outcome) + [line for line in boot_log(outcome) if not line.startswith('audit: ')
                                and re.search(r'LSM|SELinux|AppArmor|TOMOYO|Mandatory|landlock|Yama|xattr|label', line)]


def same_as_stock(outcome):
    return reported(outcome) + boot_log(outcome)
