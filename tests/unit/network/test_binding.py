"""From a port with a host to an ACTIVE one: binding, wiring, provisioning, events, and all back."""

from __future__ import annotations

from typing import Any

import pytest

from lab.config import Config
from lab.services.network.wiring import wiring_of
from sim.faults import Match
from tests.unit.network.neutron import Neutron, body_of, play


def test_the_messages_of_a_server_port_are_neutrons() -> None:
    async def story(cloud: Neutron) -> None:
        network = await cloud.network()
        await cloud.subnet(network)
        await cloud.settle(3)
        since = cloud.wires.journal.seq
        port = await cloud.port(network, device_id="s1")
        body = {"binding:host_id": "compute-1", "device_owner": "compute:nova"}
        bound = await cloud.do("PUT", f"/ports/{port['id']}", {"port": body})
        assert (bound["binding:vif_type"], bound["status"]) == ("ovs", "DOWN")
        assert bound["binding:vif_details"]["bound_drivers"] == {"0": "openvswitch"}
        await cloud.settle()
        assert (await cloud.do("GET", f"/ports/{port['id']}"))["status"] == "DOWN"
        cloud.switches["compute-1"].plug(port["id"])
        await cloud.settle()
        assert cloud.messages(since) == [
            ("rest", "client", "neutron-api", "POST"),
            ("rpc_cast", "neutron-api", "neutron agents", "push"),
            ("rpc_cast", "neutron-api", "neutron-dhcp-agent", "port_create_end"),
            ("rpc_cast", "neutron-api", "neutron-l2-agent", "security_groups_member_updated"),
            ("rest", "client", "neutron-api", "PUT"),
            ("rpc_call", "neutron-dhcp-agent", "neutron-rpc", "dhcp_ready_on_ports"),
            ("rpc_cast", "neutron-api", "neutron agents", "push"),
            ("rpc_cast", "neutron-api", "neutron agents", "push"),
            ("rpc_cast", "neutron-api", "neutron-l2-agent", "port_update"),
            ("rest", "neutron-api", "nova-api", "POST"),
            ("rest", "client", "neutron-api", "GET"),
            ("rpc_call", "neutron-l2-agent", "neutron-rpc", "update_device_list"),
            # … the service token of neutron-rpc is fetched here, else the event would leave before the push
            ("rpc_cast", "neutron-rpc", "neutron agents", "push"),
            ("rpc_call", "neutron-l2-agent", "neutron-rpc", "update_device_list"),
            ("rest", "neutron-rpc", "nova-api", "POST"),
        ]
        assert [event["name"] for event in cloud.events] == ["network-changed", "network-vif-plugged"]
        assert {event["tag"] for event in cloud.events} == {port["id"]}
        wiring = cloud.switches["compute-1"].wirings[port["id"]]
        assert (wiring.tap, wiring.addresses) == (f"tap{port['id'][:11]}", ("10.0.0.3",))
        assert (wiring.network_type, wiring.segmentation_id, wiring.physical_network) == ("vlan", 100, "physnet1")
        assert cloud.dhcp.addresses(network["id"]) == ["10.0.0.2", "10.0.0.3"]

        since = cloud.wires.journal.seq
        cloud.switches["compute-1"].unplug(port["id"])
        await cloud.settle(0.005)
        await cloud.call("DELETE", f"/ports/{port['id']}")
        await cloud.settle()
        assert cloud.messages(since) == [
            ("rpc_call", "neutron-l2-agent", "neutron-rpc", "update_device_list"),
            ("rest", "client", "neutron-api", "DELETE"),
            ("rest", "neutron-rpc", "nova-api", "POST"),
            ("rpc_cast", "neutron-rpc", "neutron agents", "push"),
            ("rpc_cast", "neutron-api", "neutron agents", "push"),
            ("rpc_cast", "neutron-api", "neutron-dhcp-agent", "port_delete_end"),
            ("rpc_cast", "neutron-api", "neutron-l2-agent", "security_groups_member_updated"),
            ("rpc_cast", "neutron-api", "neutron-l2-agent", "port_delete"),
            ("rest", "neutron-api", "nova-api", "POST"),
        ]
        names = [event["name"] for event in cloud.events[2:]]
        assert names == ["network-vif-unplugged", "network-vif-deleted"]
        assert cloud.switches["compute-1"].wirings == {}
        assert cloud.dhcp.addresses(network["id"]) == ["10.0.0.2"]

    play(story)


