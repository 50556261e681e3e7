"""Volumes and network cards of servers: attached, detached, booted from, and given back when something fails."""

from __future__ import annotations

import pytest

from lab.errors import Conflict, HypervisorError
from lab.services.compute.driver import GuestDisk
from lab.services.compute.model import BlockDevice
from sim.faults import Match
from tests.unit.compute.neighbours import IMAGE, NETWORK
from tests.unit.compute.small_nova import ADMIN, SmallNova, active, attached, play

# -- volumes and cards --------------------------------------------------------------------------


def test_a_volume_comes_and_goes() -> None:
    async def main(cloud: SmallNova) -> None:
        server_id = await active(cloud)
        volume_id = await attached(cloud, server_id)
        assert cloud.cinder.volumes[volume_id]["status"] == "in-use"
        assert cloud.hypervisors["compute-1"].disks[server_id] == [volume_id]
        answer = await cloud.call("DELETE", f"/v2.1/servers/{server_id}/os-volume_attachments/{volume_id}")
        assert answer.status == 202
        await cloud.settle()
        assert cloud.cinder.volumes[volume_id]["status"] == "available"
        assert cloud.hypervisors["compute-1"].disks[server_id] == []
        assert await cloud.wires.store.run(lambda tx: tx.find(BlockDevice, volume_id=volume_id)) == []

    play(main)


@pytest.mark.parametrize("name", ["attach_volume", "detach_volume", "reserve_block_device_name"])
def test_repeated_volume_messages_do_it_once(name: str) -> None:
    async def main(cloud: SmallNova) -> None:
        cloud.faults.arm("duplicate", Match(name, times=0))
        server_id = await active(cloud)
        volume_id = await attached(cloud, server_id)
        assert cloud.cinder.volumes[volume_id]["status"] == "in-use"
        assert len(cloud.cinder.attachments) == 1
        await cloud.call("DELETE", f"/v2.1/servers/{server_id}/os-volume_attachments/{volume_id}")
        await cloud.settle()
        assert cloud.cinder.volumes[volume_id]["status"] == "available"
        assert cloud.cinder.attachments == {}

    play(main)


def test_the_volume_service_has_a_volume_copied_by_the_host_that_has_it_open() -> None:
    async def main(cloud: SmallNova) -> None:
        server_id = await active(cloud)
        volume_id = await attached(cloud, server_id)
        copied: list[tuple[str, str, object]] = []
        refusal: list[HypervisorError] = []

        async def copy_disk(guest_id: str, volume: str, target: GuestDisk) -> None:
            if refusal:
                raise refusal[0]
            copied.append((guest_id, volume, (target.connection or {})["data"]))

        cloud.hypervisors["compute-1"].copy_disk = copy_disk  # type: ignore[method-assign]
        snapshot = "5d1b1f6e-0c1e-4bb5-9f0d-2f6f6f5b1c11"

        def asked(volume: str) -> dict[str, object]:
            return {"snapshot": {"volume_id": volume, "create_info": {"snapshot_id": snapshot, "type": "qcow2", "new_file": "base-s"}}}

        path = "/v2.1/os-assisted-volume-snapshots"
        answer = await cloud.call("POST", path, asked(volume_id), ADMIN)
        assert (answer.status, answer.json()) == (200, {"snapshot": {"id": snapshot, "volumeId": volume_id}})
        device = (await cloud.wires.store.run(lambda tx: tx.find(BlockDevice, volume_id=volume_id)))[0]
        assert copied == [(server_id, volume_id, {**(device.connection_info or {})["data"], "name": "base-s"})]
        refusal.append(HypervisorError("the guest does not run"))
        answer = await cloud.call("POST", path, asked(volume_id), ADMIN)
        assert answer.status == 409
        assert "could not be copied: the guest does not run" in answer.json()["conflictingRequest"]["message"]
        assert (await cloud.call("POST", path, asked(snapshot), ADMIN)).status == 404

    play(main)


def test_a_failed_attach_gives_the_volume_back() -> None:
    async def main(cloud: SmallNova) -> None:
        server_id = await active(cloud)
        cloud.hypervisors["compute-1"].broken.add("attach_disk")
        volume_id = await attached(cloud, server_id)
        assert cloud.cinder.volumes[volume_id]["status"] == "available"
        assert cloud.cinder.attachments == {}
        assert await cloud.wires.store.run(lambda tx: tx.find(BlockDevice, volume_id=volume_id)) == []

    play(main)


