"""Servers that live: power, volumes, cards, deletes, and agents that die and come back."""

from __future__ import annotations

from typing import Any

import pytest

from lab.errors import Conflict, LabError, VolumeError
from lab.services.compute.model import BlockDevice, ComputeService, InstanceActionEvent, ServiceHeartbeat
from lab.services.compute.objects import Objects
from lab.services.compute.servicegroup import fresh
from sim.faults import Match
from tests.unit.compute.neighbours import IMAGE, NETWORK
from tests.unit.compute.small_nova import ADMIN, SmallNova, play

AGENT = "nova-compute@compute-1"


async def active(cloud: SmallNova) -> str:
    server_id = await cloud.create()
    await cloud.settle()
    assert (await cloud.record(server_id)).vm_state == "active"
    return server_id


async def state(cloud: SmallNova, server_id: str) -> tuple[str, str | None, int]:
    server = await cloud.record(server_id)
    return server.vm_state, server.task_state, server.power_state


# -- power ------------------------------------------------------------------------------------


def test_stop_start_and_reboot() -> None:
    async def main(cloud: SmallNova) -> None:
        server_id = await active(cloud)
        assert (await cloud.act(server_id, **{"os-stop": None})).status == 202
        assert (await state(cloud, server_id))[1] == "powering-off"
        await cloud.settle()
        assert await state(cloud, server_id) == ("stopped", None, 4)
        refused = await cloud.act(server_id, **{"os-stop": None})
        assert refused.status == 409
        await cloud.act(server_id, **{"os-start": None})
        await cloud.settle()
        assert await state(cloud, server_id) == ("active", None, 1)
        for kind in ("SOFT", "HARD"):
            await cloud.act(server_id, reboot={"type": kind})
            await cloud.settle()
            assert await state(cloud, server_id) == ("active", None, 1)
        calls = [verb for verb in cloud.hypervisors["compute-1"].calls if verb != "inventory"]
        assert calls[-4:] == ["power_off", "power_on", "reboot", "reboot"]

    play(main)


def test_a_power_command_that_fails_ends_its_task_and_keeps_the_state() -> None:
    async def main(cloud: SmallNova) -> None:
        server_id = await active(cloud)
        cloud.hypervisors["compute-1"].broken.add("power_off")
        await cloud.act(server_id, **{"os-stop": None})
        await cloud.settle()
        server = await cloud.record(server_id)
        assert (server.vm_state, server.task_state) == ("active", None)
        assert server.fault is not None
        event = await cloud.wires.store.run(lambda tx: tx.one(InstanceActionEvent, event="compute_stop_instance"))
        assert event is not None
        assert event.result == "Error"

    play(main)


def test_a_reboot_that_kills_the_guest_leaves_an_error() -> None:
    async def main(cloud: SmallNova) -> None:
        server_id = await active(cloud)
        driver = cloud.hypervisors["compute-1"]
        driver.broken.add("reboot")
        await cloud.act(server_id, reboot={"type": "HARD"})
        await cloud.settle()
        assert (await cloud.record(server_id)).vm_state == "active"  # the guest still runs
        await driver.power_off(server_id)
        await cloud.act(server_id, reboot={"type": "HARD"})
        await cloud.settle()
        assert (await cloud.record(server_id)).vm_state == "error"
        driver.broken.clear()
        await cloud.act(server_id, reboot={"type": "HARD"})
        await cloud.settle()
        assert await state(cloud, server_id) == ("active", None, 1)

    play(main)


def test_a_guest_that_stops_by_itself_is_a_stopped_server() -> None:
    async def main(cloud: SmallNova) -> None:
        server_id = await active(cloud)
        driver = cloud.hypervisors["compute-1"]
        await driver.power_off(server_id)
        driver.tell(server_id, 4)
        await cloud.settle(1)
        assert await state(cloud, server_id) == ("stopped", None, 4)

    play(main)


def test_power_states_are_synchronised_from_time_to_time() -> None:
    async def main(cloud: SmallNova) -> None:
        server_id = await active(cloud)
        await cloud.hypervisors["compute-1"].power_off(server_id)
        await cloud.settle(650)
        assert await state(cloud, server_id) == ("stopped", None, 4)

    play(main)


# -- volumes and cards --------------------------------------------------------------------------


async def attached(cloud: SmallNova, server_id: str) -> str:
    volume_id = await cloud.volume()
    body = {"volumeAttachment": {"volumeId": volume_id}}
    answer = await cloud.call("POST", f"/v2.1/servers/{server_id}/os-volume_attachments", body)
    assert answer.status == 200, answer.content()
    assert answer.json()["volumeAttachment"]["device"] == "/dev/vdb"
    await cloud.settle()
    return volume_id


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


