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
from functools import partial
from typing import Any, TypeVar

from lab.inputs import Deeds, Input, Inputs
from lab.journal import Journal
from lab.journal.export import TRACED
from lab.runtime import NANOSECOND
from sim.course import Course, Settle, finished
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
    enter: Callable[[Settle], None]
    """Lets it into the world; what came of it is told to whom it is given."""
    future: asyncio.Future[Any]


class WorldStopped(RuntimeError):
    """The simulated world stopped on an error."""


class Runner:
    """Drives one world from the running (wall-time) event loop."""

    def __init__(self, world: SimLoop, journal: Journal, speed: float = MAX_SPEED, paused: bool = False) -> None:
        if speed <= 0:
            raise ValueError(f"a speed of {speed} does not move; pause instead")
        self.course = Course(world, journal)
        self.speed, self.paused = speed, paused
        self.error: BaseException | None = None
        self._host: asyncio.AbstractEventLoop | None = None
        self._inbox: list[_Call] = []
        self._pending: dict[asyncio.Future[Any], None] = {}
        self._timer: asyncio.Handle | None = None
        self._anchor = (0.0, 0)
        """A wall instant (seconds) and the virtual one (ns) that belongs to it."""
        self._pace = math.inf
        self._moved = (0, 0)
        """How busy the world was, and since when."""
        self._messages_left = self._events_left = 0
        self._insisting: dict[asyncio.Future[Any], None] = {}
        self._stepping: list[asyncio.Future[None]] = []
        self._pumping = False
        self.listeners: list[Callable[[], None]] = []
        """Told after each slice: something may have happened."""

    @property
    def world(self) -> SimLoop:
        """The loop that is driven now: after a travel in time another one."""
        return self.course.world

    @property
    def journal(self) -> Journal:
        """Its journal."""
        return self.course.journal

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

    async def call(self, work: Callable[[], Awaitable[T]], label: str = "", insists: bool = False) -> T:
        """Run a coroutine function inside the world and answer its result; with a label the input is journaled.

        A run in which this was done cannot be repeated: `enter` is for what shall be.
        insists: when the clock is paused, let it step until the work is done.
        """
        return await self._wait(self._post(lambda settle: self.course.give(label, work, settle), insists))  # type: ignore[no-any-return]

    def put(self, given: Input, insists: bool = False) -> asyncio.Future[Any]:
        """Give an input when the world's turn comes; the future has its result."""
        return self._post(lambda settle: self.course.enter(given, settle), insists)

    async def enter(self, given: Input, insists: bool = False) -> Any:
        """The same, and wait for the result."""
        return await self._wait(self.put(given, insists))

    def act(self, given: Input) -> Any:
        """Do an input at once, between two steps, paused or not. Raises what it raises before it is done, and is then none."""
        self._check()
        self._keep_up()
        result = self.course.act(given)
        self._kick()
        return result

    def record(self, deeds: Deeds, inputs: Inputs | None) -> None:
        """Let inputs be done by `deeds` from now on, and keep them in `inputs`, so that the run can be repeated."""
        self.course = self.course_of(self.world, self.journal, inputs, deeds)

    def course_of(self, world: SimLoop, journal: Journal, inputs: Inputs | None, deeds: Deeds) -> Course:
        """A world's course, to be taken to where it shall be and then swapped in."""
        return Course(world, journal, inputs, deeds)

    def swap(self, course: Course, error: Exception) -> None:
        """Go on in another course, its clock stopped; whoever waits for an answer of the present one gets the error."""
        self._fail(error)
        self.course, self.error, self.paused = course, None, True
        self._messages_left = self._events_left = 0
        self._anchor, self._pace, self._moved = (time.perf_counter(), self._now()), math.inf, (0, 0)

    def _check(self) -> None:
        if self.error is not None:
            raise WorldStopped(f"the simulated world has stopped: {self.error}") from self.error

    def _post(self, enter: Callable[[Settle], None], insists: bool) -> asyncio.Future[Any]:
        self._check()
        assert self._host is not None, "start the runner first"
        future: asyncio.Future[Any] = self._host.create_future()
        self._pending[future] = None
        if insists:
            self._insisting[future] = None
        self._inbox.append(_Call(enter, future))
        self._kick()
        return future

    async def _wait(self, future: asyncio.Future[Any]) -> Any:
        try:
            return await future
        finally:
            self._pending.pop(future, None)
            self._insisting.pop(future, None)

    def peek(self, work: Callable[[], Awaitable[T]]) -> T:
        """Run a coroutine that does not wait, at once, paused or not."""
        with self.world._as_running():
            coro: Any = work()
            return finished(coro)  # type: ignore[no-any-return]

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
        """Let that many messages happen, and that many callbacks of the loop, then pause; `stepped` waits for it.

        A callback that sends several messages is not cut in two.
        """
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
        course, world = self.course, self.world
        hurried = self._hurried()
        next_ns, step = (course.next_ns, course.advance) if course.inputs.coming else (world.next_ns, world.step)
        with world._as_running():
            for _ in range(STEPS):
                upcoming = next_ns()
                if upcoming > limit or self._hurried() != hurried:
                    return upcoming
                step()
            return next_ns()

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
        return max(self._now(), min(self._limit(), self.course.next_ns()))

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
        """Step a stopped clock as far as it was told to, callback by callback, so that it stops in the right one."""
        self._take_inputs()
        journal, world = self.journal, self.world
        while self._to_step():
            before = journal.seq
            with world._as_running():
                self.course.advance(1)
            self._events_left = max(0, self._events_left - 1)
            if self._messages_left and journal.seq != before:
                new = sum(1 for e in journal.since(before) if e.kind in TRACED)
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
        inbox, self._inbox = self._inbox, []
        for call in inbox:
            call.enter(partial(self._settle, call.future))

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
