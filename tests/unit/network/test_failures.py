"""What is lost, doubled, killed or refused on the way to an ACTIVE port, and what is left afterwards."""

from __future__ import annotations

from typing import Any

import pytest

from lab.config import Config
from lab.services.network.model import AddressPool, IPAllocation, Port
from sim.faults import Match
from tests.unit.network.neutron import Neutron, play

PLUG = (
    Match("push", nth=3),
    Match("port_update"),
    Match("security_groups_member_updated"),
    Match("update_device_list"),
    Match("update_device_list", nth=2),
    Match("dhcp_ready_on_ports"),
)
"""Messages of a port's way to ACTIVE whose loss neutron makes good by itself."""


async def _boot(cloud: Neutron) -> tuple[Any, Any]:
    network = await cloud.network()
    await cloud.subnet(network)
    await cloud.settle()
    return network, await cloud.port(network, device_id="s1")


async def _plug(cloud: Neutron, port: Any) -> None:
    body = {"binding:host_id": "compute-1", "device_owner": "compute:nova"}
    await cloud.do("PUT", f"/ports/{port['id']}", {"port": body})
    await cloud.settle()
    cloud.switches["compute-1"].plug(port["id"])


async def _status(cloud: Neutron, port: Any) -> str:
    return str((await cloud.do("GET", f"/ports/{port['id']}"))["status"])


async def _delete(cloud: Neutron, network: Any, port: Any) -> None:
    """Take all away and look that nothing is left anywhere."""
    cloud.switches["compute-1"].unplug(port["id"])
    await cloud.settle()
    assert (await cloud.call("DELETE", f"/ports/{port['id']}")).status == 204
    await cloud.settle(200)
    assert (await cloud.call("DELETE", f"/networks/{network['id']}")).status == 204
    await cloud.settle(200)
    assert [switch.wirings for switch in cloud.switches.values()] == [{}] * len(cloud.switches)
    assert cloud.dhcp.networks == {}
    counts = await cloud.wires.store.run(lambda tx: [tx.count(model) for model in (Port, IPAllocation, AddressPool)])
    assert counts == [0, 0, 0]


@pytest.mark.parametrize("act", ["drop", "lose_reply", "duplicate", "delay"])
@pytest.mark.parametrize("match", PLUG, ids=lambda m: f"{m.name}-{m.nth}")
def test_a_message_of_the_plug_is_disturbed(act: str, match: Match) -> None:
    async def story(cloud: Neutron) -> None:
        network, port = await _boot(cloud)
        cloud.faults.arm(act, match, delay_s=70 if act == "delay" else 0)
        await _plug(cloud, port)
        await cloud.settle(200)
        assert await _status(cloud, port) == "ACTIVE"
        plugged = [event for event in cloud.events if event["name"] == "network-vif-plugged"]
        assert len(plugged) == 1
        await _delete(cloud, network, port)

    play(story)


@pytest.mark.parametrize("match", [Match("port_create_end", target="neutron-dhcp-agent")])
def test_a_lost_cast_to_the_dhcp_agent_holds_the_port_back_until_its_restart(match: Match) -> None:
    async def story(cloud: Neutron) -> None:
        network = await cloud.network()
        await cloud.subnet(network)
        await cloud.settle()
        cloud.faults.arm("drop", match)
        port = await cloud.port(network, device_id="s1")
        await _plug(cloud, port)
        await cloud.settle(200)
        assert await _status(cloud, port) == "DOWN"  # upstream too: a cast has no reply
        cloud.wires.restart("neutron-dhcp-agent@network-1")
        await cloud.settle(5)
        assert await _status(cloud, port) == "ACTIVE"
        await _delete(cloud, network, port)

    play(story)


