# SPDX-License-Identifier: GPL-2.0-only
"""What of a boot has to be the same as on stock, as lines."""
import re


def reported(outcome):
    """What the guest wants compared; default sizes of a tmpfs follow the memory that the kernel image leaves."""
    return [re.sub(r'\b(size|nr_inodes)=\d+k?', r'\1=N', line) for line in outcome.report.splitlines()
            if line.startswith('# same: ')]


# nullfs takes a mount id and a device number, whatever becomes of it.
IDS = re.compile(r'(?<=mount: )(later )?\d+( \d+)? \d+:\d+|(?<=statx: mount )\d+|(?<=ids ).*?(?=, attributes)')


def reported_but_ids(outcome):
    return [IDS.sub('N', line) for line in reported(outcome)]


STAMP = re.compile(r'^\[ *\d+\.\d+\] ')


# These come at any time if the host is busy.
HOST_IS_BUSY = re.compile(r'hrtimer: interrupt took|PM-Timer running at invalid rate|perf: interrupt took too long'
                          r'|workqueue: \S+ hogged CPU|: quirk_\S+ took \d+ usecs')


def messages(outcome):
    return [STAMP.sub('', line) for line in outcome.console.splitlines()
            if STAMP.match(line) and not HOST_IS_BUSY.search(line)]


def root_panic(outcome):
    """The messages about the root, to the panic."""
    lines = messages(outcome)
    begin = re.compile(r'VFS: |Please append|List of all|[0-9a-f]{4} +\d+ \w')    # a partition and its size
    first = next((n for n, line in enumerate(lines) if begin.match(line)), len(lines))
    last = next((n for n, line in enumerate(lines) if 'Kernel panic' in line), len(lines))
    return lines[first:last + 1]


# Numbers that differ from boot to boot or from one kernel image to another, and the messages that consist of them.
NUMBERS = re.compile(r'0x[0-9a-f]+|\b[0-9a-f]{8,16}\b|\d+(\.\d+)?')
NOT_COMPARED = re.compile(
    r'Linux version|Command line|Kernel command line|Unknown kernel command line|tsc: |TSC found unstable|Calibrating|clocksource: '
    r'|APIC calibration|APIC delta|calibrate_delay|Probably due to long platform|smpboot: Total of|Performance Events'
    r'|random: crng|input: |Freeing unused|Memory: |\.\.\. MAX|rtc_cmos|Write protecting|sched_clock: Marking|Trying to unpack')


def boot_log(outcome):
    """The boot's messages, without numbers; what runs beside the boot (probing, asynchronously) comes in any order."""
    return sorted(NUMBERS.sub('N', line) for line in messages(outcome) if not NOT_COMPARED.search(line))


def lsm_messages(outcome):
    """What security modules say, but for what they forbid: how much of that is printed is a matter of time."""
    return reported(outcome) + [line for line in boot_log(outcome) if not line.startswith('audit: ')
                                and re.search(r'LSM|SELinux|AppArmor|TOMOYO|Mandatory|landlock|Yama|xattr|label', line)]


def same_as_stock(outcome):
    return reported(outcome) + boot_log(outcome)
