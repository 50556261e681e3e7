"""Open vSwitch as the switch of a host: VLAN by tags on a trunk, flat, and VXLAN; security groups by connection tracking.

    tap ─┐                 ┌─ patch ══ patch (access port of the VLAN) ─ provider bridge ─ interface: the trunk
    tap ─┴─ integration ───┤
            bridge         └─ VXLAN device of the kernel
    One pair of patch ports, or one VXLAN device, for each network that has a port here. The integration bridge does only what
    `firewall.py` says; the provider bridges learn and flood as any switch does.

Which port is in which network is kept in the switch's own database, so an agent that starts again finds it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from drivers.findings import Finding
from drivers.link_messages import Link
from drivers.machine import installed
from drivers.network import firewall, guard
from drivers.network.bridge_link import BridgeLink
from drivers.network.links import Links, device_name
from drivers.network.ovs_rows import NETDEV, NO_KERNEL_SWITCH, NO_KERNEL_SWITCH_KO, Bridges, kernel_switches, segment_of
from drivers.network.ovsdb import Ovsdb
from drivers.network.taps import Taps
from drivers.network.vxlan import Tunnels
from drivers.place import Place
from drivers.sweep import Sweepable, Trace
from lab.errors import DriverError, DriverTimeout, NetworkError
from lab.services.network.driver import L2Driver, PortWiring

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class OpenVSwitchOptions:
    """How the switch is set up.

    bridge_mappings: physical network -> the interface that is its trunk ({"physnet1": "eth1"}).
    datapath_type: 'system' (the kernel's) or 'netdev' (userspace, where the kernel has none).
    run_directory: where Open vSwitch has its sockets.
    vxlan_port: UDP port of tunnels. vxlan_learning: whether they learn which guest is behind which peer.
    timeout_s: how long the switch may take for one change.
    """

    bridge_mappings: dict[str, str] = field(default_factory=dict)
    datapath_type: str = "system"
    run_directory: Path = Path("/var/run/openvswitch")
    vxlan_port: int = 4789
    vxlan_learning: bool = True
    timeout_s: float = 10.0


class OpenVSwitch(L2Driver, Sweepable):
    """One host's Open vSwitch."""

    Options: ClassVar[type] = OpenVSwitchOptions
    wires_dhcp = True

    def __init__(self, place: Place, options: OpenVSwitchOptions) -> None:
        self.place, self.options = place, options
        self.bridge = device_name("br-int-", place.cloud)
        self.links = Links()
        self.taps = Taps(place, self.links)
        self.tunnel = Tunnels(place, self.links, options.vxlan_port, options.vxlan_learning)
        self.db = Ovsdb(options.run_directory / "db.sock", options.timeout_s)
        self.rows = Bridges(self.db, place, options.datapath_type)
        self.link = BridgeLink(options.run_directory / f"{self.bridge}.mgmt", options.timeout_s)
        self._wirings: dict[str, PortWiring] = {}
        self._turn = asyncio.Lock()

    async def open(self) -> None:
        """Connect, and make the bridges. Raises NetworkError."""
        await self.links.open()
        await self.db.connect()
        for physical, interface in self.options.bridge_mappings.items():
            link = await self.links.need(interface, f"it is to be the trunk of {physical}: correct bridge_mappings")
            addresses = await self.links.addresses(link.index)
            if addresses:
                raise NetworkError(
                    f"interface {interface} has the address {', '.join(addresses)}; a trunk has none, and in a switch it "
                    f"would be lost: give another interface to {physical} in bridge_mappings"
                )
            await self.links.change(link, up=True)
        await self.rows.ensure_bridge(self.bridge, "integration", fail_mode="secure")
        for physical, interface in self.options.bridge_mappings.items():
            await self.rows.ensure_bridge(self._provider(physical), f"provider:{physical}", fail_mode="standalone")
            await self.rows.ensure_trunk(self._provider(physical), interface)
        for link in await self.links.all():
            if self.tunnel.owns(link) and self.db.named("Interface", link.name) is None:
                await self.tunnel.remove_device(link.name)  # what a crash left before it was an uplink
        await self.link.hold(self._born_again)
        await self.link.program(firewall.base())
        await guard.put_up(self.place, routed=True)

    async def close(self) -> None:
        """Disconnect; the switch goes on."""
        await self.link.let_go()
        await self.db.close()
        await self.links.close()

    @classmethod
    async def probe(cls, place: Place, options: OpenVSwitchOptions) -> list[Finding]:
        """Say whether Open vSwitch is there and runs, and whether the trunks are."""
        driver = cls(place, options)
        found = []
        try:
            await driver.links.open()
            await driver.db.connect()
            found.append(Finding("Open vSwitch", True, f"{options.run_directory} answers", ko=f"{options.run_directory}: 응답합니다"))
            if options.datapath_type == "system":
                there = kernel_switches()
                detail = "module openvswitch" if there else f"{NO_KERNEL_SWITCH}: {NETDEV}"
                korean = "openvswitch 모듈" if there else NO_KERNEL_SWITCH_KO
                found.append(Finding("kernel's Open vSwitch", there, detail, ko=korean))
            for physical, interface in options.bridge_mappings.items():
                there = await driver.links.find(interface) is not None
                detail = f"trunk of {physical}" if there else f"there is no such interface for {physical}"
                korean = f"{physical}의 트렁크" if there else f"{physical}에 쓸 그런 인터페이스가 없습니다"
                found.append(Finding(f"interface {interface}", there, detail, ko=korean))
        except NetworkError as error:
            way = "sudo systemctl start openvswitch-switch" if installed("ovs-vswitchd") else "apt-get install openvswitch-switch"
            found.append(Finding("Open vSwitch", False, error.message, way, error.ko))
        finally:
            await driver.close()
        return found

    # -- the port ------------------------------------------------------------------------------

    async def wire(self, wiring: PortWiring) -> None:
        async with self._turn:
            await self.db.connect()
            tap = await self.taps.need(wiring)
            new_port = self.rows.port(wiring.port_id) is None
            new_segment = self.rows.uplink(wiring.network_id) is None
            try:
                await self._plug(wiring, tap)
            except DriverError as error:
                # Nothing of the call is left; what was there before it stays.
                try:
                    await self._unplug(wiring.port_id, wiring.network_id, port=new_port, segment=new_segment)
                except DriverError as second:
                    raise DriverTimeout(f"{error.message}; it could not be undone: {second.message}; repeat it") from error
                raise

    async def _plug(self, wiring: PortWiring, tap: Link) -> None:
        old = self.rows.port(wiring.port_id)
        if old is not None and old.network_id != wiring.network_id:
            await self._unplug(wiring.port_id, old.network_id)
        number = self.rows.number(wiring.network_id)
        operations = self.rows.plug(self.bridge, tap.name, wiring, number)
        uplink = self.rows.uplink(wiring.network_id)
        if uplink is None or uplink[1] != segment_of(wiring):
            new = await self._segment(wiring, number, replaced=uplink is not None)
            operations += [*self.rows.drop_uplink(wiring.network_id), *new]
        if operations:
            await self.db.transact(operations)
        ofport = await self.rows.ofport(tap.name)
        flows = [*firewall.port(wiring, ofport, number), *await self._delivery(wiring.network_id)]
        await self.link.program(flows)
        await self.taps.prepare(tap, wiring)
        self._wirings[wiring.port_id] = wiring

    async def _segment(self, wiring: PortWiring, number: int, replaced: bool) -> list[dict[str, Any]]:
        """The operations that put a network on its uplink; `replaced` when it was on another."""
        kind, physical = wiring.network_type, wiring.physical_network
        if kind == "vxlan":
            if replaced:
                await self.tunnel.remove(wiring.network_id)
            link = await self.tunnel.ensure(wiring)
            return self.rows.uplink_device(self.bridge, link.name, wiring, number)
        if kind == "local":
            return []
        if kind not in ("vlan", "flat"):
            raise NetworkError(f"network {wiring.network_id} is {kind}; Open vSwitch here knows vlan, flat, vxlan and local")
        if physical not in self.options.bridge_mappings:
            known = ", ".join(self.options.bridge_mappings) or "none"
            raise NetworkError(
                f"network {wiring.network_id} is on {physical}, which has no interface on {self.place.host}; "
                f"add it to bridge_mappings (known: {known})"
            )
        tag = wiring.segmentation_id if kind == "vlan" else 0
        if tag is None:
            raise NetworkError(f"network {wiring.network_id} is a VLAN without a tag; give it a segmentation id")
        return self.rows.uplink_patch(self.bridge, self._provider(str(physical)), wiring, (number, tag))

    async def unwire(self, port_id: str) -> None:
        async with self._turn:
            await self.db.connect()
            row = self.rows.port(port_id)
            if row is not None:
                await self._unplug(port_id, row.network_id)

    async def _unplug(self, port_id: str, network_id: str, port: bool = True, segment: bool = True) -> None:
        """Take out a port, and the uplink of a network that has no other."""
        if port:
            self._wirings.pop(port_id, None)
        rest = [p for p in self.rows.ports(network_id) if p.port_id != port_id or not port]
        last = segment and not rest
        flows = [firewall.forget(firewall.cookie(port_id))] if port else []
        if last:
            flows.append(firewall.forget(firewall.cookie(network_id)))
        elif rest:
            flows += await self._delivery(network_id, without=port_id if port else "")
        await self.link.program(flows)
        operations = self.rows.unplug(port_id) if port else []
        if last:
            operations += self.rows.drop_uplink(network_id)
        if operations:
            await self.db.transact(operations)
        if last:
            await self.tunnel.remove(network_id)

    async def wired(self) -> list[str]:
        await self.db.connect()
        return sorted(p.port_id for p in self.rows.ports())

    async def devices(self) -> list[str]:
        return sorted(await self.taps.here())

    async def tunnels(self, peers: tuple[str, ...]) -> None:
        await self.tunnel.set_peers(peers)

    def on_device(self, callback: Callable[[str, bool], None]) -> None:
        self.taps.watch(callback)

    # -- flows ---------------------------------------------------------------------------------

    async def _delivery(self, network_id: str, without: str = "") -> list[str]:
        """The flows that bring frames to the ports of a network; one whose device is gone gets none, and is in nobody's way."""
        members = [
            firewall.Member(await self.rows.ofport(p.device), p.mac, p.secured)
            for p in self.rows.ports(network_id)
            if p.up and p.port_id != without and not self.rows.refused(p.device)
        ]
        uplink = self.rows.uplink(network_id)
        out = await self.rows.ofport(uplink[0]) if uplink is not None else None
        return firewall.network(network_id, self.rows.number(network_id), members, out)

    async def _born_again(self) -> None:
        """Program a daemon that started anew: the database has its bridges and ports, but not its flows."""
        async with self._turn:
            lines = firewall.base()
            try:
                for wiring in self._wirings.values():
                    ofport = await self.rows.ofport(wiring.tap)
                    lines += firewall.port(wiring, ofport, self.rows.number(wiring.network_id))
                for network_id in dict.fromkeys(w.network_id for w in self._wirings.values()):
                    lines += await self._delivery(network_id)
                await self.link.program(lines)
            except DriverError as error:
                LOG.warning("Open vSwitch on %s started again and could not be programmed: %s", self.place.host, error.message)

    def _provider(self, physical: str) -> str:
        return device_name("br-", f"{physical}-{self.place.cloud}")

    # -- sweep ---------------------------------------------------------------------------------

    async def found(self) -> list[Trace]:
        await self.links.open()
        try:
            await self.db.connect()
            bridges = [Trace("ovs-bridge", name, what) for name, what in self.rows.bridges()]
        except NetworkError:
            bridges = []
        tunnels = [Trace("vxlan", link.name, link.alias) for link in await self.links.all() if self.tunnel.owns(link)]
        return [*bridges, *tunnels, *await guard.found(self.place)]

    async def remove(self, trace: Trace) -> None:
        if trace.kind == "ovs-bridge":
            await self.rows.remove_bridge(trace.name)
        elif trace.kind == "vxlan":
            await self.tunnel.remove_device(trace.name)
        else:
            await guard.take_down(self.place, trace)
