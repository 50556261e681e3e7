"""Lets faces that live in wall time drive a simulated world.

The world runs in slices on the server's own event loop; only plain requests and answers cross between
them. Pace: paused, one message at a time, times N, or as fast as possible; while nothing but periodic
work waits, time goes at times 1 whatever the pace, so an idle cloud idles and its clock keeps up with the
wall's. The pace changes in the very instant in which the last piece of work ends.
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
HUNG_S = 3600
"""Virtual time after which work that nobody outside waits for, and in which nothing moved, counts as hung: it no longer
hurries the clock. Longer than every timeout of the services (long_rpc_timeout is 1,800 s)."""


@dataclass(slots=True)
class _Call:
    work: Callable[[], Awaitable[Any]]
    future: asyncio.Future[Any]
    label: str
    body: bytes | None = None


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
        """A wall instant (seconds) and the virtual one (ns) that belongs to it."""
        self._pace = 1.0
        self._moved = (0, 0)
        """How busy the world was, and since when."""
        self._messages_left = self._events_left = 0
        self._insisting: dict[asyncio.Future[Any], None] = {}
        self._stepping: list[asyncio.Future[None]] = []
        self._pumping = False
        self.listeners: list[Callable[[], None]] = []
        """Told after each slice: something may have happened."""

    # -- for faces ----------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to run the world on the running loop."""
        self._host = asyncio.get_running_loop()
        self._anchor = (time.perf_counter(), self._now())
        self._kick()

    def stop(self) -> None:
        """Stop running the world; what is asked of it from now on fails."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._fail(WorldStopped("the cloud is shutting down"))

    async def call(
        self, work: Callable[[], Awaitable[T]], label: str = "", body: bytes | None = None, insists: bool = False
    ) -> T:
        """Run a coroutine function inside the world and answer its result; with a label the input is journaled.

        insists: when the clock is paused, let it step until the work is done.
        """
        self._check()
        assert self._host is not None, "start the runner first"
        future: asyncio.Future[T] = self._host.create_future()
        self._pending[future] = None
        if insists:
            self._insisting[future] = None
        self._inbox.append(_Call(work, future, label, body))
        self._kick()
        try:
            return await future
        finally:
            self._pending.pop(future, None)
            self._insisting.pop(future, None)

    def act(self, deed: Callable[[], T], label: str, body: bytes | None = None) -> T:
        """Do something to the world at once, between two steps, paused or not, as a journaled input."""
        self._check()
        self._keep_up()
        self._journal_input(label, body)
        with self.world._as_running():
            result = deed()
        self._kick()
        return result

    def _check(self) -> None:
        if self.error is not None:
            raise WorldStopped(f"the simulated world has stopped: {self.error}") from self.error

    def _journal_input(self, label: str, body: bytes | None) -> None:
        self.journal.add("input", "outside", "", label, body=body, note={"step": self.world.steps})

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
        self._keep_up()
        self.paused = True

    def resume(self, speed: float | None = None) -> None:
        """Let time go on, at a new speed if one is given."""
        if speed is not None:
            if speed <= 0:
                raise ValueError(f"a speed of {speed} does not move; pause instead")
            self.speed = speed
        self._keep_up()
        self.paused = False
        self._messages_left = self._events_left = 0
        self._anchor = (time.perf_counter(), self._now())
        self._kick()

    def step(self, messages: int = 0, events: int = 0) -> None:
        """Let that many messages happen, and that many steps of the loop, then pause; `stepped` waits for it."""
        self.pause()
        self._messages_left += messages
        self._events_left += events
        self._kick()

    async def stepped(self) -> None:
        """Wait until all steps are made that were asked for. Raises WorldStopped when the world stopped at one."""
        self._check()
        if self._to_step():
            done = asyncio.get_running_loop().create_future()
            self._stepping.append(done)
            await done

    def state(self) -> dict[str, Any]:
        """The clock as faces show it."""
        speed: float | str = "max" if math.isinf(self.speed) else self.speed
        now = self._due()
        return {
            "t_s": now / NANOSECOND,
            "utc": self.world.runtime.iso_us(now) + "Z",
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
            self._told()
            self._fail(WorldStopped(f"the simulated world has stopped: {error}"))
            if isinstance(error, (KeyboardInterrupt, SystemExit)):
                raise
            return
        finally:
            self._pumping = False
        self._told()
        if wait is not None and self._host is not None:
            self._timer = self._host.call_later(wait, self._pump)

    def _told(self) -> None:
        for tell in self.listeners:
            tell()

    def _run_slice(self) -> float | None:
        """Take inputs, run the world for a slice, answer after how many wall seconds to go on (None: when kicked)."""
        end = time.perf_counter() + SLICE_S
        if self.paused:
            return self._run_steps(end)
        self._all_stepped()
        self._keep_up()
        self._take_inputs()
        while True:
            pace = self._set_pace()
            upcoming = self._run_on(self._limit())
            if upcoming >= NEVER:
                return None
            if self._set_pace() == pace and not math.isinf(pace):
                due = (upcoming - self._limit()) / NANOSECOND / pace
                if due > 0:
                    return due if self.world.runtime.busy else max(due, IDLE_TICK_S)
            if time.perf_counter() >= end:
                return 0.0

    def _run_on(self, limit: int) -> int:
        """Make up to STEPS steps, until the limit and not beyond the end of the present hurry; when the next thing happens."""
        world = self.world
        hurried = self._hurried()
        with world._as_running():
            for _ in range(STEPS):
                upcoming = world.next_ns()
                if upcoming > limit or self._hurried() != hurried:
                    return upcoming
                world.step()
            return world.next_ns()

    def _hurried(self) -> bool:
        """Whether anything is in flight; work inside the world that has not moved for an hour is hung and does not count."""
        busy = self.world.runtime.busy
        if busy != self._moved[0]:
            self._moved = (busy, self._now())
        return bool(self._pending) or (busy > 0 and self._now() - self._moved[1] < HUNG_S * NANOSECOND)

    def _set_pace(self) -> float:
        """The asked speed while something is in flight, times 1 while idle; a change starts a new count."""
        pace = self.speed if self._hurried() else min(1.0, self.speed)
        if pace != self._pace:
            wall, virtual = self._anchor
            now = time.perf_counter()
            if pace < self._pace and not math.isinf(self._pace):
                # Slower from the instant in which the work ended; this slice may have come to it late.
                now = min(now, wall + (self._now() - virtual) / NANOSECOND / self._pace)
            self._anchor = (now, self._now())
            self._pace = pace
        return pace

    def _due(self) -> int:
        """Where the clock stands: beyond the last thing that happened when time went by without any."""
        if self._host is None or self.paused or math.isinf(self._pace):
            return self._now()
        return max(self._now(), min(self._limit(), self.world.next_ns()))

    def _keep_up(self) -> None:
        """Bring the world's clock to where it stands."""
        self.world.env.jump(self._due())

    def _now(self) -> int:
        return int(self.world.env.now)

    def _limit(self) -> int:
        """How far the clock may go now."""
        if math.isinf(self._pace):
            return NEVER - 1
        wall, virtual = self._anchor
        return virtual + round((time.perf_counter() - wall) * self._pace * NANOSECOND)

    def _to_step(self) -> bool:
        """Whether a paused clock has to move."""
        return self._messages_left > 0 or self._events_left > 0 or bool(self._insisting)

    def _run_steps(self, end: float) -> float | None:
        self._take_inputs()
        world = self.world
        while self._to_step():
            before = self.journal.seq
            with world._as_running():
                world.step()
            self._events_left = max(0, self._events_left - 1)
            if self._messages_left:
                new = sum(1 for e in self.journal.since(before) if e.kind in TRACED)
                self._messages_left -= min(new, self._messages_left)
            if time.perf_counter() >= end and self._to_step():
                return 0.0
        self._all_stepped()
        return None

    def _all_stepped(self) -> None:
        waiting, self._stepping = self._stepping, []
        for each in waiting:
            if not each.done():
                each.set_result(None)

    def _take_inputs(self) -> None:
        if not self._inbox:
            return
        inbox, self._inbox = self._inbox, []
        world = self.world
        with world._as_running():
            for call in inbox:
                if call.label:
                    self._journal_input(call.label, call.body)
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
        self._pending.pop(future, None)
        self._insisting.pop(future, None)
        if future.done():
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error if isinstance(error, Exception) else WorldStopped(repr(error)))

    def _fail(self, error: Exception) -> None:
        for future in (*self._pending, *self._stepping):
            if not future.done():
                future.set_exception(error)
        self._stepping.clear()
        self._inbox.clear()
