# SPDX-License-Identifier: GPL-2.0-only
"""usage: tests/host/debian-source VERSION

Prints the directory of Debian's source package of the kernel, kept in the cache: debian/ and, of the kernel before any
patch is applied, those files that the patches of debian/ or ours change. The file `name` beside debian/ tells package
and version: it is the newest of the series that the archive has.
"""
import re
import sys
from pathlib import Path

from . import debian
from .store import CACHE, TOP, Failure, digest, locked, need_space, progress, remove_entry, run, scratch
from .sources import untar

KEPT = CACHE / "debian-source"


def paths(patch):
    """What a patch changes, as seen from the top of the tree."""
    return re.findall(r"^(?:(?:---|\+\+\+) [^/\s]+/|rename from )(\S+)", patch.read_text(errors="replace"), re.M)


OUR_PATHS = sorted({"Makefile", "fs/Makefile", *(path for patch in TOP.glob("*.patch") for path in paths(patch))})


def unpack(source, tree):
    """From the archives in source the debian/ and the rest that is needed."""
    packed, = source.glob("*.debian.tar.*")
    status, output = run(["tar", "-C", tree, "-xf", packed])
    if status:
        raise Failure(f"{packed.name}: {output.strip()}")
    patches = tree / "debian/patches"
    wanted = set(OUR_PATHS)
    for line in (patches / "series").read_text().splitlines():
        if words := line.split("#")[0].split():
            wanted.update(paths(patches / words[0]))
    packed, = source.glob("*.orig.tar.*")
    progress.show(f"looking into {packed.name}", always=True)
    if errors := untar(packed, tree, sorted(wanted)):
        raise Failure(f"{packed.name}: {errors[0]}")


def kept(version):
    releases = [release for release in reversed(debian.kernel_sources(version)) if release.package == "linux"]
    key = digest(Path(__file__).read_text(), repr(OUR_PATHS))
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


def command():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        print(kept(sys.argv[1]))
    except (Failure, OSError) as failure:
        sys.exit(f"debian-source: {failure}")
    except KeyboardInterrupt:
        sys.exit(130)