@pytest.mark.parametrize("who", ["neutron-l2-agent@compute-1", "neutron-rpc@controller-1", "neutron-dhcp-agent@network-1"])
@pytest.mark.parametrize("name", ["push", "update_device_list", "dhcp_ready_on_ports", "port_create_end"])
@pytest.mark.parametrize("act", ["kill_before", "kill_after"])
def test_a_process_dies_at_a_message_and_comes_back(who: str, name: str, act: str) -> None:
    async def story(cloud: Neutron) -> None:
        network = await cloud.network()
        await cloud.subnet(network)
        await cloud.settle()
        cloud.faults.arm(act, Match(name, target=who))
        port = await cloud.port(network, device_id="s1")
        await _plug(cloud, port)
        await cloud.settle(10)
        if not cloud.wires.processes[who].alive:
            cloud.wires.restart(who)
        await cloud.settle(200)
        assert await _status(cloud, port) == "ACTIVE"
        await _delete(cloud, network, port)

    play(story)


def test_a_restarted_agent_finds_its_host_as_it_was() -> None:
    async def story(cloud: Neutron) -> None:
        network = await cloud.network()
        await cloud.subnet(network)
        await cloud.settle()
        kept, gone, new = [await cloud.server_port(network, server=f"s{n}") for n in range(3)]
        cloud.switches["compute-1"].unplug(new["id"])
        await cloud.settle(3)
        cloud.wires.kill("neutron-l2-agent@compute-1")
        switch = cloud.switches["compute-1"]
        switch.taps.pop(gone["id"])
        switch.taps[new["id"]] = None
        switch.taps["99999999-9999-4999-8999-999999999999"] = None
        await cloud.call("DELETE", f"/ports/{gone['id']}")
        cloud.wires.restart("neutron-l2-agent@compute-1")
        await cloud.settle(5)
        assert sorted(switch.wirings) == sorted([kept["id"], new["id"]])
        assert [await _status(cloud, port) for port in (kept, new)] == ["ACTIVE"] * 2

    play(story)


@pytest.mark.parametrize("thing", ["subnet", "network"])
def test_a_network_that_is_served_no_more_when_its_agent_comes_back_is_not(thing: str) -> None:
    async def story(cloud: Neutron) -> None:
        network = await cloud.network()
        subnet = await cloud.subnet(network)
        await cloud.settle()
        assert list(cloud.dhcp.networks) == [network["id"]]
        agent = "neutron-dhcp-agent@network-1"
        cloud.wires.kill(agent)
        change = {"enable_dhcp": False} if thing == "subnet" else {"admin_state_up": False}
        await cloud.do("PUT", f"/{thing}s/{(subnet if thing == 'subnet' else network)['id']}", {thing: change})
        await cloud.settle()
        cloud.wires.restart(agent)
        await cloud.settle(30)
        assert cloud.dhcp.networks == {}
        assert (await cloud.do("GET", f"/ports?network_id={network['id']}")) == []

    play(story)


def test_the_whole_way_on_a_database() -> None:
    async def story(cloud: Neutron) -> None:
        network, port = await _boot(cloud)
        await _plug(cloud, port)
        await cloud.settle(5)
        assert await _status(cloud, port) == "ACTIVE"
        for who in ("neutron-api@controller-1", "neutron-rpc@controller-1"):
            cloud.wires.restart(who)
        await _delete(cloud, network, port)

    play(story, database="sqlite://")


def test_a_switch_that_refuses_is_asked_again() -> None:
    async def story(cloud: Neutron) -> None:
        network, port = await _boot(cloud)
        switch = cloud.switches["compute-1"]
        switch.broken = True
        await _plug(cloud, port)
        await cloud.settle(20)
        assert await _status(cloud, port) == "DOWN"
        assert 2 <= switch.calls.count("wire") <= 6
        switch.broken = False
        await cloud.settle(60)
        assert await _status(cloud, port) == "ACTIVE"
        await _delete(cloud, network, port)

    play(story)


def test_a_dhcp_server_that_does_not_start_is_tried_again() -> None:
    async def story(cloud: Neutron) -> None:
        cloud.dhcp.broken = True
        network, port = await _boot(cloud)
        await _plug(cloud, port)
        await cloud.settle(20)
        assert await _status(cloud, port) == "DOWN"
        cloud.dhcp.broken = False
        await cloud.settle(20)
        assert await _status(cloud, port) == "ACTIVE"
        assert len(await cloud.do("GET", f"/ports?network_id={network['id']}&device_owner=network:dhcp")) == 1
        await _delete(cloud, network, port)

    play(story)