def test_a_card_that_cannot_be_plugged_leaves_no_port() -> None:
    async def main(cloud: SmallNova) -> None:
        server_id = await active(cloud)
        cloud.hypervisors["compute-1"].broken.add("attach_nic")
        answer = await cloud.call("POST", f"/v2.1/servers/{server_id}/os-interface", {"interfaceAttachment": {"net_id": NETWORK}})
        assert answer.status >= 400
        assert len(cloud.neutron.ports) == 1
        assert len((await cloud.record(server_id)).network_info) == 1

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


# -- deletes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["destroy"])
def test_a_delete_that_fails_can_be_repeated(verb: str) -> None:
    async def main(cloud: SmallNova) -> None:
        server_id = await active(cloud)
        cloud.hypervisors["compute-1"].broken.add(verb)
        await cloud.delete(server_id)
        await cloud.settle()
        assert (await state(cloud, server_id))[:2] == ("error", None)
        cloud.hypervisors["compute-1"].broken.clear()
        await cloud.delete(server_id)
        await cloud.settle()
        assert (await cloud.record(server_id)).deleted
        assert await cloud.leftovers(server_id) == []

    play(main)


@pytest.mark.parametrize("request_", ["DELETE /v2.0/ports", "DELETE /v3/attachments"])
def test_a_delete_waits_for_no_other_service_but_says_so(request_: str) -> None:
    async def main(cloud: SmallNova) -> None:
        server_id = await active(cloud)
        await attached(cloud, server_id)
        neighbour = cloud.cinder if "v3" in request_ else cloud.neutron
        neighbour.refuse[request_] = VolumeError("out of order")
        await cloud.delete(server_id)
        await cloud.settle()
        assert (await cloud.record(server_id)).vm_state == "error"
        neighbour.refuse.clear()
        await cloud.delete(server_id)
        await cloud.settle()
        assert (await cloud.record(server_id)).deleted
        assert await cloud.leftovers(server_id) == []

    play(main)


def test_a_lost_terminate_can_be_repeated() -> None:
    async def main(cloud: SmallNova) -> None:
        server_id = await active(cloud)
        cloud.faults.arm("drop", Match("terminate_instance"))
        await cloud.delete(server_id)
        await cloud.settle()
        assert (await state(cloud, server_id))[:2] == ("active", "deleting")
        await cloud.delete(server_id)
        await cloud.settle()
        assert (await cloud.record(server_id)).deleted

    play(main)


def test_a_dead_host_s_server_is_deleted_by_the_api_and_the_guest_when_the_host_is_back() -> None:
    async def main(cloud: SmallNova) -> None:
        server_id = await active(cloud)
        await attached(cloud, server_id)
        cloud.wires.kill(AGENT)
        await cloud.settle(80)
        await cloud.delete(server_id)
        assert (await cloud.record(server_id)).deleted
        assert await cloud.leftovers(server_id) == ["guest on compute-1"]
        cloud.wires.restart(AGENT)
        await cloud.settle()
        assert await cloud.leftovers(server_id) == []

    play(main)


# -- agents that die ----------------------------------------------------------------------------------


def test_a_build_that_was_cut_off_ends_in_error() -> None:
    async def main(cloud: SmallNova) -> None:
        cloud.faults.arm("kill_after", Match("hypervisor.spawn", kinds=("driver",)))
        server_id = await cloud.create()
        await cloud.settle()
        assert (await state(cloud, server_id))[:2] == ("building", "spawning")
        cloud.wires.restart(AGENT)
        await cloud.settle()
        server = await cloud.record(server_id)
        assert (server.vm_state, server.task_state) == ("error", None)
        await cloud.delete(server_id)
        await cloud.settle()
        assert await cloud.leftovers(server_id) == []

    play(main)


@pytest.mark.parametrize(
    ("action", "driver_call", "ends"),
    [
        ("delete", "hypervisor.destroy", "deleted"),
        ("os-stop", "hypervisor.power_off", "stopped"),
        ("reboot", "hypervisor.reboot", "active"),
    ],
)
def test_a_command_that_was_cut_off_is_finished_after_the_restart(action: str, driver_call: str, ends: str) -> None:
    async def main(cloud: SmallNova) -> None:
        server_id = await active(cloud)
        cloud.faults.arm("kill_before", Match(driver_call, kinds=("driver",)))
        if action == "delete":
            await cloud.delete(server_id)
        else:
            await cloud.act(server_id, **{action: {"type": "SOFT"} if action == "reboot" else None})
        await cloud.settle()
        cloud.wires.restart(AGENT)
        await cloud.settle()
        assert (await state(cloud, server_id))[:2] == (ends, None)
        if ends == "deleted":
            assert await cloud.leftovers(server_id) == []

    play(main)


