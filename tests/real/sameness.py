"""What a cloud tells and causes while the one program runs on it, so that clouds can be compared."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, NamedTuple

import lab
from lab.cloud import Cloud
from lab.journal import Entry
from lab.journal.export import trace
from tests.fidelity.score import Key, is_spine, key_of
from tests.real.same_program import Program

ONE_HOST = {"racks": 1, "hosts_per_rack": 1, "storage_nodes": 1, "vcpus": 8, "memory_mib": 16_384}
AFTERMATH_S = 2.0
TOLD = [
    "image: queued",
    "image: active",
    "network: ACTIVE",
    "server: ACTIVE",
    "volume: available",
    "attached as /dev/vdb",
    "volume: in-use",
    "volume: available",
    "volume: gone",
    "misfit: ERROR 500 No valid host was found.",
    "server: gone",
]


class Seen(NamedTuple):
    """What the program told, the messages of the spine that it caused, and the journal that they are from."""

    told: list[str]
    spine: Counter[Key]
    entries: list[Entry]


async def watch(cloud: Cloud, image: bytes, read: Callable[[int], Awaitable[Iterable[Entry]]]) -> Seen:
    """Run the program; `read(since)` answers the cloud's journal after an entry. The agents' last messages are waited for."""
    await cloud.session.authenticate()
    mark = max((entry.seq for entry in await read(0)), default=0)
    told = await Program(cloud, image).run()
    await cloud.sleep(AFTERMATH_S)
    entries = list(await read(mark))
    return Seen(told, Counter(key_of(row) for row in trace(entries) if is_spine(row)), entries)


async def watch_here(cloud: Any, image: bytes) -> Seen:
    """The same for a cloud whose journal is in this program."""

    async def read(since: int) -> Iterable[Entry]:
        entries: Iterable[Entry] = cloud.journal.since(since)
        return entries

    return await watch(cloud, image, read)


def simulated(image: bytes) -> Seen:
    """The program on a simulated cloud, in virtual time."""

    async def main() -> Seen:
        async with Cloud.simulated(7, datacenter=ONE_HOST) as cloud:
            return await watch_here(cloud, image)

    return lab.run(main, seed=7)


def real(here: Any, image: bytes) -> Seen:
    """The program on a real cloud in this program."""

    async def main() -> Seen:
        async with Cloud.real(here) as cloud:
            return await watch_here(cloud, image)

    return asyncio.run(main())


def assert_same(first: Seen, other: Seen) -> None:
    """Raise AssertionError that names what one has and the other has not."""
    assert first.told == TOLD
    assert first.spine.total() > 50
    assert other.told == first.told
    assert other.spine == first.spine, {"only in the first": first.spine - other.spine, "only in the other": other.spine - first.spine}
