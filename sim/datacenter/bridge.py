"""The virtual switch of one host: taps in segments, and the segments on the host's uplink.

A VLAN segment leaves the host tagged, a flat one untagged, a VXLAN segment inside UDP to the tunnel ends
of the other hosts. A port that the L2 agent has not wired yet is in no segment and reaches nobody.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from lab.errors import NetworkError
from lab.services.network.driver import PortWiring
from sim.datacenter.firewall import Firewall, UnknownGroup
from sim.datacenter.frame import BROADCAST, VXLAN_PORT, Arp, Frame, Ipv4, Udp, Vxlan
from sim.datacenter.nic import Device, Nic

if TYPE_CHECKING:
    from sim.datacenter.host import Host

TAP_NS = 10_000
"""One way through a tap and a virtual card. A guess: virtio-net adds 10 to 30 us."""
HELD_MAX = 100
"""Frames held back for one unknown group; the oldest are lost first. A guess."""
TUNNELS = ("vxlan", "gre", "geneve")


class Tap:
    """A guest's virtual card as the host sees it; `deliver` takes frames while the guest runs."""

    __slots__ = ("deliver", "mac", "name", "owner", "port_id", "trusted")

    def __init__(self, port_id: str, name: str, mac: str, owner: str, trusted: bool = False) -> None:
        self.port_id = port_id
        self.name = name
        self.mac = mac
        self.owner = owner
        self.trusted = trusted
        """The cloud's own ports (DHCP) are not filtered."""
        self.deliver: Callable[[Frame], None] | None = None


SegmentKey: TypeAlias = tuple[str, int, str]
"""Network type, segmentation id, and the network's id where nothing else tells networks apart (local ones)."""


class Segment:
    """One network on this host: who is in it, and behind what its other addresses are."""

    __slots__ = ("id", "key", "kind", "macs", "ports")

    def __init__(self, key: SegmentKey) -> None:
        self.key = key
        self.kind, self.id = key[0], key[1]
        self.ports: dict[str, None] = {}
        self.macs: dict[str, str] = {}
        """MAC address -> port id, 'uplink', or the address of a tunnel's far end."""


