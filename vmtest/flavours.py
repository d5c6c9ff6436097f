# SPDX-License-Identifier: GPL-2.0-only
"""The kernels of each flavour, and what some flavours keep beside the image."""

import lzma
import os
import re
import shutil
from pathlib import Path

from . import TOP, Failure, debian
from .config import DEFAULT_MACHINE, FLAVOURS
from .kernel import KO, MODULE, PATCH, Kernel, module_files
from .process import FIXED_ENV, must
from .store import CACHE, locked, remove, scratch

MOK = CACHE / "mok"     # the test key, under dkms's names


class LoadableKernel(Kernel):
    def ingredients(self):
        return [*super().ingredients(), *module_files()]

    def make_more(self, new):
        """Build a copy of the sources against the kernel, as DKMS does."""
        module = self.objects.parent / "module"
        remove(module)
        module.mkdir()
        for path in module_files():
            shutil.copy(path, module)
        self.step(self.make(f"M={module}", "CONFIG_IMMUTABLE_ROOTFS=m", "modules"))
        if not (module / KO).is_file():
            raise Failure(f"{self.what}: {MODULE.name}/ was built without making {KO}, see {self.log_path}")
        shutil.copy(module / KO, new)


class CoverageKernel(Kernel):
    """Keeps what gcov(1) needs: the compiler's notes and the patched files."""

    def __init__(self, *words):
        super().__init__(*words)
        self.patched = sorted({Path(name) for patch in [PATCH, *TOP.glob("patches/*.patch")]
                               for name in re.findall(r"^\+\+\+ b/(\S+\.c)$", patch.read_text(), re.M)})
        self.added = [Path(path.name) for path in module_files() if path.suffix == ".c"]
        for stem in (path.stem for path in (*self.patched, *self.added)):
            # gcc counts a function that it inlines early in the caller, or not at all.
            self.make_words += [f"GCOV_PROFILE_{stem}.o=y", f"CFLAGS_{stem}.o=-fno-early-inlining"]

    def make_more(self, new):
        super().make_more(new)
        built = self.objects.parent
        module = self.objects / "fs/immutable_rootfs" if self.flavour.builtin else built / "module"
        notes = [(self.objects / name).with_suffix(".gcno") for name in self.patched]
        # A loadable module leaves out some files.
        notes += filter(Path.is_file, [(module / name).with_suffix(".gcno") for name in self.added])
        for path in notes:
            copy_to(new / "gcov" / path.relative_to(built), path)
        for name in self.patched:
            copy_to(new / "gcov/sources" / name, self.tree / name)


class LoadableCoverageKernel(CoverageKernel, LoadableKernel):
    """Builds the module first, and then keeps its notes."""


def copy_to(path, source):
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, path)


class DebKernel(Kernel):
    """Keeps the Debian packages that the kernel's own makefiles make."""

    def make_more(self, new):
        super().make_more(new)
        self.step(self.make(f"-j{os.cpu_count()}", "bindeb-pkg", "KDEB_COMPRESS=none", "KDEB_CHANGELOG_DIST=unstable",
                            # after the dash stands KBUILD_BUILD_VERSION; another one relinks the kernel
                            f"KDEB_PKGVERSION={self.source.version}-{FIXED_ENV['KBUILD_BUILD_VERSION']}",
                            "DPKG_FLAGS=--no-check-builddeps"))
        made = self.objects.parent  # where bindeb-pkg writes
        for kind in ("image", "headers"):
            package, = (path for path in made.glob(f"linux-{kind}-*.deb") if "-dbg_" not in path.name)
            package.rename(new / package.name)
        for rest in (*made.glob("linux-*"), self.objects / "debian"):
            remove(rest)


class TrustsTestKey(Kernel):
    """For a kernel: it trusts the test key, which stands for that of the machine's owner."""

    def ingredients(self):
        return [*super().ingredients(), test_key()]

    def configure(self):
        shutil.copy(test_key(), self.objects)
        super().configure()

    def make_more(self, new):
        super().make_more(new)
        for path in MOK.iterdir():
            shutil.copy(path, new)


