"""A directory of an NFS export reached by libnfs: no mount, no rights but the NAS's own.

The few calls of libnfs (version 13 of its interface, in the package libnfs13) that volumes need, by ctypes.
Source of the structures: nfsc/libnfs.h.
"""

from __future__ import annotations

import contextlib
import ctypes as c
import errno
import os
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from drivers.owned import PART, TAG, NotOurs, not_ours
from drivers.volume.files import Files

T = TypeVar("T")
LIBRARY = "libnfs.so.13"
INSTALL = "sudo apt-get install -y libnfs13 qemu-block-extra   # Fedora: sudo dnf install -y libnfs qemu-block-nfs"
ANSWERS = (errno.ENOENT, errno.EEXIST, errno.ENOTEMPTY, errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EXDEV)
"""What a NAS that works says; after anything else the connection is made anew."""


class DirectoryEntry(c.Structure):
    """The beginning of `struct nfsdirent`."""

    _fields_ = (("next", c.c_void_p), ("name", c.c_char_p), ("inode", c.c_uint64), ("type", c.c_uint32), ("mode", c.c_uint32))


FILE_SYSTEM = ("bsize", "frsize", "blocks", "bfree", "bavail", "files", "ffree", "favail", "fsid", "flag", "namemax")


class FileSystem(c.Structure):
    """`struct statvfs` of 64-bit Linux."""

    _fields_ = (*((name, c.c_ulong) for name in FILE_SYSTEM), ("spare", c.c_int * 6))


def library() -> c.CDLL:
    """Load libnfs. Raises OSError when it is not installed."""
    lib = c.CDLL(LIBRARY)
    handles = ("nfs_init_context", "nfs_readdir", "nfs_get_error")
    for name in handles:
        getattr(lib, name).restype = c.c_void_p
    lib.nfs_readdir.restype = c.POINTER(DirectoryEntry)
    lib.nfs_get_error.restype = c.c_char_p
    return lib


class Mount:
    """One connection to an export; a call's error is an OSError with the library's words."""

    def __init__(self, lib: c.CDLL, server: str, export: str, timeout_s: float) -> None:
        self._lib = lib
        self._context = c.c_void_p(lib.nfs_init_context())
        lib.nfs_set_timeout(self._context, max(1, round(timeout_s)) * 1000)
        lib.nfs_set_autoreconnect(self._context, 0)
        lib.nfs_set_tcp_syncnt(self._context, 2)
        try:
            self.call("nfs_mount", server.encode(), export.encode())
        except OSError:
            self.close()
            raise

    def call(self, name: str, *arguments: Any) -> int:
        """Call the library; negative answers are errors."""
        answer = int(getattr(self._lib, name)(self._context, *arguments))
        if answer < 0:
            told = self._lib.nfs_get_error(self._context) or b""
            raise OSError(-answer, f"{os.strerror(-answer)} ({told.decode(errors='replace').strip()})")
        return answer

    def names(self, path: str) -> list[str]:
        """List a directory."""
        directory, found = c.c_void_p(), []
        self.call("nfs_opendir", path.encode(), c.byref(directory))
        try:
            while entry := self._lib.nfs_readdir(self._context, directory):
                found.append(entry.contents.name.decode())
        finally:
            self._lib.nfs_closedir(self._context, directory)
        return sorted(set(found) - {".", ".."})

    def read(self, path: str, count: int) -> bytes:
        """Read a file's beginning."""
        file, buffer = c.c_void_p(), c.create_string_buffer(count)
        self.call("nfs_open", path.encode(), os.O_RDONLY, c.byref(file))
        try:
            got = self.call("nfs_pread", file, c.c_uint64(0), c.c_uint64(count), buffer)
        finally:
            self.call("nfs_close", file)
        return buffer.raw[:got]

    def write(self, path: str, content: bytes) -> None:
        """Make a small file."""
        file = c.c_void_p()
        self.call("nfs_creat", path.encode(), 0o644, c.byref(file))
        try:
            if content:
                self.call("nfs_pwrite", file, c.c_uint64(0), c.c_uint64(len(content)), content)
            self.call("nfs_fsync", file)
        finally:
            self.call("nfs_close", file)

    def space(self, path: str) -> FileSystem:
        """Ask for the room of the file system."""
        answer = FileSystem()
        self.call("nfs_statvfs", path.encode(), c.byref(answer))
        return answer

    def close(self) -> None:
        """Let go of the connection."""
        self._lib.nfs_destroy_context(self._context)


