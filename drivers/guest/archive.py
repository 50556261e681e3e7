"""Archives written byte by byte the same each time, without root: a kernel's cpio and a container's tar."""

from __future__ import annotations

import gzip
import io
import stat
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a root file system; owned by root.

    path: without a slash at its begin.
    mode: type and rights, as in stat.
    data: a file's bytes, or a link's target.
    device: major and minor number of a device.
    """

    path: str
    mode: int
    data: bytes = b""
    device: tuple[int, int] = (0, 0)


def folder(path: str) -> Entry:
    """A directory."""
    return Entry(path, stat.S_IFDIR | 0o755)


def file(path: str, data: bytes, rights: int = 0o644) -> Entry:
    """A file."""
    return Entry(path, stat.S_IFREG | rights, data)


def link(path: str, target: str) -> Entry:
    """A symbolic link."""
    return Entry(path, stat.S_IFLNK | 0o777, target.encode())


def device(path: str, major: int, minor: int) -> Entry:
    """A character device."""
    return Entry(path, stat.S_IFCHR | 0o600, device=(major, minor))


def cpio(entries: Iterable[Entry]) -> bytes:
    """The archive that a kernel unpacks into its first file system. Source: initramfs-buffer-format of the kernel's documents."""
    out = io.BytesIO()
    for number, entry in enumerate([*entries, Entry("TRAILER!!!", 0)], 1):
        name = entry.path.encode() + b"\0"
        fields = (number, entry.mode, 0, 0, 1, 0, len(entry.data), 0, 0, *entry.device, len(name), 0)
        for part in (b"070701" + b"".join(b"%08X" % field for field in fields) + name, entry.data):
            out.write(part)
            out.write(b"\0" * (-out.tell() % 4))
    return out.getvalue()


def tar(entries: Iterable[Entry]) -> bytes:
    """A root file system as a compressed tar; devices are left out, a container gets its own."""
    kinds = {stat.S_IFDIR: tarfile.DIRTYPE, stat.S_IFREG: tarfile.REGTYPE, stat.S_IFLNK: tarfile.SYMTYPE}
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for entry in entries:
            kind = kinds.get(stat.S_IFMT(entry.mode))
            if kind is None:
                continue
            member = tarfile.TarInfo(entry.path)
            member.type, member.mode = kind, stat.S_IMODE(entry.mode)
            if kind == tarfile.SYMTYPE:
                member.linkname = entry.data.decode()
                archive.addfile(member)
            else:
                member.size = len(entry.data)
                archive.addfile(member, io.BytesIO(entry.data))
    return gzip.compress(out.getvalue(), mtime=0)
