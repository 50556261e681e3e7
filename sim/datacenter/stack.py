"""A small IP stack: ARP, ICMP echo, TCP open, and a hook for packets that are somebody else's.

Guests, hosts, DHCP servers and the interfaces of routers all have one.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import simpy

from sim.datacenter.frame import (
    ANY_ADDRESS,
    BROADCAST,
    DHCP_CLIENT_PORT,
    DHCP_SERVER_PORT,
    EVERYONE,
    Arp,
    Dhcp,
    Frame,
    Icmp,
    Ipv4,
    Tcp,
    Udp,
    same_network,
)
from sim.datacenter.nic import Device
from sim.datacenter.trace import UNANSWERED, PingResult, Trace

ARP_TIMEOUT_NS = 1_000_000_000
"""How long an address is asked for. Source: Linux, retrans_time_ms of a neighbour table (one try here, three there)."""
PING_TIMEOUT_NS = 2_000_000_000
EPHEMERAL_PORT = 32_768
"""First port of outgoing connections. Source: Linux, ip_local_port_range."""


class IpStack:
    """One address on one wire; `output` takes the frames it sends."""

    __slots__ = (
        "address", "arp", "device", "dhcp", "forward", "gateway", "listening", "mac", "name", "output", "pending",
        "prefix", "serial", "waiting",
    )  # fmt: skip

    def __init__(self, device: Device, name: str, mac: str, output: Callable[[Frame], None]) -> None:
        self.device = device
        self.name = name
        self.mac = mac
        self.output = output
        self.address: str | None = None
        self.prefix = 32
        self.gateway: str | None = None
        self.listening: frozenset[int] = frozenset()
        self.forward: Callable[[Ipv4, Trace | None], None] | None = None
        """Takes packets for other addresses; None drops them, as a host does."""
        self.dhcp: Callable[[Dhcp, Trace | None], None] | None = None
        self.arp: dict[str, str] = {}
        self.pending: dict[str, list[tuple[Ipv4, Trace | None]]] = {}
        self.waiting: dict[tuple[object, ...], simpy.Event] = {}
        self.serial = 0

    def configure(self, address: str | None, prefix: int = 32, gateway: str | None = None) -> None:
        """Set the address; what was learned with the old one is forgotten."""
        self.address, self.prefix, self.gateway = address, prefix, gateway
        self.arp.clear()

    # -- sending ------------------------------------------------------------------------------

    def send(self, packet: Ipv4, trace: Trace | None) -> None:
        """Send a packet to its next hop, asking for that one's MAC address first when it is not known."""
        if packet.target == EVERYONE:
            self._put(BROADCAST, packet, trace)
            return
        hop: str | None = packet.target
        if self.address is None or not same_network(self.address, packet.target, self.prefix):
            hop = self.gateway
        if hop is None:
            why = "it has no address" if self.address is None else f"it has no route to {packet.target}"
            self._drop(packet, trace, f"{self.device.name} cannot send: {why}")
            return
        mac = self.arp.get(hop)
        if mac is not None:
            self._put(mac, packet, trace)
            return
        queue = self.pending.get(hop)
        if queue is not None:
            queue.append((packet, trace))
            return
        self.pending[hop] = [(packet, trace)]
        request = Arp("request", self.mac, self.address or ANY_ADDRESS, "00:00:00:00:00:00", hop)
        frame = Frame(self.mac, BROADCAST, request, trace=trace)
        self.device.note(self.name, "send", frame)
        self.device.fabric.later(ARP_TIMEOUT_NS, self._give_up, hop)
        self.output(frame)

    def _put(self, mac: str, packet: Ipv4, trace: Trace | None) -> None:
        frame = Frame(self.mac, mac, packet, trace=trace)
        self.device.note(self.name, "send", frame)
        self.output(frame)

    def _drop(self, packet: Ipv4, trace: Trace | None, reason: str) -> None:
        self.device.note(self.name, "drop", Frame(self.mac, BROADCAST, packet, trace=trace), reason)

    def _give_up(self, hop: str) -> None:
        for packet, trace in self.pending.pop(hop, ()):
            self._drop(packet, trace, UNANSWERED + hop)

    # -- receiving ----------------------------------------------------------------------------

    def receive(self, frame: Frame) -> None:
        """Take a frame from the wire."""
        payload = frame.payload
        if isinstance(payload, Arp):
            self._arp(payload, frame)
        elif frame.target in (self.mac, BROADCAST):
            self._ip(payload, frame)

    def _arp(self, arp: Arp, frame: Frame) -> None:
        if self.address is None or arp.target_ip != self.address:
            return
        self.arp[arp.sender_ip] = arp.sender_mac
        if arp.op == "request":
            answer = Arp("reply", self.mac, self.address, arp.sender_mac, arp.sender_ip)
            reply = Frame(self.mac, arp.sender_mac, answer, trace=frame.trace)
            self.device.note(self.name, "answer", reply)
            self.output(reply)
            return
        self.device.note(self.name, "deliver", frame)
        for packet, trace in self.pending.pop(arp.sender_ip, ()):
            self._put(arp.sender_mac, packet, trace)

    def _ip(self, packet: Ipv4, frame: Frame) -> None:
        payload = packet.payload
        if packet.target != self.address and packet.target != EVERYONE and not isinstance(payload, Udp):
            if self.forward is not None:
                self.forward(packet, frame.trace)
            return
        if isinstance(payload, Icmp):
            self._icmp(packet, payload, frame)
        elif isinstance(payload, Tcp):
            self._tcp(packet, payload, frame)
        elif isinstance(payload.payload, Dhcp) and self.dhcp is not None:
            self.dhcp(payload.payload, frame.trace)

    def _icmp(self, packet: Ipv4, icmp: Icmp, frame: Frame) -> None:
        if icmp.kind == "echo request":
            self.device.note(self.name, "answer", frame)
            assert self.address is not None
            self.send(Ipv4(self.address, packet.source, Icmp("echo reply", icmp.ident, icmp.seq)), frame.trace)
            return
        self.device.note(self.name, "deliver", frame)
        self._wake(("icmp", icmp.ident, icmp.seq), packet)

    def _tcp(self, packet: Ipv4, tcp: Tcp, frame: Frame) -> None:
        assert self.address is not None
        if tcp.flags == "SYN":
            flags = "SYN-ACK" if tcp.target in self.listening else "RST"
            self.device.note(self.name, "answer", frame)
            self.send(Ipv4(self.address, packet.source, Tcp(tcp.target, tcp.source, flags)), frame.trace)
        elif tcp.flags in ("SYN-ACK", "RST"):
            self.device.note(self.name, "deliver", frame)
            self._wake(("tcp", packet.source, tcp.source, tcp.target), packet)

    def _wake(self, key: tuple[object, ...], value: Ipv4) -> None:
        event = self.waiting.pop(key, None)
        if event is not None:
            event.succeed(value)

    # -- asking -------------------------------------------------------------------------------

    def _ask(self, key: tuple[object, ...], packet: Ipv4, trace: Trace) -> Generator[simpy.Event, Any, Ipv4 | None]:
        env = self.device.fabric.env
        reply = self.waiting[key] = env.event()
        self.send(packet, trace)
        yield reply | env.timeout(PING_TIMEOUT_NS)
        self.waiting.pop(key, None)
        return reply.value if reply.triggered else None

    def ping(self, target: str, trace: Trace, ttl: int = 64) -> Generator[simpy.Event, Any, PingResult]:
        """Send one echo request and wait for what comes of it; a SimPy process."""
        start = self.device.fabric.now()
        self.serial += 1
        packet = Ipv4(self.address or ANY_ADDRESS, target, Icmp("echo request", self.serial, 1), ttl)
        answer = yield from self._ask(("icmp", self.serial, 1), packet, trace)
        if answer is not None and isinstance(answer.payload, Icmp) and answer.payload.kind == "echo reply":
            return PingResult(True, self.device.fabric.now() - start, tuple(trace.hops))
        said = f"{answer.source} says {answer.payload.kind}" if answer and isinstance(answer.payload, Icmp) else ""
        return trace.failed(target, said)

    def connect(self, target: str, port: int, trace: Trace) -> Generator[simpy.Event, Any, PingResult]:
        """Open a TCP connection and say how that went; a SimPy process."""
        start = self.device.fabric.now()
        self.serial += 1
        source = EPHEMERAL_PORT + self.serial % (65_536 - EPHEMERAL_PORT)
        packet = Ipv4(self.address or ANY_ADDRESS, target, Tcp(source, port, "SYN"))
        answer = yield from self._ask(("tcp", target, port, source), packet, trace)
        if answer is not None and isinstance(answer.payload, Tcp) and answer.payload.flags == "SYN-ACK":
            self.send(Ipv4(packet.source, target, Tcp(source, port, "ACK")), trace)
            return PingResult(True, self.device.fabric.now() - start, tuple(trace.hops))
        refused = f"{target} refused the connection: nothing listens on port {port}" if answer is not None else ""
        return trace.failed(target, refused)

    def say_dhcp(self, message: Dhcp, to_server: bool, trace: Trace | None) -> None:
        """Send a DHCP message: a client shouts, a server answers the client's card."""
        ports = (DHCP_CLIENT_PORT, DHCP_SERVER_PORT) if to_server else (DHCP_SERVER_PORT, DHCP_CLIENT_PORT)
        packet = Ipv4(self.address or ANY_ADDRESS, EVERYONE, Udp(*ports, message))
        self._put(BROADCAST if to_server else message.client_mac, packet, trace)
