"""Servers that live and end: power, deletes, agents that die and come back, and what the conductor keeps of them."""

from __future__ import annotations

from typing import Any

import pytest

from lab.errors import LabError, VolumeError
from lab.services.compute.model import ComputeService, InstanceAction, InstanceActionEvent, ServiceHeartbeat
from lab.services.compute.objects import Objects
from lab.services.compute.servicegroup import fresh
from sim.faults import Match
from tests.unit.compute.small_nova import ADMIN, SmallNova, active, attached, play, state

AGENT = "nova-compute@compute-1"


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
        assert calls[-5:] == ["power_off", "power_on", "reboot", "attach_nic", "reboot"]

    play(main)


def test_pause_and_unpause() -> None:
    async def main(cloud: SmallNova) -> None:
        server_id = await active(cloud)
        assert (await cloud.act(server_id, unpause=None)).status == 409
        assert (await cloud.act(server_id, pause=None)).status == 202
        assert (await state(cloud, server_id))[1] == "pausing"
        await cloud.settle()
        assert await state(cloud, server_id) == ("paused", None, 3)
        assert (await cloud.act(server_id, **{"os-stop": None})).status == 409
        assert (await cloud.act(server_id, unpause=None)).status == 202
        await cloud.settle()
        assert await state(cloud, server_id) == ("active", None, 1)
        await cloud.act(server_id, pause=None)
        await cloud.settle()
        await cloud.act(server_id, reboot={"type": "HARD"})
        await cloud.settle()
        assert await state(cloud, server_id) == ("active", None, 1)

    play(main)


def test_locks_are_actions_too() -> None:
    async def main(cloud: SmallNova) -> None:
        server_id = await active(cloud)
        assert (await cloud.act(server_id, lock=None)).status == 202
        assert (await cloud.act(server_id, lock=None)).status == 202
        assert (await cloud.act(server_id, unlock=None)).status == 202
        actions = await cloud.wires.store.run(lambda tx: tx.find(InstanceAction, server_id=server_id))
        assert [action.action for action in actions] == ["create", "lock", "unlock"], "a second lock of one's own server is none"
        event = await cloud.wires.store.run(lambda tx: tx.one(InstanceActionEvent, event="api_lock"))
        assert (event.result, event.finish_time is not None) == ("Success", True)

    play(main)


@pytest.mark.parametrize("verb", ["pause", "unpause"])
def test_a_doubled_pause_is_one(verb: str) -> None:
    async def main(cloud: SmallNova) -> None:
        server_id = await active(cloud)
        cloud.faults.arm("duplicate", Match(f"{verb}_instance"))
        for each in ("pause", "unpause"):
            await cloud.act(server_id, **{each: None})
            await cloud.settle()
        assert await state(cloud, server_id) == ("active", None, 1)
        assert (await cloud.record(server_id)).fault is None
        assert cloud.hypervisors["compute-1"].calls.count(verb) == 1

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
        ("pause", "hypervisor.pause", "paused"),
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
