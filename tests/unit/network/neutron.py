"""A small cloud with networks only: real neutron processes, a made-up keystone, nova, switch and DHCP server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, ClassVar

import orjson

from lab.config import Config
from lab.context import Context
from lab.errors import NetworkError
from lab.medium import Medium
from lab.process import Process
from lab.rest import MEMBER, Api, Request, Response, Route
from lab.services.network import start_api, start_dhcp_agent, start_l2_agent, start_l3_agent, start_rpc
from lab.services.network.driver import (
    DhcpDriver,
    DhcpHost,
    DhcpNetwork,
    DhcpReservations,
    GroupFirewall,
    L2Driver,
    PortWiring,
    RouterDriver,
    RouterInterface,
)
from lab.store.sql import SqlStore
from lab.wires import Wires
from sim.faults import Faults
from sim.loop import SimLoop
from tests.keystone import Keystone
from tests.played import played


class Nova(Api):
    """Hears events."""

    service: ClassVar[str] = "compute"
    routes: ClassVar[Sequence[Route]] = (Route("POST", "/v2.1/os-server-external-events", "events", MEMBER),)
    heard: list[dict[str, Any]]

    async def events(self, ctx: Context, req: Request) -> dict[str, Any]:
        self.heard.extend(req.data["events"])
        return {"events": req.data["events"]}


class Switch(L2Driver):
    """Wirings in a dict; `broken` makes wiring and tunnels fail."""

    def __init__(self) -> None:
        self.taps: dict[str, None] = {}
        self.wirings: dict[str, PortWiring] = {}
        self.peers: tuple[str, ...] = ()
        self.callback: Callable[[str, bool], None] = lambda port_id, present: None
        self.broken = False
        self.calls: list[str] = []

    def plug(self, port_id: str) -> None:
        self.taps[port_id] = None
        self.callback(port_id, True)

    def unplug(self, port_id: str) -> None:
        self.taps.pop(port_id, None)
        self.callback(port_id, False)

    async def wire(self, wiring: PortWiring) -> None:
        self.calls.append("wire")
        if self.broken:
            raise NetworkError("the switch refuses")
        self.wirings[wiring.port_id] = wiring

    async def unwire(self, port_id: str) -> None:
        self.calls.append("unwire")
        self.wirings.pop(port_id, None)

    async def wired(self) -> list[str]:
        return sorted(self.wirings)

    async def devices(self) -> list[str]:
        return sorted(self.taps)

    async def tunnels(self, peers: tuple[str, ...]) -> None:
        if self.broken:
            raise NetworkError("the switch refuses")
        self.peers = peers

    def on_device(self, callback: Callable[[str, bool], None]) -> None:
        self.callback = callback


class AskingSwitch(Switch, GroupFirewall):
    """A switch that asks for the members of groups."""

    def __init__(self) -> None:
        super().__init__()
        self.members: dict[str, tuple[str, ...]] = {}
        self.ask: Callable[[str], None] = lambda group_id: None

    def on_unknown_group(self, callback: Callable[[str], None]) -> None:
        self.ask = callback

    async def set_members(self, group_id: str, prefixes: tuple[str, ...] | None) -> None:
        if prefixes is None:
            self.members.pop(group_id, None)
        else:
            self.members[group_id] = prefixes


class DhcpServers(DhcpDriver):
    """Networks in a dict."""

    def __init__(self) -> None:
        self.networks: dict[str, DhcpNetwork] = {}
        self.hosts: dict[str, dict[tuple[str, str], DhcpHost]] = {}
        self.broken = False

    async def serve(self, network: DhcpNetwork) -> None:
        if self.broken:
            raise NetworkError("dnsmasq does not start")
        network_id = network.wiring.network_id
        self.networks[network_id] = network
        self.hosts[network_id] = {(host.port_id, host.address): host for host in network.hosts}

    async def stop(self, network_id: str) -> None:
        self.networks.pop(network_id, None)
        self.hosts.pop(network_id, None)

    async def serving(self) -> list[str]:
        return sorted(self.networks)

    def addresses(self, network_id: str) -> list[str]:
        return [host.address for host in self.hosts[network_id].values()]


class ReservingServers(DhcpServers, DhcpReservations):
    """Servers that take single reservations."""

    async def reserve(self, network_id: str, host: DhcpHost) -> None:
        self.hosts[network_id][host.port_id, host.address] = host

    async def release(self, network_id: str, port_id: str) -> None:
        for key in [key for key in self.hosts[network_id] if key[0] == port_id]:
            del self.hosts[network_id][key]


class Routers(RouterDriver):
    """Interfaces in a dict."""

    def __init__(self) -> None:
        self.interfaces: dict[str, RouterInterface] = {}
        self.broken = False

    async def attach(self, interface: RouterInterface) -> None:
        if self.broken:
            raise NetworkError("the router refuses")
        self.interfaces[interface.port_id] = interface

    async def detach(self, port_id: str) -> None:
        self.interfaces.pop(port_id, None)

    async def attached(self) -> list[str]:
        return sorted(self.interfaces)


class Near(Medium):
    """A millisecond between any two hosts."""

    def latency(self, a: str, b: str) -> int | None:
        return 1_000_000

    def work(self, binary: str, name: str) -> int:
        return 5_000_000

    def workers(self, binary: str, kind: str) -> int:
        return 0

    async def transfer(self, a: str, b: str, nbytes: int) -> None:
        return None


class Neutron:
    """The cloud and a client of its API."""

    def __init__(self, loop: SimLoop, config: Config, hosts: int, asking: bool, database: str) -> None:
        self.medium = Near()
        self.wires = Wires(loop.runtime, config, self.medium)
        if database:
            self.wires.store = SqlStore(database)
        self.faults = Faults(self.wires)
        self.events: list[dict[str, Any]] = []
        self.dhcp: DhcpServers = ReservingServers() if asking else DhcpServers()
        self.hosts = ["network-1", *(f"compute-{n}" for n in range(1, hosts + 1))]
        self.switches = {host: AskingSwitch() if asking else Switch() for host in self.hosts}
        start = self.wires.start
        start("keystone", "controller-1", lambda process: Keystone(process).start())
        start("nova-api", "controller-1", self._nova)
        start("neutron-api", "controller-1", start_api)
        start("neutron-rpc", "controller-1", start_rpc)
        start("neutron-dhcp-agent", "network-1", partial(start_dhcp_agent, driver=self.dhcp))
        self.routers = Routers()
        if "router" in config.service_plugins:
            start("neutron-l3-agent", "network-1", partial(start_l3_agent, driver=self.routers))
        for number, (host, switch) in enumerate(self.switches.items(), 1):
            start("neutron-l2-agent", host, partial(start_l2_agent, driver=switch, address=f"192.168.0.{number}"))
        self.client = start("client", "outside", lambda process: None)

    def _nova(self, process: Process) -> None:
        nova = Nova(process)
        nova.heard = self.events
        nova.start()

    def second_dhcp(self, process: Process) -> None:
        """Start one more DHCP agent, with servers of its own."""
        start_dhcp_agent(process, ReservingServers())

    async def call(self, method: str, path: str, body: Any = None, user: str = "admin") -> Response:
        """Send a request as a user."""
        ctx = Context(request_id=f"req-{self.client.uuid()}", token=user)
        return await self.client.rest.call(ctx, "network", method, f"/v2.0{path}", body=body)

    async def do(self, method: str, path: str, body: Any = None, user: str = "admin") -> Any:
        """Send a request that must succeed; answer the inner part of its JSON."""
        response = await self.call(method, path, body, user)
        assert response.ok, response.content()
        answer = response.json()
        return next(iter(answer.values())) if answer else None

    async def fault(self, method: str, path: str, body: Any = None, user: str = "admin") -> tuple[int, str, str]:
        """Send a request that must fail; answer status, type and message."""
        response = await self.call(method, path, body, user)
        assert not response.ok, response.content()
        error = response.json()["NeutronError"]
        return response.status, error["type"], error["message"]

    async def network(self, name: str = "net", user: str = "alice", **more: Any) -> Any:
        return await self.do("POST", "/networks", {"network": {"name": name, **more}}, user)

    async def subnet(self, network: Any, cidr: str = "10.0.0.0/24", user: str = "alice", **more: Any) -> Any:
        body = {"network_id": network["id"], "cidr": cidr, "ip_version": 6 if ":" in cidr else 4, **more}
        return await self.do("POST", "/subnets", {"subnet": body}, user)

    async def port(self, network: Any, user: str = "alice", **more: Any) -> Any:
        return await self.do("POST", "/ports", {"port": {"network_id": network["id"], **more}}, user)

    async def server_port(self, network: Any, host: str = "compute-1", server: str = "s1") -> Any:
        """A server's port as nova makes, binds and plugs it."""
        port = await self.port(network, device_id=server)
        body = {"binding:host_id": host, "device_owner": "compute:nova"}
        bound = await self.do("PUT", f"/ports/{port['id']}", {"port": body})
        self.switches[host].plug(port["id"])
        return bound

    def report_tunnel_end(self, host: str, address: str) -> None:
        """Let a host that is not there report that its tunnels end at an address."""
        state = {
            "host": host, "agent_type": "Open vSwitch agent", "binary": "b", "topic": "N/A",
            "configurations": {"tunneling_ip": address, "tunnel_types": ["vxlan"]},
        }  # fmt: skip
        self.client.rpc.cast(self.client.context(), "q-reports-plugin", "report_state", {"reports": [{"agent_state": state}]})

    async def settle(self, seconds: float = 1.0) -> None:
        await asyncio.sleep(seconds)

    def messages(self, since: int = 0) -> list[tuple[str, str, str, str]]:
        """What was sent, as (kind, sender, receiver, name); periodic reports left out."""
        kinds = ("rest", "rpc_call", "rpc_cast")
        return [
            (e.kind, e.source.partition("@")[0], e.target.partition("@")[0], e.name)
            for e in self.wires.journal.since(since)
            if e.kind in kinds and e.name != "report_state" and e.target.partition("@")[0] != "keystone"
        ]


def play(
    main: Callable[[Neutron], Awaitable[Any]],
    config: Config | None = None,
    hosts: int = 2,
    asking: bool = True,
    database: str = "",
) -> Any:
    """Run a story against a cloud of its own; an error that was kept fails it."""
    loop = SimLoop(1)

    async def whole() -> Any:
        cloud = Neutron(loop, config or Config(), hosts, asking, database)
        await asyncio.sleep(1)
        result = await main(cloud)
        await asyncio.sleep(0)
        return result

    return played(loop, whole())


def body_of(entry: Any) -> Any:
    """A journal entry's body, decoded."""
    return orjson.loads(entry.body) if entry.body else None
