"""What happens next in a simulated world: callbacks that are ready, hops, timers and SimPy's events, in one order.

What is ready is drained first; otherwise the next hop, timer or SimPy event is stepped, whichever is earlier, ties in order
of scheduling. Time is integer nanoseconds. A cancelled timer neither moves the clock nor stays in memory. A burst of
cancellations wakes its tasks in order of their creation.
"""

from __future__ import annotations

import contextvars
from abc import ABC, abstractmethod
from bisect import insort
from collections import deque
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import Any

from lab.runtime import NANOSECOND
from sim.task import NEVER, SimHandle, SimTask, VirtualEnvironment

STILL_LIMIT = 100_000
"""Rounds of callbacks, or events, in one instant after which the run is stopped as one that will never move on."""
PURGE_MIN = 64
"""Cancelled timers that are tolerated before the heap is rebuilt without them."""


class Stuck(RuntimeError):
    """The simulated world cannot go on; the text lists the tasks that wait."""


Ready = tuple[Any, Any, Any]
"""(callback, its arguments, its context) of what runs next, or (None, handle, None) of what may be cancelled."""
Hop = tuple[int, int, Any, Any]
"""(time, order, callback, its arguments) of what comes for sure."""
Timer = tuple[int, int, SimHandle]
"""(time, order, handle) of what may be cancelled."""


def _never() -> bool:
    return False


def _precedes(due: Hop | Timer, event: tuple[Any, ...]) -> bool:
    """Whether a hop or timer comes before a SimPy event; of two at one time the one that was scheduled first."""
    when: int = event[0]
    return due[0] < when or (due[0] == when and due[1] < event[2])


