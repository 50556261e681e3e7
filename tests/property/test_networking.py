"""Networks, ports, servers and agents in any order, with faults: nothing is given twice, and the fabric is as the records say.

The machine keeps a model of what was asked for. At every step no address, MAC or segment may have two owners; whenever the
machine lets the cloud come to rest, switches and bridges must carry exactly what bound ports need, servers of one subnet must
reach each other, and servers of different ones, there being no router, must not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from lab.client.compute import Server
from lab.client.session import ApiError
from lab.client.transports import InWorld
from lab.cloud import SimulatedCloud
from lab.config import Config
from lab.services.network.model import IPAllocation, Network, Port, Segment, Subnet
from sim.datacenter.switch import SwitchPort
from sim.faults import Match
from sim.loop import SimLoop
from sim.world import SimWorld

VLANS = (100, 102)
VNIS = (1, 2)
CONFIG = Config(
    network_vlan_ranges={"physnet1": VLANS},
    vni_ranges=VNIS,
    vif_plugging_timeout_s=30,
    rpc_response_timeout_s=10,
    network_quotas={**Config().network_quotas, "security_group": -1},
)
DATACENTER = {"racks": 2, "hosts_per_rack": 1, "storage_nodes": 1, "disks_per_storage_node": 3}
QUICK = 15
"""Examples in a quick run; a profile that asks for more than Hypothesis' hundred gets what it asks for."""
REST_S = 150.0
"""How long the cloud rests: longer than every timeout above and the agents' reports together."""
BOOT_S = 45.0
ADDRESSES = 5
"""What neutron gives of a /29: the network's and broadcast's addresses, and the gateway's, are not given."""
DELAY_S = 12.0
"""Longer than rpc_response_timeout above."""
messages = st.sampled_from(
    ["update_device_list", "get_devices_details*", "push", "port_delete*", "port_create_end", "port_delete_end",
     "port_update_end", "network_delete_end", "network_create_end", "subnet_create_end", "get_active_networks_info",
     "dhcp_ready_on_ports", "tunnel_*", "external_instance_event", "security_group_*", "report_state", "agent_updated"]
)  # fmt: skip
driver_calls = st.sampled_from(["l2.wire", "l2.unwire", "l2.wired", "l2.devices", "dhcp.serve", "dhcp.stop", "dhcp.reserve"])
few = st.integers(0, 5)


@dataclass
class Net:
    """A network as it was asked for."""

    id: str
    kind: str
    number: int | None
    subnets: list[str] = field(default_factory=list)


