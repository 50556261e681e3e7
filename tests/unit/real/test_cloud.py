"""A real cloud's core on drivers of paper: the same façade, flow and records, on the machine's own clock."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from drivers.site import Site, site
from lab.cloud import Cloud, RealCloud
from tests.paper import DRIVERS


def paper(tmp_path: Path, **tables: Any) -> Site:
    """A cloud of one host whose drivers are paper."""
    document = {
        "cloud": {"state": str(tmp_path)},
        "settings": {"password_cost": 4},
        **DRIVERS,
        **tables,
    }
    return site(document)


async def boot(cloud: RealCloud) -> str:
    """A server by the façade; its id."""
    image = await cloud.image.images.create("cirros")
    await image.upload(b"an image")
    flavor = await cloud.compute.flavors.create("tiny", vcpus=1, ram=512, disk=1)
    network = await cloud.network.networks.create("net")
    await cloud.network.subnets.create(network.id, "10.0.0.0/24")
    server = await cloud.compute.servers.create("web", image=image.id, flavor=flavor.id, networks=[{"uuid": network.id}])
    await server.wait_for("ACTIVE")
    return str(server.id)


def test_a_server_is_created_and_deleted(tmp_path: Path) -> None:
    async def main() -> None:
        async with Cloud.real(paper(tmp_path)) as cloud:
            server_id = await boot(cloud)
            hypervisor = cloud.world.opened["hypervisor", ""]
            assert list(hypervisor.guests_here) == [server_id]
            kinds = {entry.kind for entry in cloud.journal.since()}
            assert {"rest", "rpc_call", "rpc_cast", "rpc_reply", "driver", "decision", "state", "notify"} <= kinds
            await (await cloud.compute.servers.get(server_id)).delete()
            for _ in range(100):
                if not hypervisor.guests_here:
                    break
                await asyncio.sleep(0.05)
            assert not hypervisor.guests_here

    asyncio.run(main())
