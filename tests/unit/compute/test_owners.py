"""Who asks is not whose it is: an administrator, or nova itself, works on the server of another project."""

from __future__ import annotations

from typing import Any

import pytest

import lab
from lab.cloud import SimulatedCloud
from sim.faults import Match


async def users_server(cloud: SimulatedCloud) -> tuple[Any, Any]:
    """A server of a plain user, with a volume of his attached."""
    project, user = await cloud.identity.projects.create("p2"), await cloud.identity.users.create("u2", "secret99")
    await cloud.identity.roles.assign((await cloud.identity.roles.find("member")).id, user.id, project.id)
    image = await cloud.image.images.create("cirros", visibility="public")
    await image.upload(b"little")
    flavor = await cloud.compute.flavors.create("m1.tiny", vcpus=1, ram=512, disk=1)
    other = cloud.as_user("u2", "secret99", "p2")
    network = await other.network.networks.create("net1")
    await other.network.subnets.create(network.id, "10.0.0.0/24")
    server = await other.compute.servers.create("web", flavor.id, image=image.id, networks=[{"uuid": network.id}])
    await server.wait_for("ACTIVE")
    volume = await other.volume.volumes.create(1)
    await volume.wait_for("available")
    await server.attach_volume(volume.id)
    await volume.wait_for("in-use")
    return server, volume


async def has(cloud: SimulatedCloud, server: Any) -> tuple[list[str], list[str]]:
    """The volumes that a server has as nova knows, and as its guest has them."""
    path = f"/v2.1/servers/{server.id}/os-volume_attachments"
    known = (await cloud.session.json("compute", "GET", path))["volumeAttachments"]
    guest = cloud.world.datacenter.guest(server.id)
    assert guest is not None
    return [each["volumeId"] for each in known], [disk.volume_id for disk in guest.disks.values() if disk.volume_id]


@pytest.mark.parametrize("hard", [False, True])
def test_a_server_that_an_administrator_reboots_keeps_its_volumes(hard: bool) -> None:
    async def main() -> None:
        async with lab.Cloud.simulated(seed=7) as cloud:
            server, volume = await users_server(cloud)
            await (await cloud.compute.servers.get(server.id)).reboot(hard=hard)
            await cloud.sleep(60)
            assert (await server.refresh()).status == "ACTIVE"
            assert await has(cloud, server) == ([volume.id], [volume.id])

    lab.run(main, seed=7)


def test_a_server_whose_reboot_was_cut_off_and_is_repeated_keeps_its_volumes() -> None:
    async def main() -> None:
        async with lab.Cloud.simulated(seed=7) as cloud:
            server, volume = await users_server(cloud)
            victim = f"nova-compute@{(await cloud.compute.servers.get(server.id)).host}"
            saved = Match("object_action(Instance.save)", source=victim)
            cloud.faults.arm("call", saved, then=lambda: cloud.wires.kill(victim))
            await server.reboot(hard=True)
            await cloud.sleep(5)
            cloud.wires.restart(victim)
            await cloud.sleep(90)
            assert (await server.refresh()).status == "ACTIVE"
            assert await has(cloud, server) == ([volume.id], [volume.id])

    lab.run(main, seed=7)


def test_a_reboot_settles_what_cinder_has_and_nova_has_not_and_does_without_cinder() -> None:
    async def main() -> None:
        async with lab.Cloud.simulated(seed=7) as cloud:
            server, volume = await users_server(cloud)
            stray = await cloud.as_user("u2", "secret99", "p2").volume.volumes.create(1)
            await stray.wait_for("available")
            body = {"attachment": {"volume_uuid": stray.id, "instance_uuid": server.id}}
            await stray.collection.session.json("volume", "POST", "/v3/attachments", body, {"openstack-api-version": "volume 3.44"})
            cloud.wires.kill("cinder-api@controller-1")
            await server.reboot(hard=True)
            await cloud.sleep(60)
            assert (await server.refresh()).status == "ACTIVE"
            cloud.wires.restart("cinder-api@controller-1")
            assert await has(cloud, server) == ([volume.id], [volume.id])
            assert (await stray.refresh()).status == "reserved"
            await server.reboot(hard=True)
            await cloud.sleep(60)
            assert await has(cloud, server) == ([volume.id], [volume.id])
            assert (await stray.refresh()).status == "available"

    lab.run(main, seed=7)
