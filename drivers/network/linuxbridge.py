"""Linux bridges as the switch of a host: one a network, with the guests' devices and the network's uplink in it.

    tap ─┐
    tap ─┼─ brq6f1c… ─ eth1.100 (VLAN) │ eth1 (flat) │ vx6f1c… (VXLAN)

VLAN needs the kernel's 8021q. A bridge's alias says whose it is, of which network, and the network's number on this host.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from drivers.devices import port_of
from drivers.findings import Finding
from drivers.link_messages import Link
from drivers.network import guard
from drivers.network.links import Links, device_name, quiet
from drivers.network.physdev import SWITCH, BridgeFirewall
from drivers.network.taps import GROUP, Taps, tap_of
from drivers.network.vxlan import Tunnels
from drivers.place import Place
from drivers.sweep import Sweepable, Trace
from lab.errors import DriverError, DriverTimeout, NetworkError
from lab.services.network.driver import L2Driver, PortWiring

NO_VLAN = (
    "this kernel has no 802.1Q devices; load them (modprobe 8021q), or take the driver openvswitch, "
    "whose datapath_type 'netdev' has VLANs of its own"
)


@dataclass(frozen=True)
class LinuxBridgeOptions:
    """How the switch is set up.

    bridge_mappings: physical network -> the interface that is its trunk ({"physnet1": "eth1"}).
    vxlan_port: UDP port of tunnels. vxlan_learning: whether they learn which guest is behind which peer.
    """

    bridge_mappings: dict[str, str] = field(default_factory=dict)
    vxlan_port: int = 4789
    vxlan_learning: bool = True


class LinuxBridge(L2Driver, Sweepable):
    """One host's bridges."""

    Options: ClassVar[type] = LinuxBridgeOptions
    wires_dhcp = True

    def __init__(self, place: Place, options: LinuxBridgeOptions) -> None:
        self.place, self.options = place, options
        self.links = Links()
        self.taps = Taps(place, self.links)
        self.tunnel = Tunnels(place, self.links, options.vxlan_port, options.vxlan_learning)
        self.firewall = BridgeFirewall(place)
        self._turn = asyncio.Lock()

    async def open(self) -> None:
        """Connect, and put up the firewall. Raises NetworkError."""
        await self.links.open()
        for physical, interface in self.options.bridge_mappings.items():
            link = await self.links.need(interface, f"it is to be the trunk of {physical}: correct bridge_mappings")
            await self.links.change(link, up=True)
        await guard.put_up(self.place, routed=False)
        links = await self.links.all()
        await self.firewall.open({link.name for link in links})
        for bridge in links:
            if self._network(bridge) is not None and not self._ports(bridge, links):
                await self._remove(bridge)

    async def close(self) -> None:
        """Disconnect; the bridges go on."""
        await self.links.close()

    @classmethod
    async def probe(cls, place: Place, options: LinuxBridgeOptions) -> list[Finding]:
        """Say which kinds of network this kernel has."""
        links, found = Links(), []
        await links.open()
        below = device_name("gcp-", f"bridge-{place.cloud}")
        try:
            kinds: tuple[tuple[str, dict[str, Any], str], ...] = (
                ("bridge", {}, "modprobe bridge"),
                ("vxlan", {"vxlan_id": 0xFFFFFF, "vxlan_port": 4790}, "modprobe vxlan"),
                ("vlan", {"vlan_id": 4094}, "modprobe 8021q"),
            )
            for kind, more, remedy in kinds:
                name = below if kind == "bridge" else device_name("gcp-", f"{kind}-{place.cloud}")
                try:
                    if kind == "vlan":
                        more["link"] = (await links.need(below, "a VLAN is tried on a bridge: modprobe bridge")).index
                    await links.add(name, kind, **more)
                    if kind != "bridge":
                        await links.delete(name)
                    found.append(Finding(f"{kind} devices", True, "the kernel makes them", ko="커널이 만듭니다"))
                except NetworkError as error:
                    found.append(Finding(f"{kind} devices", False, error.message, remedy, error.ko or f"만들 수 없습니다: {error.message}"))
            await links.delete(below)
            tracked = SWITCH.exists()
            detail, korean = (str(SWITCH),) * 2 if tracked else ("not loaded", "올라와 있지 않습니다")
            found.append(Finding("br_netfilter", tracked, detail, "modprobe br_netfilter", korean))
        finally:
            await links.close()
        return found

    # -- the port ------------------------------------------------------------------------------

    async def wire(self, wiring: PortWiring) -> None:
        async with self._turn:
            tap = await self.taps.need(wiring)
            bridge, made = await self._bridge(wiring)
            joined = tap.master != bridge.index
            try:
                left = await self._bridge_of(tap) if joined else None
                uplink = await self._uplink(wiring, bridge)
                # Its rules first: a device in a bridge without them would be open to everybody.
                await self.firewall.put_up(wiring, self._number(bridge), uplink)
                if joined:
                    await self.links.change(tap, master=bridge.index)
                await self.taps.prepare(tap, wiring)
                if left is not None and not self._ports(left, await self.links.all()):
                    await self._remove(left)
            except DriverError as error:
                await self._undo(tap, bridge, (joined, made), error)
                raise

    async def _undo(self, tap: Link, bridge: Link, new: tuple[bool, bool], error: DriverError) -> None:
        """Take back what a call did: nothing of it is left."""
        joined, made = new
        try:
            if joined:
                await self.firewall.clear(tap.name)
                await self.links.change(tap, master=0)
            if made:
                await self._remove(bridge)
        except DriverError as second:
            raise DriverTimeout(f"{error.message}; it could not be undone: {second.message}; repeat it") from error

    async def unwire(self, port_id: str) -> None:
        async with self._turn:
            tap = (await self.taps.here()).get(port_id)
            bridge = await self._bridge_of(tap) if tap is not None else None
            await self.firewall.clear(tap_of(port_id))
            if tap is not None and bridge is not None:
                await self.links.change(tap, master=0)
            links = await self.links.all()
            # A device that went took itself out: the bridges tell which network has nobody left.
            for empty in [b for b in links if self._network(b) is not None and not self._ports(b, links)]:
                await self._remove(empty)

    async def wired(self) -> list[str]:
        links = await self.links.all()
        bridges = {link.index for link in links if self._network(link) is not None}
        ports = ((port_of(self.place, link.alias), link) for link in links if link.master in bridges)
        return sorted(port_id for port_id, _ in ports if port_id is not None)

    async def devices(self) -> list[str]:
        return sorted(await self.taps.here())

    async def tunnels(self, peers: tuple[str, ...]) -> None:
        await self.tunnel.set_peers(peers)

    def on_device(self, callback: Callable[[str, bool], None]) -> None:
        self.taps.watch(callback)

    # -- bridges and uplinks -------------------------------------------------------------------

    def _network(self, link: Link) -> str | None:
        """The network of one of our bridges; None for any other device."""
        head = self.place.tag("bridge:")
        return link.alias[len(head) :].split(":")[0] if link.kind == "bridge" and link.alias.startswith(head) else None

    def _number(self, bridge: Link) -> int:
        return int(bridge.alias.rpartition(":")[2])

    def _ports(self, bridge: Link, links: list[Link]) -> list[Link]:
        """The guests' devices in a bridge."""
        return [link for link in links if link.master == bridge.index and port_of(self.place, link.alias) is not None]

    async def _bridge_of(self, tap: Link) -> Link | None:
        links = await self.links.all()
        return next((b for b in links if b.index == tap.master and self._network(b) is not None), None)

    async def _bridge(self, wiring: PortWiring) -> tuple[Link, bool]:
        """The bridge of a network, and whether it was made now."""
        name = device_name("brq", wiring.network_id[:11])
        links = await self.links.all()
        found = next((link for link in links if link.name == name), None)
        if found is not None:
            if self._network(found) != wiring.network_id:
                raise NetworkError(
                    f"bridge {name} is there and not of cloud {self.place.cloud}; rename it (ip link set {name} name …), or remove it"
                )
            return found, False
        taken = {self._number(link) for link in links if self._network(link) is not None}
        number = next(n for n in range(1, len(taken) + 2) if n not in taken)
        tag = self.place.tag(f"bridge:{wiring.network_id}:{number}")
        bridge = await self.links.add(name, "bridge", tag, br_stp_state=0, br_forward_delay=0)
        quiet(name)
        await self.links.change(bridge, group=GROUP, up=True, mtu=wiring.mtu)
        return bridge, True

    async def _uplink(self, wiring: PortWiring, bridge: Link) -> str | None:
        """Put a network on its uplink; answers the uplink's device."""
        kind, physical = wiring.network_type, wiring.physical_network
        if kind == "local":
            return None
        if kind == "vxlan":
            device = await self.tunnel.ensure(wiring)
        elif kind in ("vlan", "flat"):
            interface = self.options.bridge_mappings.get(str(physical))
            if interface is None:
                known = ", ".join(self.options.bridge_mappings) or "none"
                raise NetworkError(
                    f"network {wiring.network_id} is on {physical}, which has no interface on {self.place.host}; "
                    f"add it to bridge_mappings (known: {known})"
                )
            device = await self.links.need(interface, "correct bridge_mappings")
            if kind == "vlan":
                device = await self._vlan(device, wiring)
        else:
            raise NetworkError(f"network {wiring.network_id} is {kind}; a Linux bridge here knows vlan, flat, vxlan and local")
        if device.master not in (0, bridge.index):
            raise NetworkError(f"device {device.name} is in another bridge; ip link set {device.name} nomaster")
        if device.master != bridge.index:
            await self._drop_uplinks(bridge)
            await self.links.change(device, master=bridge.index)
        return device.name

    async def _vlan(self, interface: Link, wiring: PortWiring) -> Link:
        """The device of a VLAN on an interface."""
        name, tag = device_name(f"{interface.name}.", str(wiring.segmentation_id)), self.place.tag(f"vlan:{wiring.network_id}")
        found = await self.links.find(name)
        if found is not None:
            if found.alias != tag:
                raise NetworkError(f"device {name} is there and not of network {wiring.network_id}; ip link delete {name}")
            return found
        try:
            device = await self.links.add(name, "vlan", tag, link=interface.index, vlan_id=wiring.segmentation_id)
        except NetworkError as error:
            if errno.errorcode[errno.EOPNOTSUPP] in error.message:
                raise NetworkError(f"network {wiring.network_id}, VLAN {wiring.segmentation_id}: {NO_VLAN}") from error
            raise
        quiet(name)
        await self.links.change(device, up=True)
        return device

    async def _drop_uplinks(self, bridge: Link) -> None:
        """Take a network off its uplink."""
        for link in await self.links.all():
            if link.master != bridge.index or port_of(self.place, link.alias) is not None:
                continue
            await self.firewall.drop_zone(link.name)
            if link.alias.startswith((self.place.tag("vlan:"), self.place.tag("vxlan:"))):
                await self.links.delete(link.name)
            else:
                await self.links.change(link, master=0)

    async def _remove(self, bridge: Link) -> None:
        await self._drop_uplinks(bridge)
        await self.links.delete(bridge.name)

    # -- sweep ---------------------------------------------------------------------------------

    async def found(self) -> list[Trace]:
        await self.links.open()
        links = await self.links.all()
        bridges = [Trace("bridge", link.name, f"network {self._network(link)}") for link in links if self._network(link) is not None]
        heads = (self.place.tag("vlan:"), self.place.tag("vxlan:"))
        uplinks = [Trace("uplink", link.name, link.alias) for link in links if link.alias.startswith(heads)]
        return [*bridges, *uplinks, *await self.firewall.found(), *await guard.found(self.place)]

    async def remove(self, trace: Trace) -> None:
        if trace.kind not in ("bridge", "uplink"):
            await self.firewall.take_down(trace)
            await guard.take_down(self.place, trace)
            return
        link = await self.links.find(trace.name)
        if link is None:
            return
        if not link.alias.startswith(self.place.tag("")):
            raise NetworkError(f"device {trace.name} is not of cloud {self.place.cloud}; it was not touched")
        await (self._remove(link) if trace.kind == "bridge" else self.links.delete(link.name))
