"""A disk that can be filled: 2 MiB of memory, mounted where nobody else sees it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.bed.host import Holder, need


@contextlib.contextmanager
def small_disk(directory: Path) -> Iterator[tuple[Holder, Path]]:
    """Give a host with the disk, and where the host has it."""
    need()
    with Holder("disk", directory) as host:
        host.run("mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", "/mnt")
        yield host, Path("/mnt")


@contextlib.contextmanager
def filled(host: Holder | None, directory: Path) -> Iterator[None]:
    """Have no room on the disk of the host that has this directory."""
    if host is None:
        pytest.skip("the directory is on this machine's own disk; as root a small one is made")
    filler = host.path(directory / "filler")
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as out:
        while out.write(bytes(4096)):
            pass
    try:
        yield
    finally:
        filler.unlink()