class Agenda(ABC):
    """All that is going to happen in one world. Who has it knows what runs, and what becomes of errors."""

    def __init__(self, start_ns: int) -> None:
        self.env = VirtualEnvironment()
        self.env.jump(start_ns)
        self.steps = 0
        """Callbacks run so far: where in a run an input came in."""
        self.frozen: dict[int, list[Any]] = {}
        """What is ready for hung processes, by the owner's id."""
        self._ready: deque[Ready] = deque()
        self._hops: list[Hop] = []
        """In order: the few messages under way need not be sorted in among the many that sleep for long, and a short list is
        kept in order with half of a heap's comparisons."""
        self._timers: list[Timer] = []
        self._order = self.env.order
        self._cancelled = 0
        self._burst: set[object] = set()
        self._still = 0

    @abstractmethod
    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Keep what a callback raised."""

    @abstractmethod
    def _waiting(self) -> str:
        """Who waits, for the text of Stuck."""

    def time(self) -> float:
        """Virtual seconds since the epoch."""
        return self.env.now / NANOSECOND

    # -- clock and callbacks ------------------------------------------------------------------

    def hop(self, delay_ns: int, callback: Callable[..., object], *args: object) -> None:
        """Call back bare after a delay in nanoseconds, for good: a message's way from here to there."""
        if delay_ns <= 0:
            self._ready.append((callback, args, None))
        else:
            insort(self._hops, (self.env._now + delay_ns, next(self._order), callback, args))

    def after(self, delay_ns: int, callback: Callable[..., object], *args: object) -> SimHandle:
        """Call back bare after a delay in nanoseconds, unless it is called off."""
        if delay_ns <= 0:
            return self._soon(callback, args, None)
        when = self.env._now + delay_ns
        handle = SimHandle(self, callback, args, None, when)
        heappush(self._timers, (when, next(self._order), handle))
        return handle

    def _soon(self, callback: Callable[..., object], args: tuple[Any, ...], context: contextvars.Context | None) -> SimHandle:
        handle = SimHandle(self, callback, args, context, -1)
        self._ready.append((None, handle, None))
        return handle

    def _call_at_ns(
        self, when: int, callback: Callable[..., object], args: tuple[Any, ...], context: contextvars.Context | None
    ) -> SimHandle:
        handle = SimHandle(self, callback, args, contextvars.copy_context() if context is None else context, when)
        heappush(self._timers, (when, next(self._order), handle))
        return handle

    def _timer_cancelled(self) -> None:
        self._cancelled += 1
        if self._cancelled > PURGE_MIN and self._cancelled * 2 > len(self._timers):
            self._timers[:] = [entry for entry in self._timers if entry[2].callback is not None]
            heapify(self._timers)
            self._cancelled = 0

    # -- stepping -----------------------------------------------------------------------------

    def next_ns(self) -> int:
        """When the next thing happens: now if anything is ready, NEVER if nothing is left."""
        if self._ready:
            return self.env._now
        hops, timers = self._hops, self._timers
        while timers and timers[0][2].callback is None:
            heappop(timers)
            self._cancelled -= 1
        return min(hops[0][0] if hops else NEVER, timers[0][0] if timers else NEVER, self.env.head()[0])

    def step(self, most: int | None = None) -> None:
        """Run what is ready, or else move the clock to the next timer or event and fire it.

        most: run no more callbacks than this (the rest stay ready, in their order), so that a run can be stopped anywhere.
        """
        if self._ready:
            self._drain(most)
        else:
            self._run(1, _never)

    def _run(self, budget: int, done: Callable[[], bool]) -> None:
        """Make up to `budget` steps, or until, after a round of callbacks, it is done."""
        ready, hops, timers, burst, env = self._ready, self._hops, self._timers, self._burst, self.env
        events: list[Any] = env._queue
        for _ in range(budget):
            if ready:
                self._drain()
                if done():
                    return
            elif (
                hops
                and (not timers or hops[0] < timers[0])
                and (not events or hops[0][0] < events[0][0] or _precedes(hops[0], events[0]))
            ):
                when, _, callback, args = hops.pop(0)
                if when > env._now:
                    self._still = 0
                    env._now = when
                # Most of what happens, so it goes without the queue.
                self.steps += 1
                try:
                    callback(*args)
                except BaseException as error:
                    self._failed(callback, error)
                if burst:
                    self._order_burst()
            else:
                self._next_timer()

    def _next_timer(self) -> None:
        """Make the next timer ready, or let SimPy make its next step."""
        timers, env = self._timers, self.env
        if not timers or (env._queue and not _precedes(timers[0], env._queue[0])):
            self._next_event()
            return
        when, _, handle = heappop(timers)
        if handle.callback is None:
            self._cancelled -= 1
            return
        if when > env._now:
            self._still = 0
            env._now = when
        self._ready.append((None, handle, None))

    def _next_event(self) -> None:
        """Let SimPy make its next step."""
        env = self.env
        when, *_ = env.head()
        if when >= NEVER:
            raise Stuck(f"nothing is left to wait for at t={self.time():.3f} s; {self._waiting()}")
        if when > env._now:
            self._still = 0
        self.steps += 1
        env.step()
        self._still += 1
        if self._still > STILL_LIMIT:
            self._stuck()

    def _drain(self, most: int | None = None) -> None:
        """Run the callbacks that are ready now, or as many of them; those that they make ready run in the next round."""
        ready, burst, frozen = self._ready, self._burst, self.frozen
        count = len(ready)
        if most is not None and most < count:
            count = most
            self._still -= 1  # a piece of a round
        self.steps += count
        while count:  # mostly one: a range would cost as much as what runs
            count -= 1
            callback, args, context = ready.popleft()
            if callback is None:
                callback, args, context = args.taken()
            if callback is None or (frozen and self._hold((callback, args, context))):
                continue
            try:
                if context is None:
                    callback(*args)
                else:
                    context.run(callback, *args)
            except BaseException as error:
                self._failed(callback, error)
            if burst:
                self._order_burst()
        self._still += 1
        if self._still > STILL_LIMIT:
            self._stuck()

    def _stuck(self) -> None:
        """Raise Stuck: there were so many rounds in this instant that time will never move."""
        raise Stuck(f"{STILL_LIMIT} rounds of callbacks at t={self.time():.3f} s without time moving; {self._waiting()}")

    def _failed(self, callback: object, error: BaseException) -> None:
        """Keep what a callback raised, unless it is to end the program."""
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise error
        self.call_exception_handler({"message": f"in {callback!r}", "exception": error})

    def _hold(self, item: Ready) -> bool:
        """Put a callback of a hung process's task aside."""
        owner = getattr(getattr(item[0], "__self__", None), "owner", None)
        if owner is None or id(owner) not in self.frozen:
            return False
        self.frozen[id(owner)].append(item)
        return True

    def _order_burst(self) -> None:
        """Put the wake-ups of all tasks that this callback cancelled into order of creation."""
        burst = set(self._burst)
        self._burst.clear()
        if len(burst) == 1:
            return
        places = [
            i for i, item in enumerate(self._ready)
            if isinstance(owner := getattr(item[0], "__self__", None), SimTask)
            and owner in burst
        ]
        wakeups: list[Any] = sorted((self._ready[i] for i in places), key=lambda item: item[0].__self__.serial)
        for place, wakeup in zip(places, wakeups, strict=True):
            self._ready[place] = wakeup