def test_a_refused_reservation_is_the_user_s_error() -> None:
    async def main(cloud: SmallNova) -> None:
        server_id, volume_id = await active(cloud), await cloud.volume()
        cloud.cinder.refuse["POST /v3/attachments"] = Conflict("the volume is somewhere else")
        body = {"volumeAttachment": {"volumeId": volume_id}}
        answer = await cloud.call("POST", f"/v2.1/servers/{server_id}/os-volume_attachments", body)
        assert (answer.status, answer.json()["badRequest"]["message"]) == (400, "Invalid volume: the volume is somewhere else")
        assert await cloud.wires.store.run(lambda tx: tx.find(BlockDevice, volume_id=volume_id)) == []

    play(main)


def test_a_failed_detach_keeps_the_volume_in_use() -> None:
    async def main(cloud: SmallNova) -> None:
        server_id = await active(cloud)
        volume_id = await attached(cloud, server_id)
        cloud.hypervisors["compute-1"].broken.add("detach_disk")
        await cloud.call("DELETE", f"/v2.1/servers/{server_id}/os-volume_attachments/{volume_id}")
        await cloud.settle()
        assert cloud.cinder.volumes[volume_id]["status"] == "in-use"

    play(main)


def test_a_card_comes_and_goes() -> None:
    async def main(cloud: SmallNova) -> None:
        cloud.faults.arm("duplicate", Match("*tach_interface", times=0))
        server_id = await active(cloud)
        answer = await cloud.call("POST", f"/v2.1/servers/{server_id}/os-interface", {"interfaceAttachment": {"net_id": NETWORK}})
        assert answer.status == 200, answer.content()
        port_id = answer.json()["interfaceAttachment"]["port_id"]
        assert len(cloud.neutron.ports) == 2
        assert port_id in cloud.hypervisors["compute-1"].cards[server_id]
        answer = await cloud.call("DELETE", f"/v2.1/servers/{server_id}/os-interface/{port_id}")
        assert answer.status == 202
        await cloud.settle()
        assert list(cloud.neutron.ports) == [vif["port_id"] for vif in (await cloud.record(server_id)).network_info]
        assert port_id not in cloud.hypervisors["compute-1"].cards[server_id]

    play(main)


def test_a_card_that_neutron_refuses_is_the_user_s_error() -> None:
    async def main(cloud: SmallNova) -> None:
        server_id = await active(cloud)
        cloud.neutron.refuse["POST /v2.0/ports"] = Conflict("IP address 10.0.0.10 already allocated in subnet s.")
        body = {"interfaceAttachment": {"net_id": NETWORK, "fixed_ips": [{"ip_address": "10.0.0.10"}]}}
        answer = await cloud.call("POST", f"/v2.1/servers/{server_id}/os-interface", body)
        assert answer.status == 400
        assert "already allocated" in answer.json()["badRequest"]["message"]

    play(main)


def test_a_card_that_cannot_be_plugged_leaves_no_port() -> None:
    async def main(cloud: SmallNova) -> None:
        server_id = await active(cloud)
        cloud.hypervisors["compute-1"].broken.add("attach_nic")
        answer = await cloud.call("POST", f"/v2.1/servers/{server_id}/os-interface", {"interfaceAttachment": {"net_id": NETWORK}})
        assert answer.status >= 400
        assert len(cloud.neutron.ports) == 1
        assert len((await cloud.record(server_id)).network_info) == 1

    play(main)


@pytest.mark.parametrize("kind", ["SOFT", "HARD"])
def test_a_volume_that_cinder_has_detached_unheard_is_forgotten_at_a_reboot(kind: str) -> None:
    async def main(cloud: SmallNova) -> None:
        server_id = await active(cloud)
        volume_id = await attached(cloud, server_id)
        reboot = {"reboot": {"type": kind}}

        async def rebooted() -> list[str]:
            """The volumes that nova knows the server to have, when it was rebooted."""
            assert (await cloud.call("POST", f"/v2.1/servers/{server_id}/action", reboot)).status == 202
            await cloud.settle()
            found = await cloud.wires.store.run(lambda tx: tx.find(BlockDevice, server_id=server_id))
            return [each.volume_id for each in found if each.volume_id is not None]

        assert await rebooted() == [volume_id]
        cloud.faults.arm("drop", Match("object_action(BlockDeviceMapping.destroy)", source="nova-compute"))
        await cloud.call("DELETE", f"/v2.1/servers/{server_id}/os-volume_attachments/{volume_id}")
        await cloud.settle(100)
        assert cloud.cinder.volumes[volume_id]["status"] == "available"
        path = f"/v2.1/servers/{server_id}/os-volume_attachments"
        assert [each["volumeId"] for each in (await cloud.call("GET", path)).json()["volumeAttachments"]] == [volume_id]
        assert await rebooted() == []
        assert cloud.hypervisors["compute-1"].disks[server_id] == []

    play(main)


