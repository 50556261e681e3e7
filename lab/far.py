"""What the programs of one cloud know of each other's processes and clocks."""

from __future__ import annotations

from datetime import UTC, datetime

_1970 = datetime(1970, 1, 1, tzinfo=UTC)


class Far:
    """A process of another program: the sender of a message, as its receiver knows it."""

    __slots__ = ("alive", "binary", "host", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.binary, _, self.host = name.partition("@")
        self.alive = True


def epoch_ns(epoch: datetime) -> int:
    """A cloud's epoch in ns since 1970: instants travel so between programs whose epochs may differ."""
    return round((epoch - _1970).total_seconds()) * 1_000_000_000
