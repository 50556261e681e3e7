"""Devices and their network cards: everything that a cable can be plugged into."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.datacenter.trace import Hop

if TYPE_CHECKING:
    from sim.datacenter.fabric import Fabric
    from sim.datacenter.frame import Frame
    from sim.datacenter.link import Link


class Device:
    """Anything with a name and power that frames come to."""

    __slots__ = ("fabric", "name", "up", "uplink")

    def __init__(self, fabric: Fabric, name: str) -> None:
        self.fabric = fabric
        self.name = name
        self.up = True
        self.uplink: Nic | None = None
        """The card by which control messages and bulk traffic leave; switches have none."""

    def receive(self, nic: Nic, frame: Frame) -> None:
        """Take a frame that came in at a card; called only while the device has power."""
        self.note(nic.name, "drop", frame, f"{self.name} has no use for frames from cables")

    def power(self, up: bool) -> None:
        """Cut the device's power or give it back."""
        if self.up != up:
            self.up = up
            self.fabric.changed()

    def note(self, port: str, action: str, frame: Frame, reason: str = "", vlan: int | None = None) -> None:
        """Write a hop into the frame's trace, when it has one."""
        trace = frame.trace
        if trace is not None and trace.sees(self.name):
            tag = frame.vlan if vlan is None else vlan
            trace.add(Hop(self.fabric.now(), self.name, port, action, tag, str(frame), reason))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"


class Nic:
    """One network card, or one port of a switch; a link is plugged in, or nothing is."""

    __slots__ = ("device", "link", "mac", "name")

    def __init__(self, device: Device, name: str, mac: str = "") -> None:
        self.device = device
        self.name = name
        self.mac = mac
        self.link: Link | None = None

    def send(self, frame: Frame) -> None:
        """Put the frame on the cable."""
        if self.link is None:
            self.device.note(self.name, "drop", frame, f"no cable is plugged into {self.device.name}:{self.name}")
        else:
            self.link.send(self, frame)

    @property
    def peer(self) -> Nic | None:
        """The card at the other end of the cable."""
        return self.link.other(self) if self.link is not None else None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.device.name}:{self.name}>"
