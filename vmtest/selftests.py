# SPDX-License-Identifier: GPL-2.0-only
"""The kernel's own tests of mounts, file systems, namespaces and processes, from tools/testing/selftests.

    build(source(NAME))     the path of the directory in which the kernel's own Makefiles install them
    listed(path)            those that can run, as lines COLLECTION:TEST for run_kselftest.sh
"""

import os

from . import Failure
from .process import BUILD_ENV, first_line, last_line, run
from .store import CACHE, digest, kept, progress, scratch

RECIPE = 1      # see store.digest()
TARGETS = """
    cachestat capabilities cgroup clone3 core exec fchmodat2 filelock filesystems filesystems/epoll filesystems/eventfd
    filesystems/overlayfs filesystems/statmount mount mount_setattr move_mount_set_group nsfs openat2 pid_namespace pidfd
    proc timens tmpfs uevent
""".split()
LIST = "kselftest-list.txt"
# Their Makefiles build and install them, but do not list them (the first one up to 6.1).
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
# An address sanitizer has to be the first library; in the guest it is not.
FLAGS = ["USERCFLAGS=-s -fno-sanitize=all"]


def targets(tree):
    """The targets that this kernel has."""
    return [name for name in TARGETS if (tree / "tools/testing/selftests" / name / "Makefile").is_file()]


def build(source):
    _, compiler = run(["gcc", "--version"], env=BUILD_ENV)
    key = digest(repr((RECIPE, TARGETS, FLAGS)), source.id, first_line(compiler))
    pristine = source.tree()
    return kept(CACHE / "selftests" / f"{source.name}_{key}", f"{source.version} selftests",
                lambda entry: make(source, pristine, entry), lock=f"selftests-{source.name}",
                others=lambda name: name.startswith(f"{source.name}_"))


def make(source, pristine, entry):
    what = f"{source.version} selftests"
    progress.show(f"{what}: building", always=True)
    log_path = CACHE / "selftests" / f"{source.name}.log"
    with scratch(CACHE / "selftests") as new, open(log_path, "w", encoding="utf-8") as log:
        tree, objects = new / "tree", new / "objects"
        for command in (
                # some Makefiles write beside their sources
                ["cp", "-al", pristine, tree],
                ["make", "-C", tree, f"O={objects}", "ARCH=x86_64", f"-j{os.cpu_count()}", "headers"],
                ["make", "-C", tree / "tools/testing/selftests", f"O={objects}", "ARCH=x86_64", "FORCE_TARGETS=1",
                 f"TARGETS={' '.join(targets(pristine))}", *FLAGS, f"KSFT_INSTALL_PATH={entry}",
                 f"-j{os.cpu_count()}", "install"]):
            status, output = run(command, log, env=BUILD_ENV)
            if status:
                errors = [line.strip() for line in output.splitlines() if "error:" in line or "cannot find" in line]
                raise Failure(f"{what}: the build failed, see {log_path}: {errors[-1] if errors else last_line(output)}")


def listed(path):
    lines = (path / LIST).read_text(encoding="utf-8").split()
    return [line for line in dict.fromkeys((*lines, *FORGOTTEN)) if line not in LEFT_OUT]
