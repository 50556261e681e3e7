"""An asyncio event loop whose clock is a SimPy environment: virtual time without threads or sockets.

The ready queue is drained first; otherwise the next timer or SimPy event is stepped, whichever is
earlier, ties in order of scheduling. Time is integer nanoseconds. A cancelled timer neither moves the
clock nor stays in memory. Tasks hash by order of creation, and a burst of cancellations wakes its tasks
in that order, so `TaskGroup`, `wait` and `all_tasks` behave the same in every run.
"""

from __future__ import annotations

import asyncio
import contextvars
from asyncio import events
from bisect import insort
from collections import deque
from collections.abc import Callable, Coroutine
from datetime import datetime
from functools import partial
from heapq import heapify, heappop, heappush
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar

from lab.runtime import NANOSECOND, SCENARIO_EPOCH, Runtime
from lab.strand import Waiter
from sim.task import NEVER, SimHandle, SimTask, VirtualEnvironment

T = TypeVar("T")

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


class SimRuntime(Runtime):
    """The runtime of a simulated cloud. Its clock stands at `t_ns` when it is made, whatever time the loop has."""

    loop: SimLoop

    def __init__(self, loop: SimLoop, seed: int | str, boot: int, epoch: datetime, t_ns: int | None = None) -> None:
        super().__init__(seed, boot, epoch)
        self.loop = loop
        self._env = loop.env
        self.hop = loop.hop  # type: ignore[method-assign]  # the loop's own, without a call in between
        self.new_future = partial(asyncio.Future, loop=loop)  # type: ignore[method-assign]
        self.new_waiter = partial(Waiter, loop=loop)  # type: ignore[method-assign]
        self.origin_ns: int = 0 if t_ns is None else loop.env._now - t_ns

    def now_ns(self) -> int:
        return self._env._now - self.origin_ns

    def after(self, delay_ns: int, callback: Callable[..., object], *args: object) -> SimHandle:
        return self.loop.after(delay_ns, callback, *args)

    def hop(self, delay_ns: int, callback: Callable[..., object], *args: object) -> None:
        self.loop.hop(delay_ns, callback, *args)

    def spawn(self, coro: Coroutine[Any, Any, Any], name: str, owner: object) -> asyncio.Task[Any]:
        task = SimTask(coro, loop=self.loop, name=name, context=None)
        task.owner = owner
        return task

    def freeze(self, owner: object) -> None:
        self.loop.frozen.setdefault(id(owner), [])

    def thaw(self, owner: object) -> None:
        self.loop._ready.extend(self.loop.frozen.pop(id(owner), []))


if TYPE_CHECKING:
    # The stubs' signatures are narrower than what asyncio itself calls; to the type checker the loop is a class of its own.
    _Base = Any
else:
    _Base = asyncio.AbstractEventLoop


def _never() -> bool:
    return False


def _precedes(due: Hop | Timer, event: tuple[Any, ...]) -> bool:
    """Whether a hop or timer comes before a SimPy event; of two at one time the one that was scheduled first."""
    when: int = event[0]
    return due[0] < when or (due[0] == when and due[1] < event[2])