def test_only_the_host_of_a_port_wakes() -> None:
    async def story(cloud: Neutron) -> None:
        network = await cloud.network()
        await cloud.subnet(network)
        await cloud.settle()
        await cloud.server_port(network, "compute-1")
        await cloud.settle(3)
        calls = {host: switch.calls for host, switch in cloud.switches.items()}
        assert calls["compute-1"] == ["wire"]
        assert not [call for host, found in calls.items() if host != "compute-1" for call in found]

    play(story, hosts=4)


def test_a_dead_agent_fails_the_binding() -> None:
    async def story(cloud: Neutron) -> None:
        network = await cloud.network()
        cloud.wires.kill("neutron-l2-agent@compute-1")
        await cloud.settle(110)
        agents = await cloud.do("GET", "/agents?host=compute-1")
        assert [agent["alive"] for agent in agents] == [False]
        assert len(await cloud.do("GET", "/agents?alive=True")) == 3
        port = await cloud.port(network, device_id="s1")
        body = {"port": {"binding:host_id": "compute-1", "device_owner": "compute:nova"}}
        bound = await cloud.do("PUT", f"/ports/{port['id']}", body)
        assert (bound["binding:vif_type"], bound["binding:vif_details"]) == ("binding_failed", {})
        texts = [entry.name for entry in cloud.wires.journal.find(kind="log")]
        assert any(t.startswith(f"Refusing to bind port {port['id']} to dead agent: Open vSwitch agent") for t in texts)
        assert any(t.startswith(f"Failed to bind port {port['id']} on host compute-1") for t in texts)
        cloud.wires.restart("neutron-l2-agent@compute-1")
        await cloud.settle()
        assert (await cloud.do("PUT", f"/ports/{port['id']}", body))["binding:vif_type"] == "ovs"

    play(story)


def test_a_host_without_the_physical_network_fails_the_binding() -> None:
    async def story(cloud: Neutron) -> None:
        body = {"provider:network_type": "vlan", "provider:physical_network": "physnet2"}
        network = await cloud.network(user="admin", **body)
        port = await cloud.port(network, "admin", **{"binding:host_id": "compute-1"})
        assert port["binding:vif_type"] == "binding_failed"
        unknown = await cloud.port(network, "admin", **{"binding:host_id": "nowhere"})
        assert unknown["binding:vif_type"] == "binding_failed"

    play(story, Config(network_vlan_ranges={"physnet1": (100, 200), "physnet2": (300, 310)}))


def test_a_vxlan_on_sriov_is_refused_with_the_matrixs_reason() -> None:
    async def story(cloud: Neutron) -> None:
        vxlan = await cloud.network(user="admin", **{"provider:network_type": "vxlan"})
        port = await cloud.port(vxlan, "admin", **{"binding:vnic_type": "direct", "binding:host_id": "compute-1"})
        assert port["binding:vif_type"] == "binding_failed"
        texts = [entry.name for entry in cloud.wires.journal.find(kind="log")]
        assert any("SR-IOV does not carry VXLAN networks" in text for text in texts)
        normal = await cloud.port(vxlan, "admin", **{"binding:host_id": "compute-1"})
        assert normal["binding:vif_type"] == "ovs"

    play(story, Config(mechanism_drivers=("sriovnicswitch", "openvswitch")))


def test_a_network_type_that_no_driver_carries_is_refused_at_once() -> None:
    async def story(cloud: Neutron) -> None:
        fault = await cloud.fault("POST", "/networks", {"network": {"provider:network_type": "vxlan"}})
        assert fault[:2] == (400, "InvalidInput")
        assert "SR-IOV does not carry VXLAN networks" in fault[2]
        assert await cloud.do("GET", "/networks") == []

    play(story, Config(mechanism_drivers=("sriovnicswitch",)))


def test_the_linux_bridge_of_2018() -> None:
    async def story(cloud: Neutron) -> None:
        network = await cloud.network()
        bound = await cloud.server_port(network)
        assert bound["binding:vif_type"] == "bridge"
        kinds = {agent["agent_type"] for agent in await cloud.do("GET", "/agents")}
        assert kinds == {"Linux bridge agent", "DHCP agent"}

    play(story, Config(era="2018", mechanism_drivers=("linuxbridge",)))