class NfsFiles(Files):
    """The directory `folder` of the export `server:path`."""

    def __init__(self, server: str, path: str, folder: str, timeout_s: float) -> None:
        self.server, self.path, self.folder, self.timeout_s = server, path, folder, timeout_s
        self.where = f"{server}:{path.rstrip('/')}/{folder}"
        self._mount: Mount | None = None
        self._one_caller = threading.Lock()  # a connection serves one call at a time

    def _on(self, work: Callable[[Mount], T]) -> T:
        """Do it on the connection; on a new one when the old one broke."""
        with self._one_caller:
            kept = self._mount is not None
            try:
                return self._try(work)
            except OSError as error:
                if not kept or error.errno in ANSWERS:
                    raise
            return self._try(work)

    def _try(self, work: Callable[[Mount], T]) -> T:
        if self._mount is None:
            self._mount = Mount(library(), self.server, self.path, self.timeout_s)
        try:
            return work(self._mount)
        except OSError as error:
            if error.errno not in ANSWERS:
                self._forget()
            raise

    def _forget(self) -> None:
        if self._mount is not None:
            self._mount.close()
            self._mount = None

    def close(self) -> None:
        with self._one_caller:
            self._forget()

    def _at(self, name: str = "") -> str:
        return f"/{self.folder}/{name}".rstrip("/")

    def claim(self, cloud: str) -> None:
        with contextlib.suppress(FileExistsError):
            self._on(lambda mount: mount.call("nfs_mkdir", self._at().encode()))
        whose, names = self.owner(), self.names()
        if whose is None and names:
            raise NotOurs(not_ours(self.where))
        if whose is None:
            self.write(TAG, cloud.encode())
        elif whose != cloud:
            raise NotOurs(f"{self.where} belongs to the cloud {whose!r}; give {cloud!r} an export or an id of its own")
        for name in names:
            if name.endswith(PART):
                self.unlink(name)

    def owner(self) -> str | None:
        try:
            return self.head(TAG, 64).decode().strip()
        except FileNotFoundError:
            return None

    def give_up(self) -> None:
        self.unlink(TAG)
        self._on(lambda mount: mount.call("nfs_rmdir", self._at().encode()))

    def names(self) -> list[str]:
        return [name for name in self._on(lambda mount: mount.names(self._at())) if name != TAG]

    def head(self, name: str, count: int) -> bytes:
        return self._on(lambda mount: mount.read(self._at(name), count))

    def write(self, name: str, content: bytes) -> None:
        part = name + PART
        self._on(lambda mount: mount.write(self._at(part), content))
        self.rename(part, name)

    def link(self, name: str, new: str) -> None:
        self._on(lambda mount: mount.call("nfs_link", self._at(name).encode(), self._at(new).encode()))

    def rename(self, name: str, new: str) -> None:
        self._on(lambda mount: mount.call("nfs_rename", self._at(name).encode(), self._at(new).encode()))

    def unlink(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._on(lambda mount: mount.call("nfs_unlink", self._at(name).encode()))

    def space(self) -> tuple[int, int]:
        found = self._on(lambda mount: mount.space(self._at()))
        return found.blocks * found.frsize, found.bavail * found.frsize

    def url(self, name: str) -> str:
        return f"nfs://{self.server}{self.path.rstrip('/')}/{self.folder}/{name}"

    def backing(self, name: str) -> str:
        return self.url(name)  # QEMU's client takes the file on top for a directory when a name is relative