def test_a_power_cycle_stops_servers() -> None:
    async def main(cloud: SmallNova) -> None:
        server_id = await active(cloud)
        cloud.wires.kill(AGENT)
        await cloud.hypervisors["compute-1"].power_off(server_id)
        cloud.wires.restart(AGENT)
        await cloud.settle()
        assert await state(cloud, server_id) == ("stopped", None, 4)

    play(main)


def test_an_agent_waits_for_its_conductor() -> None:
    async def main(cloud: SmallNova) -> None:
        cloud.wires.kill("nova-conductor@controller-1")
        cloud.wires.restart(AGENT)
        await cloud.settle(100)
        cloud.wires.restart("nova-conductor@controller-1")
        await cloud.settle(100)
        server_id = await cloud.create()
        await cloud.settle()
        assert (await cloud.record(server_id)).vm_state == "active"

    play(main)


def test_a_restarted_agent_keeps_its_ids() -> None:
    async def main(cloud: SmallNova) -> None:
        node = await cloud.node("compute-1")
        cloud.hypervisors["compute-1"].vcpus = 4
        cloud.wires.restart(AGENT)
        await cloud.settle()
        again = await cloud.node("compute-1")
        assert (again.uuid, again.id, again.vcpus) == (node.uuid, node.id, 4)
        assert len(await cloud.wires.store.run(lambda tx: tx.find(ComputeService, binary="nova-compute"))) == 1

    play(main)


def test_orphaned_allocations_are_found() -> None:
    async def main(cloud: SmallNova) -> None:
        server_id = await active(cloud)
        held = await cloud.held(server_id)
        await cloud.delete(server_id)
        await cloud.settle()
        resources = {rp: {"resources": {"VCPU": 1}} for rp in held}
        body = {"allocations": resources, "project_id": "red", "user_id": "alice", "consumer_generation": None}
        ctx = cloud.client.context()
        await cloud.client.rest.call(
            ctx, "placement", "PUT", f"/allocations/{server_id}", body=body, version=(1, 28), auth="none", headers={"x-auth-token": ADMIN}
        )
        assert await cloud.held(server_id)
        await cloud.settle(1900)
        assert await cloud.held(server_id) == {}

    play(main)


# -- the conductor's objects and services ---------------------------------------------------------------


def test_a_disabled_host_says_so_to_placement() -> None:
    async def main(cloud: SmallNova) -> None:
        service = await cloud.wires.store.run(lambda tx: tx.one(ComputeService, binary="nova-compute"))
        assert service is not None
        node = await cloud.node("compute-1")
        for status, expected in (("disabled", True), ("enabled", False)):
            answer = await cloud.call("PUT", f"/v2.1/os-services/{service.uuid}", {"status": status}, ADMIN)
            assert answer.status == 200, answer.content()
            traits = await cloud.client.rest.call(
                cloud.client.context(),
                "placement",
                "GET",
                f"/resource_providers/{node.uuid}/traits",
                version=(1, 28),
                auth="none",
                headers={"x-auth-token": ADMIN},
            )
            assert ("COMPUTE_STATUS_DISABLED" in traits.json()["traits"]) is expected

    play(main)


def test_services_are_up_while_they_report() -> None:
    async def main(cloud: SmallNova) -> None:
        async def up() -> list[str]:
            def read(tx: Any) -> list[str]:
                services = [fresh(tx, service) for service in tx.all(ComputeService)]
                return [s.host if s.binary == "nova-compute" else s.binary for s in services if s.is_up(now, 60)]

            now = cloud.wires.runtime.now_ns()
            return sorted(await cloud.wires.store.run(read))

        hosts = sorted(cloud.hypervisors)
        await cloud.settle(120)
        assert await up() == [*hosts, "nova-conductor", "nova-scheduler"]
        groups = await cloud.wires.store.run(lambda tx: tx.all(ServiceHeartbeat))
        assert groups
        assert all(len(group.members) > 1 for group in groups)
        cloud.wires.kill(AGENT)
        await cloud.settle(55)
        assert "compute-1" in await up()
        await cloud.settle(25)
        assert await up() == [*hosts[1:], "nova-conductor", "nova-scheduler"]
        cloud.wires.restart(AGENT)
        await cloud.settle(40)
        assert await up() == [*hosts, "nova-conductor", "nova-scheduler"]

    play(main, hosts=12)


def test_an_unknown_object_action_lists_the_known_ones() -> None:
    async def main(cloud: SmallNova) -> None:
        objects = Objects(cloud.client)
        with pytest.raises(LabError, match=r"Instance\.explode is no object action; known: Instance\.save"):
            await objects.object_action(cloud.client.context(), {"nova_object.name": "Instance"}, "explode")

    play(main)
