"""The port of a bench: switches, servers and routers that a student plugs together by hand, one cable after the other."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Walk:
    """What came of one ping: its hops as text, and why nothing came back when nothing did."""

    ok: bool
    rtt_ms: float | None
    hops: tuple[str, ...]
    failed_at: str = ""
    reason: str = ""


class Bench(ABC):
    """Devices by their names; a name is given once, and cables are plugged where they are needed."""

    @abstractmethod
    def switch(self, name: str) -> None:
        """Put a switch there."""

    @abstractmethod
    def server(self, name: str, cidr: str, switch: str, gateway: str | None) -> None:
        """Plug a server with an address ('10.0.0.1/24') into a switch, in no VLAN of its own."""

    @abstractmethod
    def access(self, server: str, vlan: int) -> None:
        """Make the server's switch port an access port of a VLAN."""

    @abstractmethod
    def trunk(self, switch: str, other: str, vlans: tuple[int, ...]) -> None:
        """Make the switch's port to the other switch a trunk of exactly these VLANs; the far end stays as it is."""

    @abstractmethod
    def router(self, name: str, switch: str, vlans: tuple[int, ...]) -> None:
        """Plug a router into a trunk port of a switch."""

    @abstractmethod
    def interface(self, router: str, vlan: int, cidr: str) -> None:
        """Give the router an address in a VLAN."""

    @abstractmethod
    def ping(self, source: str, target: str) -> Walk:
        """Send an echo request from one server to another and wait for what comes of it."""

    @abstractmethod
    def learned(self, switch: str) -> list[tuple[int, str, str]]:
        """What the switch has learned: (VLAN, whose address, port)."""
