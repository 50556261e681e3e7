"""RPC over RabbitMQ: the broker's face, with the queues in a server of their own.

Names are oslo.messaging's: a topic exchange for each component, queues `<topic>` and `<topic>.<host>`, a fanout exchange
`<topic>_fanout` with a queue for each listener, and a queue for the answers to this process. Queues and messages are
durable and confirmed: what was sent before a kill -9 of RabbitMQ is there after it. A message is acknowledged before its
handler runs: a consumer that dies loses what it took. What is sent again after a break has the same id, and a
consumer leaves out what it had already.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from lab.body import encode
from lab.errors import TransportError
from lab.far import epoch_ns
from lab.journal.merge import SPACE
from lab.process import Process
from lab.rpc.amqp_envelope import Arrived, pack, pack_reply, unpack, unpack_reply
from lab.rpc.amqp_link import Delivery, Link, Parcel
from lab.rpc.amqp_stream import PERSISTENT, TRANSIENT
from lab.rpc.amqp_turns import Key, Turns
from lab.rpc.broker import Broker, answer
from lab.rpc.consumers import Consumer, Queue
from lab.rpc.message import Message

if TYPE_CHECKING:
    from lab.wires import Wires

NS_PER_MS = 1_000_000
EXPIRES = {"x-expires": 1_800_000}
"""Queues of one life of a process go half an hour after it, in ms. Source: oslo.messaging's rabbit_transient_queues_ttl."""
KNOWN_IDS = 4096
"""Ids of messages that are remembered, to leave out what is sent again."""
EXCHANGES = {"cinder": "openstack"}
"""A component's exchange where it is not named as the component. Source: as captured, see lab/services/volume/rpc.py."""
JOURNALS = "glasscloud"
"""The exchange of journals, the queue of whoever collects them, and their consumer."""
JOURNALS_MAX = {"x-max-length-bytes": 256 * 2**20}
"""Batches that lie there while nobody collects; older ones go."""


class MessageLost(TransportError):
    """A message was not sent and never will be."""


class Place(NamedTuple):
    """What one consumer tag stands for."""

    consumer: Consumer
    queue: str
    fanout: bool