# -- boot from volume -----------------------------------------------------------------------------

ROOT = {
    "source_type": "image", "destination_type": "volume", "uuid": IMAGE, "boot_index": 0, "volume_size": 1,
    "delete_on_termination": True,
}  # fmt: skip


def test_boot_from_a_new_volume() -> None:
    async def main(cloud: SmallNova) -> None:
        server_id = await cloud.create(imageRef=None, block_device_mapping_v2=[ROOT])
        await cloud.settle(60)
        server = await cloud.record(server_id)
        assert (server.vm_state, server.image_id) == ("active", "")
        (volume,) = cloud.cinder.volumes.values()
        assert (volume["status"], volume["imageRef"]) == ("in-use", IMAGE)
        assert cloud.hypervisors["compute-1"].disks[server_id] == [volume["id"]]
        assert (await cloud.node("compute-1")).local_gb_used == 0
        await cloud.delete(server_id)
        await cloud.settle()
        assert cloud.cinder.volumes == {}
        assert await cloud.leftovers(server_id) == []

    play(main)


def test_a_volume_that_takes_too_long_aborts_the_build() -> None:
    async def main(cloud: SmallNova) -> None:
        cloud.cinder.slow_s = 1000
        server_id = await cloud.create(imageRef=None, block_device_mapping_v2=[ROOT])
        await cloud.settle(400)
        server = await cloud.record(server_id)
        assert server.vm_state == "error"
        assert server.fault is not None
        text = "did not finish being created even after we waited 180 seconds or 61 attempts. And its status is creating."
        assert text in server.fault["message"]
        assert cloud.cinder.volumes == {}

    play(main, hosts=2)


def test_two_blank_volumes_are_not_taken_for_strays_of_each_other() -> None:
    async def main(cloud: SmallNova) -> None:
        blank = {"source_type": "blank", "destination_type": "volume", "volume_size": 1, "boot_index": -1}
        devices = [{**blank, "delete_on_termination": True}, blank]
        server_id = await cloud.create(block_device_mapping_v2=devices)
        await cloud.settle(60)
        assert (await cloud.record(server_id)).vm_state == "active"
        _, kept = cloud.cinder.volumes
        await cloud.delete(server_id)
        await cloud.settle()
        assert list(cloud.cinder.volumes) == [kept]
        assert await cloud.leftovers(server_id) == []

    play(main)


def test_a_server_deleted_while_its_volume_is_made_is_gone() -> None:
    async def main(cloud: SmallNova) -> None:
        cloud.cinder.slow_s = cloud.cinder.dying_s = 10.0
        server_id = await cloud.create(imageRef=None, block_device_mapping_v2=[ROOT])
        await cloud.settle(4)
        assert (await cloud.record(server_id)).task_state == "block_device_mapping"
        await cloud.delete(server_id)
        await cloud.settle(60)
        assert (await cloud.record(server_id)).vm_state == "deleted"
        assert cloud.cinder.volumes == {}
        assert await cloud.leftovers(server_id) == []

    play(main)


@pytest.mark.parametrize("act", ["duplicate", "lose_reply"])
def test_a_volume_that_nova_does_not_know_of_is_found(act: str) -> None:
    async def main(cloud: SmallNova) -> None:
        cloud.faults.arm(act, Match("POST /v3/volumes"))
        server_id = await cloud.create(imageRef=None, block_device_mapping_v2=[ROOT])
        await cloud.settle(400)
        assert (await cloud.record(server_id)).vm_state == ("active" if act == "duplicate" else "error")
        await cloud.delete(server_id)
        await cloud.settle()
        assert cloud.cinder.volumes == {}
        assert await cloud.leftovers(server_id) == []

    play(main)


def test_a_volume_of_the_user_is_kept() -> None:
    async def main(cloud: SmallNova) -> None:
        volume_id = await cloud.volume()
        device = {"source_type": "volume", "destination_type": "volume", "uuid": volume_id, "boot_index": 0}
        cloud.hypervisors["compute-1"].broken.add("spawn")
        server_id = await cloud.create(imageRef=None, block_device_mapping_v2=[device])
        await cloud.settle(60)
        assert (await cloud.record(server_id)).host == "compute-2"
        assert cloud.cinder.volumes[volume_id]["status"] == "in-use"
        await cloud.delete(server_id)
        await cloud.settle()
        assert cloud.cinder.volumes[volume_id]["status"] == "available"
        assert await cloud.leftovers(server_id) == []

    play(main, hosts=2)
