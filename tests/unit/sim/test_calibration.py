"""The sums of timing.toml over the true flow agree with what was measured on real clouds, and load is felt.

Source of the figures: openstack/performance-docs (200 and 1,000 nodes; boot, delete, attach, detach, create
and delete volume; a constant rate of boots).
"""

from __future__ import annotations

import asyncio
import dataclasses
from statistics import median
from typing import Any

from lab.cloud import Cloud, run
from lab.config import Config

BIG = {"racks": 10, "hosts_per_rack": 20}
SMALL = {"racks": 2, "hosts_per_rack": 10}


def unlimited() -> Config:
    config = Config()
    return dataclasses.replace(
        config,
        compute_quotas=dict.fromkeys(config.compute_quotas, -1),
        network_quotas=dict.fromkeys(config.network_quotas, -1),
    )


async def furnish(cloud: Any) -> dict[str, Any]:
    """Make what a server needs; answer the arguments of its creation."""
    image = await cloud.image.images.create("cirros")
    await image.upload_sparse(20 * 1024**2)
    flavor = await cloud.compute.flavors.create("m1.tiny", vcpus=1, ram=512, disk=1)
    network = await cloud.network.networks.create("blue")
    await cloud.network.subnets.create(network.id, "10.0.0.0/16")
    return {"flavor": flavor.id, "image": image.id, "networks": [{"uuid": network.id}]}


def boots(rate: float, count: int, datacenter: dict[str, int]) -> tuple[list[float], int]:
    """Boot servers at a steady rate: seconds to ACTIVE in order of arrival, and the deepest conductor queue."""

    async def main() -> tuple[list[float], int]:
        async with Cloud.simulated(seed=7, config=unlimited(), datacenter=datacenter) as cloud:
            wanted, now = await furnish(cloud), cloud.world.runtime.now
            await cloud.sleep(60)  # the agents' own start is over
            deepest = 0

            async def boot(number: int) -> float:
                nonlocal deepest
                start = now()
                server = await cloud.compute.servers.create(f"web-{number}", **wanted)
                while server.status == "BUILD":
                    deepest = max(deepest, cloud.wires.broker.depths()["conductor"])
                    await asyncio.sleep(0.5)
                    await server.refresh()
                assert server.status == "ACTIVE", server.fault
                return now() - start

            tasks = []
            for number in range(count):
                tasks.append(asyncio.ensure_future(boot(number)))
                await asyncio.sleep(1 / rate)
            return [await task for task in tasks], deepest

    return run(main, seed=7)


def test_a_boot_on_an_idle_cloud_takes_what_it_takes_on_a_real_one() -> None:
    seconds, depth = boots(0.1, 15, BIG)
    assert 11 < median(seconds) < 15, "13.1 s; the requirement is 10 to 16"
    assert max(seconds) < 20
    assert depth <= 2


def test_doubling_the_rate_is_felt() -> None:
    calm, calm_depth = boots(1.2, 60, SMALL)
    busy, busy_depth = boots(2.4, 60, SMALL)
    assert busy_depth > calm_depth + 5
    assert median(busy) > median(calm) * 1.2
    assert median(busy[30:]) > median(busy[:30]), "the queue keeps growing: the conductor is full"


def test_the_other_operations_take_what_they_take_on_a_real_one() -> None:
    async def main() -> dict[str, float]:
        async with Cloud.simulated(seed=7) as cloud:
            wanted, now = await furnish(cloud), cloud.world.runtime.now
            taken: dict[str, float] = {}

            async def measure(what: str, act: Any, thing: Any, status: str | None) -> None:
                start = now()
                await act
                if status is None:
                    await thing.wait_gone(interval=0.1)
                else:
                    await thing.refresh()
                    await thing.wait_for(status, interval=0.1)
                taken[what] = now() - start

            server = await cloud.compute.servers.create("web", **wanted)
            await server.wait_for("ACTIVE")
            start = now()
            volume = await cloud.volume.volumes.create(1)
            await volume.wait_for("available", interval=0.1)
            taken["create volume"] = now() - start
            await measure("attach", server.attach_volume(volume.id), volume, "in-use")
            await measure("detach", server.detach_volume(volume.id), volume, "available")
            await measure("delete volume", volume.delete(), volume, None)
            await measure("delete", server.delete(), server, None)
            return taken

    taken = run(main, seed=7)
    measured = {"create volume": 2.6, "attach": 2.8, "detach": 2.7, "delete volume": 2.3, "delete": 2.5}
    assert {what: round(seconds, 1) for what, seconds in taken.items() if abs(seconds - measured[what]) > 0.6} == {}
