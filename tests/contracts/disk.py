"""A disk that can be filled: 2 MiB of memory, mounted where nobody else sees it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tests.real.bed.host import Holder, need


@contextlib.contextmanager
def small_disk(directory: Path) -> Iterator[tuple[Holder, Path]]:
    """Give a host with the disk, and where the host has it."""
    need()
    with Holder("disk", directory) as host:
        host.run("mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", "/mnt")
        yield host, Path("/mnt")
