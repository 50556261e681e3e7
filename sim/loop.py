"""An asyncio event loop whose clock is a SimPy environment: virtual time without threads or sockets.

What happens next is the agenda's. Tasks hash by order of creation, and a burst of cancellations wakes its tasks in that
order, so `TaskGroup`, `wait` and `all_tasks` behave the same in every run.
"""

from __future__ import annotations

import asyncio
import contextvars
from asyncio import events
from collections.abc import Callable
from datetime import datetime
from itertools import count
from typing import TYPE_CHECKING, Any

from lab.runtime import NANOSECOND, SCENARIO_EPOCH
from sim.agenda import Agenda
from sim.runtime import SimRuntime
from sim.task import NEVER, SimTask

if TYPE_CHECKING:
    # The stubs' signatures are narrower than what asyncio itself calls; to the type checker the loop is a class of its own.
    _Base = Any
else:
    _Base = asyncio.AbstractEventLoop


class SimLoop(Agenda, _Base):  # type: ignore[misc]
    """The loop. `run_until_complete` runs a program; `step` lets a runner drive it in slices."""

    def __init__(self, seed: int | str = 0, boot: int = 0, epoch: datetime = SCENARIO_EPOCH, start_ns: int = 0) -> None:
        super().__init__(start_ns)
        self.serials = count(1)
        self._running = False
        self._closed = False
        self.runtime = SimRuntime(self, seed, boot, epoch)

    def adopt(self, runtime: SimRuntime) -> None:
        """Let a cloud's runtime stand for the loop; errors and strands of all clouds on the loop come together."""
        runtime.errors, runtime.strands = self.runtime.errors, self.runtime.strands
        self.runtime = runtime

    # -- callbacks and events ----------------------------------------------------------------

    def call_soon(self, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None) -> Any:
        if context is not None:
            # A task or future of asyncio's, which never calls it off: it needs no handle, and there are very many.
            self._ready.append((callback, args, context))
            return None
        return self._soon(callback, args, contextvars.copy_context())

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None) -> Any:
        return self._call_at_ns(self.env._now + max(0, round(delay * NANOSECOND)), callback, args, context)

    def call_at(self, when: float, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None) -> Any:
        return self._call_at_ns(max(self.env._now, round(when * NANOSECOND)), callback, args, context)

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
                self._run(NEVER, task.done)
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

    def _waiting(self) -> str:
        tasks = sorted((t for t in asyncio.all_tasks(self) if isinstance(t, SimTask)), key=lambda t: t.serial)
        names = [*(task.get_name() for task in tasks), *(f"{s.owner.name}:{s.name}" for s in self.runtime.strands)]
        return "waiting: " + (", ".join(names[:20]) or "no task") + (" …" if len(names) > 20 else "")

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
