"""A real cloud's core on drivers of paper: the same façade, flow and records, on the machine's own clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx

from drivers.site import Site, site
from lab.cloud import Cloud, RealCloud
from lab.rest.http import Edge
from lab.serve import ServedReal
from lab.services.image.driver import StoredImage
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


def test_an_upload_passes_piece_by_piece(tmp_path: Path) -> None:
    """A piece reaches the store before the client has sent the next one."""
    sent: list[int] = []

    async def main() -> None:
        async with Cloud.real(paper(tmp_path)) as cloud:
            store = cloud.world.opened["image", ""]
            image = await cloud.image.images.create("big", disk_format="raw")
            came = asyncio.Queue[bytes]()

            async def put(image_id: str, chunks: AsyncIterator[bytes]) -> StoredImage:
                async for chunk in chunks:
                    await came.put(chunk)
                return StoredImage(6, "00", "00")

            store.put = put
            served = ServedReal(cloud.world, cloud.journal)

            async def pieces() -> AsyncIterator[bytes]:
                for number, piece in enumerate((b"abc", b"def")):
                    sent.append(number)
                    yield piece
                    assert await came.get() == piece

            transport = httpx.ASGITransport(app=Edge(served).app())
            async with httpx.AsyncClient(transport=transport, base_url="http://cloud") as http:
                headers = {"x-auth-token": cloud.session.token, "content-type": "application/octet-stream"}
                answer = await http.put(f"/image/v2/images/{image.id}/file", content=pieces(), headers=headers)
            assert answer.status_code == 204, answer.text
            served.end()

    asyncio.run(main())
    assert sent == [0, 1]
