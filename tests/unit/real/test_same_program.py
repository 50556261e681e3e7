"""One program runs unchanged on a simulated cloud, on a real one and over HTTP: same states, faults and message spines."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

import lab
from drivers.site import site
from lab.cloud import Cloud
from lab.journal import Journal
from lab.journal.export import trace
from tests.fidelity.score import Key, is_spine, key_of
from tests.paper import DRIVERS
from tests.real.same_program import Program
from tests.watching.serving import serving

IMAGE = b"the bytes of an image"
ONE_HOST = {"racks": 1, "hosts_per_rack": 1, "storage_nodes": 1, "vcpus": 8, "memory_mib": 16_384}
AFTERMATH_S = 2.0
Seen = tuple[list[str], Counter[Key]]


async def watch(cloud: Cloud, journal: Journal) -> Seen:
    """Run the program: what it told, and the spine of the messages that it caused, the agents' last ones too."""
    await cloud.session.authenticate()
    mark = journal.seq
    told = await Program(cloud, IMAGE).run()
    await cloud.sleep(AFTERMATH_S)
    return told, Counter(key_of(row) for row in trace(journal.since(mark)) if is_spine(row))


def simulated() -> Seen:
    async def main() -> Seen:
        async with Cloud.simulated(7, datacenter=ONE_HOST) as cloud:
            return await watch(cloud, cloud.journal)

    return lab.run(main, seed=7)


def real(state: Path) -> Seen:
    async def main() -> Seen:
        here = site({"cloud": {"state": str(state)}, "settings": {"password_cost": 4}, **DRIVERS})
        async with Cloud.real(here) as cloud:
            return await watch(cloud, cloud.journal)

    return asyncio.run(main())


def connected() -> Seen:
    async def main() -> Seen:
        async with (
            serving(paused=False, datacenter=ONE_HOST) as here,
            Cloud.connect(str(here.http.base_url), password=here.cloud.config.admin_password) as cloud,
        ):
            return await watch(cloud, here.journal)

    return asyncio.run(main())


@pytest.mark.slow  # the real one takes its real time
def test_it_sees_and_causes_the_same_everywhere(tmp_path: Path) -> None:
    first = simulated()
    assert first[0] == [
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
    assert first[1].total() > 50
    for other in (real(tmp_path), connected()):
        assert other[0] == first[0]
        assert other[1] == first[1], (first[1] - other[1], other[1] - first[1])
