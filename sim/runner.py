"""Lets faces that live in wall time drive a simulated world.

The world runs in slices on the server's own event loop; only plain requests and answers cross between
them. Pace: paused, one message at a time, times N, or as fast as possible; while nothing but periodic
work waits, time goes at times 1 whatever the pace, so an idle cloud idles.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from lab.journal import Journal
from lab.journal.export import TRACED
from lab.runtime import NANOSECOND
from sim.loop import SimLoop
from sim.task import NEVER

T = TypeVar("T")

SLICE_S = 0.005
"""Wall time that the world may take before the server's loop gets its turn."""
STEPS = 64
IDLE_TICK_S = 0.05
"""The shortest wait between two wake-ups of an idle world."""
MAX_SPEED = math.inf


@dataclass(slots=True)
class _Call:
    work: Callable[[], Awaitable[Any]]
    future: asyncio.Future[Any]
    label: str


class WorldStopped(RuntimeError):
    """The simulated world stopped on an error."""


class Runner:
    """Drives one world from the running (wall-time) event loop."""

    def __init__(self, world: SimLoop, journal: Journal, speed: float = MAX_SPEED, paused: bool = False) -> None:
        if speed <= 0:
            raise ValueError(f"a speed of {speed} does not move; pause instead")
        self.world, self.journal = world, journal
        self.speed, self.paused = speed, paused
        self.error: BaseException | None = None
        self._host: asyncio.AbstractEventLoop | None = None
        self._inbox: list[_Call] = []
        self._pending: dict[asyncio.Future[Any], None] = {}
        self._timer: asyncio.Handle | None = None
        self._anchor = (0.0, 0)
        self._pace = 0.0
        self._messages_left = 0
        self._pumping = False

    # -- for faces ----------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to run the world on the running loop."""
        self._host = asyncio.get_running_loop()
        self._reanchor(1.0)
        self._kick()

    def stop(self) -> None:
        """Stop running the world; what is asked of it from now on fails."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._fail(WorldStopped("the cloud is shutting down"))

    async def call(self, work: Callable[[], Awaitable[T]], label: str = "") -> T:
        """Run a coroutine function inside the world and answer its result; with a label the input is journaled."""
        if self.error is not None:
            raise WorldStopped(f"the simulated world has stopped: {self.error}") from self.error
        assert self._host is not None, "start the runner first"
        future: asyncio.Future[T] = self._host.create_future()
        self._pending[future] = None
        self._inbox.append(_Call(work, future, label))
        self._kick()
        try:
            return await future
        finally:
            self._pending.pop(future, None)

    def peek(self, work: Callable[[], Awaitable[T]]) -> T:
        """Run a coroutine that does not wait, at once, paused or not."""
        with self.world._as_running():
            coro: Any = work()
            try:
                coro.send(None)
            except StopIteration as stop:
                return stop.value  # type: ignore[no-any-return]
            coro.close()
        raise RuntimeError("this question needs the world's clock to move")

    def pause(self) -> None:
        """Stop the clock; inputs wait."""
        self.paused = True

    def resume(self, speed: float | None = None) -> None:
        """Let time go on, at a new speed if one is given."""
        if speed is not None:
            if speed <= 0:
                raise ValueError(f"a speed of {speed} does not move; pause instead")
            self.speed = speed
        self.paused = False
        self._reanchor(self._pace or 1.0)
        self._kick()

    def step(self, messages: int = 1) -> None:
        """Let that many messages happen, then pause."""
        self.paused = True
        self._messages_left += messages
        self._kick()

    def state(self) -> dict[str, Any]:
        """The clock as faces show it."""
        speed: float | str = "max" if math.isinf(self.speed) else self.speed
        return {
            "t_s": self.world.time(),
            "utc": self.world.runtime.iso_us() + "Z",
            "steps": self.world.steps,
            "speed": speed,
            "paused": self.paused,
            "busy": self.world.runtime.busy,
        }

    # -- the pump -----------------------------------------------------------------------------

    def _kick(self) -> None:
        if self._host is not None and not self._pumping:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._host.call_soon(self._pump)

    def _pump(self) -> None:
        self._timer = None
        self._pumping = True
        try:
            wait = self._run_slice()
        except BaseException as error:
            self.error = error
            self._fail(WorldStopped(f"the simulated world has stopped: {error}"))
            if isinstance(error, (KeyboardInterrupt, SystemExit)):
                raise
            return
        finally:
            self._pumping = False
        if wait is not None and self._host is not None:
            self._timer = self._host.call_later(wait, self._pump)

    def _run_slice(self) -> float | None:
        """Take inputs, run the world for a slice, answer after how many wall seconds to go on (None: when kicked)."""
        world = self.world
        if self.paused:
            return self._run_messages()
        self._take_inputs()
        end = time.perf_counter() + SLICE_S
        while True:
            pace = self._set_pace()
            limit = NEVER - 1 if math.isinf(pace) else self._limit(pace)
            upcoming = world.advance(limit, STEPS)
            if math.isinf(pace) and (world.runtime.busy or world._ready):
                if time.perf_counter() >= end:
                    return 0.0
                continue
            pace = self._set_pace()
            due = (upcoming - self._limit(pace)) / NANOSECOND / pace if not math.isinf(pace) else 0.0
            if due > 0:
                return max(due, IDLE_TICK_S) if not world.runtime.busy else due
            if time.perf_counter() >= end:
                return 0.0

    def _set_pace(self) -> float:
        """Times 1 while idle, the asked speed while something is in flight; a change starts a new count."""
        pace = self.speed if self.world.runtime.busy or self.world._ready else min(1.0, self.speed)
        if pace != self._pace:
            self._reanchor(pace)
        return pace

    def _reanchor(self, pace: float) -> None:
        self._anchor = (time.perf_counter(), self.world.env.now)  # type: ignore[assignment]
        self._pace = pace

    def _limit(self, pace: float) -> int:
        wall, virtual = self._anchor
        return virtual + round((time.perf_counter() - wall) * pace * NANOSECOND)

    def _run_messages(self) -> float | None:
        self._take_inputs()
        world = self.world
        while self._messages_left > 0:
            before = self.journal.seq
            with world._as_running():
                world.step()
            new = sum(1 for e in self.journal.since(before) if e.kind in TRACED)
            self._messages_left -= min(new, self._messages_left)
        self._reanchor(self._pace or 1.0)
        return None

    def _take_inputs(self) -> None:
        if not self._inbox:
            return
        inbox, self._inbox = self._inbox, []
        world = self.world
        with world._as_running():
            for call in inbox:
                if call.label:
                    self.journal.add("input", "outside", "", call.label, note={"step": world.steps})
                world.runtime.busy += 1
                world.create_task(self._inside(call), name=f"input:{call.label}")

    async def _inside(self, call: _Call) -> None:
        try:
            result = await call.work()
        except BaseException as error:
            self._settle(call.future, None, error)
            if not isinstance(error, Exception):
                raise
        else:
            self._settle(call.future, result, None)
        finally:
            self.world.runtime.busy -= 1

    def _settle(self, future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
        if future.done():
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error if isinstance(error, Exception) else WorldStopped(repr(error)))

    def _fail(self, error: Exception) -> None:
        for future in list(self._pending):
            if not future.done():
                future.set_exception(error)
        self._inbox.clear()
