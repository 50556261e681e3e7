"""Bulk transfers as fluid: the flows of a channel share it fairly, and only starts and ends are events.

Max-min fairness by progressive filling: the channel with the least to give each of its flows fixes their
rate; what they leave elsewhere goes to the others. Rates are whole bits a second and work is counted in
bit-nanoseconds, so all arithmetic is exact and the same on every machine.
Source: Bertsekas and Gallager, Data Networks, section 6.5.2.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import simpy

from lab.errors import Unreachable

BIT_NS_PER_BYTE = 8 * 1_000_000_000
STALL_NS = 60_000_000_000
"""How long a transfer waits for a cut path before it gives up. A guess: clients time out after a minute or so."""


Path: TypeAlias = Callable[[], "tuple[Channel, ...] | None"]


class Channel:
    """One direction of a link, a filer's head or a disk: something that passes so many bits a second."""

    __slots__ = ("capacity_bps", "flows", "name")

    def __init__(self, name: str, capacity_bps: int) -> None:
        self.name = name
        self.capacity_bps = capacity_bps
        self.flows: dict[Flow, None] = {}


class Flow:
    """One transfer; `done` fires when the last byte is through, or fails with Unreachable."""

    __slots__ = ("channels", "done", "left", "name", "path", "rate_bps", "since_ns", "stalls")

    def __init__(self, name: str, path: Path, nbytes: int, done: simpy.Event) -> None:
        self.name = name
        self.path = path
        self.channels: tuple[Channel, ...] = ()
        self.left = nbytes * BIT_NS_PER_BYTE
        self.rate_bps = 0
        self.since_ns = 0
        self.stalls = 0
        self.done = done

    def settle(self, now_ns: int) -> None:
        """Count what went through at the present rate."""
        self.left = max(0, self.left - self.rate_bps * (now_ns - self.since_ns))
        self.since_ns = now_ns

    @property
    def finish_ns(self) -> int:
        """When it ends at the present rate."""
        return self.since_ns - (-self.left // self.rate_bps)


class Flows:
    """All transfers in flight."""

    def __init__(self, env: simpy.Environment) -> None:
        self.env = env
        self.active: dict[Flow, None] = {}
        self._armed_ns = -1
        self._arming = 0

    def start(self, name: str, path: Path, nbytes: int) -> Flow:
        """Begin a transfer of `nbytes`; `path` gives its channels, None while there is no way, () within one host."""
        flow = Flow(name, path, nbytes, self.env.event())
        flow.since_ns = self._now()
        flow.done.defused = True  # whoever started it may be dead when it fails
        if path() == () or (nbytes <= 0 and path() is not None):
            flow.done.succeed()
            return flow
        self.active[flow] = None
        self._route(flow)
        self._share(flow.channels)
        return flow

    def cancel(self, flow: Flow) -> None:
        """Stop a transfer whose taker is gone."""
        if flow in self.active:
            self._remove(flow)
            self._share(flow.channels)

    def refresh(self) -> None:
        """Bring all flows up to date after the network or a capacity changed."""
        for flow in self.active:
            self._leave(flow)
            self._route(flow)
        for flow in self.active:
            self._share(flow.channels)
        self._arm()

    def _now(self) -> int:
        return int(self.env.now)

    def _route(self, flow: Flow) -> None:
        channels = flow.path()
        flow.settle(self._now())
        if channels is None:
            flow.channels, flow.rate_bps = (), 0
            flow.stalls += 1
            timer = self.env.timeout(STALL_NS)
            timer.callbacks.append(partial(self._give_up, flow, flow.stalls))
            return
        flow.stalls += 1
        flow.channels = channels
        for channel in channels:
            channel.flows[flow] = None

    def _give_up(self, flow: Flow, stalls: int, _: simpy.Event) -> None:
        if flow in self.active and flow.stalls == stalls:
            self._remove(flow)
            waited = f"stood still for {STALL_NS // 1_000_000_000} s"
            flow.done.fail(Unreachable(f"transfer {flow.name} {waited}: there is no way between the hosts"))

    def _leave(self, flow: Flow) -> None:
        for channel in flow.channels:
            channel.flows.pop(flow, None)

    def _remove(self, flow: Flow) -> None:
        del self.active[flow]
        self._leave(flow)

    def _component(self, channels: tuple[Channel, ...]) -> dict[Channel, None]:
        """Collect all channels whose rates depend on these, in the order in which they are met."""
        found: dict[Channel, None] = dict.fromkeys(channels)
        queue = list(channels)
        for channel in queue:
            for flow in channel.flows:
                for other in flow.channels:
                    if other not in found:
                        found[other] = None
                        queue.append(other)
        return found

    def _share(self, channels: tuple[Channel, ...]) -> None:
        """Set the rates of all flows that share anything with these channels, and arm the next end."""
        now = self._now()
        component = self._component(channels)
        spare = {channel: channel.capacity_bps for channel in component}
        count = {channel: len(channel.flows) for channel in component if channel.flows}
        waiting: dict[Flow, None] = {}
        for channel in count:
            waiting.update(channel.flows)
        for flow in waiting:
            flow.settle(now)
        while waiting:
            tightest = min(count, key=lambda channel: spare[channel] // count[channel])
            rate = max(1, spare[tightest] // count[tightest])
            for flow in [f for f in tightest.flows if f in waiting]:
                flow.rate_bps = rate
                del waiting[flow]
                for channel in flow.channels:
                    spare[channel] -= rate
                    count[channel] -= 1
                    if not count[channel]:
                        del count[channel]
        self._arm()

    def _arm(self) -> None:
        finish = min((flow.finish_ns for flow in self.active if flow.rate_bps), default=-1)
        if finish < 0 or finish == self._armed_ns:
            self._armed_ns = finish
            return
        self._armed_ns = finish
        self._arming += 1
        timer = self.env.timeout(max(0, finish - self._now()))
        timer.callbacks.append(partial(self._finish, self._arming))

    def _finish(self, arming: int, _: simpy.Event) -> None:
        if arming != self._arming:
            return
        now = self._now()
        self._armed_ns = -1
        ended = [flow for flow in self.active if flow.rate_bps and flow.finish_ns <= now]
        for flow in ended:
            flow.settle(now)
            self._remove(flow)
        for flow in ended:
            self._share(flow.channels)
            flow.done.succeed()
        self._arm()
