"""Lets faces that live in wall time drive a simulated world.

The world runs in slices on the server's own event loop; only plain requests and answers cross between
them. Its clock is paused, goes message by message, or at a pace.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from lab.inputs import Deeds, Input, Inputs
from lab.journal import Journal
from lab.journal.export import TRACED
from lab.runtime import NANOSECOND
from sim.callers import Callers, WorldStopped
from sim.course import Course, Settle, finished
from sim.loop import SimLoop
from sim.pace import MAX_SPEED, Pace
from sim.task import NEVER

T = TypeVar("T")

SLICE_S = 0.005
"""Wall time that the world may take before the server's loop gets its turn."""
STEPS = 64
IDLE_TICK_S = 0.05
"""The shortest wait between two wake-ups of an idle world."""


class Runner:
    """Drives one world from the running (wall-time) event loop."""

    def __init__(self, world: SimLoop, journal: Journal, speed: float = MAX_SPEED, paused: bool = False) -> None:
        self.course = Course(world, journal)
        self.pace, self.paused = Pace(speed), paused
        self.error: BaseException | None = None
        self._host: asyncio.AbstractEventLoop | None = None
        self._callers = Callers()
        self._timer: asyncio.Handle | None = None
        self._messages_left = self._events_left = 0
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
        self.pace.count_from(self._now())
        self._kick()

    def stop(self) -> None:
        """Stop running the world; what is asked of it from now on fails."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._callers.fail(WorldStopped("the cloud is shutting down"))

    async def call(self, work: Callable[[], Awaitable[T]], label: str = "", insists: bool = False) -> T:
        """Run a coroutine function inside the world and answer its result; with a label the input is journaled.

        A run in which this was done cannot be repeated: `enter` is for what shall be.
        insists: when the clock is paused, let it step until the work is done.
        """
        return await self._callers.answer(self._post(lambda settle: self.course.give(label, work, settle), insists))  # type: ignore[no-any-return]

    def put(self, given: Input, insists: bool = False) -> asyncio.Future[Any]:
        """Give an input when the world's turn comes; the future has its result."""
        return self._post(lambda settle: self.course.enter(given, settle), insists)

    async def enter(self, given: Input, insists: bool = False) -> Any:
        """The same, and wait for the result."""
        return await self._callers.answer(self.put(given, insists))

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
        self._callers.fail(error)
        self.course, self.error, self.paused = course, None, True
        self._messages_left = self._events_left = 0
        self.pace.forget(self._now())

    def _check(self) -> None:
        if self.error is not None:
            raise WorldStopped(f"the simulated world has stopped: {self.error}") from self.error

    def _post(self, enter: Callable[[Settle], None], insists: bool) -> asyncio.Future[Any]:
        self._check()
        assert self._host is not None, "start the runner first"
        future = self._callers.post(self._host, enter, insists)
        self._kick()
        return future

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
            self.pace.change(speed)
        self._keep_up()
        self.paused = False
        self._messages_left = self._events_left = 0
        self.pace.count_from(self._now())
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
            await self._callers.steps()

    def state(self) -> dict[str, Any]:
        """The clock as faces show it."""
        speed: float | str = "max" if math.isinf(self.pace.speed) else self.pace.speed
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
            self._callers.fail(WorldStopped(f"the simulated world has stopped: {error}"))
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
        self._callers.all_stepped()
        self._keep_up()
        self._callers.let_in()
        while True:
            rate = self._follow()
            upcoming = self._run_on(self.pace.limit())
            if upcoming >= NEVER:
                return None
            wait = self.pace.wait_s(upcoming) if self._follow() == rate else 0.0
            if wait > 0:
                return wait if self.world.runtime.busy else max(wait, IDLE_TICK_S)
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
        """Whether anything is in flight."""
        return self.pace.hurried(bool(self._callers.answers), self.world.runtime.busy, self._now())

    def _follow(self) -> float:
        """Go at the pace that what is in flight asks for, and answer it."""
        return self.pace.follow(self._hurried(), self._now())

    def _due(self) -> int:
        """Where the clock stands: beyond the last thing that happened when time went by without any."""
        if self._host is None or self.paused or math.isinf(self.pace.rate):
            return self._now()
        return max(self._now(), min(self.pace.limit(), self.course.next_ns()))

    def _keep_up(self) -> None:
        """Bring the world's clock to where it stands."""
        self.world.env.jump(self._due())

    def _now(self) -> int:
        return int(self.world.env.now)

    def _to_step(self) -> bool:
        """Whether a paused clock has to move."""
        return self._messages_left > 0 or self._events_left > 0 or bool(self._callers.insisting)

    def _run_steps(self, end: float) -> float | None:
        """Step a stopped clock as far as it was told to, callback by callback, so that it stops in the right one."""
        self._callers.let_in()
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
        self._callers.all_stepped()
        return None