@pytest.mark.parametrize("name", ["create_dhcp_port", "get_network_info", "network_create_end", "subnet_create_end"])
@pytest.mark.parametrize("act", ["drop", "lose_reply", "duplicate"])
def test_a_network_has_one_dhcp_port_whatever_is_lost(name: str, act: str) -> None:
    async def story(cloud: Neutron) -> None:
        cloud.faults.arm(act, Match(name))
        network, port = await _boot(cloud)
        await cloud.settle(200)
        found = await cloud.do("GET", f"/ports?network_id={network['id']}&device_owner=network:dhcp")
        assert len(found) == 1
        await _delete(cloud, network, port)

    play(story)


def test_networks_move_from_a_dead_dhcp_agent() -> None:
    async def story(cloud: Neutron) -> None:
        network, _ = await _boot(cloud)
        (agent,) = await cloud.do("GET", f"/networks/{network['id']}/dhcp-agents")
        assert agent["host"] == "network-1"
        cloud.wires.start("neutron-dhcp-agent", "network-2", cloud.second_dhcp)
        await cloud.settle()
        cloud.wires.kill("neutron-dhcp-agent@network-1")
        await cloud.settle(200)
        (agent,) = await cloud.do("GET", f"/networks/{network['id']}/dhcp-agents")
        assert agent["host"] == "network-2"
        cloud.wires.restart("neutron-dhcp-agent@network-1")
        await cloud.settle(10)
        assert cloud.dhcp.networks == {}

    play(story)


def test_a_dhcp_agent_that_was_thought_dead_leaves_what_moved_to_another() -> None:
    async def story(cloud: Neutron) -> None:
        network, _ = await _boot(cloud)
        cloud.wires.start("neutron-dhcp-agent", "network-2", cloud.second_dhcp)
        await cloud.settle()
        unheard = cloud.faults.arm("drop", Match("report_state", source="neutron-dhcp-agent@network-1", times=0))
        await cloud.settle(200)
        assert list(cloud.dhcp.networks) == [network["id"]]
        cloud.faults.disarm(unheard)
        await cloud.settle(60)
        assert cloud.dhcp.networks == {}
        served = await cloud.do("GET", f"/ports?network_id={network['id']}&device_owner=network:dhcp")
        assert [port["binding:host_id"] for port in served] == ["network-2"]

    play(story)


def test_a_disabled_dhcp_agent_serves_nothing_until_it_is_enabled() -> None:
    async def story(cloud: Neutron) -> None:
        network, gone = await _boot(cloud)
        (agent,) = await cloud.do("GET", f"/networks/{network['id']}/dhcp-agents")
        path = f"/agents/{agent['id']}"
        await cloud.do("PUT", path, {"agent": {"admin_state_up": False}})
        await cloud.settle()
        assert cloud.dhcp.networks == {}
        assert await cloud.do("GET", f"/ports?network_id={network['id']}&device_owner=network:dhcp") == []
        await cloud.call("DELETE", f"/ports/{gone['id']}")
        new = await cloud.server_port(network, server="s2")
        await cloud.do("PUT", path, {"agent": {"admin_state_up": True}})
        await cloud.settle()
        (own,) = await cloud.do("GET", f"/ports?network_id={network['id']}&device_owner=network:dhcp")
        served = [own, new]
        assert sorted(cloud.dhcp.addresses(network["id"])) == sorted(port["fixed_ips"][0]["ip_address"] for port in served)

    play(story)


def test_nova_away_is_logged_and_nothing_else() -> None:
    async def story(cloud: Neutron) -> None:
        cloud.wires.kill("nova-api@controller-1")
        _, port = await _boot(cloud)
        await _plug(cloud, port)
        await cloud.settle(10)
        assert await _status(cloud, port) == "ACTIVE"
        texts = [entry.name for entry in cloud.wires.journal.find(kind="log")]
        assert any(text.startswith("Failed to notify nova on events") for text in texts)

    play(story)


