"""The simulated network drivers: one host's bridge as the L2 agent drives it, and its DHCP servers."""

from __future__ import annotations

from collections.abc import Callable

from lab.errors import NetworkError
from lab.services.network.driver import (
    DhcpDriver,
    DhcpHost,
    DhcpNetwork,
    DhcpReservations,
    GroupFirewall,
    L2Driver,
    MetadataDoor,
    MetadataRequest,
    PortWiring,
    RouterDriver,
    RouterInterface,
)
from sim.datacenter.datacenter import Datacenter
from sim.datacenter.dhcp import DhcpServer
from sim.datacenter.durable import wiring_key, wiring_value
from sim.datacenter.host import Host


class SimL2(L2Driver, GroupFirewall):
    """The bridge of one host. New taps are noticed by polling, as neutron's Open vSwitch agent does."""

    def __init__(self, dc: Datacenter, host: str) -> None:
        self.dc = dc
        self.host: Host = dc.host(host)
        self._callback: Callable[[str, bool], None] | None = None
        self._seen: dict[str, None] = {}
        self._phase_ns = -1

    async def wire(self, wiring: PortWiring) -> None:
        bridge = self.host.bridge
        if wiring.port_id not in bridge.taps:
            raise NetworkError(f"port {wiring.port_id}: there is no tap {wiring.tap} on {self.host.name}")
        await self._spend("query" if wiring.port_id in bridge.wirings else "wire")
        if wiring.port_id not in bridge.taps:
            raise NetworkError(f"port {wiring.port_id}: tap {wiring.tap} vanished from {self.host.name}")
        bridge.wire(wiring)
        self.dc.write(wiring_key(self.host, wiring.port_id), lambda: wiring_value(wiring))

    async def unwire(self, port_id: str) -> None:
        if port_id not in self.host.bridge.wirings:
            return
        await self._spend("unwire")
        self.host.bridge.unwire(port_id)
        self.dc.write(wiring_key(self.host, port_id), None)

    async def wired(self) -> list[str]:
        await self._spend("query")
        return sorted(self.host.bridge.wirings)

    async def devices(self) -> list[str]:
        await self._spend("query")
        return sorted(self.host.bridge.taps)

    async def tunnels(self, peers: tuple[str, ...]) -> None:
        await self._spend("query")
        self.host.bridge.peers = peers

    def on_unknown_group(self, callback: Callable[[str], None]) -> None:
        self.host.bridge.watch_groups(callback)

    async def set_members(self, group_id: str, prefixes: tuple[str, ...] | None) -> None:
        await self._spend("query")
        self.host.bridge.learn(group_id, prefixes)

    def on_device(self, callback: Callable[[str, bool], None]) -> None:
        self._callback = callback
        self.host.device_watcher = self._changed

    def _changed(self, port_id: str) -> None:
        """Note that a tap came, to be told at the next poll; one that went is told at once, as OVSDB's monitor does."""
        if port_id not in self.host.bridge.taps:
            self._seen.pop(port_id, None)
            if self._callback is not None:
                self._callback(port_id, False)
            return
        if not self._seen:
            self.dc.fabric.later(self._until_poll(), self._poll)
        self._seen[port_id] = None

    def _until_poll(self) -> int:
        period = self.dc.timing["l2.poll"].median_ns
        if self._phase_ns < 0:
            self._phase_ns = int(self.dc.dice(self.host.name).random() * period)
        return period - (self.dc.now() - self._phase_ns) % period

    def _poll(self) -> None:
        seen, self._seen = self._seen, {}
        for port_id in seen:
            if self._callback is not None:
                self._callback(port_id, port_id in self.host.bridge.taps)

    async def _spend(self, what: str) -> None:
        if not self.host.up:
            raise NetworkError(f"host {self.host.name} has no power")
        await self.dc.spend(f"l2.{what}", self.host.name)


