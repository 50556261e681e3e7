"""Directories that are ours: a file in them names the cloud, and what has no such file is never touched."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from drivers.findings import Finding
from lab.errors import DriverError, NoSpace

TAG = ".glasscloud"
"""The file that names the cloud to which a directory belongs."""
PART = ".part"
"""How the name of a file ends that is still being written; one that a crash left is removed at the next start."""
FULL = (errno.ENOSPC, errno.EDQUOT)


class NotOurs(DriverError):
    """The directory holds files, and none of them says that it is this cloud's."""


def owner(directory: Path) -> str | None:
    """The id of the cloud to which a directory belongs, or None."""
    try:
        return (directory / TAG).read_text(encoding="utf-8").strip()
    except (FileNotFoundError, NotADirectoryError):
        return None


def claim(directory: Path, cloud: str) -> None:
    """Make the directory this cloud's and drop files that a crash left half written. Raises NotOurs, and OSError."""
    directory.mkdir(parents=True, exist_ok=True)
    whose = owner(directory)
    if whose is None:
        if any(directory.iterdir()):
            raise NotOurs(not_ours(str(directory)))
        durable(directory / TAG, cloud.encode())
    elif whose != cloud:
        raise NotOurs(f"{directory} belongs to the cloud {whose!r}; give {cloud!r} a directory of its own")
    for left in directory.rglob(f"*{PART}"):
        left.unlink(missing_ok=True)


def not_ours(where: str) -> str:
    """Say that a directory of others is in the way."""
    return f"{where} holds files and is not ours (no {TAG} in it); give another path, or empty it yourself"


def give_up(directory: Path, cloud: str) -> None:
    """Remove our mark and the directory with it, when nothing else is left in it. Raises NotOurs."""
    if owner(directory) != cloud:
        if directory.exists():
            raise NotOurs(f"{directory} is not the cloud {cloud}'s; it is left as it is")
        return
    others = sorted(path.name for path in directory.iterdir() if path.name != TAG)
    if others:
        raise NotOurs(f"{directory} holds {', '.join(others[:3])}, which nobody of ours made; move that away first")
    (directory / TAG).unlink()
    directory.rmdir()


def durable(path: Path, *pieces: bytes) -> None:
    """Write a file whole or not at all: under another name, to the disk, then in its place."""
    part = path.with_name(path.name + PART)
    try:
        with part.open("wb") as out:
            for piece in pieces:
                out.write(piece)
            out.flush()
            os.fsync(out.fileno())
        settle(part, path)
    finally:
        part.unlink(missing_ok=True)


def settle(part: Path, path: Path) -> None:
    """Put a file that is written in its place; the directory's entry is on the disk when this returns."""
    part.replace(path)
    sync(path.parent)


def sync(directory: Path) -> None:
    """Bring a directory's entries to the disk."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def told_as(kind: type[DriverError], where: str, doing: str) -> Iterator[None]:
    """Turn what the operating system says into NoSpace or `kind`, with the place, the reason and the way out."""
    try:
        yield
    except NotOurs as error:
        raise kind(error.message) from error
    except OSError as error:
        if error.errno in FULL:
            raise NoSpace(f"No space left on {where} while {doing}; delete something there or give it a larger disk") from error
        reason = error.strerror or str(error)
        way = "; run as a user who may write there" if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS) else ""
        raise kind(f"{where}: {reason} while {doing}{way}") from error


def room(what: str, directory: Path) -> Finding:
    """Say how much room there is for a directory that may not exist yet."""
    there = next(path for path in (directory, *directory.parents) if path.exists())
    free = shutil.disk_usage(there).free / 1024**3
    writable = os.access(there, os.W_OK)
    detail = f"{directory}: {free:.0f} GiB free" if writable else f"{there} is not yours to write"
    korean = f"{directory}: {free:.0f} GiB 남음" if writable else f"{there}: 쓸 권한이 없습니다"
    return Finding(what, writable, detail, "" if writable else f"sudo install -d -o $USER {directory}", korean)