def test_a_tap_that_is_another_one_at_once_is_wired_anew() -> None:
    """A hard reboot: the old tap goes and a new one of its name comes before the agent has looked."""

    async def story(cloud: Neutron) -> None:
        network, port = await _boot(cloud)
        await _plug(cloud, port)
        await cloud.settle(10)
        switch = cloud.switches["compute-1"]
        before = switch.calls.count("wire")
        switch.broken = True
        switch.unplug(port["id"])
        switch.plug(port["id"])
        await cloud.settle(10)
        switch.broken = False
        await cloud.settle(100)
        assert switch.calls.count("wire") > before + 1, "what failed is tried again"
        assert switch.wirings.keys() == {port["id"]}
        assert await _status(cloud, port) == "ACTIVE"
        await _delete(cloud, network, port)

    play(story)


VXLAN = Config(project_network_types=("vxlan",))
OTHER_ENDS = {"192.168.0.1", "192.168.0.3"}
"""Where the tunnels of the hosts beside compute-1 end."""


def test_a_switch_that_refuses_tunnels_is_told_of_them_again() -> None:
    async def story(cloud: Neutron) -> None:
        switch = cloud.switches["compute-1"]
        switch.broken = True
        port = await cloud.server_port(await cloud.network())
        await cloud.settle(10)
        switch.broken = False
        await cloud.settle(60)
        assert switch.wirings.keys() == {port["id"]}
        assert set(switch.peers) == OTHER_ENDS
        switch.broken = True
        cloud.report_tunnel_end("compute-9", "192.168.0.9")
        await cloud.settle(5)
        switch.broken = False
        await cloud.settle(5)
        assert set(switch.peers) == {*OTHER_ENDS, "192.168.0.9"}

    play(story, VXLAN)


def test_a_tunnel_end_that_is_told_of_before_the_others_are_known_is_kept() -> None:
    async def story(cloud: Neutron) -> None:
        cloud.faults.arm("delay", Match("tunnel_sync", kinds=("rpc_reply",)), delay_s=5)
        await cloud.server_port(await cloud.network())
        await cloud.settle(1)
        cloud.report_tunnel_end("compute-9", "192.168.0.9")
        await cloud.settle(10)
        assert set(cloud.switches["compute-1"].peers) == {*OTHER_ENDS, "192.168.0.9"}

    play(story, VXLAN)


def test_rules_that_could_not_be_asked_for_are_asked_for_again() -> None:
    async def story(cloud: Neutron) -> None:
        port = await cloud.server_port(await cloud.network())
        await cloud.settle(10)
        cloud.faults.arm("drop", Match("get_devices_details_list_and_failed_devices"))
        rule = {"security_group_id": port["security_groups"][0], "direction": "ingress", "protocol": "tcp", "port_range_min": 22,
                "port_range_max": 22}  # fmt: skip
        await cloud.do("POST", "/security-group-rules", {"security_group_rule": rule}, "alice")
        await cloud.settle(100)
        assert 22 in {rule.port_min for rule in cloud.switches["compute-1"].wirings[port["id"]].rules}

    play(story)


def test_a_tap_of_nobody_that_cannot_be_unwired_keeps_nobody_waiting() -> None:
    stranger = "00000000-0000-4000-8000-000000000000"

    async def story(cloud: Neutron) -> None:
        gone = await cloud.server_port(await cloud.network())
        await cloud.settle(10)
        switch = cloud.switches["compute-1"]
        cloud.wires.kill("neutron-l2-agent@compute-1")
        switch.wirings[stranger] = switch.wirings[gone["id"]]
        switch.taps = {stranger: None}
        cloud.faults.arm("raise", Match("l2.unwire", kinds=("driver",)))
        cloud.wires.restart("neutron-l2-agent@compute-1")
        await cloud.settle(10)
        assert switch.wirings.keys() == {stranger}

    play(story)
