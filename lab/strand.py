"""Handlers of messages that wait, and work that nobody awaits: stepped by what they wait for, without a task.

A task costs as much as half a message. A strand is less: nobody can await it, and what asks for the current task
(`asyncio.timeout`, `TaskGroup`) does not know it. An answer of the wires resumes it at once, in the step in which it
comes; any other future resumes it as it does a task.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lab.process import Process

Done = Callable[[Any, Any, BaseException | None], None]
"""Told what a message is about, and what its handler answered and None, or None and the exception that ended it."""


class Waiter(asyncio.Future[Any]):
    """Where a caller waits for an answer of the wires: it comes by `give`."""

    __slots__ = ("strand",)
    strand: Strand
    """Who waits. There is none while nobody does, and when a task does."""


def give(waiter: asyncio.Future[Any], answer: Any, error: Exception | None = None) -> None:
    """Answer a caller, or raise an error at it, if it still waits."""
    if waiter.done():
        return
    if error is None:
        waiter.set_result(answer)
    else:
        waiter.set_exception(error)
    strand: Strand | None = getattr(waiter, "strand", None)
    if strand is None:
        return
    if strand.owner.hung:
        strand.soon()
    else:
        strand.run(strand.step)


class Strand:
    """A handler of one life of a process, from its first wait to its end; or other work, from before its beginning."""

    __slots__ = ("about", "context", "coro", "done", "dropped", "name", "owner", "run", "waits_for")

    def __init__(self, owner: Process, name: str, coro: Coroutine[Any, Any, Any], context: Context, done: Done, about: Any) -> None:
        self.owner, self.name, self.coro, self.context, self.done, self.about = owner, name, coro, context, done, about
        self.run = context.run
        self.waits_for: asyncio.Future[Any] | None = None
        self.dropped = False
        """Whether it is to end at its next step."""
        owner.runtime.strands[self] = None

    def wait(self, waits_for: asyncio.Future[Any] | None) -> None:
        """Be stepped when this is done; None, for which `asyncio.sleep(0)` waits, is done after what is ready now."""
        self.waits_for = waits_for
        if type(waits_for) is Waiter:
            waits_for.strand = self
        elif waits_for is None:
            self.soon()
        else:
            waits_for.add_done_callback(self.step, context=self.context)
        if self.dropped:
            self.dropped = False
            self.cancel()

    def soon(self) -> None:
        """Be stepped after what is ready now; while its process hangs the loop keeps that for later."""
        self.owner.runtime.loop.call_soon(self.step, context=self.context)

    def step(self, _: object = None) -> None:
        """Go on to the next wait or to the end; in its context."""
        self.waits_for = None  # that one points back here: what has ended shall go at once, without a collector
        try:
            if self.dropped:
                self.dropped = False
                waits_for = self.coro.throw(asyncio.CancelledError())
            else:
                waits_for = self.coro.send(None)
        except StopIteration as end:
            result, ended_by = end.value, None
        except BaseException as error:  # noqa: BLE001 (whoever waits for its end is told)
            result, ended_by = None, error
        else:
            self.wait(waits_for)
            return
        del self.owner.runtime.strands[self]
        self.done(self.about, result, ended_by)
        if isinstance(ended_by, (KeyboardInterrupt, SystemExit)):
            raise ended_by

    def cancel(self) -> None:
        """Raise CancelledError where it waits, after what is ready now."""
        if self.waits_for is None or not self.waits_for.cancel():
            self.dropped = True  # it runs, or is about to
        elif type(self.waits_for) is Waiter:
            self.soon()
