"""The connection to RabbitMQ: opened, kept alive, and made anew when it broke, with all that was declared on it.

What is sent while it is down waits; what the server had not confirmed when it broke is sent again, so a message may come
twice but is not lost as long as this process lives.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from pamqp import commands

from lab.errors import LabError, Unreachable
from lab.rpc.amqp_frames import Confirm, Delivery, ack, address, content, method
from lab.rpc.amqp_wire import ASIDE, MAIN, Wire

BACKOFF_S = (0.1, 0.2, 0.5, 1.0, 2.0)
"""Waits before the next attempts to connect; the last one is repeated."""
CONNECT_S = 5.0
WAITING_MAX = 20_000
"""Messages that wait for the connection; more are lost and said to be so."""
REFUSALS = ("403 ", "530 ")
"""AMQP's codes of a user or password, and of a vhost, that the server does not take."""


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
        self._why = "it was never opened"
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
        """Say good-bye, after all that was sent is confirmed or the server was given its time for it; the rest is lost."""
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
        for parcel in (*self._unconfirmed.values(), *self._waiting):
            if parcel.lost is not None:
                parcel.lost()

    async def settled(self) -> None:
        """Wait until the server has done all that it was told. Raises Unreachable when the connection breaks meanwhile."""
        if self._wire is None:
            raise Unreachable(f"there is no connection to RabbitMQ at {self.host}:{self.port}: {self._why}")
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
            said = str(error) or "no answer"
            way = "correct user, password or vhost in its URL" if said.startswith(REFUSALS) else "is it up?"
            raise Unreachable(f"RabbitMQ at {self.host}:{self.port} cannot be used: {said}; {way}") from error
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
            self._wire, self._why = None, reason
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
