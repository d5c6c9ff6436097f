# SPDX-License-Identifier: GPL-2.0-only
"""
Debian's source package of the kernel, kept in the cache: debian/ and, of the kernel before any patch is applied, those
files that the patches of debian/ or ours change. The file `name` beside debian/ has package and version: the newest of
the series in the archive.
"""
import re

from . import TOP, Failure, debian
from .process import must
from .sources import untar
from .store import CACHE, digest, locked, need_space, progress, remove_entry, scratch

RECIPE = 1      # see store.digest()
KEPT = CACHE / "debian-source"


def paths(patch):
    """The paths that a patch changes."""
    return re.findall(r"^(?:(?:---|\+\+\+) [^/\s]+/|rename from )(\S+)", patch.read_text(errors="replace"), re.M)


PATCHES = (TOP / "kernel-hooks.patch", *TOP.glob("patches/*.patch"))
OUR_PATHS = sorted({"Makefile", "fs/Makefile", *(path for patch in PATCHES for path in paths(patch))})


def unpack(source, tree):
    """Unpack debian/ and the files that it changes."""
    packed, = source.glob("*.debian.tar.*")
    must("tar", "-C", tree, "-xf", packed)
    patches = tree / "debian/patches"
    wanted = set(OUR_PATHS)
    for line in (patches / "series").read_text().splitlines():
        if words := line.split("#")[0].split():
            wanted.update(paths(patches / words[0]))
    packed, = source.glob("*.orig.tar.*")
    progress.show(f"looking into {packed.name}", always=True)
    if errors := untar(packed, tree, sorted(wanted)):
        raise Failure(f"{packed.name}: {errors[0]}")


def kept_source(version):
    releases = [release for release in reversed(debian.kernel_sources(version)) if release.package == "linux"]
    key = digest(repr((RECIPE, OUR_PATHS)))
    with locked(f"debian-source-{version}", f"source package of {version}"):
        for release in releases:
            final = KEPT / f"{version}_{release.version}_{key}"
            if final.is_dir():
                return final
            need_space(1, "source package")
            with scratch(KEPT) as new:
                if debian.download(release, new / "source", r"\.(orig|debian)\.tar\.\w+$"):
                    (new / "tree").mkdir()
                    unpack(new / "source", new / "tree")
                    (new / "tree/name").write_text(f"{release.package} {release.version}\n")
                    for old in KEPT.glob(f"{version}_*"):
                        remove_entry(old)
                    (new / "tree").rename(final)
                    return final
    raise Failure(f"Debian's archive has no source package of Linux {version} (any more)")