def test_tunnels_open_with_the_first_port_that_needs_them() -> None:
    async def story(cloud: Neutron) -> None:
        network = await cloud.network()
        await cloud.server_port(network, "compute-1")
        await cloud.settle(3)
        assert cloud.switches["compute-1"].peers == ("192.168.0.1", "192.168.0.3", "192.168.0.4")
        assert cloud.switches["compute-2"].peers == ()
        cloud.report_tunnel_end("compute-9", "192.168.0.9")
        await cloud.settle()
        assert cloud.switches["compute-1"].peers[-1] == "192.168.0.9"

    play(story, Config(project_network_types=("vxlan",)), hosts=3)


def test_a_port_waits_for_dhcp_and_l2_both() -> None:
    async def story(cloud: Neutron) -> None:
        network = await cloud.network()
        await cloud.subnet(network)
        await cloud.settle()
        cloud.wires.hang("neutron-dhcp-agent@network-1")
        port = await cloud.server_port(network)
        await cloud.settle(5)
        assert (await cloud.do("GET", f"/ports/{port['id']}"))["status"] == "DOWN"
        assert [event["name"] for event in cloud.events] == ["network-changed"]
        cloud.wires.resume("neutron-dhcp-agent@network-1")
        await cloud.settle()
        assert (await cloud.do("GET", f"/ports/{port['id']}"))["status"] == "ACTIVE"
        assert cloud.events[-1]["name"] == "network-vif-plugged"

    play(story)


def test_a_new_host_binds_anew_and_none_unbinds() -> None:
    async def story(cloud: Neutron) -> None:
        network = await cloud.network()
        port = await cloud.server_port(network, "compute-1")
        await cloud.settle(3)
        path = f"/ports/{port['id']}"
        assert (await cloud.fault("PUT", path, {"port": {"mac_address": "fa:16:3e:00:00:01"}}))[1] == "PortBound"
        moved = await cloud.do("PUT", path, {"port": {"binding:host_id": "compute-2"}})
        assert (moved["binding:host_id"], moved["status"]) == ("compute-2", "DOWN")
        cloud.switches["compute-2"].plug(port["id"])
        cloud.switches["compute-1"].unplug(port["id"])
        await cloud.settle(3)
        assert (await cloud.do("GET", path))["status"] == "ACTIVE"
        assert cloud.switches["compute-1"].wirings == {}
        freed = await cloud.do("PUT", path, {"port": {"binding:host_id": "", "device_id": "", "device_owner": ""}})
        assert (freed["binding:vif_type"], freed["status"], freed["device_id"]) == ("unbound", "DOWN", "")

    play(story)


def test_a_changed_port_is_wired_anew() -> None:
    async def story(cloud: Neutron) -> None:
        network = await cloud.network()
        subnet = await cloud.subnet(network)
        await cloud.settle()
        port = await cloud.server_port(network)
        await cloud.settle(3)
        path, wirings = f"/ports/{port['id']}", cloud.switches["compute-1"].wirings
        more = [*port["fixed_ips"], {"subnet_id": subnet["id"], "ip_address": "10.0.0.77"}]
        await cloud.do("PUT", path, {"port": {"fixed_ips": more, "security_groups": []}})
        await cloud.settle()
        assert wirings[port["id"]].addresses == ("10.0.0.3", "10.0.0.77")
        assert wirings[port["id"]].rules == ()
        assert cloud.dhcp.addresses(network["id"]) == ["10.0.0.2", "10.0.0.3", "10.0.0.77"]
        await cloud.do("PUT", path, {"port": {"admin_state_up": False}})
        await cloud.settle()
        assert wirings[port["id"]].admin_state_up is False
        await cloud.do("PUT", path, {"port": {"name": "renamed"}})
        await cloud.settle()
        assert cloud.switches["compute-1"].calls == ["wire"] * 3

    play(story)


