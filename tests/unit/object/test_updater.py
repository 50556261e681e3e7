"""What a proxy that died has left undone in a listing is done by the storage nodes."""

from __future__ import annotations

import pytest

import lab
from lab.cloud import SimulatedCloud
from lab.services.object.model import ObjectContainer, ObjectEntry

SMALL = {"racks": 1, "hosts_per_rack": 1}
PASS_S = 35.0
"""One pass of the replicators, which is when listings are looked at."""


async def forget_entry(cloud: SimulatedCloud) -> None:
    """Leave the listing as a proxy leaves it that dies after the replicas were written."""

    def work(tx):  # type: ignore[no-untyped-def]
        [entry], [container] = tx.all(ObjectEntry), tx.all(ObjectContainer)
        tx.delete(entry)
        tx.update(container, object_count=0, bytes_used=0)

    await cloud.wires.store.run(work)


@pytest.mark.parametrize("restarted", [False, True])
def test_an_object_that_was_not_listed_is_listed(restarted: bool) -> None:
    async def main() -> None:
        async with lab.Cloud.simulated(seed=7, datacenter=SMALL) as cloud:
            await cloud.object.create_container("box")
            await cloud.object.put("box", "note", b"hello")
            before = await cloud.object.list("box")
            if restarted:
                await cloud.sleep(PASS_S)
            await forget_entry(cloud)
            assert await cloud.object.list("box") == []
            if restarted:
                for host in cloud.world.disks:
                    cloud.wires.restart(f"swift-object@{host}")
            await cloud.sleep(PASS_S)
            assert await cloud.object.list("box") == before

    lab.run(main)


def test_a_deleted_object_leaves_the_listing() -> None:
    async def main() -> None:
        async with lab.Cloud.simulated(seed=7, datacenter=SMALL) as cloud:
            await cloud.object.create_container("box")
            await cloud.object.put("box", "note", b"hello")
            [entry] = await cloud.wires.store.run(lambda tx: tx.all(ObjectEntry))
            await cloud.object.delete("box", "note")
            await cloud.wires.store.run(lambda tx: tx.insert(entry))
            await cloud.sleep(PASS_S)
            assert await cloud.object.list("box") == []

    lab.run(main)