class Bridge(Device):
    """The integration bridge of one host (`br-int` in Open vSwitch's words)."""

    __slots__ = ("_firewalls", "_held", "_segments", "group_watcher", "host", "members", "peers", "taps", "wirings")

    def __init__(self, host: Host) -> None:
        super().__init__(host.fabric, f"{host.name}/br-int")
        self.host = host
        self.taps: dict[str, Tap] = {}
        self.wirings: dict[str, PortWiring] = {}
        self.peers: tuple[str, ...] = ()
        """The tunnel ends of the other hosts; its own among them does no harm, so that all hosts may share one list."""
        self._segments: dict[SegmentKey, Segment] = {}
        self._firewalls: dict[str, Firewall] = {}
        self.members: dict[str, tuple[str, ...]] = {}
        """The members of security groups as far as they are known here, as prefixes."""
        self.group_watcher: Callable[[str], None] | None = None
        """Told the id of a group that a frame hangs on and whose members are not known."""
        self._held: dict[str, list[Callable[[], None]]] = {}

    # -- wiring -------------------------------------------------------------------------------

    def wire(self, wiring: PortWiring) -> None:
        """Put a port into its segment, and the segment on the uplink with its first port; a repeat changes it."""
        key = self._key(wiring)
        old = self.wirings.get(wiring.port_id)
        if old is not None and self._key(old) != key:
            self.unwire(wiring.port_id)
        segment = self._segments.get(key)
        if segment is None:
            segment = self._segments[key] = Segment(key)
            if segment.kind == "vlan":
                self.fabric.allow(self.host.name, segment.id)
        segment.ports[wiring.port_id] = None
        self.wirings[wiring.port_id] = wiring
        firewall = self._firewalls.get(wiring.port_id)
        if firewall is not None:
            firewall.wiring = wiring

    def unwire(self, port_id: str) -> None:
        """Take a port out of its segment; the segment leaves the uplink with its last port. None is no error."""
        wiring = self.wirings.pop(port_id, None)
        self._firewalls.pop(port_id, None)
        if wiring is None:
            return
        segment = self._segments[self._key(wiring)]
        del segment.ports[port_id]
        if not segment.ports:
            del self._segments[segment.key]
            if segment.kind == "vlan":
                self.fabric.release(self.host.name, segment.id)
        else:
            segment.macs = {mac: where for mac, where in segment.macs.items() if where != port_id}

    def _key(self, wiring: PortWiring) -> SegmentKey:
        kind = wiring.network_type
        if kind in ("vlan", "flat") and wiring.physical_network not in self.host.physical_networks:
            known = ", ".join(self.host.physical_networks) or "none"
            raise NetworkError(
                f"port {wiring.port_id}: physical network {wiring.physical_network} is not mapped to a bridge on "
                f"{self.host.name} (mapped: {known}); add it to bridge_mappings"
            )
        if kind not in ("vlan", "flat", "local", *TUNNELS):
            raise NetworkError(f"port {wiring.port_id}: the bridge of {self.host.name} knows no network type {kind}")
        return kind, wiring.segmentation_id or 0, wiring.network_id if kind == "local" else ""

    def segment_of(self, port_id: str) -> Segment | None:
        """Return the segment that the port is wired into."""
        wiring = self.wirings.get(port_id)
        return None if wiring is None else self._segments[self._key(wiring)]

    # -- frames from guests -------------------------------------------------------------------

    def from_tap(self, tap: Tap, frame: Frame) -> None:
        """Take a frame from a guest's card."""
        wiring, segment = self.wirings.get(tap.port_id), self.segment_of(tap.port_id)
        if wiring is None or segment is None:
            said = f"port {tap.port_id} is not wired on {self.host.name}: its L2 agent has not put it into a network"
            self.note(tap.name, "drop", frame, said)
            return
        refusal = "" if wiring.admin_state_up else f"port {tap.port_id} is administratively down"
        if not refusal and not tap.trusted:
            try:
                refusal = self._firewall(wiring).egress(frame)
            except UnknownGroup as unknown:
                self._hold(unknown.group_id, partial(self.from_tap, tap, frame))
                return
        if refusal:
            self.note(tap.name, "drop", frame, refusal)
            return
        segment.macs[frame.source] = tap.port_id
        where = segment.macs.get(frame.target)
        if frame.target == BROADCAST or where is None:
            self._flood(segment, frame, tap.port_id)
            self._uplink(segment, frame, None)
        elif where in segment.ports:
            self._deliver(where, frame)
        else:
            self._uplink(segment, frame, where)

    def _firewall(self, wiring: PortWiring) -> Firewall:
        firewall = self._firewalls.get(wiring.port_id)
        if firewall is None:
            firewall = self._firewalls[wiring.port_id] = Firewall(wiring, self.members)
        return firewall

    def _hold(self, group_id: str, again: Callable[[], None]) -> None:
        """Keep a frame until the members of a group are known, and ask for them; without an agent it is lost."""
        held = self._held.get(group_id)
        if held is None:
            if self.group_watcher is None:
                return
            held = self._held[group_id] = []
            self.group_watcher(group_id)
        held.append(again)
        del held[:-HELD_MAX]

    def learn(self, group_id: str, prefixes: tuple[str, ...] | None) -> None:
        """Take the members of a group and let go on what waited for them; None forgets them."""
        if prefixes is None:
            self.members.pop(group_id, None)
            return
        self.members[group_id] = prefixes
        for again in self._held.pop(group_id, ()):
            again()

    def watch_groups(self, callback: Callable[[str], None]) -> None:
        """Have an agent asked for unknown groups; what an earlier one was asked for, or has told, is asked again."""
        self.group_watcher = callback
        self.members.clear()
        for group_id in list(self._held):
            callback(group_id)

    def _uplink(self, segment: Segment, frame: Frame, where: str | None) -> None:
        nic = self.host.uplink
        if nic is None:
            return
        end = None if frame.trace is None else frame.trace.end
        away = end not in (None, self.host.name)
        if segment.kind == "local":
            if away:
                self.note("", "drop", frame, f"a local network does not leave {self.host.name}")
            return
        if segment.kind in TUNNELS:
            peers = self.peers if where is None else (where,)
            for peer in peers:
                self._encapsulate(nic, segment, frame, peer)
            if away and not self._leads_to(peers, end):
                self.note("vxlan", "drop", frame, f"no tunnel leads from {self.host.name} to {end}")
            return
        out = frame.tagged(segment.id) if segment.kind == "vlan" else frame
        self.note(nic.name, "tag" if segment.kind == "vlan" else "forward", out)
        self.fabric.later(TAP_NS, nic.send, out)

    def _encapsulate(self, nic: Nic, segment: Segment, frame: Frame, peer: str) -> None:
        far = self.host.neighbours.get(peer)
        if far is None or far is self.host:
            return
        packet = Ipv4(self.host.address, peer, Udp(VXLAN_PORT, VXLAN_PORT, Vxlan(segment.id, frame)))
        trace = frame.trace
        if trace is not None and trace.focus is not None and far.name not in trace.focus:
            trace = None  # a copy for a host off the way
            packet = Ipv4(self.host.address, peer, Udp(VXLAN_PORT, VXLAN_PORT, Vxlan(segment.id, frame.untraced())))
        out = Frame(nic.mac, far.mac, packet, trace=trace)
        self.note(nic.name, "encapsulate", out, f"to {peer}")
        self.fabric.later(TAP_NS, nic.send, out)

    def _leads_to(self, peers: tuple[str, ...], end: str | None) -> bool:
        return any((far := self.host.neighbours.get(peer)) is not None and far.name == end for peer in peers)

    # -- frames from the uplink ---------------------------------------------------------------

    def from_uplink(self, frame: Frame) -> None:
        """Take a frame of a VLAN, or of the flat network, that came in at the host's card."""
        segment = self._segments.get(("flat", 0, "") if frame.vlan is None else ("vlan", frame.vlan, ""))
        if segment is None:
            if frame.vlan is not None:
                self.note("uplink", "drop", frame, f"{self.host.name} has no port in VLAN {frame.vlan}")
            return
        self._enter(segment, frame.tagged(None), "uplink")

    def from_tunnel(self, tunnelled: Vxlan, peer: str) -> None:
        """Take a frame out of a tunnel."""
        kinds = (self._segments.get((kind, tunnelled.vni, "")) for kind in TUNNELS)
        segment = next((found for found in kinds if found is not None), None)
        if segment is None:
            self.note("vxlan", "drop", tunnelled.inner, f"{self.host.name} has no port in segment {tunnelled.vni}")
            return
        if peer not in self.peers:  # a tunnel's end takes frames from its other end only
            far = self.host.neighbours.get(peer)
            said = f"no tunnel leads from {self.host.name} to {far.name if far else peer}"
            self.note("vxlan", "drop", tunnelled.inner, said)
            return
        self.note("vxlan", "decapsulate", tunnelled.inner, f"segment {tunnelled.vni} from {peer}")
        self._enter(segment, tunnelled.inner, peer)

    def _enter(self, segment: Segment, frame: Frame, source: str) -> None:
        segment.macs[frame.source] = source
        where = segment.macs.get(frame.target)
        if frame.target != BROADCAST and where is not None:
            if where in segment.ports:
                self._deliver(where, frame)
            return
        self._flood(segment, frame, None)

    def _flood(self, segment: Segment, frame: Frame, source: str | None) -> None:
        for port_id in segment.ports:
            if port_id != source:
                self._deliver(port_id, frame)

    def _deliver(self, port_id: str, frame: Frame) -> None:
        tap, wiring = self.taps.get(port_id), self.wirings.get(port_id)
        if wiring is None:
            return  # unwired while the frame was held back
        if frame.trace is not None and frame.target == BROADCAST and not _asks_for(wiring, frame):
            frame = frame.untraced()  # a bystander of the flood
        if tap is None or tap.deliver is None:
            self.note(wiring.tap, "drop", frame, f"nothing runs behind port {port_id}: its server is off")
            return
        refusal = "" if wiring.admin_state_up else f"port {port_id} is administratively down"
        if not refusal and not tap.trusted:
            try:
                refusal = self._firewall(wiring).ingress(frame)
            except UnknownGroup as unknown:
                self._hold(unknown.group_id, partial(self._deliver, port_id, frame))
                return
        if refusal:
            self.note(tap.name, "drop", frame, refusal)
            return
        self.note(tap.name, "deliver", frame)
        self.fabric.later(TAP_NS, _hand_over, tap, frame)


def _asks_for(wiring: PortWiring, frame: Frame) -> bool:
    return isinstance(frame.payload, Arp) and frame.payload.target_ip in wiring.addresses


def _hand_over(tap: Tap, frame: Frame) -> None:
    if tap.deliver is not None:
        tap.deliver(frame)