class SimDhcp(DhcpDriver, DhcpReservations, MetadataDoor):
    """The DHCP servers of one host. A server plugs its own port into the bridge, as a namespace's card is."""

    def __init__(self, dc: Datacenter, host: str) -> None:
        self.dc = dc
        self.host: Host = dc.host(host)

    async def serve(self, network: DhcpNetwork) -> None:
        network_id = network.wiring.network_id
        await self._spend("serve" if self._server(network_id) is not None else "start")
        server = self._server(network_id)
        if server is not None and server.tap.port_id != network.wiring.port_id:
            self._remove(network_id, server)
            server = None
        if self.host.bridge.wirings.get(network.wiring.port_id) != network.wiring:
            self.host.bridge.wire(network.wiring)
        if server is None:
            self.dc.dhcp.setdefault(network_id, {})[self.host.name] = DhcpServer(self.host, network)
        else:
            server.update(network)

    async def reserve(self, network_id: str, host: DhcpHost) -> None:
        await self._spend("serve")
        self._need(network_id).reserve(host)

    async def release(self, network_id: str, port_id: str) -> None:
        await self._spend("serve")
        server = self._server(network_id)
        if server is not None:
            server.release(port_id)

    def _need(self, network_id: str) -> DhcpServer:
        server = self._server(network_id)
        if server is None:
            raise NetworkError(f"{self.host.name} has no DHCP server for network {network_id}; serve the network first")
        return server

    async def stop(self, network_id: str) -> None:
        if self._server(network_id) is None:
            return
        await self._spend("stop")
        server = self._server(network_id)
        if server is not None:
            self._remove(network_id, server)

    async def serving(self) -> list[str]:
        await self._spend("serve")
        return sorted(network_id for network_id in self.dc.dhcp if self._server(network_id) is not None)

    def _server(self, network_id: str) -> DhcpServer | None:
        return self.dc.dhcp.get(network_id, {}).get(self.host.name)

    def _remove(self, network_id: str, server: DhcpServer) -> None:
        server.stop()
        self.host.bridge.unwire(server.tap.port_id)
        del self.dc.dhcp[network_id][self.host.name]
        if not self.dc.dhcp[network_id]:
            del self.dc.dhcp[network_id]

    def on_metadata(self, callback: Callable[[MetadataRequest], None]) -> None:
        self.dc.metadata = callback

    async def _spend(self, what: str) -> None:
        if not self.host.up:
            raise NetworkError(f"host {self.host.name} has no power")
        await self.dc.spend(f"dhcp.{what}", self.host.name)


class SimRouters(RouterDriver):
    """Cloud routers as interfaces of the border router: one a VLAN, apart by router."""

    def __init__(self, dc: Datacenter, host: str) -> None:
        self.dc = dc
        self.host: Host = dc.host(host)
        self._vlans: dict[str, int] = {}

    async def attach(self, interface: RouterInterface) -> None:
        await self._spend("wire")
        vlan = interface.segmentation_id
        if interface.network_type != "vlan" or vlan is None:
            raise NetworkError(
                f"port {interface.port_id}: {self.dc.border.name} has interfaces in VLANs only, "
                f"not in a {interface.network_type} network"
            )
        if any(taken == vlan and port_id != interface.port_id for port_id, taken in self._vlans.items()):
            raise NetworkError(f"port {interface.port_id}: {self.dc.border.name} has an interface in VLAN {vlan} already")
        self.dc.gateway(vlan, interface.cidr, interface.router_id)
        self._vlans[interface.port_id] = vlan

    async def detach(self, port_id: str) -> None:
        vlan = self._vlans.pop(port_id, None)
        if vlan is not None:
            await self._spend("unwire")
            self.dc.remove_gateway(vlan)

    async def attached(self) -> list[str]:
        await self._spend("query")
        return sorted(self._vlans)

    async def _spend(self, what: str) -> None:
        if not self.host.up:
            raise NetworkError(f"host {self.host.name} has no power")
        await self.dc.spend(f"l2.{what}", self.host.name)
