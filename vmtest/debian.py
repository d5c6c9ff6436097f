# SPDX-License-Identifier: GPL-2.0-only
"""Debian's archive as the machine's apt knows it, with suites that the machine itself does not use."""

import os
import re
import time
from dataclasses import dataclass

from . import Failure
from .process import APT_ENV, first_line, run
from .store import CACHE, locked, need_space, progress, scratch

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
SUITES = """bullseye bullseye-security bookworm bookworm-security bookworm-backports
            trixie trixie-security trixie-backports sid""".split()
# Package lists of the other suites are long and not needed.
SUITES_OF_PACKAGES = ("trixie-backports", "sid")
PLACE = CACHE / "archive"
LISTS = PLACE / "lists"
FETCHED = PLACE / "fetched"     # when the lists were
GONE = PLACE / "gone"       # releases that the lists name and the archive lacks
KNOWN = PLACE / "kernel-sources"    # kernel sources in the lists
DAY = 24 * 60 * 60
HELPER = "/usr/lib/apt/apt-helper"


def numbers(version):
    return [int(number) for number in re.findall(r"\d+", version)]


def sites():
    """The addresses of Debian's own archives by the suffix of their suites: "", "-security" and so on."""
    status, output = run(["apt-get", "indextargets", "--format", "$(SITE) $(CODENAME)",
                          "Created-By: Packages", "Origin: Debian", "Component: main"], env=APT_ENV)
    found = re.findall(r"^(\S+) [a-z]+(|-updates|-security)$", output, re.M)
    if status or "" not in (kind for _, kind in found):
        raise Failure("apt knows no archive of Debian: add one to /etc/apt and run `apt-get update` as root")
    if not os.path.exists(KEYRING):
        raise Failure(f"{KEYRING} is missing: apt-get install debian-archive-keyring")
    return {kind: site for site, kind in sorted(found, reverse=True)}


def sources_of(release):
    """Lines of a sources.list for a release, with the kinds of updates that the machine uses."""
    return "".join(sorted(f"deb [signed-by={KEYRING}] {site} {release}{kind} main\n" for kind, site in sites().items()))


def backports_of(release):
    """The line for its backports."""
    return f"deb [signed-by={KEYRING}] {sites()['']} {release}-backports main\n"


def environment():
    """An environment in which apt sees all of SUITES, with lists of the last day."""
    env = {**APT_ENV, "APT_CONFIG": str(PLACE / "apt.conf")}
    with locked("archive", "package lists"):
        try:
            age = time.time() - FETCHED.stat().st_mtime
        except FileNotFoundError:
            age = DAY
        if age >= DAY:
            refresh(env)
    return env


def refresh(env):
    need_space(1, "package lists")      # on a full disk apt-get waits without end
    progress.show("package lists: fetching those of all suites", always=True)
    at = sites()
    for directory in (LISTS / "partial", PLACE / "cache/archives/partial"):
        directory.mkdir(parents=True, exist_ok=True)
    (PLACE / "status").touch()
    with open(PLACE / "sources.list", "w", encoding="utf-8") as lines:
        for suite in SUITES:
            site = at.get("-security" if suite.endswith("-security") else "")
            for kind in ("deb-src", "deb") if suite in SUITES_OF_PACKAGES else ("deb-src",):
                if site:
                    lines.write(f"{kind} [signed-by={KEYRING}] {site} {suite} main\n")
    (PLACE / "apt.conf").write_text(f"""
        Dir::Etc::sourcelist "{PLACE}/sources.list"; Dir::Etc::sourceparts "/dev/null";
        Dir::State::lists "{LISTS}"; Dir::State::status "{PLACE}/status"; Dir::Cache "{PLACE}/cache";
        APT::Sandbox::User "root"; APT::Architecture "amd64"; APT::Architectures "amd64"; Acquire::Languages "none";""")
    status, output = run(["apt-get", "-q", "update"], env=env)
    # Without a network it fails with a warning only.
    if not any(LISTS.glob("*_Sources*")):
        raise Failure(f"package lists: apt-get update failed: {first_line(output, 'E:') or first_line(output, 'W:')}; check the network")
    if status:      # a suite is gone; the others are enough
        progress.show(f"package lists: {first_line(output, 'E:')}", always=True)
    GONE.unlink(missing_ok=True)
    FETCHED.touch()


@dataclass(frozen=True)
class Release:
    """One version of a package: of the source package linux, or of a package that holds the source."""
    package: str
    version: str


def package_names():
    """All names in SUITES_OF_PACKAGES."""
    return run(["apt-cache", "pkgnames"], env=environment())[1].split()


def releases(package):
    """All releases in the lists, the newest first."""
    _, output = run(["apt-cache", "madison", package], env=environment())
    found = {Release(package, version) for version in re.findall(r"^.*? \| *(\S+) \|.* Packages$", output, re.M)}
    return sorted(found, key=lambda release: numbers(release.version), reverse=True)


def all_kernel_sources():
    """All in the lists. apt takes seconds for this."""
    env = environment()
    if KNOWN.exists() and KNOWN.stat().st_mtime > FETCHED.stat().st_mtime:
        return {Release(*line.split()) for line in KNOWN.read_text().splitlines()}
    _, source = run(["apt-cache", "showsrc", "--only-source", "linux"], env=env)
    found = {Release("linux", version) for version in re.findall(r"^Version: (\S+)", source, re.M)}
    for name in package_names():
        if re.match(r"linux-source-\d", name):
            found |= set(releases(name))
    with scratch(PLACE.parent) as new:
        (new / "known").write_text("".join(f"{release.package} {release.version}\n" for release in found))
        (new / "known").rename(KNOWN)
    return found


def kernel_sources(series):
    """The releases in the lists of a series such as 6.12, or of 7; the oldest first."""
    return sorted((release for release in all_kernel_sources() if re.match(rf"{re.escape(series)}\.", release.version)),
                  key=lambda release: (numbers(release.version), release.package))


def download(release, directory, wanted=r"\.orig\.tar\.\w+$"):
    """Download the release's files, of a source package those that match. Return their paths, none if the archive lacks them."""
    env = environment()
    name = f"{release.package}={release.version}"
    if GONE.exists() and f"{name} {wanted}" in GONE.read_text().splitlines():
        return []
    directory.mkdir(parents=True, exist_ok=True)
    command = ["source", "--download-only"] if release.package == "linux" else ["download"]
    status, output = run(["apt-get", "-q", *command, "--print-uris", name], env=env)
    files = re.findall(r"^'(\S+)' (\S+) \d+ (\S+)", output, re.M)
    if release.package == "linux":
        files = [file for file in files if re.search(wanted, file[1])]
    if status or not files:
        raise Failure(f"{name}: apt-get {command[0]} names no file: {first_line(output, 'E:')}")
    with scratch(directory) as new:
        for address, file, checksum in files:
            progress.show(f"downloading {file}", always=True)
            status, output = run([HELPER, "download-file", address, new / file, checksum], env=env)
            if status:
                if not re.search(r"\b404\b", output):
                    raise Failure(f"{file}: {first_line(output, 'E:') or 'download failed'}; check the network")
                with open(GONE, "a", encoding="utf-8") as gone:
                    print(name, wanted, file=gone)
                return []
        for _, file, _ in files:
            (new / file).rename(directory / file)
    return [directory / file for _, file, _ in files]
