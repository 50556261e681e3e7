"""Root file systems of containers: each image is unpacked once a host, and a guest has only what it changed, laid over that.

    roots/gc-<cloud>-image-<id>   the image unpacked; nobody writes there
    guests/<guest>/below          a link to it
    guests/<guest>/upper          what the guest changed
    guests/<guest>/root           both as one, by overlayfs: a mount, gone with the machine's power, made again at the next start

Where the kernel has no overlayfs, or the disk's file system cannot hold its upper layer, each guest has a copy of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from pathlib import Path

from drivers.netns import MNT_DETACH, call
from drivers.owned import PART, sync
from drivers.place import Place
from lab.errors import HypervisorError, NoSpace

LEAST = 1024**2
"""Bytes that must be free: a guest that cannot write does not boot."""


class Roots:
    """The unpacked images of one cloud on one host."""

    def __init__(self, place: Place) -> None:
        self.directory = place.state / "roots"
        self.head = f"gc-{place.cloud}-image-"
        self.layered = False
        self._turns: dict[str, asyncio.Lock] = {}

    def open(self) -> None:
        """Drop what a crash left half unpacked, and see whether layers work here."""
        for left in self.directory.glob(f"{self.head}*{PART}"):
            _drop(left)
        trial = self.directory / f"{self.head}trial{PART}"
        try:
            for name in ("below", "upper", "work", "root"):
                (trial / name).mkdir(parents=True)
            _lay(trial)
            self.layered = True
        except OSError:
            self.layered = False
        finally:
            _drop(trial)

    def trees(self) -> list[Path]:
        """All that were unpacked."""
        return sorted(self.directory.glob(f"{self.head}*")) if self.directory.is_dir() else []

    async def keep(self, image_id: str, image: Path) -> None:
        """Unpack an image that comes to this host, if its guests are to share it. Raises HypervisorError, NoSpace."""
        if self.layered:
            await self._tree(image_id, image)

    async def _tree(self, image_id: str, image: Path) -> Path:
        """An image unpacked, now or before."""
        tree = self.directory / f"{self.head}{image_id}"
        async with self._turns.setdefault(image_id, asyncio.Lock()):
            if not tree.is_dir():
                part = tree.with_name(tree.name + PART)
                try:
                    part.mkdir(parents=True)
                    await unpack(image, image_id, part)
                    part.chmod(0o700)  # what in it has rights to become root is for guests alone
                    part.replace(tree)
                    sync(self.directory)
                finally:
                    await asyncio.to_thread(_drop, part)
        return tree

    async def make(self, image_id: str, image: Path, guest: Path) -> None:
        """Make the root of a guest in its directory. Raises HypervisorError, NoSpace, OSError."""
        root = guest / "root"
        root.mkdir()
        if not self.layered:
            await unpack(image, image_id, root)
            return
        tree = await self._tree(image_id, image)
        if shutil.disk_usage(guest).free < LEAST:
            raise NoSpace(f"No space left on {guest} while a root was made; delete guests or images there")
        (guest / "upper").mkdir()
        (guest / "work").mkdir()
        (guest / "below").symlink_to(tree)
        _lay(guest)


def again(guest: Path) -> None:
    """Have the root of a guest there when it starts. Raises OSError."""
    if (guest / "below").is_symlink() and not (guest / "root").is_mount():
        _lay(guest)


def _lay(guest: Path) -> None:
    layers = {"lowerdir": (guest / "below").resolve(), "upperdir": guest / "upper", "workdir": guest / "work"}
    said = ",".join(f"{name}={_escaped(path)}" for name, path in layers.items())
    call("mount", b"overlay", os.fsencode(guest / "root"), b"overlay", 0, os.fsencode(said))


async def unpack(image: Path, image_id: str, root: Path) -> None:
    """Unpack an image. Raises HypervisorError when it is no root file system, NoSpace."""
    command = ("tar", "--extract", "--numeric-owner", "--preserve-permissions", "--file", str(image), "--directory", str(root))
    process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE)
    _, said = await process.communicate()
    words = said.decode(errors="replace").strip()
    if "No space left" in words:
        raise NoSpace(f"No space left on {root.parent} while image {image_id} was unpacked; delete guests or images there")
    if process.returncode:
        raise HypervisorError(f"image {image_id} cannot be unpacked: {words.splitlines()[-1] if words else 'tar failed'}")
    if not (root / "sbin/init").is_symlink() and not (root / "sbin/init").exists():
        raise HypervisorError(f"image {image_id} has no /sbin/init; a container starts with it")


def take_off(guest: Path) -> None:
    """Unmount the root of a guest; none is no error. Its files can be removed then. Raises OSError."""
    while (guest / "root").is_mount():
        call("umount2", os.fsencode(guest / "root"), MNT_DETACH)


def _drop(directory: Path) -> None:
    if directory.is_dir():
        with contextlib.suppress(OSError):
            take_off(directory)
            shutil.rmtree(directory)


def _escaped(path: Path) -> str:
    """A path in the options of overlayfs."""
    text = str(path)
    for mark in ("\\", ",", ":"):
        text = text.replace(mark, f"\\{mark}")
    return text
