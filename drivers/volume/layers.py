"""How the files of a pool lie on each other, read from their names and headers.

    volume-V          what a guest writes                 volume-V@HOST   V is connected to HOST
    base-B            a layer that nobody writes any more; what lies on it names it as its backing file
    snapshot-S        a second name of base-S: as long as it is there, the snapshot is
    *.part            a file that is being written

A base without a snapshot's name is kept only for what lies on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property

from drivers.owned import PART
from drivers.volume.qemu_img import Header

VOLUME, BASE, SNAPSHOT, AT = "volume-", "base-", "snapshot-", "@"


def is_layer(name: str) -> bool:
    """Whether this is the name of a volume or a base."""
    return name.startswith((VOLUME, BASE)) and AT not in name and not name.endswith(PART)


class Layers:
    """The pool as it was read; `headers` has those of all volumes and bases."""

    def __init__(self, names: Iterable[str], headers: Mapping[str, Header]) -> None:
        self.names, self.headers = frozenset(names), headers

    @cached_property
    def written(self) -> list[str]:
        """All volumes, sorted."""
        return sorted(name for name in self.names if name.startswith(VOLUME) and is_layer(name))

    @cached_property
    def bases(self) -> list[str]:
        """All bases, sorted."""
        return sorted(name for name in self.names if name.startswith(BASE) and is_layer(name))

    @property
    def ids(self) -> list[str]:
        """The ids of all volumes and snapshots, sorted."""
        snapshots = [name.removeprefix(SNAPSHOT) for name in self.names if name.startswith(SNAPSHOT)]
        return sorted([*(name.removeprefix(VOLUME) for name in self.written), *snapshots])

    def source(self, source_id: str) -> str | None:
        """The file of a volume or of a snapshot, or None."""
        if f"{VOLUME}{source_id}" in self.names:
            return f"{VOLUME}{source_id}"
        return f"{BASE}{source_id}" if f"{SNAPSHOT}{source_id}" in self.names else None

    def hosts(self, volume_id: str) -> list[str]:
        """The hosts to which a volume is connected, sorted."""
        start = f"{VOLUME}{volume_id}{AT}"
        return sorted(name.removeprefix(start) for name in self.names if name.startswith(start))

    def chain(self, name: str) -> list[str]:
        """The file and all that it lies on, the file first."""
        chain = [name]
        while (below := self.headers[chain[-1]].backing) is not None and below in self.names and below not in chain:
            chain.append(below)
        return chain

    @property
    def in_use(self) -> set[str]:
        """All files that guests have open."""
        connected = (name.rpartition(AT)[0] for name in self.names if AT in name)
        return {layer for name in connected if name in self.names for layer in self.chain(name)}

    @property
    def unnamed(self) -> list[str]:
        """The bases that are no snapshot (any more)."""
        return [base for base in self.bases if SNAPSHOT + base.removeprefix(BASE) not in self.names]

    def lying_on(self, base: str) -> list[str]:
        """The files that have this one as their backing file."""
        return [name for name in (*self.written, *self.bases) if self.headers[name].backing == base]