@pytest.mark.parametrize("asking", [True, False])
def test_rules_and_members_reach_the_switch(asking: bool) -> None:
    async def story(cloud: Neutron) -> None:
        network = await cloud.network()
        await cloud.subnet(network)
        await cloud.settle()
        port = await cloud.server_port(network)
        await cloud.settle(3)
        (group_id,) = port["security_groups"]
        rule = {"security_group_id": group_id, "direction": "ingress", "protocol": "icmp"}
        made = await cloud.do("POST", "/security-group-rules", {"security_group_rule": rule}, "alice")
        await cloud.settle()
        switch: Any = cloud.switches["compute-1"]

        def let_in() -> list[Any]:
            return [r for r in switch.wirings[port["id"]].rules if r.direction == "ingress" and r.ethertype == "IPv4"]

        assert [r.protocol for r in let_in()] == [None, "icmp"]
        if asking:
            assert let_in()[0].remote_group == group_id
            assert switch.members == {}
            switch.ask(group_id)
            await cloud.settle()
            assert switch.members == {group_id: ("10.0.0.3/32",)}
        else:
            assert let_in()[0].remote_prefix == "10.0.0.3/32"
        await cloud.port(network)
        await cloud.settle()
        if asking:
            assert switch.members == {}
            switch.ask(group_id)
            await cloud.settle()
            assert switch.members == {group_id: ("10.0.0.3/32", "10.0.0.4/32")}
        else:
            assert [r.remote_prefix for r in let_in()] == ["10.0.0.3/32", "10.0.0.4/32", None]
        await cloud.call("DELETE", f"/security-group-rules/{made['id']}", user="alice")
        await cloud.settle()
        assert "icmp" not in [r.protocol for r in let_in()]

    play(story, asking=asking)


def test_members_that_are_spelled_out_come_with_the_answer_to_the_report() -> None:
    async def story(cloud: Neutron) -> None:
        network = await cloud.network()
        await cloud.subnet(network)
        await cloud.settle()
        port = await cloud.server_port(network)
        await cloud.settle(3)
        switch, journal = cloud.switches["compute-1"], cloud.wires.journal
        assert switch.calls == ["wire", "wire"]
        assert not list(journal.find(name="security_group_info_for_devices"))
        asked = [body_of(e).get("security_groups") for e in journal.find(kind="rpc_call", name="update_device_list")]
        assert [groups for groups in asked if groups] == [port["security_groups"]]
        reports = len(asked)
        await cloud.port(network)
        await cloud.settle()
        assert switch.calls == ["wire"] * 3
        assert len(list(journal.find(kind="rpc_call", name="security_group_info_for_devices"))) == 1
        assert len(list(journal.find(kind="rpc_call", name="update_device_list"))) == reports

    play(story, asking=False)


def test_members_are_asked_for_when_the_report_that_asked_was_lost() -> None:
    async def story(cloud: Neutron) -> None:
        network = await cloud.network()
        await cloud.subnet(network)
        await cloud.settle()
        cloud.faults.arm("drop", Match("update_device_list"))
        port = await cloud.server_port(network)
        await cloud.settle(200)
        rules = cloud.switches["compute-1"].wirings[port["id"]].rules
        assert [r.remote_prefix for r in rules if r.remote_group and r.ethertype == "IPv4"] == ["10.0.0.3/32"]
        assert len(list(cloud.wires.journal.find(kind="rpc_call", name="security_group_info_for_devices"))) == 1

    play(story, asking=False)


def test_notifications_frame_each_change() -> None:
    async def story(cloud: Neutron) -> None:
        network = await cloud.network()
        port = await cloud.port(network)
        await cloud.call("DELETE", f"/ports/{port['id']}", user="alice")
        notes = list(cloud.wires.journal.find(kind="notify"))
        assert [note.name for note in notes] == [
            "network.create.start",
            "network.create.end",
            "port.create.start",
            "port.create.end",
            "port.delete.start",
            "port.delete.end",
        ]
        assert {note.where for note in notes} == {"notifications.info"}
        assert body_of(notes[1])["network"]["id"] == network["id"]
        assert body_of(notes[4]) == {"port_id": port["id"]}

    play(story)


def test_a_rule_about_a_group_takes_the_members_of_its_own_family() -> None:
    body = {
        "mac_address": "fa:16:3e:00:00:01", "addresses": [], "network_id": "n", "network_type": "vlan", "segmentation_id": 1,
        "physical_network": "physnet1", "mtu": 1500, "port_security": True, "admin_state_up": True, "device_owner": "compute:nova",
        "rules": [["ingress", kind, None, None, None, None, "g"] for kind in ("IPv4", "IPv6")],
    }  # fmt: skip
    rules = wiring_of("port", body, {"g": ["10.0.0.3/32", "2001:db8::3/128"]}).rules
    assert [(rule.ethertype, rule.remote_prefix) for rule in rules] == [("IPv4", "10.0.0.3/32"), ("IPv6", "2001:db8::3/128")]
