"""One TCP connection to RabbitMQ, from its greeting to its end: frames out, frames in, heartbeats, questions and answers."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, cast

from pamqp import commands
from pamqp.common import FieldTable

from lab.errors import Unreachable
from lab.rpc.amqp_frames import HEARTBEAT, PROTOCOL, Confirm, Delivery, Reader, method

HEARTBEAT_S = 10
"""Silence after which either side looks whether the other lives; after twice as long the connection is given up."""
PREFETCH = 100
"""Messages that a consumer is given and has not acknowledged: more than that wait in the queue while it hangs."""
FRAME_MAX = 131_072
MAIN, ASIDE = 1, 2
"""Channels: one for all messages, so that they keep their order; one for questions whose refusal closes the channel."""


class Wire(asyncio.Protocol):
    """One TCP connection, from its greeting to its end."""

    def __init__(self, came: Callable[[Any], None]) -> None:
        loop = asyncio.get_running_loop()
        self._came = came
        self._loop = loop
        self._reader = Reader()
        self._out: list[bytes] = []
        self._asked: dict[int, deque[asyncio.Future[Any]]] = {0: deque(), MAIN: deque(), ASIDE: deque()}
        self._transport: asyncio.Transport | None = None
        self._heard = loop.time()
        self._beat: asyncio.TimerHandle | None = None
        self.frame_max = FRAME_MAX
        self.ended: asyncio.Future[str] = loop.create_future()
        """Why it ended, once it has."""

    # -- what it does -------------------------------------------------------------------------

    def write(self, *data: bytes) -> None:
        """Send with all else of this turn of the loop."""
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out += data

    def _flush(self) -> None:
        if self._transport is not None and not self.ended.done():
            self._transport.write(b"".join(self._out))
        self._out.clear()

    async def ask(self, channel: int, command: Any) -> Any:
        """Send a method and wait for its answer. Raises Unreachable when the connection ends first."""
        if self.ended.done():
            raise Unreachable(self.ended.result())
        answer: asyncio.Future[Any] = self._loop.create_future()
        self._asked[channel].append(answer)
        self.write(method(channel, command))
        return await answer

    async def greet(self, user: str, password: str, vhost: str) -> None:
        """Log in, open the channels, switch confirms on."""
        start: asyncio.Future[Any] = self._loop.create_future()
        self._asked[0].append(start)
        self.write(PROTOCOL)
        await start
        names = ("publisher_confirms", "basic.nack", "consumer_cancel_notify", "connection.blocked", "authentication_failure_close")
        able: FieldTable = dict.fromkeys(names, True)
        login = commands.Connection.StartOk(
            client_properties={"product": "Glasscloud", "capabilities": able}, mechanism="PLAIN", response=f"\0{user}\0{password}"
        )
        tune = await self.ask(0, login)
        self.frame_max = min(tune.frame_max or FRAME_MAX, FRAME_MAX)
        self.write(method(0, commands.Connection.TuneOk(channel_max=ASIDE, frame_max=self.frame_max, heartbeat=HEARTBEAT_S)))
        await self.ask(0, commands.Connection.Open(virtual_host=vhost))
        await self.ask(MAIN, commands.Channel.Open())
        await self.ask(ASIDE, commands.Channel.Open())
        await self.ask(MAIN, commands.Basic.Qos(prefetch_count=PREFETCH))
        await self.ask(MAIN, commands.Confirm.Select())
        self._pulse()

    def _pulse(self) -> None:
        """Show that we live, and see whether the server does."""
        if self._loop.time() - self._heard > 2 * HEARTBEAT_S:
            self.fail("it was silent for too long")
            return
        self.write(HEARTBEAT)
        self._beat = self._loop.call_later(HEARTBEAT_S / 2, self._pulse)

    def end(self) -> None:
        """Close it in good order."""
        if self._transport is not None and not self.ended.done():
            self._flush()
            self._transport.write(method(0, commands.Connection.Close(reply_code=200, reply_text="good-bye", class_id=0, method_id=0)))
        self.fail("it was closed")

    def fail(self, reason: str) -> None:
        """Give it up."""
        if self._beat is not None:
            self._beat.cancel()
        if self._transport is not None:
            self._transport.close()
        if self.ended.done():
            return
        self.ended.set_result(reason)
        for asked in self._asked.values():
            for answer in asked:
                if not answer.done():
                    answer.set_exception(Unreachable(reason))
                    answer.exception()

    # -- what comes ---------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass

    def connection_lost(self, error: Exception | None) -> None:
        self.fail(str(error or "the server closed it"))

    def data_received(self, data: bytes) -> None:
        self._heard = self._loop.time()
        for channel, what in self._reader.feed(data):
            if type(what) is Delivery or type(what) is Confirm:
                self._came(what)
            elif what is not None:
                self._answered(channel, what)

    def _answered(self, channel: int, what: Any) -> None:
        if isinstance(what, commands.Connection.Close):
            self.write(method(0, commands.Connection.CloseOk()))
            self._flush()
            self.fail(f"{what.reply_code} {what.reply_text}")
        elif isinstance(what, commands.Channel.Close) and channel == MAIN:
            self.fail(f"{what.reply_code} {what.reply_text}")
        elif isinstance(what, commands.Channel.Close):  # a question that it did not like; the channel is opened anew
            self.write(method(channel, commands.Channel.CloseOk()), method(channel, commands.Channel.Open()))
            self._resolve(channel, what)
            self._asked[channel].appendleft(self._loop.create_future())
        elif isinstance(what, commands.Basic.Cancel):
            self.fail(f"the queue of consumer {what.consumer_tag} was deleted")
        elif not isinstance(what, (commands.Connection.Blocked, commands.Connection.Unblocked)):
            self._resolve(channel, what)

    def _resolve(self, channel: int, what: Any) -> None:
        asked = self._asked[channel]
        if asked:
            answer = asked.popleft()
            if not answer.done():
                answer.set_result(what)