class AmqpBroker(Broker):
    """The processes of one OS process on a RabbitMQ server."""

    def __init__(self, wires: Wires, url: str) -> None:
        super().__init__(wires)
        self.id = wires.runtime.secrets.draw(9)
        """Of this OS process's life, unguessable and its own."""
        self.reply_q = f"reply_{self.id}"
        self.link = Link(url, self._declare, self._came, self._said)
        self._epoch_ns = epoch_ns(wires.runtime.epoch)
        self._places: dict[str, Place] = {}
        self._tags = 0
        self._calls: dict[int, Message] = {}
        self._turns = Turns()
        self._declared: dict[str, Callable[[], None]] = {}
        """What was sent to, by name, and how it is declared: a message to what is not there breaks the connection."""
        self._seen: deque[tuple[str, str]] = deque()
        self._seen_set: set[tuple[str, str]] = set()
        self._depths: dict[str, int] = {}
        self._never: asyncio.Future[bytes] | None = None
        self._collect: Callable[[Delivery], None] | None = None
        # So that causes in other programs' journals name one entry: what they all ship is merged and numbered anew.
        wires.journal.number(wires.runtime.random("journal", self.id).getrandbits(30) << SPACE)

    async def open(self) -> None:
        """Connect. Raises Unreachable; later breaks are mended in silence, and told in the journal."""
        self._never = asyncio.get_running_loop().create_future()
        await self.link.open()

    async def settled(self) -> None:
        """Wait until RabbitMQ has all that was declared and sent."""
        await self.link.settled()

    async def close(self) -> None:
        """Give the queues of this life back and disconnect."""
        self.link.cancel(self.reply_q)
        self.link.delete(self.reply_q)
        await self.link.close()

    def _said(self, state: str, text: str) -> None:
        """The connection came or went. What was not acknowledged on the old one comes again on the new."""
        if state == "down":
            self._turns.give_up()
            for place in self._places.values():
                self._drop_held(place.consumer)
        who = next(iter(self.wires.processes), "glasscloud")
        self.wires.journal.add("log", who, "rabbitmq", text, status="info" if state == "up" else "warning")

    # -- consuming ----------------------------------------------------------------------------

    def _joined(self, consumer: Consumer, fanout: bool) -> None:
        for queue in consumer.queues:
            self._consume(Place(consumer, queue.name, False))
        if fanout:
            self._consume(Place(consumer, f"{consumer.topic}_fanout_{self.id}.{self._tags}", True))

    def _consume(self, place: Place) -> None:
        self._tags += 1
        tag = str(self._tags)
        self._places[tag] = place
        self._begin_consuming(tag, place)

    def _begin_consuming(self, tag: str, place: Place) -> None:
        topic = place.consumer.topic
        if place.fanout:
            self._need_fanout(topic)
            self._private_queue(place.queue)
            self.link.bind(place.queue, f"{topic}_fanout")
        else:
            self._need_queue(place.queue, self.about[topic]["exchange"])
        self.link.consume(place.queue, tag)

    def _declare(self) -> None:
        """All that this process needs, on a new connection."""
        for declare in self._declared.values():
            declare()
        self._private_queue(self.reply_q)
        self.link.consume(self.reply_q, self.reply_q)
        self._need_journals()
        for tag, place in self._places.items():
            self._begin_consuming(tag, place)

    def _private_queue(self, name: str) -> None:
        self.link.queue(name, EXPIRES)

    def _need_fanout(self, topic: str) -> None:
        name = f"{topic}_fanout"
        self._need(name, lambda: self.link.exchange(name, "fanout"))

    def _need_queue(self, name: str, exchange: str) -> None:
        """Declare a queue at its first use, so that what is sent before its first consumer comes waits for it."""

        def declare() -> None:
            self.link.exchange(exchange, "topic")
            self.link.queue(name)
            self.link.bind(name, exchange, name)

        self._need(name, declare)

    def _need(self, name: str, declare: Callable[[], None]) -> None:
        """Declare now, and on each new connection."""
        if name not in self._declared:
            self._declared[name] = declare
            declare()

    def _leave(self, consumer: Consumer) -> None:
        for message in consumer.own:
            if isinstance(message, Arrived) and message.tag:  # it was never taken
                self.link.give_back(message.tag)
        for tag in [tag for tag, place in self._places.items() if place.consumer is consumer]:
            place = self._places.pop(tag)
            self.link.cancel(tag)
            if place.fanout:
                self.link.delete(place.queue)
        super()._leave(consumer)

    # -- sending ------------------------------------------------------------------------------

    def publish(self, message: Message) -> None:
        self._in_turn(message, partial(super().publish, message))

    def fanout(self, message: Message, keys: Sequence[str] | None) -> None:
        self._in_turn(message, partial(super().fanout, message, keys))

    def _in_turn(self, message: Message, send: Callable[[], None]) -> None:
        """Send a message when its turn has come; a dead sender's are not sent any more."""
        message.sent_ns = self._runtime.now_ns()  # from when on its answer is waited for
        queue = self._turns.go if message.waiter is None else self._turns.after
        if self.link.up:
            queue(_key(message), lambda: send() if message.sender.alive else None)
        else:
            send()

    async def handed_over(self, request_id: str) -> None:
        await self._turns.wait(request_id)

    def _enqueue(self, message: Message, queue: Queue) -> None:
        queue.published += 1
        component = message.sender.binary.partition("-")[0]
        about = self.about.get(message.topic.partition(".")[0])
        exchange = about["exchange"] if about is not None else EXCHANGES.get(component, component)
        self._need_queue(message.topic, exchange)
        self._send(message, exchange, message.topic, None)

    def _forget(self, order: int, _: asyncio.Future[bytes]) -> None:
        self._calls.pop(order, None)

    def _spread(self, message: Message, keys: Sequence[str] | None) -> None:
        self._need_fanout(message.topic)
        self._send(message, f"{message.topic}_fanout", "", keys)

    def _send(self, message: Message, exchange: str, key: str, keys: Sequence[str] | None) -> None:
        message.order = self._order = self._order + 1  # twins, too, have an id of their own
        waiter = message.waiter
        if waiter is not None:
            self._calls[message.order] = message
            waiter.add_done_callback(partial(self._forget, message.order))
        payload = pack(message, f"{self.id}.{message.order}", self._epoch_ns + message.sent_ns, self.reply_q, keys)
        taken, expires_ms = None, message.timeout_ns // NS_PER_MS
        if waiter is None:
            taken = partial(self._turns.done, _key(message))
            self._turns.left(_key(message))
        self.link.send(Parcel(exchange, key, payload, PERSISTENT, partial(self._lost, message), taken, expires_ms))

    def _lost(self, message: Message) -> None:
        if message.waiter is None and self.link.up:
            self._turns.done(_key(message))
        if message.sender.alive:
            text = f"{message.method} to {message.topic} was not sent: RabbitMQ did not take it"
            message.sender.failed(message.ctx.at(message.seq), message.method, MessageLost(text))

    def _carry_back(self, process: Process, message: Message, status: str, data: bytes, delay: int) -> None:
        assert isinstance(message, Arrived)
        parcel = Parcel("", message.reply_q, pack_reply(message.msg_id, status, data), PERSISTENT, None)
        if delay:
            self._hop(delay, self.link.send, parcel)
        else:
            self.link.send(parcel)

    # -- what comes ---------------------------------------------------------------------------

    def _came(self, delivery: Delivery) -> None:
        if delivery.consumer == self.reply_q:
            self.link.take(delivery.tag)
            order, status, data = unpack_reply(delivery.payload)
            call = self._calls.get(order)
            if call is not None:
                answer(call, status, data)
            return
        if delivery.consumer == JOURNALS and self._collect is not None:
            self._collect(delivery)
            return
        place = self._places.get(delivery.consumer)
        if place is None:  # it left while the message was on its way
            self.link.give_back(delivery.tag)
            return
        consumer, queue, fanout = place
        tag = 0 if fanout else delivery.tag
        if fanout:  # what was sent to a listener goes with it
            self.link.take(delivery.tag)
        assert self._never is not None
        try:
            message = unpack(delivery.payload, consumer.topic if fanout else queue, self._never)
        except (ValueError, KeyError, TypeError) as error:
            text = encode({"message": f"{queue} had a message that is none of ours: {error}"})
            self.wires.journal.add("error", consumer.process.name, "rabbitmq", "message", status=type(error).__name__, body=text)
            if tag:
                self.link.take(tag)
            return
        message.fanout, message.tag = fanout, tag
        message.sent_ns -= self._epoch_ns
        if self._repeated((delivery.consumer, message.unique_id)) or not self._wanted(consumer, message):
            if tag:
                self.link.take(tag)
        elif consumer.own or not consumer.free():
            consumer.published += fanout
            self._wait(consumer.own, message)
        else:
            consumer.published += fanout
            self._take(consumer, message)

    def _repeated(self, key: tuple[str, str]) -> bool:
        """Whether it came before: its sender, or the server after its restart, could not know that."""
        if key in self._seen_set:
            return True
        self._seen.append(key)
        self._seen_set.add(key)
        if len(self._seen) > KNOWN_IDS:
            self._seen_set.discard(self._seen.popleft())
        return False

    def _wanted(self, consumer: Consumer, message: Arrived) -> bool:
        keys = message.interest
        return keys is None or consumer in self._open.get(consumer.topic, ()) or any(key in consumer.interests for key in keys)

    def _take(self, consumer: Consumer, message: Arrived) -> None:
        if message.tag:
            self.link.take(message.tag)
        consumer.pool.busy += 1
        if not message.ctx.periodic:
            self.wires.runtime.busy += 1
        self._begin(consumer, message, self._runtime.now_ns())

    def _feed(self, consumer: Consumer) -> None:
        """It can go on: hand it what was held for it."""
        while consumer.own and consumer.free():
            message = consumer.own.popleft()
            self._waiting -= 1
            assert isinstance(message, Arrived)
            self._take(consumer, message)

    def retry(self) -> None:
        for place in list(self._places.values()):
            self._feed(place.consumer)

    def _drop_held(self, consumer: Consumer) -> None:
        """What was held and not acknowledged comes again; as far as it was a queue's it is forgotten here."""
        held = [message for message in consumer.own if isinstance(message, Arrived) and message.tag]
        for message in held:
            consumer.own.remove(message)
            self._waiting -= 1
            for tag, place in self._places.items():
                if place.consumer is consumer:
                    self._seen_set.discard((tag, message.unique_id))

    # -- journals of all programs -------------------------------------------------------------

    def collect(self, came: Callable[[Delivery], None]) -> None:
        """Take what the programs of this cloud ship."""
        self._collect = came
        self._need_journals()

    def _need_journals(self) -> None:
        """The queue is declared by all: what is shipped before its collector starts waits for it."""
        self.link.exchange(JOURNALS, "topic")
        self.link.queue(JOURNALS, JOURNALS_MAX)
        self.link.bind(JOURNALS, JOURNALS, JOURNALS)
        if self._collect is not None:
            self.link.consume(JOURNALS, JOURNALS, acks=False)

    def ship(self, payload: bytes) -> None:
        """Send a batch of this program's journal to whoever collects."""
        self.link.send(Parcel(JOURNALS, JOURNALS, payload, TRANSIENT, None))

    # -- looked at ----------------------------------------------------------------------------

    def depths(self) -> dict[str, int]:
        """How many messages lay in each queue when it was last measured."""
        return {name: self._depths.get(name, 0) for name in self.queues}

    async def measure(self) -> dict[str, int]:
        """Ask RabbitMQ how many messages lie in each queue that this process knows."""
        for name in list(self.queues):
            depth = await self.link.depth(name)
            if depth is not None:
                self._depths[name] = depth
        return self.depths()


def _key(message: Message) -> Key:
    return Key(message.ctx.request_id, message.sender.name)


def over(url: str) -> Any:
    """A maker of brokers for `Wires`."""
    return partial(AmqpBroker, url=url)
