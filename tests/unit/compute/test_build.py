"""Building servers: the good way, and every way in which a build can fail, retry or be overtaken."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from lab.errors import Conflict, LabError
from lab.services.compute.model import InstanceAction, InstanceActionEvent
from sim.faults import Match
from tests.unit.compute.neighbours import IMAGE, NETWORK, SUBNET
from tests.unit.compute.small_nova import SmallNova, active, play


def test_a_server_is_built_and_leaves_nothing() -> None:
    async def main(cloud: SmallNova) -> None:
        server_id = await cloud.create()
        await cloud.settle()
        server = await cloud.record(server_id)
        assert (server.vm_state, server.task_state, server.power_state, server.host) == ("active", None, 1, "compute-1")
        assert server.launched_at
        assert [ip["address"] for vif in server.network_info for ip in vif["fixed_ips"]] == ["10.0.0.10"]
        node = await cloud.node("compute-1")
        assert (node.vcpus_used, node.memory_mb_used, node.local_gb_used, node.running_vms, node.num_io_ops) == (1, 1024, 1, 1, 0)
        assert cloud.scheduler.told == [("update", "compute-1")]
        spec, power = cloud.hypervisors["compute-1"].guests_here[server_id]
        assert (spec.name, spec.hostname, spec.vcpus, power) == ("instance-00000001", "web", 1, 1)
        await cloud.delete(server_id)
        await cloud.settle()
        server = await cloud.record(server_id)
        assert (server.vm_state, server.deleted) == ("deleted", True)
        assert await cloud.leftovers(server_id) == []
        node = await cloud.node("compute-1")
        assert (node.vcpus_used, node.memory_mb_used, node.local_gb_used, node.running_vms) == (0, 512, 0, 0)
        assert cloud.scheduler.told[-1] == ("delete", "compute-1")

    play(main)


def test_states_are_those_of_the_official_sequence() -> None:
    async def main(cloud: SmallNova) -> None:
        await cloud.create()
        await cloud.settle()
        moves = " ".join(entry.status for entry in cloud.wires.journal.since() if entry.kind == "state")
        assert moves == "building/None building/networking building/block_device_mapping building/spawning active/None"

    play(main)


def test_what_neutron_says_of_a_port_that_is_being_bound_is_looked_at_afterwards() -> None:
    async def main(cloud: SmallNova) -> None:
        cloud.faults.arm("delay", Match("object_action(VirtualInterface.create)"), delay_s=1.0)
        await cloud.create()
        while "object_action(VirtualInterface.create)" not in cloud.names("rpc_call"):
            await asyncio.sleep(0.01)
        (port,) = cloud.neutron.ports.values()
        await cloud.neutron.tell("network-changed", port)
        await cloud.settle()
        entries = {entry.seq: entry for entry in cloud.wires.journal.since()}
        reads = [e for e in entries.values() if e.kind == "rpc_call" and e.name == "object_action(InstanceInfoCache.refresh)"]
        causes = [entries[read.parent].name for read in reads]
        assert causes[0] == "build_and_run_instance"
        assert "external_instance_event" in causes[1:]

    play(main)


def test_events_tell_the_steps() -> None:
    async def main(cloud: SmallNova) -> None:
        server_id = await cloud.create()
        await cloud.settle()
        (action,) = await cloud.wires.store.run(lambda tx: tx.find(InstanceAction, server_id=server_id))
        assert (action.action, action.message) == ("create", None)
        (event,) = await cloud.wires.store.run(lambda tx: tx.all(InstanceActionEvent))
        assert (event.event, event.host, event.result) == ("compute__do_build_and_run_instance", "compute-1", "Success")

    play(main)


def test_the_image_is_downloaded_once() -> None:
    async def main(cloud: SmallNova) -> None:
        first, second = await cloud.create(), await cloud.create()
        await cloud.settle()
        assert (await cloud.record(first)).vm_state == (await cloud.record(second)).vm_state == "active"
        assert cloud.hypervisors["compute-1"].calls.count("cache_image") == 1

    play(main)


def test_no_valid_host() -> None:
    async def main(cloud: SmallNova) -> None:
        for _ in range(31):
            await cloud.create()
        await cloud.settle(60)
        server_id = await cloud.create()
        await cloud.settle()
        server = await cloud.record(server_id)
        assert (server.vm_state, server.task_state, server.host) == ("error", None, None)
        assert server.fault is not None
        assert server.fault["message"] == "No valid host was found. There are not enough hosts available."
        assert server.fault["code"] == 500
        assert cloud.names("notify")[-2:] == ["compute_task.build_instances", "compute_task.build_instances.error"]
        assert await cloud.held(server_id) == {}
        await cloud.delete(server_id)
        assert (await cloud.record(server_id)).deleted

    play(main)


def test_a_failed_build_goes_to_the_next_host() -> None:
    async def main(cloud: SmallNova) -> None:
        cloud.hypervisors["compute-1"].broken.add("spawn")
        server_id = await cloud.create()
        await cloud.settle()
        server = await cloud.record(server_id)
        assert (server.vm_state, server.host) == ("active", "compute-2")
        assert list(await cloud.held(server_id)) == [(await cloud.node("compute-2")).uuid]
        assert len([p for p in cloud.neutron.ports.values() if p["device_id"] == server_id]) == 1
        assert (await cloud.node("compute-1")).failed_builds == 1
        assert (await cloud.node("compute-1")).running_vms == 0
        assert (await cloud.node("compute-1")).num_io_ops == 0
        cloud.hypervisors["compute-1"].broken.clear()
        await cloud.create()
        await cloud.settle()
        assert (await cloud.node("compute-1")).failed_builds == 0

    play(main, hosts=2)


def test_retries_are_exhausted_after_three_hosts() -> None:
    async def main(cloud: SmallNova) -> None:
        for driver in cloud.hypervisors.values():
            driver.broken.add("spawn")
        server_id = await cloud.create()
        await cloud.settle()
        server = await cloud.record(server_id)
        assert (server.vm_state, server.task_state, server.host) == ("error", None, None)
        assert server.fault is not None
        assert server.fault["message"] == (
            f"Exceeded maximum number of retries. Exhausted all hosts available for retrying build failures for instance {server_id}."
        )
        tried = [driver.calls.count("spawn") for driver in cloud.hypervisors.values()]
        assert tried == [1, 1, 1, 0]
        assert not [left for left in await cloud.leftovers(server_id) if not left.startswith("device")]
        await cloud.delete(server_id)
        assert await cloud.leftovers(server_id) == []

    play(main, hosts=4)


def test_without_retries_the_first_failure_is_final() -> None:
    async def main(cloud: SmallNova) -> None:
        cloud.hypervisors["compute-1"].broken.add("spawn")
        server_id = await cloud.create()
        await cloud.settle()
        server = await cloud.record(server_id)
        assert (server.vm_state, server.host) == ("error", None)
        assert server.fault is not None
        assert "refuses to spawn" in server.fault["message"]
        assert await cloud.held(server_id) == {}

    play(main, hosts=2, max_attempts=1)


def test_a_port_that_nobody_plugs_aborts_the_build() -> None:
    async def main(cloud: SmallNova) -> None:
        cloud.neutron.deaf = True
        server_id = await cloud.create()
        await cloud.settle(250)
        assert (await cloud.record(server_id)).task_state == "spawning"
        await cloud.settle(100)
        server = await cloud.record(server_id)
        assert server.vm_state == "error"
        assert server.fault is not None
        assert server.fault["message"] == (f"Build of instance {server_id} aborted: Failed to allocate the network(s), not rescheduling.")
        assert "Virtual Interface creation failed" in server.fault["details"]
        assert not [left for left in await cloud.leftovers(server_id) if not left.startswith("device")]

    play(main, hosts=2)


def test_a_server_whose_last_answers_were_lost_says_so() -> None:
    """Recorded as active, and not known to be: the build is undone, and the fault tells what went wrong first."""

    async def main(cloud: SmallNova) -> None:
        cloud.faults.arm("lose_reply", Match("object_action(Instance.save)", nth=6))
        cloud.faults.arm("drop", Match("object_class_action_versions(Instance.get_by_uuid)"))
        server_id = await cloud.create()
        await cloud.settle(300)
        server = await cloud.record(server_id)
        assert (server.vm_state, server.launched_at is not None) == ("error", True)
        assert server.fault is not None
        assert server.fault["message"].startswith("Timed out waiting for a reply")
        assert not [left for left in await cloud.leftovers(server_id) if not left.startswith("device")]

    play(main, hosts=2)


def test_a_missing_plug_is_borne_when_it_is_not_fatal() -> None:
    async def main(cloud: SmallNova) -> None:
        cloud.neutron.deaf = True
        server_id = await cloud.create()
        await cloud.settle(60)
        assert (await cloud.record(server_id)).vm_state == "active"

    play(main, vif_plugging_is_fatal=False, vif_plugging_timeout_s=20)


def test_a_port_that_cannot_be_bound_goes_to_the_next_host() -> None:
    async def main(cloud: SmallNova) -> None:
        cloud.neutron.unbindable.add("compute-1")
        server_id = await cloud.create()
        await cloud.settle()
        assert (await cloud.record(server_id)).host == "compute-2"
        assert any("Binding failed for port" in name for name in cloud.names("log"))

    play(main, hosts=2)


def test_an_exhausted_network_aborts_the_build() -> None:
    async def main(cloud: SmallNova) -> None:
        cloud.neutron.refuse["POST /v2.0/ports"] = Conflict("No more IP addresses available on network net1.")
        server_id = await cloud.create()
        await cloud.settle()
        server = await cloud.record(server_id)
        assert server.vm_state == "error"
        assert server.fault is not None
        assert "No more IP addresses available on network net1., not rescheduling." in server.fault["message"]

    play(main, hosts=2)


def test_a_given_port_outlives_the_server() -> None:
    async def main(cloud: SmallNova) -> None:
        port: dict[str, Any] = {
            "id": "44444444-aaaa-4bbb-8ccc-000000000004", "network_id": NETWORK, "device_id": "", "device_owner": "",
            "mac_address": "fa:16:3e:aa:aa:aa", "status": "DOWN", "security_groups": [],
            "fixed_ips": [{"ip_address": "10.0.0.99", "subnet_id": "s"}],
        }  # fmt: skip
        cloud.neutron.ports[port["id"]] = port
        server_id = await cloud.create(networks=[{"port": port["id"]}])
        await cloud.settle()
        assert (await cloud.record(server_id)).network_info[0]["preserve_on_delete"]
        answer = await cloud.call(
            "POST", "/v2.1/servers", {"server": {"name": "two", "imageRef": IMAGE, "flavorRef": "1", "networks": [{"port": port["id"]}]}}
        )
        assert (answer.status, answer.json()["conflictingRequest"]["message"]) == (409, f"Port {port['id']} is still in use.")
        await cloud.delete(server_id)
        await cloud.settle()
        assert cloud.neutron.ports[port["id"]]["device_id"] == ""
        assert await cloud.leftovers(server_id) == []

    play(main)


@pytest.mark.parametrize("after_s", [0.0, 0.5, 1.5])
def test_a_delete_overtakes_the_build(after_s: float) -> None:
    async def main(cloud: SmallNova) -> None:
        server_id = await cloud.create()
        await cloud.settle(after_s)
        await cloud.delete(server_id)
        await cloud.settle()
        assert (await cloud.record(server_id)).deleted
        assert await cloud.leftovers(server_id) == []
        assert (await cloud.node("compute-1")).running_vms == 0

    play(main)


@pytest.mark.parametrize("name", ["schedule_and_build_instances", "build_and_run_instance", "build_instances", "external_instance_event"])
def test_repeated_messages_build_once(name: str) -> None:
    async def main(cloud: SmallNova) -> None:
        cloud.faults.arm("duplicate", Match(name, times=0))
        cloud.hypervisors["compute-1"].broken.add("spawn")
        server_id = await cloud.create()
        await cloud.settle()
        server = await cloud.record(server_id)
        assert (server.vm_state, server.host) == ("active", "compute-2")
        assert cloud.hypervisors["compute-2"].calls.count("spawn") == 1
        assert len(await cloud.held(server_id)) == 1
        assert len([p for p in cloud.neutron.ports.values() if p["device_id"] == server_id]) == 1

    play(main, hosts=2)


def test_a_repeated_port_request_gives_one_card() -> None:
    async def main(cloud: SmallNova) -> None:
        cloud.faults.arm("duplicate", Match("POST /v2.0/ports"))
        server_id = await cloud.create()
        await cloud.settle()
        server = await cloud.record(server_id)
        assert server.vm_state == "active"
        assert len(server.network_info) == 1
        assert len([p for p in cloud.neutron.ports.values() if p["device_id"] == server_id]) == 1

    play(main)


def test_a_refused_request_leaves_no_record() -> None:
    async def main(cloud: SmallNova) -> None:
        async def refused(**values: Any) -> tuple[int, str]:
            server = {"name": "web", "imageRef": IMAGE, "flavorRef": "1", "networks": [{"uuid": NETWORK}], **values}
            answer = await cloud.call("POST", "/v2.1/servers", {"server": server})
            ((_, fault),) = answer.json().items()
            return answer.status, fault["message"]

        unknown = "99999999-aaaa-4bbb-8ccc-000000000009"
        assert await refused(imageRef=unknown) == (400, "Can not find requested image")
        assert await refused(networks=[{"uuid": unknown}]) == (400, f"Network {unknown} could not be found.")
        other = await active(cloud)
        assert await refused(networks=[{"uuid": NETWORK, "fixed_ip": "10.0.0.10"}]) == (
            400,
            f"Fixed IP address 10.0.0.10 is already in use on instance {other}.",
        )
        cloud.neutron.subnet_ids = []
        assert await refused() == (400, f"Network {NETWORK} requires a subnet in order to boot instances on.")
        cloud.neutron.subnet_ids = [SUBNET]
        assert await refused(availability_zone="mars") == (400, "The requested availability zone is not available")
        snapshot = {"source_type": "snapshot", "destination_type": "volume", "uuid": unknown, "boot_index": 0}
        assert await refused(imageRef="", block_device_mapping_v2=[snapshot]) == (
            400,
            f"Block Device Mapping is Invalid: failed to get snapshot {unknown}.",
        )
        cloud.glance.image["size"] = 2 << 30
        assert await refused() == (
            400,
            "Flavor's disk is too small for requested image. Flavor disk is 1073741824 bytes, image is 2147483648 bytes.",
        )
        cloud.glance.image["status"] = "queued"
        assert await refused() == (400, f"Image {IMAGE} is not active.")
        assert [server["id"] for server in (await cloud.call("GET", "/v2.1/servers")).json()["servers"]] == [other]

    play(main)


def test_keystone_s_silence_is_no_crash() -> None:
    async def main(cloud: SmallNova) -> None:
        cloud.neutron.refuse["GET /v2.0/networks"] = LabError("the database is gone")
        answer = await cloud.call(
            "POST", "/v2.1/servers", {"server": {"name": "web", "imageRef": IMAGE, "flavorRef": "1", "networks": [{"uuid": NETWORK}]}}
        )
        assert answer.status == 500

    play(main)
