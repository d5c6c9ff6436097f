# SPDX-License-Identifier: GPL-2.0-only
"""
Kernel sources: given by the user, from the machine's suites of Debian, from another suite of its archive, or a package that
the archive has and no suite lists any more.

source(name), with a name of tests/kernels, has
    series, id      such as 6.12; and a name for exactly this content
    tree()          the path of the unpacked source
    files(names)    the path of a directory with these files, if the source has them
"""

import functools
import os
import re
import shutil
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from . import TOP, Failure, debian
from .config import VERSIONS
from .debian import numbers
from .process import APT_ENV, BUILD_ENV, first_line, last_line, run
from .store import CACHE, digest, kept, locked, progress, remove_entry, scratch

DOWNLOAD = CACHE / "download"
NEEDED = 3  # gigabytes for a tree
EVERY_TREE_HAS = "Kbuild"
SUMS = TOP / "tests/kernels.sha256"


def source(name, given=None, fetch=True):
    """The source of a version, or given, or KERNEL_SRC in the environment. Without fetch the archive may lack it."""
    given = given or os.environ.get("KERNEL_SRC")
    if given:
        return given_source(str(given))
    return archive_source(VERSIONS[version(name)], fetch)


@functools.cache
def archive_source(row, fetch):
    """The same one each time: apt takes half a second to answer."""
    if row.origin == "given":
        raise Failure(f"{row.name}: Debian's archive has no source of it: name a tree or a tar archive of it with KERNEL_SRC=")
    if row.origin in ("oldest", "newest"):
        return ArchiveSource(row, fetch)
    return FileSource(row) if row.origin.endswith(".deb") else PackageSource(row)


def version(name):
    """What a name means: that of KERNEL_SRC, as its Makefile says it, or itself if it is a name of tests/kernels."""
    given = os.environ.get("KERNEL_SRC")
    if given:
        return given_source(given).version
    if name not in VERSIONS:
        raise Failure(f"'{name}' is no kernel of tests/kernels, there are {', '.join(VERSIONS)}; or set KERNEL_SRC")
    return name


@functools.cache
def given_source(path):
    return GivenSource(path)


class KeptSource:
    """A source in the cache."""

    version: str    # its name for the user
    name: str       # for directories and locks
    stem: str       # the names of its directories begin with it
    id: str
    series: str

    def fetch(self) -> Path | None:
        """The path of the archive, or None if there is none."""
        raise NotImplementedError

    def tree(self):
        return self.kept(CACHE / "source" / self.id, lambda new: self.unpack(new, ()), NEEDED)

    def files(self, names):
        path = CACHE / "files" / f"{self.id}_{digest(*sorted(names))}"
        whole = CACHE / "source" / self.id

        def make(new):
            if whole.is_dir():
                copy_files(whole, new, names)
            else:
                self.unpack(new, names)
        return self.kept(path, make, 1)

    def kept(self, path, make, gigabytes):
        # There may be several sets of files of one release.
        return kept(path, self.version, make, gigabytes, lock=f"{path.parent.name}-{self.name}",
                    others=lambda name: name.startswith(self.stem) and not name.startswith(f"{self.id}_"))

    def unpack(self, tree, names):
        """Unpack the archive, or some of its files."""
        # Another process may discard the archive, as it is for the tree or for other files of it.
        with locked(f"download-{self.name}", self.version), scratch(DOWNLOAD) as work:
            archive = self.fetch()
            assert archive
            progress.show(f"{self.version}: {'looking into' if names else 'unpacking'} {archive.name}", always=True)
            inner = archive
            if archive.suffix == ".deb":
                self.check(failed(["dpkg-deb", "-x", archive, work]), archive)
                inner, = work.glob("usr/src/linux-source-*.tar.xz")
            self.check(untar(inner, tree, names), archive)
            self.discard(archive)

    def check(self, errors, archive):
        if errors:
            self.discard(archive)  # it is broken: fetch it again
            raise Failure(f"{self.version}: cannot unpack {archive}: {errors[0]}")

    def discard(self, path):
        path.unlink()


def failed(command, but=r"\A\Z"):
    """The error messages of a command that fails, without lines that match but."""
    status, output = run(command, env=BUILD_ENV)
    errors = [line.strip() for line in output.splitlines() if not re.fullmatch(but, line)]
    return (errors or ([] if output else [f"status {status}"])) if status else []


