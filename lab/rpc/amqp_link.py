"""The connection to RabbitMQ: opened, kept alive, and made anew when it broke, with all that was declared on it.

What is sent while it is down waits; what the server had not confirmed when it broke is sent again, so a message may come
twice but is not lost as long as this process lives.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any, NamedTuple, cast
from urllib.parse import unquote, urlsplit

from pamqp import commands
from pamqp.common import FieldTable

from lab.errors import LabError, Unreachable
from lab.rpc.amqp_frames import HEARTBEAT, PROTOCOL, Confirm, Delivery, Reader, ack, address, content, method

HEARTBEAT_S = 10
"""Silence after which either side looks whether the other lives; after twice as long the connection is given up."""
BACKOFF_S = (0.1, 0.2, 0.5, 1.0, 2.0)
"""Waits before the next attempts to connect; the last one is repeated."""
CONNECT_S = 5.0
WAITING_MAX = 20_000
"""Messages that wait for the connection; more are lost and said to be so."""
FRAME_MAX = 131_072
MAIN, ASIDE = 1, 2
"""Channels: one for all messages, so that they keep their order; one for questions whose refusal closes the channel."""


class Parcel(NamedTuple):
    """One message to send; `lost` is told when it will never be."""

    exchange: str
    key: str
    payload: bytes
    mode: int
    lost: Callable[[], None] | None


class Link:
    """One process's connection.

    declare: called on each new connection, to declare and consume by `tell`. deliver: takes each message.
    say: told when the connection comes (`up`) and goes (`down`), with a text.
    """

    def __init__(self, url: str, declare: Callable[[], None], deliver: Callable[[Delivery], None], say: Callable[[str, str], None]) -> None:
        parts = urlsplit(url)
        if parts.scheme != "amqp" or not parts.hostname:
            raise LabError(f"{url!r} is no URL of a message queue; use amqp://USER:PASSWORD@HOST:PORT/VHOST")
        self.host, self.port = parts.hostname, parts.port or 5672
        self.user, self.password = unquote(parts.username or "guest"), unquote(parts.password or "guest")
        self.vhost = unquote(parts.path[1:]) or "/"
        self._declare, self._deliver, self._say = declare, deliver, say
        self._waiting: deque[Parcel] = deque()
        self._unconfirmed: OrderedDict[int, Parcel] = OrderedDict()
        self._published = 0
        self._addresses: dict[tuple[str, str], bytes] = {}
        self._wire: Wire | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._up = asyncio.Event()
        self._unsettled: asyncio.Event | None = None

    @property
    def up(self) -> bool:
        """Whether it stands."""
        return self._wire is not None

    async def open(self) -> None:
        """Connect for the first time. Raises Unreachable when that cannot be done; later breaks are mended in silence."""
        await self._connect()
        self._keeper = asyncio.get_running_loop().create_task(self._keep())

    async def close(self) -> None:
        """Say good-bye, after all that was sent is confirmed or the server was given its time for it."""
        if self._keeper is not None:
            self._keeper.cancel()
        if self._wire is not None:
            try:
                async with asyncio.timeout(CONNECT_S):
                    await self.settled()
            except (TimeoutError, Unreachable):
                pass
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.end()

    async def settled(self) -> None:
        """Wait until the server has done all that it was told. Raises Unreachable when the connection breaks meanwhile."""
        if self._wire is None:
            raise Unreachable(f"no connection to RabbitMQ at {self.host}:{self.port}")
        await self._wire.ask(MAIN, commands.Basic.Qos(prefetch_count=0, global_=True))
        while self._unconfirmed:
            self._unsettled = asyncio.Event()
            await self._unsettled.wait()

    # -- sending ------------------------------------------------------------------------------

    def send(self, parcel: Parcel) -> None:
        """Publish now, or as soon as the connection stands again."""
        if self._wire is not None:
            self._publish(self._wire, parcel)
        elif len(self._waiting) < WAITING_MAX:
            self._waiting.append(parcel)
        elif parcel.lost is not None:
            parcel.lost()

    def tell(self, command: Any) -> None:
        """Send a method that has no answer; when the connection is down, the next `declare` must do."""
        if self._wire is not None:
            self._wire.write(method(MAIN, command))

    def take(self, tag: int) -> None:
        """Acknowledge a delivery."""
        if self._wire is not None:
            self._wire.write(ack(MAIN, tag))

    async def depth(self, queue: str) -> int | None:
        """How many messages lie in a queue that was declared; None when it is not there."""
        if self._wire is None:
            return None
        answer = await self._wire.ask(ASIDE, commands.Queue.Declare(queue=queue, passive=True))
        return (answer.message_count or 0) if isinstance(answer, commands.Queue.DeclareOk) else None

    async def purge(self, queue: str) -> None:
        """Throw away what lies in a queue."""
        if self._wire is not None:
            await self._wire.ask(ASIDE, commands.Queue.Purge(queue=queue))

    def _publish(self, wire: Wire, parcel: Parcel) -> None:
        self._published = number = self._published + 1
        self._unconfirmed[number] = parcel
        way = (parcel.exchange, parcel.key)
        first = self._addresses.get(way)
        if first is None:
            first = self._addresses[way] = address(MAIN, *way)
        wire.write(first, *content(MAIN, parcel.payload, parcel.mode, wire.frame_max))

    def _confirmed(self, confirm: Confirm) -> None:
        waiting = self._unconfirmed
        if confirm.multiple:
            done = []
            for number in waiting:
                if number > confirm.tag:
                    break
                done.append(number)
        else:
            done = [confirm.tag]
        for number in done:
            parcel = waiting.pop(number, None)
            if parcel is not None and not confirm.ok:
                self.send(parcel)
        if not waiting and self._unsettled is not None:
            self._unsettled.set()
            self._unsettled = None

    # -- the connection -----------------------------------------------------------------------

    async def _connect(self) -> None:
        wire = Wire(self._came)
        try:
            async with asyncio.timeout(CONNECT_S):
                await asyncio.get_running_loop().create_connection(lambda: wire, self.host, self.port)
                await wire.greet(self.user, self.password, self.vhost)
        except (OSError, TimeoutError, LabError) as error:
            wire.fail("it was never opened")
            raise Unreachable(f"RabbitMQ at {self.host}:{self.port} cannot be used: {str(error) or 'no answer'}; is it up?") from error
        self._wire, self._published = wire, 0
        again = [*self._unconfirmed.values(), *self._waiting]
        self._unconfirmed.clear()
        self._waiting.clear()
        self._declare()
        for parcel in again:
            self._publish(wire, parcel)
        self._say("up", f"connected to RabbitMQ at {self.host}:{self.port}" + (f"; {len(again)} messages are sent again" if again else ""))

    async def _keep(self) -> None:
        """Wait for the connection's end and make another, for ever."""
        while True:
            wire = self._wire
            assert wire is not None
            reason = await asyncio.shield(wire.ended)
            self._wire = None
            self._say("down", f"the connection to RabbitMQ at {self.host}:{self.port} broke: {reason}")
            attempt = 0
            while self._wire is None:
                await asyncio.sleep(BACKOFF_S[min(attempt, len(BACKOFF_S) - 1)])
                attempt += 1
                try:
                    await self._connect()
                except Unreachable:
                    continue

    def _came(self, what: Any) -> None:
        if type(what) is Delivery:
            self._deliver(what)
        elif type(what) is Confirm:
            self._confirmed(what)


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
        able: FieldTable = {"publisher_confirms": True, "basic.nack": True, "consumer_cancel_notify": True, "connection.blocked": True}
        login = commands.Connection.StartOk(
            client_properties={"product": "Glasscloud", "capabilities": able}, mechanism="PLAIN", response=f"\0{user}\0{password}"
        )
        tune = await self.ask(0, login)
        self.frame_max = min(tune.frame_max or FRAME_MAX, FRAME_MAX)
        self.write(method(0, commands.Connection.TuneOk(channel_max=ASIDE, frame_max=self.frame_max, heartbeat=HEARTBEAT_S)))
        await self.ask(0, commands.Connection.Open(virtual_host=vhost))
        await self.ask(MAIN, commands.Channel.Open())
        await self.ask(ASIDE, commands.Channel.Open())
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
