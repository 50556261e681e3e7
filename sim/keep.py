"""A kept cloud: its records, its world's disks and its clock in one database.

A restart is a power cycle of the datacenter: time goes on from the last stored instant, random streams
use the next boot's number, disks are as they were, guests are off.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lab.store import Field, Record
from lab.store.sql import SqlStore


class WorldClock(Record):
    """Where the clock stood, which boot this is, and with which seed and epoch the cloud was made."""

    id: int = 1
    t_ns: int
    boot: int
    seed: str
    epoch: str


CLOCK = "gc_worldclock"


class WorldDisk(Record):
    """One thing on one of the world's disks."""

    __key__ = "name"
    name: str
    content: dict[str, Any] = Field(default_factory=dict)


class Keeper:
    """Keeps one simulated cloud in a database."""

    def __init__(self, url: str) -> None:
        self.store = SqlStore(url)
        self.store.transact(lambda tx: (tx.all(WorldClock), tx.all(WorldDisk)))

    def boot(self, seed: int | str, epoch: str) -> WorldClock:
        """The clock to go on with: a new one, or the kept one with its boot counted."""

        def work(tx: Any) -> WorldClock:
            clock = tx.get(WorldClock, 1)
            if clock is None:
                return tx.insert(WorldClock.make(t_ns=0, boot=0, seed=str(seed), epoch=epoch))  # type: ignore[no-any-return]
            return tx.update(clock, boot=clock.boot + 1)  # type: ignore[no-any-return]

        return self.store.transact(work)

    def follow(self, now_ns: Callable[[], int]) -> None:
        """Store the clock with every transaction from now on."""
        statement = f"UPDATE {CLOCK} SET t_ns = {self.store.mark} WHERE id = 1"  # noqa: S608 (our own table)
        self.store.before_commit = lambda cursor: cursor.execute(statement, [now_ns()])

    def disks(self) -> dict[str, dict[str, Any]]:
        """What lies on the disks."""
        return {disk.name: disk.content for disk in self.store.transact(lambda tx: tx.all(WorldDisk))}

    def write(self, name: str, content: dict[str, Any] | None) -> None:
        """Keep a change on a disk; None removes it."""

        def work(tx: Any) -> None:
            disk = tx.get(WorldDisk, name)
            if content is None:
                if disk is not None:
                    tx.delete(disk)
            elif disk is None:
                tx.insert(WorldDisk.make(name=name, content=content))
            else:
                tx.update(disk, content=content)

        self.store.transact(work)