class PackagedKernel(TrustsTestKey, DebKernel):
    """In Debian packages; takes only modules that the test key has signed."""


class NativeKernel:
    """Debian's own kernel of a series that has nullfs, as it is."""

    PACKAGE = r"linux-binary-{}\.\S*-cloud-amd64"
    IMAGE = "bzImage"

    def __init__(self, series, flavour, machine):
        if machine != DEFAULT_MACHINE:
            raise Failure(f"{series} {flavour}: there is none for {machine}, only for {DEFAULT_MACHINE}")
        self.series = series
        self.what = f"{series} {flavour}"

    def is_kept(self):
        return any((CACHE / "kernel").glob(f"{self.series}-native-*"))

    def get_image(self):
        return self.get() / self.IMAGE

    def get(self):
        names = [name for name in debian.package_names() if re.fullmatch(self.PACKAGE.format(self.series), name)]
        for name in sorted(names, key=debian.numbers, reverse=True):
            for release in debian.releases(name):
                entry = CACHE / "kernel" / f"{self.series}-native-{release.version}"
                if entry.is_dir() or self.unpack(release, entry):
                    self.release = release
                    return entry
        raise Failure(f"{self.series} native: the archive has no package {self.PACKAGE.format(self.series)}")

    def get_overlay(self):
        """overlay.ko, which other kernels have built in"""
        path = self.get() / "overlay.ko"
        package = debian.Release(self.release.package.replace("-binary-", "-modules-"), self.release.version)
        with locked("native", f"{self.series} native"), scratch(path.parent) as new:
            if not path.is_file():
                for modules in debian.download(package, new):
                    must("dpkg-deb", "-x", modules, new / "tree")
                compressed = next((new / "tree").glob("**/overlay.ko.xz"), None)
                if not compressed:
                    raise Failure(f"{self.what}: the archive has no {package.package} {package.version} with overlay.ko.xz")
                (new / "overlay.ko").write_bytes(lzma.decompress(compressed.read_bytes()))
                (new / "overlay.ko").rename(path)
        return path

    def unpack(self, release, entry):
        with locked("native", f"{self.series} native"), scratch(entry.parent) as new:
            for package in debian.download(release, new):
                must("dpkg-deb", "-x", package, new / "tree")
                kernel, = (new / "tree").glob("**/vmlinuz*")
                (new / "image").mkdir()
                kernel.rename(new / "image" / self.IMAGE)
                if not entry.is_dir():
                    (new / "image").rename(entry)
        return entry.is_dir()


def test_key():
    """The certificate of the key that packaged kernels trust, made as dkms makes its own."""
    certificate = MOK / "mok.pem"
    if not certificate.is_file():
        with locked("mok", "test key"):
            if not certificate.is_file():
                with scratch(MOK.parent) as new:
                    for command in (
                            ["openssl", "req", "-new", "-x509", "-nodes", "-days", "36500", "-subj",
                             "/CN=immutable-rootfs test key", "-newkey", "rsa:2048", "-keyout", new / "mok.key",
                             "-outform", "DER", "-out", new / "mok.pub"],
                            ["openssl", "x509", "-inform", "DER", "-in", new / "mok.pub", "-out", new / "mok.pem"]):
                        must(*command)
                    remove(MOK)
                    new.rename(MOK)
    return certificate


def kind_of(flavour):
    """The class that builds it."""
    if flavour.coverage:
        return LoadableCoverageKernel if flavour.loadable else CoverageKernel
    if flavour.packaged:
        return PackagedKernel if flavour.test_key else DebKernel
    return LoadableKernel if flavour.loadable else Kernel


def kernel(version, flavour, machine=DEFAULT_MACHINE, given=None, fetch=True):
    """given: a source tree or a tar archive in place of that of the version; without fetch it cannot be built"""
    if flavour == "native":
        return NativeKernel(version, flavour, machine)
    return kind_of(FLAVOURS[flavour])(version, flavour, machine, given, fetch)
