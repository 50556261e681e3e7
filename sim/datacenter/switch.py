"""Ethernet switches: access and trunk ports, VLAN lists, learning and flooding per VLAN."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.datacenter.frame import BROADCAST, Frame
from sim.datacenter.nic import Device, Nic

if TYPE_CHECKING:
    from sim.datacenter.fabric import Fabric

NATIVE_VLAN = 1
"""The VLAN of untagged frames on a port that says nothing else. Source: IEEE 802.1Q, default PVID."""
VLAN_MAX = 4094
FORWARDING_NS = 1_000
"""How long a frame stays in a switch. Source: data sheets of cut-through 10 GbE switches say 0.5 to 1.5 us."""
MAC_AGE_NS = 300_000_000_000
"""How long an address is remembered. Source: IEEE 802.1D, default ageing time."""


class SwitchPort(Nic):
    """One port of a switch.

    An access port is in one VLAN and speaks untagged. A trunk carries a list of VLANs tagged and its
    native VLAN untagged. The list counts who asked for a VLAN: it leaves with the last of them.
    """

    __slots__ = ("allowed", "denied", "mode", "native")

    def __init__(self, device: Device, name: str, mode: str = "trunk", native: int = NATIVE_VLAN) -> None:
        super().__init__(device, name)
        self.mode = mode
        self.native = native
        self.allowed: dict[int, int] = {}
        self.denied: set[int] | None = None
        """VLANs that a fault keeps off this trunk whatever is asked for; 0 stands for all but the native one."""

    def allow(self, vlan: int) -> bool:
        """Put a VLAN on the trunk once more; say whether it is new there."""
        asked = self.allowed.get(vlan, 0)
        self.allowed[vlan] = asked + 1
        return asked == 0

    def release(self, vlan: int) -> bool:
        """Take one request for the VLAN back; say whether it has left the trunk."""
        asked = self.allowed.get(vlan, 0)
        if asked > 1:
            self.allowed[vlan] = asked - 1
            return False
        return self.allowed.pop(vlan, None) is not None

    def refuses(self, vlan: int) -> str:
        """Say why the VLAN does not pass here; the empty string when it does."""
        if vlan == self.native:
            return ""
        where = f"{self.device.name}:{self.name}"
        if self.mode == "access":
            return f"access port {where} is in VLAN {self.native}, not in VLAN {vlan}"
        if self.denied and (vlan in self.denied or 0 in self.denied):
            return f"VLAN {vlan} is not trunked on {where}"
        if vlan not in self.allowed:
            known = ", ".join(str(v) for v in sorted(self.allowed)) or "none"
            return f"VLAN {vlan} is not allowed on trunk {where} (allowed: {known})"
        return ""


class Switch(Device):
    """A switch: it learns where each address of each VLAN is, and floods what it has not learned."""

    __slots__ = ("_trunks", "macs", "ports")

    def __init__(self, fabric: Fabric, name: str) -> None:
        super().__init__(fabric, name)
        self.ports: dict[str, SwitchPort] = {}
        self.macs: dict[int, dict[str, tuple[SwitchPort, int]]] = {}
        self._trunks: tuple[int, list[SwitchPort]] | None = None

    def port(self, name: str, mode: str = "trunk", native: int = NATIVE_VLAN) -> SwitchPort:
        """Add a port."""
        port = SwitchPort(self, name, mode, native)
        self.ports[name] = port
        return port

    def access(self, name: str, vlan: int) -> SwitchPort:
        """Make the port an access port of the VLAN, adding it when it is new."""
        port = self.ports.get(name) or self.port(name)
        port.mode, port.native = "access", vlan
        self.fabric.changed()
        return port

    def trunk(self, name: str, *vlans: int, native: int = NATIVE_VLAN) -> SwitchPort:
        """Make the port a trunk of exactly these VLANs, adding it when it is new."""
        port = self.ports.get(name) or self.port(name)
        port.mode, port.native, port.allowed = "trunk", native, dict.fromkeys(vlans, 1)
        self.fabric.changed()
        return port

    def trunks(self) -> list[SwitchPort]:
        """List the ports that lead to other switches."""
        if self._trunks is None or self._trunks[0] != self.fabric.version:
            ports = [p for p in self.ports.values() if p.peer is not None and isinstance(p.peer.device, Switch)]
            self._trunks = (self.fabric.version, ports)
        return self._trunks[1]

    def receive(self, nic: Nic, frame: Frame) -> None:
        """Learn, look up, and forward or flood within the VLAN."""
        assert isinstance(nic, SwitchPort)
        if self.fabric.ways.blocked(nic.link):
            return  # spanning tree: the same frame comes by another link
        vlan = nic.native if frame.vlan is None else frame.vlan
        refusal = nic.refuses(vlan)
        if refusal:
            self.note(nic.name, "drop", frame, refusal, vlan)
            return
        now = self.fabric.now()
        table = self.macs.setdefault(vlan, {})
        table[frame.source] = (nic, now)
        known = table.get(frame.target) or self._heard(frame.target, now)
        if known is None or frame.target == BROADCAST or now - known[1] > MAC_AGE_NS:
            self._flood(nic, frame, vlan)
        elif known[0] is not nic:
            self.note(nic.name, "forward", frame, f"to {known[0].name}", vlan)
            self._put(known[0], frame, vlan)

    def _heard(self, mac: str, now: int) -> tuple[SwitchPort, int] | None:
        """Find a host by its own card: hosts talk all the time, so every switch has learned them long ago."""
        host = self.fabric.cards.get(mac)
        port = self.fabric.ways.towards(self, host) if host is not None else None
        return None if port is None else (port, now)

    def _flood(self, nic: SwitchPort, frame: Frame, vlan: int) -> None:
        targets = []
        for port in self.ports.values():
            link = port.link
            if port is nic or link is None or (link.up and self.fabric.ways.blocked(link)):
                continue
            refusal = port.refuses(vlan) if link.up else f"link {link.name} is down"
            if not refusal:
                targets.append(port)
            elif self._matters(port, frame):
                self.note(port.name, "drop", frame, refusal, vlan)
        self.note(nic.name, "flood", frame, "to " + (", ".join(p.name for p in targets) or "no port"), vlan)
        for port in targets:
            self._put(port, frame, vlan)

    def _matters(self, port: SwitchPort, frame: Frame) -> bool:
        """Say whether leaving this port out of a flood cuts the way that the frame's trace looks at."""
        trace = frame.trace
        peer = port.peer
        return trace is not None and trace.focus is not None and peer is not None and peer.device.name in trace.focus

    def _put(self, port: SwitchPort, frame: Frame, vlan: int) -> None:
        refusal = port.refuses(vlan)
        if refusal:
            self.note(port.name, "drop", frame, refusal, vlan)
            return
        self.fabric.later(FORWARDING_NS, port.send, frame.tagged(None if vlan == port.native else vlan))

    def omit(self, vlan: int, omitted: bool = True) -> None:
        """Leave a VLAN off all trunks to other switches, as somebody who forgot to configure it; 0 is every VLAN."""
        for port in self.trunks():
            port.denied = port.denied or set()
            (port.denied.add if omitted else port.denied.discard)(vlan)

    def power(self, up: bool) -> None:
        """Cut its power or give it back; it wakes up knowing no address."""
        self.forget()
        super().power(up)

    def forget(self) -> None:
        """Clear what was learned, as losing power or a change of the tree does."""
        self.macs.clear()
