"""One life of a process: its handles on the wires, the store and its drivers, and the ways it can end.

Every handle belongs to one life. `kill` fences it first (from that instant nothing it sends, stores,
journals or drives has effect, its `finally` blocks included) and then drops its tasks: a power cut, not
a cancellation. `hang` stops resuming its tasks. A restart is a new `Process` made by the same factory,
with only what is in the store or in the world.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import copy_context
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar

from lab.body import encode
from lab.config import Config
from lab.context import CURRENT, Context
from lab.driving import DriverHandle
from lab.errors import LabError, ProcessKilled
from lab.journal import LazyBody
from lab.runtime import Runtime, uuid_from
from lab.store.port import Changed, Store
from lab.store.record import Record
from lab.strand import Done, Strand

if TYPE_CHECKING:
    from lab.rest.client import RestClient
    from lab.rpc.client import RpcClient
    from lab.wires import Wires

__all__ = ["CURRENT", "NEVER_NS", "Process"]

T = TypeVar("T")

NEVER_NS = 1 << 62
"""An instant that does not come."""


def over(coro: Coroutine[Any, Any, Any], result: object, error: BaseException | None) -> None:
    """Work ended that nobody awaits."""
    coro.close()  # it never began when its process was killed before its first step


async def ending(coro: Coroutine[Any, Any, Any], done: Done, about: Any) -> None:
    """A handler that tells what it answered."""
    done(about, await coro, None)


class ProcessStore(Store):
    """The store as one process reaches it: until it is killed."""

    def __init__(self, process: Process, store: Store) -> None:
        self._process, self._store = process, store
        self._at_once: Callable[[Callable[[Any], Any]], Any] | None = getattr(store, "at_once", None)

    async def run(self, work: Callable[[Any], T]) -> T:
        if not self._process.alive:
            raise ProcessKilled(self._process.name)
        at_once = self._at_once
        if at_once is not None:
            return at_once(work)  # type: ignore[no-any-return]
        return await self._store.run(work)

    def follow(self, model: type[Record], told: Changed) -> None:
        process = self._process
        self._store.follow(model, lambda key, record: told(key, record) if process.alive else None)


class Process:
    """One life of one process of the cloud."""

    def __init__(self, wires: Wires, binary: str, host: str) -> None:
        from lab.rest.client import RestClient
        from lab.rpc.client import RpcClient

        self.wires = wires
        self.binary, self.host = binary, host
        self.name = f"{binary}@{host}"
        self.alive = True
        self.hung = False
        self.hung_ns = self.ended_ns = NEVER_NS
        """Since when it hangs or is dead."""
        self.waking: list[Callable[[], None]] = []
        """What came to it while it hung, done when it goes on."""
        self.runtime: Runtime = wires.runtime
        self._eager = wires.runtime.eager
        self.config: Config = wires.config
        self.life = wires.lives.get(self.name, 1)
        """Which start of its name this is, from 1."""
        self.memory: dict[str, Any] = {}
        self.tasks: dict[asyncio.Task[Any], None] = {}
        self.store: Store = ProcessStore(self, wires.store)
        self.rest: RestClient = RestClient(self)
        self.rpc: RpcClient = RpcClient(self)
        self._streams: dict[str, Random] = {}
        self._on_end: list[Callable[[], None]] = []

    # -- ids, chance, secrets -----------------------------------------------------------------

    def random(self, purpose: str) -> Random:
        """This process's random stream of that name."""
        stream = self._streams.get(purpose)
        if stream is None:
            name = self.name if self.life == 1 else f"{self.name}#{self.life}"
            stream = self._streams[purpose] = self.runtime.random(name, purpose)
        return stream

    def uuid(self) -> str:
        """A new id."""
        return uuid_from(self.random("uuid"))

    def secret(self, nbytes: int = 32) -> str:
        """An unguessable text from the system's randomness; it must never reach the journal."""
        return self.runtime.secrets.draw(nbytes)

    def context(self, cause: int = 0, periodic: bool = False) -> Context:
        """A context of the process's own, for work that no request asked for."""
        return Context(request_id=f"req-{self.uuid()}", roles=("admin",), cause=cause, periodic=periodic)

    # -- tasks --------------------------------------------------------------------------------

    def spawn(self, coro: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """Start a task that lives and dies with the process; what it raises unexpectedly is journaled and kept as an error."""
        if not self.alive:
            coro.close()
            raise ProcessKilled(self.name)
        task = self.runtime.spawn(self._guard(coro, name), f"{self.name}:{name}", self)
        self.tasks[task] = None
        task.add_done_callback(partial(self._forget, coro))
        return task

    def begin(self, coro: Coroutine[Any, Any, Any], name: str) -> None:
        """Start work that nobody awaits or cancels. It is `spawn` for less: in a simulated cloud no task, as handlers are none."""
        if not self._eager or not self.alive:
            self.spawn(coro, name)
        else:
            Strand(self, name, self._guard(coro, name), copy_context(), over, coro).soon()

    def _forget(self, coro: Coroutine[Any, Any, Any], task: asyncio.Task[Any]) -> None:
        coro.close()  # it never began when the task was cancelled before its first step
        self.tasks.pop(task, None)
        if not task.cancelled():
            task.exception()

    async def _guard(self, coro: Coroutine[Any, Any, T], name: str) -> T:
        try:
            return await coro
        except LabError as error:
            self.failed(CURRENT.get(None), name, error)
            raise
        except Exception as error:
            self.failed(CURRENT.get(None), name, error)
            self.runtime.errors.append(error)
            raise

    def failed(self, ctx: Context | None, name: str, error: BaseException) -> None:
        """Journal an error that ended a piece of this process's work."""
        self.entry(ctx, "error", self.name, name, status=type(error).__name__, body={"message": str(error)})

    def handle(self, coro: Coroutine[Any, Any, Any], name: str, done: Done, about: Any = None) -> None:
        """Run the handler of a message: at once as far as it does not wait, and as a strand of this process from there on.

        A real cloud runs it in a task: its drivers have timeouts.
        """
        if not self._eager:
            self._handle_in_a_task(coro, name, done, about)
            return
        context = copy_context()
        try:
            waits_for = context.run(coro.send, None)
        except StopIteration as end:
            done(about, end.value, None)
            return
        except BaseException as error:
            done(about, None, error)
            if isinstance(error, (KeyboardInterrupt, SystemExit)):
                raise
            return
        if self.alive:
            Strand(self, name, coro, context, done, about).wait(waits_for)
        else:  # it was killed by what it did itself: nothing of it may come after that
            coro.close()
            done(about, None, ProcessKilled(self.name))

    def _handle_in_a_task(self, coro: Coroutine[Any, Any, Any], name: str, done: Done, about: Any) -> None:
        task = self.runtime.spawn(ending(coro, done, about), f"{self.name}:{name}", self)
        self.tasks[task] = None

        def ended(task: asyncio.Task[Any]) -> None:
            self.tasks.pop(task, None)
            coro.close()  # its task never began when the process was killed in this instant
            error = asyncio.CancelledError() if task.cancelled() else task.exception()
            if error is not None:
                done(about, None, error)

        task.add_done_callback(ended)

    async def sleep(self, seconds: float) -> None:
        """Wait on the cloud's clock."""
        if not self.alive:
            raise ProcessKilled(self.name)
        await asyncio.sleep(seconds)

    def every(self, period_s: float, work: Callable[[], Awaitable[object]], name: str) -> None:
        """Do `work` each `period_s` seconds from a random phase on: periodic work, which an idle cloud does not count as busy."""

        async def repeat() -> None:
            CURRENT.set(self.context(periodic=True))
            await self.sleep(period_s * self.random("phase").random())
            while True:
                try:
                    await work()
                except LabError as error:
                    self.failed(CURRENT.get(None), name, error)
                await self.sleep(period_s)

        self.spawn(repeat(), name)

    # -- journal ------------------------------------------------------------------------------

    def entry(
        self,
        ctx: Context | None,
        kind: str,
        target: str,
        name: str,
        *,
        where: str = "",
        status: str = "",
        duration: int = 0,
        body: dict[str, Any] | list[Any] | bytes | LazyBody | None = None,
        note: dict[str, Any] | None = None,
    ) -> int:
        """Append an entry of this process's to the journal; answer its seq."""
        if not self.alive:
            raise ProcessKilled(self.name)
        data = body if body is None or isinstance(body, (bytes, LazyBody)) else encode(body, str)
        request_id, cause = (ctx.request_id, ctx.cause) if ctx is not None else ("", 0)
        return self.wires.journal.add(
            kind, self.name, target, name, where, status, duration, request_id, cause, data, note
        )

    def notify(
        self, ctx: Context, legacy: str, versioned: str | None, payload: dict[str, Any], level: str = "info"
    ) -> None:
        """Send a notification: `legacy` to notifications.<level>, `versioned` to versioned_notifications.<level>."""
        if not self.alive:
            raise ProcessKilled(self.name)
        add, data, status = self.wires.journal.add, encode(payload, str), level.upper()
        target = "notification consumers"
        if legacy:
            add(
                "notify",
                self.name,
                target,
                legacy,
                f"notifications.{level}",
                status,
                0,
                ctx.request_id,
                ctx.cause,
                data,
            )
        if versioned:
            add(
                "notify",
                self.name,
                target,
                versioned,
                f"versioned_notifications.{level}",
                status,
                0,
                ctx.request_id,
                ctx.cause,
                data,
            )

    def state(self, ctx: Context | None, kind: str, resource_id: str, old: str | None, new: str | None) -> None:
        """Journal that a resource went from one state to another."""
        self.entry(ctx, "state", kind, f"{old} -> {new}", where=resource_id, status=new or "")

    def log(self, ctx: Context | None, text: str, level: str = "info") -> None:
        """Journal a log line."""
        self.entry(ctx, "log", self.name, text, status=level)

    # -- drivers ------------------------------------------------------------------------------

    def drive(self, port: str, driver: T) -> T:
        """The driver as this process calls it: fenced, journaled, and open to faults."""
        return DriverHandle(self, port, driver)  # type: ignore[return-value]

    # -- the ways it ends ---------------------------------------------------------------------

    def at_end(self, undo: Callable[[], None]) -> None:
        """Have the wires call this in the instant after the process was fenced."""
        self._on_end.append(undo)

    def kill(self) -> None:
        """Cut its power: fence it, take it off the wires, drop its tasks."""
        if not self.alive:
            return
        self.alive = False
        self.ended_ns = self.runtime.now_ns()
        self.resume()
        for undo in self._on_end:
            undo()
        self._on_end.clear()
        for task in list(self.tasks):
            task.cancel()
        for strand in [strand for strand in self.runtime.strands if strand.owner is self]:
            strand.cancel()

    def hang(self) -> None:
        """Stop resuming its tasks; what is sent to it waits."""
        if self.alive and not self.hung:
            self.hung, self.hung_ns = True, self.runtime.now_ns()
            self.runtime.freeze(self)

    def resume(self) -> None:
        """Go on after a hang."""
        if self.hung:
            self.hung, self.hung_ns = False, NEVER_NS
            self.runtime.thaw(self)
            for callback in self.waking:
                self.runtime.hop(0, callback)
            self.waking.clear()
            self.wires.woken(self)
