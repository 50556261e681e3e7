"""Where the files of volumes lie: one flat directory of a cloud, on this machine or on a NAS.

All verbs block, and raise OSError as the operating system's calls do.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from pathlib import Path

from drivers.owned import TAG, claim, durable, owner, settle, sync


class Files(ABC):
    """One directory. `where` is how an error names it."""

    where: str

    @abstractmethod
    def claim(self, cloud: str) -> None:
        """Make the directory, mark it as the cloud's, and drop files half written. Raises NotOurs."""

    @abstractmethod
    def owner(self) -> str | None:
        """Say to which cloud the directory belongs, or None."""

    @abstractmethod
    def give_up(self) -> None:
        """Remove our mark and the directory; it is empty otherwise."""

    @abstractmethod
    def names(self) -> list[str]:
        """List the files, sorted, but for our mark."""

    @abstractmethod
    def head(self, name: str, count: int) -> bytes:
        """Read the beginning of a file."""

    @abstractmethod
    def write(self, name: str, content: bytes) -> None:
        """Make a small file, whole or not at all."""

    @abstractmethod
    def link(self, name: str, new: str) -> None:
        """Give the file a second name."""

    @abstractmethod
    def rename(self, name: str, new: str) -> None:
        """Put the file in the place of `new`, at once."""

    @abstractmethod
    def unlink(self, name: str) -> None:
        """Remove a name; none is no error."""

    @abstractmethod
    def space(self) -> tuple[int, int]:
        """Return the bytes of the whole file system, and those that are free for us."""

    @abstractmethod
    def url(self, name: str) -> str:
        """Return what qemu-img opens."""

    @abstractmethod
    def backing(self, name: str) -> str:
        """Return how a qcow2 file beside it names the file that it lies on."""

    @abstractmethod
    def close(self) -> None:
        """Let go of what is held."""


class LocalFiles(Files):
    """A directory of a file system of this machine."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.where = directory, str(directory)

    def claim(self, cloud: str) -> None:
        claim(self.directory, cloud)

    def owner(self) -> str | None:
        return owner(self.directory)

    def give_up(self) -> None:
        (self.directory / TAG).unlink()
        self.directory.rmdir()

    def names(self) -> list[str]:
        return sorted(path.name for path in self.directory.iterdir() if path.name != TAG)

    def head(self, name: str, count: int) -> bytes:
        with (self.directory / name).open("rb") as file:
            return file.read(count)

    def write(self, name: str, content: bytes) -> None:
        durable(self.directory / name, content)

    def link(self, name: str, new: str) -> None:
        (self.directory / new).hardlink_to(self.directory / name)
        sync(self.directory)

    def rename(self, name: str, new: str) -> None:
        settle(self.directory / name, self.directory / new)

    def unlink(self, name: str) -> None:
        (self.directory / name).unlink(missing_ok=True)

    def space(self) -> tuple[int, int]:
        stat = os.statvfs(self.directory)
        return stat.f_blocks * stat.f_frsize, stat.f_bavail * stat.f_frsize

    def url(self, name: str) -> str:
        return str(self.directory / name)

    def backing(self, name: str) -> str:
        return name  # relative: the directory may be moved, or mounted elsewhere

    def close(self) -> None:
        """Nothing is held."""