def untar(archive, tree, names):
    """Unpack the content of the directory at the top, or these names of it; return errors."""
    command = ["tar", "-C", tree, "--strip-components=1", "--no-same-owner", "-xf", archive]
    if archive.suffix == ".xz":
        command += ["-I", "xz -T0"]
    if names:
        command += ["--wildcards", "--no-wildcards-match-slash", *(f"*/{name}" for name in names)]
    return failed(command, r"tar: (\S+: Not found in archive|Exiting with failure status .*)")


def copy_files(whole, tree, names):
    for name in names:
        if (whole / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(whole / name, tree / name)


class GivenSource(KeptSource):
    """KERNEL_SRC, a directory or a tar archive. It is called by the series that its Makefile tells, such as 6.6."""

    def __init__(self, given):
        self.given = given
        self.path = Path(given).resolve()
        self.version = self.path.name   # until the Makefile has told it
        if self.path.is_dir():
            if not (self.path / EVERY_TREE_HAS).is_file():
                raise Failure(f"KERNEL_SRC={given}: not a kernel source tree")
            self.read_series(self.path)
            self.name = f"{self.series}-{digest(str(self.path))[:6]}"
            content = list(tree_list(self.path))
        elif self.path.is_file():
            # A new archive replaces the former one; a tree is built repeatedly.
            self.name = "archive"
            info = self.path.stat()
            content = [f"{info.st_size} {info.st_mtime_ns}"]
        else:
            raise Failure(f"KERNEL_SRC={given}: no such directory or tar archive")
        self.stem = f"{self.name}_"
        self.id = self.stem + digest(*content)
        if self.path.is_file():
            self.read_series(self.files(["Makefile"]))

    def read_series(self, directory):
        makefile = directory / "Makefile"
        text = makefile.read_text(errors="replace") if makefile.is_file() else ""
        found = re.search(r"^VERSION *= *(\d+)\nPATCHLEVEL *= *(\d+)$", text, re.M)
        if not found:
            raise Failure(f"KERNEL_SRC={self.given}: its Makefile has no VERSION and PATCHLEVEL")
        self.version = self.series = f"{found[1]}.{found[2]}"

    def fetch(self):
        return self.path

    def files(self, names):
        return self.path if self.path.is_dir() else super().files(names)

    def discard(self, path):
        pass  # it belongs to the user

    def unpack(self, tree, names):
        if not self.path.is_dir():
            super().unpack(tree, names)
            if not names and not (tree / EVERY_TREE_HAS).is_file():
                raise Failure(f"{self.path}: no kernel source tree in it")
        else:
            self.copy(tree)

    def copy(self, tree):
        progress.show(f"{self.version}: copying {self.path}", always=True)
        shutil.copytree(self.path, tree, symlinks=True, ignore=shutil.ignore_patterns(".git"), dirs_exist_ok=True)
        if (tree / ".config").exists() or (tree / "include/config").exists():
            # kbuild refuses O= for a tree with a build in it.
            status, output = run(["make", "-C", tree, "mrproper"], env=BUILD_ENV)
            if status:
                raise Failure(f"{self.version}: make mrproper failed in a copy of {self.path}: "
                              f"{last_line(output)}")


def tree_list(top):
    """A string for each file, which changes with the file."""
    for directory, subdirectories, files in os.walk(top):
        subdirectories[:] = sorted(set(subdirectories) - {".git"})
        for name in sorted(files):
            path = os.path.join(directory, name)
            info = os.lstat(path)
            yield f"{os.path.relpath(path, top)} {info.st_size} {info.st_mtime_ns}"


class FileSource(KeptSource):
    """A package that only the archive itself has. No list vouches for it, so tests/kernels.sha256 does."""

    def __init__(self, row):
        self.version = self.name = row.name
        self.series = row.series
        self.file = row.origin
        self.stem = f"{self.name}_"
        sums = {file: checksum for checksum, file in map(str.split, SUMS.read_text(encoding="ascii").splitlines())}
        if self.file not in sums:
            raise Failure(f"{self.version}: {SUMS.relative_to(TOP)} has no line for {self.file}")
        self.checksum = sums[self.file]
        self.id = self.stem + self.checksum[:16]

    def fetch(self):
        progress.show(f"{self.version}: downloading {self.file}", always=True)
        with scratch(DOWNLOAD) as new:
            status, output = run([debian.HELPER, "download-file", f"{debian.sites()['']}/pool/main/l/linux/{quote(self.file)}",
                                  new / self.file, f"SHA256:{self.checksum}"], env=APT_ENV)
            if status:
                raise Failure(f"{self.version}: {first_line(output, 'E:') or 'download failed'}; check the network, "
                              f"or whether the archive still has {self.file}")
            (new / self.file).rename(DOWNLOAD / self.file)
        return DOWNLOAD / self.file


class PackageSource(KeptSource):
    """A Debian package of the machine's own suites."""

    def __init__(self, row):
        self.version = self.name = row.name
        self.series = row.series
        self.package = row.origin
        self.stem = f"{self.package}_"
        self.candidate()

    def candidate(self):
        """The newest version of the package that apt knows."""
        found = self.policy()
        if not found and not apt_versions():
            refresh_lists(self.version)
            found = self.policy()
        if not found:
            raise Failure(
                f"{self.version}: apt knows no package {self.package}; "
                f"there are {', '.join(apt_versions()) or 'none at all, check /etc/apt/sources.list'}")
        self.package_version = found[1]
        self.id = self.stem + self.package_version

    def policy(self):
        _, output = run(["apt-cache", "policy", self.package], env=APT_ENV)
        return re.search(r"Candidate: (\d\S*)", output)

    def fetch(self):
        status, output = self.download()
        if status and os.geteuid() == 0:
            # Old package lists name versions that the archive has dropped.
            refresh_lists(self.version)
            self.candidate()
            status, output = self.download()
        if status:
            raise Failure(
                f"{self.version}: cannot download {self.package} {self.package_version}: "
                f"{first_line(output, 'E:') or 'apt-get failed'}; "
                "check the network, and as root type: apt-get update")
        return DOWNLOAD / self.file_name()

    def file_name(self):
        return f"{self.package}_{self.package_version.replace(':', '%3a')}_all.deb"

    def download(self):
        name = self.file_name()
        if (DOWNLOAD / name).is_file():
            return 0, ""
        progress.show(f"{self.version}: downloading {name}", always=True)
        with scratch(DOWNLOAD) as new:
            # apt's own user cannot write below root's home.
            status, output = run(["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download",
                                  f"{self.package}={self.package_version}"], env=APT_ENV, cwd=new)
            if not status:
                for old in DOWNLOAD.glob(f"{self.package}_*.deb"):
                    old.unlink()
                (new / name).rename(DOWNLOAD / name)
        return status, output


def apt_versions():
    _, output = run(["apt-cache", "search", "--names-only", r"^linux-source-[0-9.]+$"], env=APT_ENV)
    found = re.findall(r"^linux-source-([0-9]+\.[0-9]+) ", output, re.M)
    return sorted(found, key=numbers)


def refresh_lists(version):
    if os.geteuid():
        raise Failure(f"{version}: the package lists are missing or old, as root type: apt-get update")
    progress.show("apt-get update", always=True)
    status, output = run(["apt-get", "-q", "update"], env=APT_ENV)
    if status:
        raise Failure(f"{version}: apt-get update failed: {first_line(output, 'E:')}; check the network")


class ArchiveSource(KeptSource):
    """The oldest or newest point release of a series in any suite of Debian's archive."""

    def __init__(self, row, fetch):
        self.version = self.name = row.name
        self.series = row.series
        self.stem = f"{self.name}_"
        releases = debian.kernel_sources(self.series)
        for release in releases if row.origin == "oldest" else reversed(releases):
            self.release, self.id = release, self.stem + release.version
            # The lists may name more than the archive has.
            if self.is_kept() or not fetch or self.fetch():
                return
        raise Failure(f"{self.version}: Debian's archive has no source of Linux {self.series} any more; "
                      "name a tree or a tar archive of it with KERNEL_SRC=")

    def is_kept(self):
        return (CACHE / "source" / self.id).is_dir() or any((CACHE / "files").glob(f"{self.id}_*"))

    def fetch(self):
        directory = DOWNLOAD / self.id
        found = list(directory.glob("*.tar.*")) or debian.download(self.release, directory)
        if not found:
            with suppress(OSError):     # another process may use it
                directory.rmdir()
        return found[0] if found else None

    def discard(self, path):
        remove_entry(path.parent)
