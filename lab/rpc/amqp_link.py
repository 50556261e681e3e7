"""A program's connection to RabbitMQ: kept alive, and made anew when it broke, with all that was declared on it.

What is sent while it is down waits; what the server had not confirmed when it broke is sent again, in its order, so a message
may come twice but is not lost as long as this process lives. aio-pika's own robust connection promises less: what was not
confirmed fails there, and what waits for the next connection may overtake; so each connection here is a plain one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from itertools import chain, repeat
from typing import Any, NamedTuple

from aiormq import Channel, ChannelNotFoundEntity
from aiormq.abc import DeliveredMessage

from lab.errors import Unreachable
from lab.rpc.amqp_stream import Connection
from lab.rpc.amqp_wire import CONNECT_S, PREFETCH, Answer, Place, answer, channel_of, said

BACKOFF_S = (0.1, 0.2, 0.5, 1.0, 2.0)
"""Waits before the next attempts to connect; the last one is repeated."""
WAITING_MAX = 20_000
"""Messages that wait for RabbitMQ; more are lost and said to be so."""
WINDOW = 256
"""Messages on their way that it has not confirmed; more than that wait here."""

Job = Callable[[Channel], Awaitable[Any]]


class Parcel(NamedTuple):
    """One message to send; `lost` is told when it will never be, `taken` when the server has it."""

    exchange: str
    key: str
    payload: bytes
    mode: int
    lost: Callable[[], None] | None
    taken: Callable[[], None] | None = None
    expires_ms: int = 0
    """How long it may lie in its queue; 0 is for ever."""


class Delivery(NamedTuple):
    """A message that the server hands out."""

    consumer: str
    tag: int
    payload: bytes


class Link:
    """One process's connection.

    declare: called on each new connection, to declare and consume. deliver: takes each message.
    say: told when the connection comes (`up`) and goes (`down`), with a text.
    """

    def __init__(self, url: str, declare: Callable[[], None], deliver: Callable[[Delivery], None], say: Callable[[str, str], None]) -> None:
        self.place = Place(url)
        self._declare, self._deliver, self._say = declare, deliver, say
        self._jobs: deque[Job] = deque()
        self._waiting: deque[Parcel] = deque()
        self._published = 0
        self._sent: dict[int, Parcel] = {}
        """What was published and is not confirmed, by its number on this connection, in order."""
        self._connection: Connection | None = None
        self._channel: Channel | None = None
        self._aside: Channel | None = None
        self._ended: asyncio.Future[str] | None = None
        self._why = "it was never opened"
        self._keeper: asyncio.Task[None] | None = None
        self._wake, self._calm, self._asking = asyncio.Event(), asyncio.Event(), asyncio.Lock()

    @property
    def up(self) -> bool:
        """Whether it stands."""
        return self._channel is not None

    async def open(self) -> None:
        """Connect for the first time. Raises Unreachable when that cannot be done; later breaks are mended in silence."""
        await self._connect()
        self._keeper = asyncio.get_running_loop().create_task(self._keep(), name="connection to RabbitMQ")

    async def close(self) -> None:
        """Say good-bye, after all that was sent is confirmed or the server was given its time for it; the rest is lost."""
        try:
            async with asyncio.timeout(CONNECT_S):
                await self.settled()
        except (TimeoutError, Unreachable):
            pass
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])
        await self._fall("it was closed")
        for parcel in self._waiting:
            if parcel.lost is not None:
                parcel.lost()
        self._waiting.clear()

    async def settled(self) -> None:
        """Wait until the server has done all that it was told. Raises Unreachable when the connection breaks meanwhile."""
        channel = self._channel
        while channel is not None and channel is self._channel and (self._jobs or self._waiting or self._sent):
            self._calm.clear()
            await self._calm.wait()
        if channel is None or channel is not self._channel:
            raise Unreachable(f"there is no connection to {self.place}: {self._why}")
        await answer(channel.basic_qos(prefetch_count=PREFETCH))  # it comes after all that was told before it

    # -- telling the server; when the connection is down, the next `declare` must do -----------

    def exchange(self, name: str, kind: str) -> None:
        """Declare an exchange of a kind (topic, fanout)."""
        self._do(lambda channel: channel.exchange_declare(name, exchange_type=kind, durable=True, nowait=True))

    def queue(self, name: str, arguments: dict[str, Any] | None = None) -> None:
        """Declare a queue that outlives the server."""
        self._do(lambda channel: channel.queue_declare(name, durable=True, arguments=arguments, nowait=True))

    def bind(self, queue: str, exchange: str, key: str = "") -> None:
        """Let a queue have what comes to an exchange under a routing key."""
        self._do(lambda channel: channel.queue_bind(queue, exchange, key, nowait=True))

    def consume(self, queue: str, tag: str, acks: bool = True) -> None:
        """Have a queue's messages delivered under a consumer's tag; without acks they are gone from it then."""
        self._do(lambda channel: channel.basic_consume(queue, _beside, no_ack=not acks, consumer_tag=tag))

    def cancel(self, tag: str) -> None:
        """Consume no more; what comes until the server has answered is still delivered."""
        self._do(lambda channel: channel.basic_cancel(tag))

    def delete(self, queue: str) -> None:
        """Delete a queue."""
        self._do(lambda channel: channel.queue_delete(queue, nowait=True))

    def take(self, tag: int) -> None:
        """Acknowledge a delivery."""
        if self._connection is not None:
            self._connection.stream.acknowledge(tag)

    def give_back(self, tag: int) -> None:
        """Let another one have a delivery."""
        self._do(lambda channel: channel.basic_nack(tag, requeue=True, wait=False))

    def _do(self, job: Job) -> None:
        if self._channel is not None:
            self._jobs.append(job)
            self._wake.set()

    # -- asking it ----------------------------------------------------------------------------

    async def depth(self, queue: str) -> int | None:
        """How many messages lie in a queue that was declared; None when it is not there, or the connection is down."""
        found = await self._ask(lambda channel: channel.queue_declare(queue, passive=True))
        return None if found is None else found.message_count or 0

    async def purge(self, queue: str) -> None:
        """Throw away what lies in a queue."""
        await self._ask(lambda channel: channel.queue_purge(queue))

    async def _ask(self, question: Callable[[Channel], Awaitable[Answer]]) -> Answer | None:
        """One question at a time, on a channel of its own, because a refusal closes that one."""
        async with self._asking:
            if self._connection is None:
                return None
            if self._aside is None or self._aside.is_closed:
                self._aside = await answer(channel_of(self._connection, confirms=False))
            try:
                return await answer(question(self._aside))
            except ChannelNotFoundEntity:
                return None

    # -- sending ------------------------------------------------------------------------------

    def send(self, parcel: Parcel) -> None:
        """Publish now, or as soon as the connection stands and the server keeps up. Raises ValueError for too long a key."""
        if len(parcel.key.encode()) > 255:
            raise ValueError(f"AMQP names have at most 255 bytes; {parcel.key[:40]}… has {len(parcel.key.encode())}")
        if len(self._waiting) < WAITING_MAX:
            self._waiting.append(parcel)
            self._publish()
        elif parcel.lost is not None:
            parcel.lost()

    def _publish(self) -> None:
        """Send what waits, but nothing past a job: that may declare what it goes to."""
        while self._connection is not None and self._waiting and not self._jobs and len(self._sent) < WINDOW:
            parcel = self._waiting.popleft()
            self._published += 1
            self._sent[self._published] = parcel
            self._connection.stream.publish(parcel.exchange, parcel.key, parcel.payload, parcel.mode, parcel.expires_ms)

    def _confirmed(self, channel: Channel, number: int, all_before: bool, taken: bool) -> None:
        if channel is not self._channel:
            return  # the connection broke: what is left is sent again on the next
        for each in [each for each in self._sent if each <= number] if all_before else [number]:
            parcel = self._sent.pop(each)
            if not taken:  # the server could not take it
                self._waiting.append(parcel)
            elif parcel.taken is not None:
                parcel.taken()
        self._publish()
        if not self._sent:
            self._calm.set()

    # -- receiving ----------------------------------------------------------------------------

    def _came(self, channel: Channel, consumer: str, tag: int, payload: bytes) -> None:
        if channel is self._channel:  # else it comes again on the next
            self._deliver(Delivery(consumer, tag, payload))

    # -- the connection -----------------------------------------------------------------------

    async def _connect(self) -> None:
        self._connection, self._channel = connection, channel = await self.place.connect()
        self._published = 0
        connection.stream.take(
            channel.number, channel.max_content_size, partial(self._came, channel), partial(self._confirmed, channel)
        )
        self._ended = ended = asyncio.get_running_loop().create_future()

        def end(reason: str) -> None:
            if not ended.done():
                ended.set_result(reason)

        channel.closing.add_done_callback(lambda closing: end(said(None if closing.cancelled() else closing.exception())))
        channel.on_consumer_cancel_callbacks.add(lambda frame: end(f"the queue of consumer {frame.consumer_tag} was deleted"))
        again = len(self._waiting)
        self._declare()
        self._say("up", f"connected to {self.place}" + (f"; {again} messages are sent again" if again else ""))

    async def _keep(self) -> None:
        """Serve the connection until it ends, and make another, for ever."""
        while True:
            reason = await self._serve()
            falling = self._fall(reason)
            self._say("down", f"the connection to {self.place} broke: {reason}")
            await falling
            for wait_s in chain(BACKOFF_S, repeat(BACKOFF_S[-1])):
                await asyncio.sleep(wait_s)
                try:
                    await self._connect()
                    break
                except Unreachable:
                    continue

    async def _serve(self) -> str:
        """Work until the connection ends, and say why it did."""
        assert self._channel is not None
        assert self._ended is not None
        work = asyncio.get_running_loop().create_task(self._work(self._channel))
        ends: set[asyncio.Future[Any]] = {work, self._ended}
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            work.cancel()  # it may wait for what nobody will ever write
        if self._ended.done():
            return self._ended.result()
        return said(None if work.cancelled() else work.exception())

    async def _work(self, channel: Channel) -> None:
        """Do what is to be done, in its order, and then send what waited for that."""
        while True:
            while self._jobs:
                await self._jobs[0](channel)
                if len(self._jobs) == 1:
                    await channel.write_queue.join()  # aiormq has written it: what is sent now comes after it
                self._jobs.popleft()  # only now: until it is told, nothing may be sent
            self._publish()
            if not self._sent:
                self._calm.set()
            self._wake.clear()
            await self._wake.wait()

    def _fall(self, reason: str) -> Awaitable[None]:
        """The connection is of no more use; wait for its end. What was not confirmed waits for the next one, before all else."""
        connection, self._connection, self._channel, self._aside, self._why = self._connection, None, None, None, reason
        self._jobs.clear()
        sent, self._sent = self._sent, {}
        self._waiting.extendleft(reversed(sent.values()))
        self._calm.set()
        return connection.close() if connection is not None else asyncio.sleep(0)


async def _beside(message: DeliveredMessage) -> None:
    """A consumer of aiormq's, which knows it by this; what comes for it is taken from the stream before."""
