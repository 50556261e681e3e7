"""Periodic casts, batched: all state reports of one kind that fall into one tick travel as one message."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lab.body import encode
from lab.context import Context
from lab.process import Process
from lab.rpc.message import Message
from lab.runtime import NANOSECOND

if TYPE_CHECKING:
    from lab.wires import Wires

TICKS = 10
"""Ticks per period: reporters are spread over them in order of their start."""

Payload = Callable[[], Any]
"""Says what a process reports now, as JSON values; the same object again when nothing changed."""


class _Tick:
    """The reporters of one tick, and what they said last: mostly they say it again."""

    __slots__ = ("body", "reporters", "said")

    def __init__(self) -> None:
        self.reporters: dict[Process, Payload] = {}
        self.said: list[Any] = []
        self.body = b""


class _Group:
    """All reporters of one method: ten ticks."""

    def __init__(self) -> None:
        self.ticks = [_Tick() for _ in range(TICKS)]
        self.joined = 0
        self.turn = 0


class Reports:
    """The declared periodic casts of one cloud."""

    def __init__(self, wires: Wires) -> None:
        self._wires = wires
        self._groups: dict[tuple[str, str, float], _Group] = {}

    def declare(self, process: Process, topic: str, method: str, period_s: float, payload: Payload) -> None:
        """Report now and from now on, each `period_s` seconds, until the process ends."""
        key = (topic, method, period_s)
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = _Group()
            self._wires.runtime.hop(round(period_s * NANOSECOND / TICKS), self._tick, key)
        reporters = group.ticks[group.joined % TICKS].reporters
        group.joined += 1
        reporters[process] = payload
        process.at_end(lambda: reporters.pop(process, None) and None)
        if self._wires.medium.distances[process.host, self._wires.mq_host] is not None:
            self._publish(key, process, encode({"reports": [payload()]}))

    def _tick(self, key: tuple[str, str, float]) -> None:
        group = self._groups[key]
        self._wires.runtime.hop(round(key[2] * NANOSECOND / TICKS), self._tick, key)
        tick = group.ticks[group.turn]
        group.turn = (group.turn + 1) % TICKS
        self._send(key, tick)

    def _send(self, key: tuple[str, str, float], tick: _Tick) -> None:
        wires = self._wires
        distances, mq_host = wires.medium.distances, wires.mq_host
        reports, sender = [], None
        for process, payload in tick.reporters.items():
            if not process.alive or process.hung or distances[process.host, mq_host] is None:
                continue
            if wires.interference is not None:  # a fault may be meant for this one alone
                self._publish(key, process, encode({"reports": [payload()]}))
            else:
                sender = sender or process
                reports.append(payload())
        if sender is None:
            return
        if reports != tick.said:
            tick.said, tick.body = reports, encode({"reports": reports})
        self._publish(key, sender, tick.body)

    def _publish(self, key: tuple[str, str, float], sender: Process, body: bytes) -> None:
        ctx = Context(request_id="", roles=("admin",), periodic=True)
        self._wires.broker.publish(Message("rpc_cast", key[0], key[1], body, ctx, sender, key[1]))
