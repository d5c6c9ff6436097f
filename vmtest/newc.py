# SPDX-License-Identifier: GPL-2.0-only
"""Writes cpio archives in the "newc" format that the kernel unpacks as initramfs."""

import os
import stat
import tarfile

ALIGNMENT = 512     # archives of this alignment can be concatenated with cat


class Archive:
    """with Archive(path) as a: a.file("init", data, 0o755)

    Add directories before their content.
    """

    def __init__(self, path):
        self.out = open(path, "wb")
        self.inodes = 0
        self.links = {}     # name of a file with more than one name: its (inode, number of names)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._entry("TRAILER!!!", 0, links=1)
        self._pad(ALIGNMENT)
        self.out.close()

    def directory(self, name, mode=0o755, uid=0, gid=0):
        self._entry(name, stat.S_IFDIR | mode, uid=uid, gid=gid, links=2)

    def file(self, name, data, mode=0o644, uid=0, gid=0):
        if isinstance(data, str):
            data = data.encode()
        self._entry(name, stat.S_IFREG | mode, data, uid=uid, gid=gid)

    def symlink(self, name, target):
        self._entry(name, stat.S_IFLNK | 0o777, target.encode())

    def node(self, name, kind, mode, major, minor):
        """kind: stat.S_IFCHR or stat.S_IFBLK"""
        self._entry(name, kind | mode, device=(major, minor))

    def tree(self, path, prefix="", skip=()):
        """Adds everything below the directory path as root's, with modes reduced to 755 and 644."""
        for entry in sorted(os.scandir(path), key=lambda e: e.name):
            if entry.name in skip:
                continue
            name = prefix + entry.name
            if entry.is_symlink():
                self.symlink(name, os.readlink(entry.path))
            elif entry.is_dir():
                self.directory(name)
                self.tree(entry.path, name + "/", skip)
            else:
                with open(entry.path, "rb") as f:
                    executable = os.fstat(f.fileno()).st_mode & 0o100
                    self.file(name, f.read(), 0o755 if executable else 0o644)

    def tar(self, path, leave_out=lambda name: False):
        """Adds what the tar archive at path holds; returns the names added."""
        added = set()
        with tarfile.open(path) as tar:
            members = [(m, os.path.normpath(m.name)) for m in tar]
            members = [(m, name) for m, name in members if name != "." and not leave_out(name)]
            names_of: dict = {}
            for m, name in members:
                target = os.path.normpath(m.linkname) if m.islnk() else name
                names_of.setdefault(target, []).append(name)
            for target, names in names_of.items():
                if len(names) > 1:
                    self.inodes += 1
                    self.links.update(dict.fromkeys(names, (self.inodes, len(names))))
            for m, name in members:
                owner = {"uid": m.uid, "gid": m.gid}
                if m.isdir():
                    self.directory(name, m.mode, **owner)
                elif m.issym():
                    self.symlink(name, m.linkname)
                elif m.isfile():
                    content = tar.extractfile(m)
                    assert content
                    self.file(name, content.read(), m.mode, **owner)
                elif m.islnk():
                    self.file(name, b"", m.mode, **owner)
                elif m.ischr() or m.isblk():
                    kind = stat.S_IFCHR if m.ischr() else stat.S_IFBLK
                    self.node(name, kind, m.mode, m.devmajor, m.devminor)
                else:
                    self._entry(name, stat.S_IFIFO | m.mode, **owner)
                added.add(name)
        return added

    def _entry(self, name, mode, data=b"", uid=0, gid=0, links=1, device=(0, 0)):
        if name in self.links:
            inode, links = self.links[name]
        else:
            self.inodes += 1
            inode = self.inodes
        name = name.encode() + b"\0"
        fields = (inode, mode, uid, gid, links, 0, len(data), 0, 0, *device, len(name), 0)
        self.out.write(b"070701" + b"".join(b"%08X" % field for field in fields) + name)
        self._pad(4)
        self.out.write(data)
        self._pad(4)

    def _pad(self, alignment):
        self.out.write(bytes(-self.out.tell() % alignment))
