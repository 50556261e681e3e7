"""A process's handle on the message queue."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from lab.body import encode
from lab.context import Context
from lab.errors import ProcessKilled
from lab.rpc.message import Message, dumpable

if TYPE_CHECKING:
    from lab.process import Process

Handler = Callable[..., Awaitable[Any]]


class RpcClient:
    """call, cast, fanout and serve for one life of one process."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._broker = process.wires.broker
        self._new_waiter = process.runtime.new_waiter

    def serve(
        self,
        topic: str,
        handlers: dict[str, Handler],
        *,
        host: str | None = None,
        fanout: bool = False,
        exchange: str = "nova",
        version: str = "1.0",
        workers: int | None = None,
    ) -> None:
        """Consume `<topic>`, and `<topic>.<host>` and `<topic>_fanout` when asked, until the process ends."""
        self._broker.serve(
            self._process,
            topic,
            handlers,
            host=host,
            fanout=fanout,
            exchange=exchange,
            version=version,
            workers=workers,
        )

    async def call(
        self,
        ctx: Context,
        topic: str,
        method: str,
        kwargs: dict[str, Any],
        *,
        timeout: float | None = None,
        display: str | None = None,
    ) -> Any:
        """Ask and wait. Raises MessagingTimeout, or the error that the handler raised; the effect may happen all the same."""
        message = self._message("rpc_call", ctx, topic, method, kwargs, display)
        broker = self._broker
        seconds = timeout if timeout is not None else self._process.config.rpc_response_timeout_s
        deadlines = broker.deadlines(seconds)
        new_waiter = self._new_waiter
        waiter = message.waiter = new_waiter()
        message.timeout_ns = deadlines.timeout_ns
        broker.publish(message)
        deadlines.add(waiter, message, message.sent_ns)
        try:
            data = await waiter
        finally:
            deadlines.done(waiter)
        if not self._process.alive:
            raise ProcessKilled(self._process.name)
        return orjson.loads(data)

    def cast(
        self, ctx: Context, topic: str, method: str, kwargs: dict[str, Any], *, display: str | None = None
    ) -> None:
        """Tell and go on; nobody will ever say whether it worked."""
        self._broker.publish(self._message("rpc_cast", ctx, topic, method, kwargs, display))

    def fanout(
        self, ctx: Context, topic: str, method: str, kwargs: dict[str, Any], interest: str | Sequence[str] | None = None
    ) -> None:
        """Tell all consumers of the topic; of those that declare interests only the interested are woken."""
        keys = (interest,) if isinstance(interest, str) else interest
        self._broker.fanout(self._message("rpc_cast", ctx, topic, method, kwargs, None), keys)

    def handed_over(self, ctx: Context) -> Awaitable[None]:
        """Wait until what was told for this request cannot be lost any more with this program."""
        return self._broker.handed_over(ctx.request_id)

    def declare_interest(self, topic: str, key: str) -> None:
        """Be woken by fanouts of `topic` under this key."""
        self._broker.interest(self._process, topic, key, True)

    def drop_interest(self, topic: str, key: str) -> None:
        """No longer be woken under this key."""
        self._broker.interest(self._process, topic, key, False)

    def report(self, topic: str, method: str, period_s: float, payload: Callable[[], Any]) -> None:
        """Declare a periodic cast; the in-memory broker sends all reports of one tick as one message.

        The server's handler is `method(ctx, reports=[payload, …])`.
        """
        self._broker.reports.declare(self._process, topic, method, period_s, payload)

    def _message(
        self, kind: str, ctx: Context, topic: str, method: str, kwargs: dict[str, Any], display: str | None
    ) -> Message:
        process = self._process
        if not process.alive:
            raise ProcessKilled(process.name)
        return Message(kind, topic, method, encode(kwargs, dumpable), ctx, process, display or method)
