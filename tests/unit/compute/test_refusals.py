"""What nova refuses only after it has asked another service, over a whole cloud."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import lab
from lab.client.session import ApiError
from lab.cloud import SimulatedCloud
from sim.faults import Match

NOBODY = "0" * 32


def told(story: Callable[[SimulatedCloud], Awaitable[Any]], seed: int = 7) -> Any:
    """What happens in a cloud of its own."""

    async def main() -> Any:
        async with lab.Cloud.simulated(seed=seed) as cloud:
            return await story(cloud)

    return lab.run(main, seed=seed)


async def answered(cloud: SimulatedCloud, service: str, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, str]:
    """Status and words of one request."""
    try:
        await cloud.session.json(service, method, path, body, headers)
    except ApiError as error:
        return error.status, str(error)
    return 200, ""


async def ingredients(cloud: SimulatedCloud) -> tuple[str, str, str]:
    """An image, a flavor and a network with a subnet."""
    image = await cloud.image.images.create("cirros")
    await image.upload(b"little")
    flavor = await cloud.compute.flavors.create("m1.tiny", vcpus=1, ram=512, disk=1)
    network = await cloud.network.networks.create("net1")
    await cloud.network.subnets.create(network.id, "10.0.0.0/24")
    return image.id, flavor.id, network.id


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_one_port_for_two_servers_belongs_to_one_and_is_refused_to_the_other(seed: int) -> None:
    async def story(cloud: SimulatedCloud) -> None:
        image, flavor, network = await ingredients(cloud)
        make = cloud.compute.servers.create
        servers = [await make(name, flavor, image=image, networks=[{"uuid": network}]) for name in ("web", "db")]
        for server in servers:
            await server.wait_for("ACTIVE")
        port = await cloud.network.ports.create(network)
        body = {"interfaceAttachment": {"port_id": port.id}}
        both = [answered(cloud, "compute", "POST", f"/v2.1/servers/{server.id}/os-interface", body) for server in servers]
        found = await asyncio.gather(*both)
        assert sorted(status for status, _ in found) == [200, 409], found
        (words,) = [words for status, words in found if status == 409]
        assert words.endswith(f"Port {port.id} is still in use.")
        winner = servers[[status for status, _ in found].index(200)]
        assert (await port.refresh())["device_id"] == winner.id
        for server in servers:
            path = f"/v2.1/servers/{server.id}/os-interface"
            cards = (await cloud.session.json("compute", "GET", path))["interfaceAttachments"]
            assert (port.id in [card["port_id"] for card in cards]) is (server is winner)

    told(story, seed)


def test_neutron_changes_a_port_only_at_the_revision_that_was_seen() -> None:
    async def story(cloud: SimulatedCloud) -> None:
        _, _, network = await ingredients(cloud)
        port = await cloud.network.ports.create(network)
        revision, path, body = port["revision_number"], f"/v2.0/ports/{port.id}", {"port": {"name": "eth0"}}
        seen = f"revision_number={revision}"
        conditions = ({"if-match": seen}, {"if-match": seen}, {"if-match": "revision_number=x"}, {})
        statuses = [(await answered(cloud, "network", "PUT", path, body, **each))[0] for each in conditions]
        assert statuses == [200, 412, 400, 200]

    told(story)


def test_a_network_deleted_while_nova_looks_at_it_is_refused() -> None:
    async def story(cloud: SimulatedCloud) -> None:
        image, flavor, network = await ingredients(cloud)
        cloud.faults.arm("delay", Match(f"GET /v2.0/networks/{network}", source="nova-api"), delay_s=5)
        body = {"server": {"name": "web", "flavorRef": flavor, "imageRef": image, "networks": [{"uuid": network}]}}
        boot = asyncio.create_task(answered(cloud, "compute", "POST", "/v2.1/servers", body))
        await cloud.sleep(2)
        await cloud.network.networks.delete(network)
        status, words = await boot
        assert (status, words.partition(": ")[2]) == (400, f"Network {network} could not be found.")

    told(story)


def test_an_unknown_volume_type_is_refused_before_there_is_a_server() -> None:
    async def story(cloud: SimulatedCloud) -> None:
        image, flavor, network = await ingredients(cloud)
        disk = {"boot_index": 0, "uuid": image, "source_type": "image", "destination_type": "volume", "volume_size": 1}
        server = {"name": "web", "flavorRef": flavor, "networks": [{"uuid": network}]}
        for volume_type, status in (("gold", 400), ("__DEFAULT__", 200)):
            body = {"server": {**server, "block_device_mapping_v2": [{**disk, "volume_type": volume_type}]}}
            found = await answered(cloud, "compute", "POST", "/v2.1/servers", body)
            assert found[0] == status, found
            assert (status == 200) or found[1].endswith("Volume type gold could not be found.")
            assert len(await cloud.compute.servers.list()) == (status == 200)

    told(story)


def test_nova_asks_whether_there_is_such_a_project_and_neutron_and_cinder_do_not() -> None:
    async def story(cloud: SimulatedCloud) -> None:
        path = f"/v2.1/os-quota-sets/{NOBODY}"
        change = {"quota_set": {"cores": 1}}
        for method, end, body in (("GET", "", None), ("GET", "/detail", None), ("GET", "/defaults", None), ("PUT", "", change)):
            status, words = await answered(cloud, "compute", method, path + end, body)
            assert (status, words.partition(": ")[2]) == (400, f"Project ID {NOBODY} is not a valid project.")
        assert (await answered(cloud, "compute", "GET", f"/v2.1/os-quota-sets/{cloud.session.project_id}"))[0] == 200
        assert (await answered(cloud, "network", "GET", f"/v2.0/quotas/{NOBODY}"))[0] == 200
        assert (await answered(cloud, "volume", "GET", f"/v3/os-quota-sets/{NOBODY}"))[0] == 200

    told(story)


def test_key_pairs_are_listed_by_filters() -> None:
    async def story(cloud: SimulatedCloud) -> None:
        key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl me"
        for name in ("a", "b", "c"):
            await cloud.compute.keypairs.create(name, key)
        assert [pair.id for pair in await cloud.compute.keypairs.list()] == ["a", "b", "c"]
        assert [pair.id for pair in await cloud.compute.keypairs.list(limit=1, marker="a")] == ["b"]

    told(story)
