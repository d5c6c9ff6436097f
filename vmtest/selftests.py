# SPDX-License-Identifier: GPL-2.0-only
"""The tests that come with the kernel, in tools/testing/selftests: those about mounts, file systems, namespaces and processes.

    build(Source("6.12"))   the path of the directory in which the kernel's own Makefiles have installed them
    listed(path)            those that can be run, as lines COLLECTION:TEST for run_kselftest.sh
"""

import inspect
import os

from .debian import numbers
from .store import (BUILD_ENV, CACHE, Failure, digest, first_line, locked, need_space, progress, remove_entry, run,
                   scratch)

TARGETS = """
    capabilities cgroup clone3 core exec filesystems filesystems/epoll mount mount_setattr move_mount_set_group nsfs
    openat2 pid_namespace pidfd proc timens tmpfs uevent
""".split()
# 6.1 lacks these.
LATER = "cachestat fchmodat2 filelock filesystems/eventfd filesystems/overlayfs filesystems/statmount".split()
LATER_SERIES = "6.12"
LIST = "kselftest-list.txt"
# Their Makefiles build and install them, and (up to 6.1 the first one) forget that they are tests.
FORGOTTEN = "mount_setattr:mount_setattr_test", "move_mount_set_group:move_mount_set_group_test"
LEFT_OUT = {
    "cgroup:test_cpu": "measures how time is shared, for a minute, and depends on how busy the host is",
    "cgroup:test_cpuset_prs.sh": "takes minutes",
    "cgroup:test_cpuset_v1_hp.sh": "these kernels have no cgroup v1 cpusets",
    "cgroup:test_freezer": "expects processes to be frozen in time, and so depends on how busy the host is",
    "cgroup:test_hugetlb_memcg": "these kernels have no huge pages",
    "cgroup:test_kmem": "depends on how soon the kernel gives memory back, and so on how busy the host is",
    "cgroup:test_memcontrol": "takes minutes, and depends on when memory is reclaimed",
    "cgroup:test_stress.sh": "the others again, while the machine is busy",
    "cgroup:test_zswap": "these kernels have no zswap",
    "exec:binfmt_script.py": "there is no Python",
    "filesystems/binderfs:binderfs_test": "these kernels have no Android binder",
    "filesystems/epoll:epoll_wakeup_test": "lets threads race each other until time is up, for two minutes",
    "filesystems/fat:rename_exchange": "these kernels have no vfat",
    "openat2:rename_attack_test": "renames half a million times, which takes a minute",
    "uevent:uevent_filtering": "fails if the host is too busy for it to take events as fast as they come",
}
# Address sanitizers would have to be the first library, where the guest has another one.
FLAGS = ["USERCFLAGS=-s -fno-sanitize=all"]


def targets(series):
    return TARGETS + (LATER if numbers(series) >= numbers(LATER_SERIES) else [])


def build(source):
    _, compiler = run(["gcc", "--version"], env=BUILD_ENV)
    key = digest(inspect.getsource(make), repr((targets(source.series), FLAGS)), source.id, first_line(compiler))
    entry = CACHE / "selftests" / f"{source.name}_{key}"
    if not entry.is_dir():
        pristine = source.tree()
        with locked(f"selftests-{source.name}", f"{source.version} selftests"):
            if not entry.is_dir():
                make(source, pristine, entry)
    return entry


def make(source, pristine, entry):
    what = f"{source.version} selftests"
    need_space(1, what)
    progress.show(f"{what}: building", always=True)
    with scratch(entry.parent) as new:
        log_path = entry.parent / f"{source.name}.log"
        tree, objects, installed = new / "tree", new / "objects", new / "installed"
        with open(log_path, "w", encoding="utf-8") as log:
            for command in (
                    # some Makefiles write beside their sources
                    ["cp", "-al", pristine, tree],
                    ["make", "-C", tree, f"O={objects}", "ARCH=x86_64", f"-j{os.cpu_count()}", "headers"],
                    ["make", "-C", tree / "tools/testing/selftests", f"O={objects}", "ARCH=x86_64", "FORCE_TARGETS=1",
                     f"TARGETS={' '.join(targets(source.series))}", *FLAGS, f"KSFT_INSTALL_PATH={installed}",
                     f"-j{os.cpu_count()}", "install"]):
                status, output = run(command, log, env=BUILD_ENV)
                if status:
                    errors = [line.strip() for line in output.splitlines() if "error:" in line or "cannot find" in line]
                    raise Failure(f"{what}: the build failed, see {log_path}: "
                                  f"{(errors or output.strip().splitlines())[-1]}")
        for old in entry.parent.glob(f"{source.name}_*"):
            remove_entry(old)
        installed.rename(entry)


def listed(path):
    lines = (path / LIST).read_text(encoding="utf-8").split()
    return [line for line in dict.fromkeys((*lines, *FORGOTTEN)) if line not in LEFT_OUT]
