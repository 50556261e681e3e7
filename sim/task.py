"""What the simulated loop is made of: its clock, its callbacks and its tasks."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

import simpy

from lab.runtime import NANOSECOND

if TYPE_CHECKING:
    from sim.agenda import Agenda
    from sim.loop import SimLoop

NEVER = 1 << 62
"""Later than anything that happens, in nanoseconds."""


class VirtualEnvironment(simpy.Environment):
    """A SimPy environment in integer nanoseconds; delays are rounded once and never negative."""

    _now: int  # SimPy allows any number

    def __init__(self) -> None:
        super().__init__(initial_time=0)
        self.order: Any = self._eid
        """Numbers everything scheduled, so that ties between timers and events have one order."""

    def timeout(self, delay: float = 0, value: Any | None = None) -> simpy.Timeout:
        """An event after `delay` nanoseconds."""
        if delay < 0:
            raise ValueError(f"a delay of {delay} ns lies in the past")
        return super().timeout(round(delay), value)

    def jump(self, now_ns: int) -> None:
        """Set the clock; only the loop does, to the time of its next timer."""
        self._now = now_ns

    def head(self) -> tuple[int, int]:
        """Time and order of the next event, (NEVER, 0) when there is none."""
        queue: list[Any] = self._queue
        return (queue[0][0], queue[0][2]) if queue else (NEVER, 0)


class SimHandle:
    """One scheduled callback, ready or timed; `context` None calls it bare (the wires' message hops)."""

    __slots__ = ("args", "callback", "context", "loop", "when_ns")

    def __init__(
        self,
        loop: Agenda,
        callback: Callable[..., object] | None,
        args: tuple[Any, ...],
        context: contextvars.Context | None,
        when_ns: int,
    ) -> None:
        self.loop, self.callback, self.args, self.context, self.when_ns = loop, callback, args, context, when_ns

    def cancel(self) -> None:
        """Call it off; its memory is given back now or at the next purge of the heap."""
        if self.callback is not None:
            self.callback, self.args, self.context = None, (), None
            if self.when_ns >= 0:
                self.loop._timer_cancelled()

    def taken(self) -> tuple[Any, Any, Any]:
        """What is to be run, now that its time has come; from now on it cannot be called off."""
        taken = (self.callback, self.args, self.context)
        self.callback = None
        return taken

    def cancelled(self) -> bool:
        """Whether it was called off."""
        return self.callback is None

    def when(self) -> float:
        """Its time in seconds of the loop's clock."""
        return self.when_ns / NANOSECOND


class SimTask(asyncio.Task[Any]):
    """A task that knows its order of creation and the process that owns it."""

    def __init__(self, coro: Coroutine[Any, Any, Any], *, loop: SimLoop, name: str | None, context: contextvars.Context | None) -> None:
        self.serial = next(loop.serials)
        self.owner: object = None
        super().__init__(coro, loop=loop, name=name or f"task-{self.serial}", context=context)

    def __hash__(self) -> int:
        return self.serial

    def __eq__(self, other: object) -> bool:
        return self is other

    def cancel(self, msg: Any | None = None) -> bool:
        """Cancel as asyncio does; the wake-ups of all tasks cancelled in this instant run in order of creation."""
        loop: SimLoop = self.get_loop()  # type: ignore[assignment]
        loop._burst.add(self)
        return super().cancel(msg)
