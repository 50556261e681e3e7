"""The fabric: every device and cable of a datacenter, its clock and its dice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any, TypeAlias

import simpy

from lab.errors import Unreachable
from lab.strand import give
from sim.datacenter.flow import Channel, Flows
from sim.datacenter.link import Link
from sim.datacenter.nic import Device, Nic
from sim.datacenter.switch import Switch, SwitchPort
from sim.datacenter.ways import Ways

Streams: TypeAlias = Callable[[str, str], Random]
"""Gives a named random stream: (process, purpose) -> Random, as `Runtime.random` does."""


class Fabric:
    """All devices and cables of one datacenter. A device that does nothing costs nothing."""

    def __init__(self, env: simpy.Environment, streams: Streams) -> None:
        self.env = env
        self.origin_ns = 0
        """When on the environment's clock the cloud's own began."""
        self.streams = streams
        self.devices: dict[str, Device] = {}
        self.links: dict[str, Link] = {}
        self.cards: dict[str, str] = {}
        """The hosts' own MAC addresses, and whose they are."""
        self.flows = Flows(env)
        self.ways = Ways(self.devices)
        self.version = 0
        """Counts the states of the topology; what others derive from it they may keep by this number."""
        self.listeners: list[Callable[[], None]] = []
        """Told when ways may have opened or closed."""
        self._dice: dict[str, Random] = {}
        self._macs = 0

    def now(self) -> int:
        """Virtual nanoseconds of the cloud's clock."""
        return self.env.now - self.origin_ns  # type: ignore[return-value]

    def later(self, delay_ns: int, callback: Callable[..., object], *args: object) -> None:
        """Call back after a delay."""
        timer = self.env.timeout(delay_ns)
        timer.callbacks.append(partial(_call, callback, args))

    def dice(self, name: str) -> Random:
        """Return the random stream of one device or link."""
        if name not in self._dice:
            self._dice[name] = self.streams("fabric", name)
        return self._dice[name]

    def mac(self) -> str:
        """Give out the next address of the hardware's own range."""
        self._macs += 1
        n = self._macs
        return f"52:54:00:{n >> 16 & 255:02x}:{n >> 8 & 255:02x}:{n & 255:02x}"

    # -- building -----------------------------------------------------------------------------

    def add(self, device: Device) -> None:
        """Put a device into the datacenter; its name must be new."""
        if device.name in self.devices:
            raise ValueError(f"there is a device {device.name} already")
        self.devices[device.name] = device

    def switch(self, name: str) -> Switch:
        """Add a switch without ports."""
        switch = Switch(self, name)
        self.add(switch)
        return switch

    def connect(self, a: Nic, b: Nic, latency_ns: int, bandwidth_bps: int) -> Link:
        """Plug a cable between two cards that have none."""
        for nic in (a, b):
            if nic.link is not None:
                raise ValueError(f"{nic} has a cable already")
        link = Link(self, a, b, latency_ns, bandwidth_bps)
        name, twins = link.name, 1
        while link.name in self.links:
            twins += 1
            link.name = f"{name}#{twins}"
        self.links[link.name] = link
        self.changed()
        return link

    def changed(self) -> None:
        """Say that links, power or ports changed: ways are derived anew and transfers follow them."""
        self.version += 1
        self.ways.expire()
        if self.flows.active:
            self.flows.refresh()
        for told in self.listeners:
            told()

    # -- the control plane and bulk traffic ---------------------------------------------------

    def latency_ns(self, a: str, b: str) -> int | None:
        """Return the one-way latency between two hosts in nanoseconds, None when there is no way."""
        return self.ways.latencies[a, b]

    def channels(self, a: str, b: str, *more: Channel) -> tuple[Channel, ...] | None:
        """Return what a transfer from a to b passes through, `more` being devices at its ends; None without a way."""
        way = self.ways.way(a, b)
        return None if way is None else (*(sender.link.channel(sender) for sender, _ in way if sender.link), *more)

    async def transfer(self, a: str, b: str, nbytes: int, *more: Channel) -> None:
        """Move bytes from host a to host b, sharing the bandwidth on the way.

        Raises:
            Unreachable: there is no way, or it was cut and stayed so.
        """
        latency = self.latency_ns(a, b)
        if latency is None:
            raise Unreachable(f"{b} cannot be reached from {a}: a link is down or a device has no power")
        flow = self.flows.start(f"{a} > {b}", lambda: self.channels(a, b, *more), nbytes)
        try:
            await wait(flow.done)
            await pause(latency)
        except BaseException:
            self.flows.cancel(flow)
            raise

    # -- VLANs on the switches ----------------------------------------------------------------

    def allow(self, host: str, vlan: int) -> None:
        """Put a VLAN on the switch port that faces the host, and on the uplinks of that switch.

        Counted: every call is taken back by one `release`; the VLAN leaves a port with the last one.
        """
        self._change(host, vlan, SwitchPort.allow)

    def release(self, host: str, vlan: int) -> None:
        """Take one `allow` back."""
        self._change(host, vlan, SwitchPort.release)

    def _change(self, host: str, vlan: int, change: Callable[[SwitchPort, int], bool]) -> None:
        nic = self.devices[host].uplink
        port = nic.peer if nic is not None else None
        if not isinstance(port, SwitchPort) or not change(port, vlan):
            return
        switch = port.device
        assert isinstance(switch, Switch)
        for uplink in switch.trunks():
            peer = uplink.peer
            assert isinstance(peer, SwitchPort)
            change(uplink, vlan)
            change(peer, vlan)


def _call(callback: Callable[..., object], args: tuple[object, ...], _: simpy.Event) -> None:
    callback(*args)


async def wait(event: simpy.Event) -> Any:
    """Await a SimPy event on the simulated loop that steps its environment."""
    return await asyncio.get_running_loop().event(event)  # type: ignore[attr-defined]


async def pause(delay_ns: int) -> None:
    """Let virtual time pass: by a timer of the simulated loop, which costs a third of a SimPy event."""
    if delay_ns > 0:
        loop: Any = asyncio.get_running_loop()
        over = loop.runtime.new_waiter()
        loop.hop(delay_ns, give, over, None)
        await over