class Networking(RuleBasedStateMachine):
    """One small cloud, driven step by step."""

    @initialize(seed=st.integers(0, 2))
    def build(self, seed: int) -> None:
        self.loop = SimLoop(seed)
        self.world = SimWorld(self.loop, seed, config=CONFIG, datacenter=DATACENTER)
        self.cloud = SimulatedCloud(self.world, InWorld(self.world.client))
        self.nets: list[Net] = []
        self.cidrs = 0
        self.servers: dict[str, Server] = {}
        self.faulty = False
        self.run(self._furnish())
        self.create_network("vlan", None)
        self.create_subnet(0)

    async def _furnish(self) -> None:
        await self.cloud.ready()
        self.flavor = (await self.cloud.compute.flavors.create("tiny", vcpus=1, ram=64, disk=1)).id
        image = await self.cloud.image.images.create("base", visibility="public")
        self.image = (await image.upload_sparse(1 << 20)).id

    def teardown(self) -> None:
        if not hasattr(self, "loop"):
            return
        try:
            self.come_to_rest()
        finally:
            self.run(self.world.close())
            self.loop.close()

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    def refused(self, work: Any) -> ApiError | None:
        """Run a request; answer its refusal, or None."""
        try:
            self.run(work)
        except ApiError as error:
            return error
        return None

    def quiet(self) -> bool:
        """Whether no server is being made or unmade, so that what is read now is still so in a moment."""
        return self.world.runtime.busy == 0

    def _pick(self, things: Any, number: int) -> Any:
        things = list(things)
        return things[number % len(things)]

    # -- networks, subnets, ports ---------------------------------------------------------------

    def _numbers(self, kind: str) -> set[int | None]:
        return {net.number for net in self.nets if net.kind == kind}

    @rule(kind=st.sampled_from(["vlan", "vlan", "vxlan", "flat"]), asked=st.none() | st.integers(0, 3))
    def create_network(self, kind: str, asked: int | None) -> None:
        low, high = VNIS if kind == "vxlan" else VLANS
        number = None if asked is None or kind == "flat" else low + asked
        taken = self._numbers(kind)
        if kind == "flat":
            full = bool(taken)
        elif number is None:
            full = taken >= set(range(low, high + 1))
        else:
            full = number in taken
        found: list[Any] = []

        async def create() -> None:
            chosen = {} if kind == "vlan" and number is None else {"network_type": kind}
            physical = {"physical_network": "physnet1"} if chosen and kind != "vxlan" else {}
            found.append(await self.cloud.network.networks.create("n", segmentation_id=number, **chosen, **physical))

        error = self.refused(create())
        assert (error is not None) == full, f"{kind} {number} with {sorted(map(str, taken))} taken: {error}"
        if error is not None:
            assert error.status == (409 if number is not None or kind == "flat" else 503), error
            return
        given = found[0].data["provider:segmentation_id"]
        assert found[0].data["provider:network_type"] == kind
        assert kind == "flat" or given not in taken, f"{kind} {given} was given twice"
        self.nets.append(Net(found[0].id, kind, given))

    @precondition(lambda self: self.nets)
    @rule(which=few)
    def create_subnet(self, which: int) -> None:
        net = self._pick(self.nets, which)
        if len(net.subnets) < 2:
            self.cidrs += 1
            subnet = self.run(self.cloud.network.subnets.create(net.id, f"10.0.{self.cidrs}.0/29"))
            net.subnets.append(subnet.id)

    def _addresses_left(self, net: Net) -> int:
        used = Counter(a.subnet_id for a in self.all(IPAllocation))
        return sum(ADDRESSES - used[subnet] for subnet in net.subnets)

    @precondition(lambda self: any(net.subnets for net in self.nets))
    @rule(which=few, mac=st.none() | st.integers(0, 2))
    def create_port(self, which: int, mac: int | None) -> None:
        net = self._pick([net for net in self.nets if net.subnets], which)
        address = None if mac is None else f"fa:16:3e:00:00:{mac:02x}"
        clash = address is not None and any(p.mac_address == address and p.network_id == net.id for p in self.all(Port))
        left, quiet = self._addresses_left(net), self.quiet()
        more = {} if address is None else {"mac_address": address}
        error = self.refused(self.cloud.network.ports.create(net.id, **more))
        if quiet:
            assert (error is not None) == (clash or left == 0), f"MAC taken: {clash}, addresses left: {left}: {error}"
        assert error is None or error.status == 409, error

    @precondition(lambda self: any(p.device_id == "" for p in self.all(Port)))
    @rule(which=few)
    def delete_port(self, which: int) -> None:
        port = self._pick([p for p in self.all(Port) if p.device_id == ""], which)
        self.run(self.cloud.network.ports.delete(port.id))

    @precondition(lambda self: self.nets)
    @rule(which=few)
    def delete_network(self, which: int) -> None:
        net = self._pick(self.nets, which)
        used, quiet = any(p.network_id == net.id and p.device_owner != "network:dhcp" for p in self.all(Port)), self.quiet()
        error = self.refused(self.cloud.network.networks.delete(net.id))
        assert not quiet or (error is not None) == used, error
        if error is None:
            self.nets.remove(net)
            assert not any(p.network_id == net.id for p in self.all(Port))

    # -- servers --------------------------------------------------------------------------------

    @precondition(lambda self: any(net.subnets for net in self.nets) and len(self.servers) < 5)
    @rule(which=few, more=st.none() | few, wait=st.booleans())
    def boot(self, which: int, more: int | None, wait: bool) -> None:
        nets = [net for net in self.nets if net.subnets]
        chosen = [self._pick(nets, which)] + ([] if more is None else [self._pick(nets, more)])

        async def create() -> None:
            networks = [{"uuid": net.id} for net in chosen]
            server = await self.cloud.compute.servers.create("s", self.flavor, image=self.image, networks=networks)
            self.servers[server.id] = server

        self.refused(create())
        if wait:
            self.sleep(20)

    @precondition(lambda self: self.servers)
    @rule(which=few, wait=st.booleans())
    def delete_server(self, which: int, wait: bool) -> None:
        server = self.servers.pop(self._pick(self.servers, which))
        self.refused(server.delete())
        if wait:
            self.sleep(20)

    @precondition(lambda self: self.servers and any(net.subnets for net in self.nets))
    @rule(which=few, net=few)
    def attach_interface(self, which: int, net: int) -> None:
        server = self.servers[self._pick(self.servers, which)]
        self.refused(server.attach_interface(self._pick([n for n in self.nets if n.subnets], net).id))

    @precondition(lambda self: any(p.device_id in self.servers for p in self.all(Port)))
    @rule(which=few)
    def detach_interface(self, which: int) -> None:
        port = self._pick([p for p in self.all(Port) if p.device_id in self.servers], which)
        self.refused(self.servers[port.device_id].detach_interface(port.id))

    # -- faults and time ------------------------------------------------------------------------

    def _agents(self) -> list[str]:
        return [name for name in self.world.wires.processes if name.startswith("neutron-") and "api" not in name]

    @rule(which=st.integers(0, 9))
    def kill_agent(self, which: int) -> None:
        self.faulty = True
        self.world.wires.kill(self._pick(self._agents(), which))

    @precondition(lambda self: self.servers)
    @rule(which=few)
    def delete_server_behind_its_agents_back(self, which: int) -> None:
        self.sleep(20)
        server = self.servers.pop(self._pick(self.servers, which))
        if self.refused(server.refresh()) is None and server.host:
            self.faulty = True
            self.world.wires.kill(f"neutron-l2-agent@{server.host}")
        self.refused(server.delete())
        self.sleep(20)

    @rule(which=st.integers(0, 9))
    def restart_agent(self, which: int) -> None:
        self.world.wires.restart(self._pick(self._agents(), which))

    @rule(act=st.sampled_from(["drop", "duplicate", "lose_reply", "delay", "kill_before", "kill_after"]), name=messages)
    def disturb_message(self, act: str, name: str) -> None:
        self.faulty = True
        self.world.faults.arm(act, Match(name, kinds=("rpc_call", "rpc_cast", "rest")), delay_s=DELAY_S)

    @rule(act=st.sampled_from(["raise", "lie", "delay", "kill_before", "kill_after"]), name=driver_calls)
    def disturb_driver(self, act: str, name: str) -> None:
        self.faulty = True
        self.world.faults.arm(act, Match(name, kinds=("driver",)), delay_s=DELAY_S)

    @rule(seconds=st.sampled_from([0.5, 3.0, 40.0]))
    def sleep(self, seconds: float) -> None:
        self.run(self.cloud.sleep(seconds))

    # -- what must hold -------------------------------------------------------------------------

    def all(self, model: type[Any]) -> list[Any]:
        """All records of a class, as they are in this instant."""
        found: list[Any] = self.run(self.world.wires.store.run(lambda tx: tx.all(model)))
        return found

    @invariant()
    def nothing_is_given_twice(self) -> None:
        if not hasattr(self, "loop"):
            return
        assert not self.loop.runtime.errors, self.loop.runtime.errors
        ports = self.all(Port)
        addresses = Counter((ip["subnet_id"], ip["ip_address"]) for port in ports for ip in port.fixed_ips)
        macs = Counter((port.network_id, port.mac_address) for port in ports)
        segments = Counter((s.network_type, s.physical_network, s.segmentation_id) for s in self.all(Segment))
        for what in (addresses, macs, segments):
            assert all(count == 1 for count in what.values()), [key for key, count in what.items() if count > 1]
        held = {(a.subnet_id, a.ip_address): a.port_id for a in self.all(IPAllocation)}
        assert held == {(ip["subnet_id"], ip["ip_address"]): p.id for p in ports for ip in p.fixed_ips}
        assert {s.network_id for s in self.all(Segment)} == {n.id for n in self.all(Network)} == {net.id for net in self.nets}

    @rule()
    def come_to_rest(self) -> None:
        """Take all faults back, revive all agents, wait, and compare records, bridges, switches and what pings say."""
        for number in list(self.world.faults.rules):
            self.world.faults.disarm(number)
        self.sleep(DELAY_S + 1)  # what was armed may still act on what is under way
        for name, process in list(self.world.wires.processes.items()):
            if not process.alive:
                self.world.wires.restart(name)
        self.sleep(REST_S)
        self._look_at_servers()
        wirings = {port: (host, wiring) for host, port, wiring in self._wirings()}
        self._compare_ports(wirings)
        self._compare_switches()
        self._ping_all()
        self.faulty = False

    def _look_at_servers(self) -> None:
        for server in list(self.servers.values()):
            if self.refused(server.refresh()) is not None:
                del self.servers[server.id]
            elif self.faulty and server.status == "ACTIVE":
                self.refused(server.reboot(hard=True))  # its guest may have asked for an address while nobody answered
        self.sleep(BOOT_S)
        for server in self.servers.values():
            self.run(server.refresh())

    def _wirings(self) -> Iterator[tuple[str, str, Any]]:
        for host in self.world.datacenter.hosts.values():
            if host.has_bridge:
                for port_id, wiring in host.bridge.wirings.items():
                    yield host.name, port_id, wiring

    def _compare_ports(self, wirings: dict[str, tuple[str, Any]]) -> None:
        ports = {port.id: port for port in self.all(Port)}
        nets = {net.id: net for net in self.nets}
        for port_id, (host, wiring) in wirings.items():
            port = ports.get(port_id)
            assert port is not None, f"port {port_id} is wired on {host} and has no record"
            net = nets[port.network_id]
            assert port.binding_host_id == host, f"{port_id} is wired on {host}, bound to {port.binding_host_id}"
            assert (wiring.network_type, wiring.segmentation_id) == (net.kind, net.number)
            assert wiring.mac_address == port.mac_address
            assert set(wiring.addresses) == {ip["ip_address"] for ip in port.fixed_ips}
        for port in ports.values():
            server = self.servers.get(port.device_id)
            if server is not None and server.status == "ACTIVE":
                assert port.id in wirings, f"port {port.id} of active server {server.id} is not wired"
                assert port.status == "ACTIVE", port.status
        served = {p.network_id for p in ports.values() if p.device_owner == "network:dhcp" and p.id in wirings}
        # A network of a subnet whose addresses all went before its DHCP agent asked for one has no DHCP, as upstream.
        used = Counter(a.subnet_id for a in self.all(IPAllocation))
        full = {net.id for net in self.nets if any(used[subnet] == ADDRESSES for subnet in net.subnets)}
        wanted = {subnet.network_id for subnet in self.all(Subnet)} - (full - served)
        assert served == wanted, f"DHCP serves {served - wanted} in vain and leaves out {wanted - served}"

    def _compare_switches(self) -> None:
        """The VLANs of bound ports are on the trunk to their host and on that switch's uplinks, and on no other."""
        needed = {
            (wiring.segmentation_id, host) for host, _, wiring in self._wirings() if wiring.network_type == "vlan"
        }
        expected: dict[str, set[int]] = {}
        for vlan, host in needed:
            facing = self.world.datacenter.hosts[host].uplink.peer
            assert isinstance(facing, SwitchPort)
            ports = [facing]
            for uplink in facing.device.trunks():
                ports += [uplink, uplink.peer]
            for port in ports:
                expected.setdefault(f"{port.device.name}:{port.name}", set()).add(vlan)
        switches = [d for d in self.world.datacenter.fabric.devices.values() if hasattr(d, "trunks")]
        allowed = {f"{s.name}:{p.name}": set(p.allowed) for s in switches for p in s.ports.values() if p.allowed}
        assert allowed == expected

    def _ping_all(self) -> None:
        active = [s for s in self.servers.values() if s.status == "ACTIVE"]
        ports = [p for p in self.all(Port) if any(p.device_id == s.id for s in active)]
        first = {s.id: next(iter(self.world.datacenter.guest(s.id).vifs), None) for s in active}
        for port in ports:
            for other in ports:
                if other.device_id == port.device_id or first[port.device_id] != port.id or first[other.device_id] != other.id:
                    continue
                for ip in other.fixed_ips[:1]:
                    walk = self.run(self.cloud.ping(port.device_id, ip["ip_address"]))
                    same = any(mine["subnet_id"] == ip["subnet_id"] for mine in port.fixed_ips)
                    assert walk.ok == same, f"{port.id} > {other.id}, same subnet: {same}: {walk.reason} {walk.hops}"


TestNetworking = Networking.TestCase
TestNetworking.settings = settings(
    max_examples=QUICK if settings.default.max_examples <= 100 else settings.default.max_examples,
    stateful_step_count=20,
)
