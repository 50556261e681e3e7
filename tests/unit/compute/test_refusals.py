"""What nova refuses only after it has asked another service, over a whole cloud."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import lab
from lab.client.session import ApiError
from lab.cloud import Cloud, SimulatedCloud
from sim.faults import Match

NOBODY = "0" * 32
PATCH = "application/openstack-images-v2.1-json-patch"
PUBLIC = [{"op": "replace", "path": "/visibility", "value": "public"}]


def told(story: Callable[[SimulatedCloud], Awaitable[Any]], seed: int = 7) -> Any:
    """What happens in a cloud of its own."""

    async def main() -> Any:
        async with lab.Cloud.simulated(seed=seed) as cloud:
            return await story(cloud)

    return lab.run(main, seed=seed)


async def answered(cloud: Cloud, service: str, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, str]:
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


@pytest.mark.parametrize(
    ("at", "status", "said"),
    [
        ("GET /v2/images/*", 400, "Not authorized for image"),
        ("GET /v2.0/networks", 401, "requires authentication"),
    ],
)
def test_a_user_deleted_while_nova_looks_at_his_request_is_not_authorized(at: str, status: int, said: str) -> None:
    async def story(cloud: SimulatedCloud) -> None:
        image, flavor, network = await ingredients(cloud)
        await cloud.session.json("network", "PUT", f"/v2.0/networks/{network}", {"network": {"shared": True}})
        await cloud.session.json("image", "PATCH", f"/v2/images/{image}", PUBLIC, {"content-type": PATCH})
        project, user = await cloud.identity.projects.create("p2"), await cloud.identity.users.create("u2", "secret99")
        await cloud.identity.roles.assign((await cloud.identity.roles.find("member")).id, user.id, project.id)
        other = cloud.as_user("u2", "secret99", "p2")
        await other.compute.servers.list()
        cloud.faults.arm("delay", Match(at, source="nova-api"), delay_s=5)
        body = {"server": {"name": "web", "flavorRef": flavor, "imageRef": image, "networks": [{"uuid": network}]}}
        boot = asyncio.create_task(answered(other, "compute", "POST", "/v2.1/servers", body))
        await cloud.sleep(2)
        await user.delete()
        found, words = await boot
        assert found == status, words
        assert said in words
        assert await cloud.compute.servers.list(all_tenants=1) == []

    told(story)


async def ready(cloud: SimulatedCloud) -> tuple[Any, str]:
    """A server at rest, and its network."""
    image, flavor, network = await ingredients(cloud)
    server = await cloud.compute.servers.create("web", flavor, image=image, networks=[{"uuid": network}])
    return await server.wait_for("ACTIVE"), network


def test_a_security_group_deleted_while_a_server_gets_it_is_not_found() -> None:
    async def story(cloud: SimulatedCloud) -> None:
        server, _ = await ready(cloud)
        group = await cloud.network.security_groups.create("web")
        cloud.faults.arm("delay", Match("PUT /v2.0/ports/*", source="nova-api"), delay_s=5)
        add = answered(cloud, "compute", "POST", f"/v2.1/servers/{server.id}/action", {"addSecurityGroup": {"name": "web"}})
        adding = asyncio.create_task(add)
        await cloud.sleep(2)
        await group.delete()
        status, words = await adding
        assert (status, words.partition(": ")[2]) == (404, f"Security group {group.id} does not exist")

    told(story)


def test_a_server_deleted_while_a_volume_is_reserved_for_it_does_not_keep_the_volume() -> None:
    async def story(cloud: SimulatedCloud) -> None:
        server, _ = await ready(cloud)
        volume = await cloud.volume.volumes.create(1)
        await volume.wait_for("available")
        cloud.faults.arm("delay", Match("POST /v3/attachments", source="nova-conductor"), delay_s=40)
        body = {"volumeAttachment": {"volumeId": volume.id}}
        attaching = asyncio.create_task(answered(cloud, "compute", "POST", f"/v2.1/servers/{server.id}/os-volume_attachments", body))
        await cloud.sleep(2)
        await server.delete()
        await server.wait_gone()
        status, words = await attaching
        assert (status, words.partition(": ")[2]) == (404, f"Instance {server.id} could not be found.")
        assert (await volume.refresh()).status == "available"
        await volume.delete()
        await volume.wait_gone()

    told(story)


@pytest.mark.parametrize("late", ["GET /v2.0/ports", "hypervisor.attach_nic"])
def test_a_port_deleted_while_its_card_is_plugged_leaves_no_card(late: str) -> None:
    async def story(cloud: SimulatedCloud) -> None:
        server, network = await ready(cloud)
        port = await cloud.network.ports.create(network)
        # that it was bound is told when it is gone already
        cloud.faults.arm("delay", Match("POST /v2.1/os-server-external-events", source="neutron-api"), delay_s=3)
        kind = "driver" if late.startswith("hypervisor") else "rest"
        cloud.faults.arm("delay", Match(late, kinds=(kind,), source="nova-compute"), delay_s=5)
        body = {"interfaceAttachment": {"port_id": port.id}}
        attaching = asyncio.create_task(answered(cloud, "compute", "POST", f"/v2.1/servers/{server.id}/os-interface", body))
        await cloud.sleep(2)
        await port.delete()
        status, words = await attaching
        assert status in (400, 404), words
        assert port.id in words
        await cloud.sleep(10)
        guest = cloud.world.datacenter.guest(server.id)
        assert guest is not None
        assert list(guest.vifs) == [each.id for each in await cloud.network.ports.list(device_id=server.id)]

    told(story)


@pytest.mark.parametrize("hard", [False, True])
def test_a_port_deleted_while_its_server_reboots_leaves_no_card(hard: bool) -> None:
    async def story(cloud: SimulatedCloud) -> None:
        server, _ = await ready(cloud)
        (port,) = await cloud.network.ports.list(device_id=server.id)
        cloud.faults.arm("delay", Match("POST /v2.1/os-server-external-events", source="neutron-api"), delay_s=3)
        deleting = asyncio.create_task(port.delete())
        await cloud.sleep(1)
        await server.reboot(hard=hard)  # looks at the ports, and does not find it any more, before neutron's word comes
        await deleting
        await server.wait_for("ACTIVE")
        await cloud.sleep(150)
        guest = cloud.world.datacenter.guest(server.id)
        assert guest is not None
        assert list(guest.vifs) == []

    told(story)


@pytest.mark.parametrize("call", ["attach_nic", "attach_disk"])
def test_a_hard_reboot_plugs_in_what_an_attach_that_was_cut_off_left_out(call: str) -> None:
    async def story(cloud: SimulatedCloud) -> None:
        server, network = await ready(cloud)
        volume = await cloud.volume.volumes.create(1)
        await volume.wait_for("available")
        agent = f"nova-compute@{server.host}"
        cloud.faults.arm("kill_before", Match(f"hypervisor.{call}", kinds=("driver",), source=agent))
        path, body = ("os-interface", {"interfaceAttachment": {"net_id": network}})
        if call == "attach_disk":
            path, body = ("os-volume_attachments", {"volumeAttachment": {"volumeId": volume.id}})
        asking = asyncio.create_task(answered(cloud, "compute", "POST", f"/v2.1/servers/{server.id}/{path}", body))
        await cloud.sleep(20)
        cloud.wires.restart(agent)
        await asking
        guest = cloud.world.datacenter.guest(server.id)
        assert guest is not None

        def has() -> int:
            return len(guest.vifs) - 1 + sum(disk.volume_id == volume.id for disk in guest.disks.values())

        assert has() == 0
        await server.reboot(hard=True)
        await cloud.sleep(60)
        assert (await server.refresh()).status == "ACTIVE"
        assert has() == 1

    told(story)


def test_an_administrators_lock_is_not_its_owners_to_undo() -> None:
    async def story(cloud: SimulatedCloud) -> None:
        image, flavor, _ = await ingredients(cloud)
        await cloud.session.json("image", "PATCH", f"/v2/images/{image}", PUBLIC, {"content-type": PATCH})
        project, made = await cloud.identity.projects.create("p2"), await cloud.identity.users.create("u2", "secret99")
        await cloud.identity.roles.assign((await cloud.identity.roles.find("member")).id, made.id, project.id)
        owner = cloud.as_user("u2", "secret99", "p2")
        server = await owner.compute.servers.create("web", flavor, image=image, networks="none")
        path = f"/v2.1/servers/{server.id}/action"

        async def act(by: Cloud, what: str) -> tuple[int, str]:
            return await answered(by, "compute", "POST", path, {what: None})

        assert [await act(owner, "lock"), await act(owner, "unlock")] == [(200, "")] * 2
        assert [await act(owner, "lock"), await act(cloud, "lock")] == [(200, "")] * 2
        rule = "os_compute_api:os-lock-server:unlock:unlock_override"
        assert await act(owner, "unlock") == (403, f"compute answered 403: Policy doesn't allow {rule} to be performed.")
        assert (await server.refresh()).data["locked"] is True
        assert [await act(cloud, "unlock"), await act(owner, "lock"), await act(owner, "unlock")] == [(200, "")] * 3

    told(story)


def test_the_console_of_a_server_whose_guest_is_not_there_yet_is_not_found() -> None:
    async def story(cloud: SimulatedCloud) -> None:
        image, flavor, network = await ingredients(cloud)
        server = await cloud.compute.servers.create("web", flavor, image=image, networks=[{"uuid": network}])
        while server.host is None:
            await cloud.sleep(0.01)
            await server.refresh()
        path, ask = f"/v2.1/servers/{server.id}/action", {"os-getConsoleOutput": {}}
        refused = f"compute answered 404: Instance {server.id} could not be found."
        assert await answered(cloud, "compute", "POST", path, ask) == (404, refused)
        await server.wait_for("ACTIVE")
        assert (await answered(cloud, "compute", "POST", path, ask))[0] == 200

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
