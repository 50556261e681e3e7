"""A kept cloud: its records, its world's disks and its clock in one database.

A restart is a power cycle of the datacenter: time goes on from the stored instant, random streams use
the next boot's number, disks are as they were, guests are off.

The stored instant lies ahead: the clock shows nothing later than what is stored, so however the process
ends, no instant is seen twice. That a restart skips up to `LEASE_NS` is what a power cycle takes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lab.runtime import NANOSECOND, Runtime
from lab.store import Field, Record
from lab.store.sql import open_store

LEASE_NS = 30 * NANOSECOND
"""How far the stored clock may lie ahead of the shown one; it is renewed each half of that."""


class WorldClock(Record):
    """Where the clock goes on, which boot this is, and with which seed and epoch the cloud was made."""

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
        self.store = open_store(url)
        self.store.check(_kept(Record))
        self.store.transact(lambda tx: (tx.all(WorldClock), tx.all(WorldDisk)))

    def boot(self, seed: int | str, epoch: str) -> WorldClock:
        """The clock to go on with: a new one, or the kept one with its boot counted."""

        def work(tx: Any) -> WorldClock:
            clock: WorldClock | None = tx.get(WorldClock, 1)
            if clock is None:
                clock = tx.insert(WorldClock.make(t_ns=0, boot=0, seed=str(seed), epoch=epoch))
            else:
                clock = tx.update(clock, boot=clock.boot + 1)
            tx.update(clock, t_ns=clock.t_ns + LEASE_NS)
            return clock

        return self.store.transact(work)

    def follow(self, runtime: Runtime) -> None:
        """Keep the stored clock ahead of this one until the store is closed."""

        def renew() -> None:
            if self.store.is_open:
                self.store.execute(f"UPDATE {CLOCK} SET t_ns = {self.store.mark} WHERE id = 1", runtime.now_ns() + LEASE_NS)  # noqa: S608 (our own table)
                runtime.after(LEASE_NS // 2, renew)

        runtime.after(LEASE_NS // 2, renew)

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


def _kept(model: type[Record]) -> Iterator[type[Record]]:
    """Our own record classes, as far as they are imported: the whole cloud's."""
    for each in model.__subclasses__():
        if each.__module__.partition(".")[0] in ("lab", "sim"):
            yield each
        yield from _kept(each)