class SimLoop(_Base):  # type: ignore[misc]
    """The loop. `run_until_complete` runs a program; `advance` lets a runner drive it in slices."""

    def __init__(self, seed: int | str = 0, boot: int = 0, epoch: datetime = SCENARIO_EPOCH, start_ns: int = 0) -> None:
        self.env = VirtualEnvironment()
        self.env.jump(start_ns)
        self.serials = count(1)
        self.steps = 0
        """Callbacks run so far: where in a run an input came in."""
        self.frozen: dict[int, list[Any]] = {}
        self._ready: deque[Ready] = deque()
        self._hops: list[Hop] = []
        """In order: the few messages under way need not be sorted in among the many that sleep for long, and a short list is
        kept in order with half of a heap's comparisons."""
        self._timers: list[Timer] = []
        self._order = self.env.order
        self._cancelled = 0
        self._burst: set[object] = set()
        self._still = 0
        self._running = False
        self._closed = False
        self.runtime = SimRuntime(self, seed, boot, epoch)

    def adopt(self, runtime: SimRuntime) -> None:
        """Let a cloud's runtime stand for the loop; errors and strands of all clouds on the loop come together."""
        runtime.errors, runtime.strands = self.runtime.errors, self.runtime.strands
        self.runtime = runtime

    # -- clock and callbacks ------------------------------------------------------------------

    def time(self) -> float:
        """Virtual seconds since the epoch."""
        return self.env.now / NANOSECOND

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

    def call_soon(self, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None) -> Any:
        if context is not None:
            # A task or future of asyncio's, which never calls it off: it needs no handle, and there are very many.
            self._ready.append((callback, args, context))
            return None
        return self._soon(callback, args, contextvars.copy_context())

    def _soon(self, callback: Callable[..., object], args: tuple[Any, ...], context: contextvars.Context | None) -> SimHandle:
        handle = SimHandle(self, callback, args, context, -1)
        self._ready.append((None, handle, None))
        return handle

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None) -> Any:
        return self._call_at_ns(self.env._now + max(0, round(delay * NANOSECOND)), callback, args, context)

    def call_at(self, when: float, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None) -> Any:
        return self._call_at_ns(max(self.env._now, round(when * NANOSECOND)), callback, args, context)

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

    def event(self, event: Any) -> asyncio.Future[Any]:
        """Adapt a SimPy event to an awaitable: its value, or its exception."""
        future: asyncio.Future[Any] = self.create_future()

        def fire(fired: Any) -> None:
            if not fired.ok:
                fired.defused = True
            if not future.done():
                if fired.ok:
                    future.set_result(fired.value)
                else:
                    future.set_exception(fired.value)

        if event.callbacks is None:
            fire(event)
        else:
            event.callbacks.append(fire)
        return future

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
            self._run(1, NEVER, _never)

    def _run(self, budget: int, limit_ns: int, done: Callable[[], bool]) -> None:
        """Make up to `budget` steps, until the clock would pass the limit or, after a round of callbacks, it is done."""
        ready, hops, timers, burst, env = self._ready, self._hops, self._timers, self._burst, self.env
        events: list[Any] = env._queue
        for _ in range(budget):
            if ready:
                self._drain()
                if done():
                    return
            elif hops and (not timers or hops[0] < timers[0]) and (not events or _precedes(hops[0], events[0])):
                if hops[0][0] > limit_ns:
                    return
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
            elif not self._next_timer(limit_ns):
                return

    def _next_timer(self, limit_ns: int) -> bool:
        """Make the next timer ready, or let SimPy make its next step, unless the clock would pass the limit."""
        timers, env = self._timers, self.env
        if not timers or (env._queue and not _precedes(timers[0], env._queue[0])):
            return self._next_event(limit_ns)
        when, _, handle = timers[0]
        if when > limit_ns:
            return False
        heappop(timers)
        if handle.callback is None:
            self._cancelled -= 1
            return True
        if when > env._now:
            self._still = 0
            env._now = when
        self._ready.append((None, handle, None))
        return True

    def _next_event(self, limit_ns: int) -> bool:
        """Let SimPy make its next step, unless the clock would pass the limit."""
        env = self.env
        when, *_ = env.head()
        if when >= NEVER:
            raise Stuck(f"nothing is left to wait for at t={self.time():.3f} s; {self._waiting()}")
        if when > limit_ns:
            return False
        if when > env._now:
            self._still = 0
        self.steps += 1
        env.step()
        self._still += 1
        if self._still > STILL_LIMIT:
            self._stuck()
        return True

    def _drain(self, most: int | None = None) -> None:
        """Run the callbacks that are ready now, or as many of them; those that they make ready run in the next round."""
        ready, burst, frozen = self._ready, self._burst, self.frozen
        count = len(ready)
        if most is not None and most < count:
            count = most
            self._still -= 1  # a piece of a round
        self.steps += count
        for _ in range(count):
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

    def advance(self, limit_ns: int, budget: int) -> int:
        """Step until the clock would pass `limit_ns` or `budget` steps were made; answer when the next thing happens."""
        with self._as_running():
            if self.next_ns() <= limit_ns:
                self._run(budget, limit_ns, _never)
            return self.next_ns()

    def _waiting(self) -> str:
        tasks = sorted((t for t in asyncio.all_tasks(self) if isinstance(t, SimTask)), key=lambda t: t.serial)
        names = [*(task.get_name() for task in tasks), *(f"{s.owner.name}:{s.name}" for s in self.runtime.strands)]
        return "waiting: " + (", ".join(names[:20]) or "no task") + (" …" if len(names) > 20 else "")

    # -- running ------------------------------------------------------------------------------

    class _Running:
        __slots__ = ("loop", "outer")

        def __init__(self, loop: SimLoop) -> None:
            self.loop = loop

        def __enter__(self) -> None:
            self.outer = events._get_running_loop()
            self.loop._running = True
            events._set_running_loop(self.loop)

        def __exit__(self, *_: object) -> None:
            self.loop._running = False
            events._set_running_loop(self.outer)

    def _as_running(self) -> SimLoop._Running:
        if self._running:
            raise RuntimeError("this simulated world is running already")
        return SimLoop._Running(self)

    def run_until_complete(self, future: Any) -> Any:
        """Run the world until the future is done; whatever else is in flight stays where it is."""
        task = asyncio.ensure_future(future, loop=self)
        with self._as_running():
            if not task.done():
                self._run(NEVER, NEVER, task.done)
        return task.result()

    def run_forever(self) -> None:
        raise RuntimeError("a simulated world runs until something is done: use run_until_complete")

    def is_running(self) -> bool:
        return self._running

    def is_closed(self) -> bool:
        return self._closed

    def stop(self) -> None:
        raise RuntimeError("a simulated loop stops when its program is done")

    def close(self) -> None:
        """Close the loop, cancelling what is left in order of creation, hung processes' tasks too."""
        if self._closed:
            return
        for held in self.frozen.values():
            self._ready.extend(held)
        self.frozen.clear()
        left = sorted((t for t in asyncio.all_tasks(self) if isinstance(t, SimTask)), key=lambda t: t.serial)
        for task in left:
            task.cancel()
        for strand in list(self.runtime.strands):
            strand.cancel()
        with self._as_running():
            rounds = 0
            while self._ready and rounds < 1000:
                self._drain()
                rounds += 1
        self._closed = True
        self._ready.clear()
        self._hops.clear()
        self._timers.clear()

    async def shutdown_asyncgens(self) -> None:
        return None

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        return None

    # -- tasks, futures, errors ---------------------------------------------------------------

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, *, name: str | None = None, context: contextvars.Context | None = None) -> Any:
        task = SimTask(coro, loop=self, name=name, context=context)
        parent = asyncio.current_task(self) if self._running else None
        if isinstance(parent, SimTask):
            task.owner = parent.owner
        return task

    def get_task_factory(self) -> Any:
        return None

    get_debug = bool  # False, and without a call of Python: each future asks

    def set_debug(self, enabled: bool) -> None:
        return None

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        self.call_exception_handler(context)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Keep the error; `lab.run` fails with it."""
        error = context.get("exception")
        self.runtime.errors.append(error if isinstance(error, BaseException) else RuntimeError(str(context.get("message"))))


def _refuse(name: str) -> Callable[..., Any]:
    def refused(self: SimLoop, *_: object, **__: object) -> Any:
        raise RuntimeError(f"{name} has no place in a simulated world: threads, sockets and signals would make it unrepeatable")

    return refused


REFUSED = """
    run_in_executor call_soon_threadsafe add_reader remove_reader add_writer remove_writer add_signal_handler
    remove_signal_handler getaddrinfo getnameinfo create_connection create_server create_unix_connection
    create_unix_server create_datagram_endpoint start_tls sendfile sock_recv sock_recv_into sock_recvfrom
    sock_sendall sock_sendto sock_connect sock_accept sock_sendfile connect_read_pipe connect_write_pipe
    subprocess_shell subprocess_exec set_default_executor
"""

for _name in REFUSED.split():
    setattr(SimLoop, _name, _refuse(_name))
