"""The in-memory broker: exchanges, queues with visible depth, consumers with bounded workers, fanouts, replies.

As AMQP and oslo.messaging have it: a queue `<topic>` is shared by all consumers of the topic,
`<topic>.<host>` belongs to one, a fanout reaches all. A message is acknowledged when taken, before its
handler runs: a consumer that dies loses what it took; what still lies in a queue survives it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import orjson

from lab.body import encode
from lab.context import set_current
from lab.deadlines import Deadlines
from lab.errors import LabError, MessagingTimeout
from lab.medium import Verdict
from lab.process import NEVER_NS, Process
from lab.rpc.consumers import Consumer, Queue
from lab.rpc.listeners import Listeners
from lab.rpc.message import Message, dumpable, rebuild
from lab.rpc.reports import Reports
from lab.runtime import NANOSECOND
from lab.strand import give

if TYPE_CHECKING:
    from lab.wires import Wires

RETRY_NS = NANOSECOND
"""How often a sender without a path to the broker tries again. Source: oslo.messaging's rabbit_retry_interval."""


class Broker(Listeners):
    """One cloud's message queue."""

    def __init__(self, wires: Wires) -> None:
        super().__init__(wires)
        self._runtime, self._journal = wires.runtime, wires.journal
        self._hop, self._distances = wires.runtime.hop, wires.medium.distances
        self.reports = Reports(wires)
        self._deadlines: dict[float, Deadlines] = {}
        self._order = 0
        # Methods that each message hands on, bound once.
        self._beginning, self._finishing = self._begin, self._finish

    def _joined(self, consumer: Consumer, fanout: bool) -> None:
        for queue in consumer.queues:
            if queue.messages:
                self._hop(0, self._feed, consumer)

    def deadlines(self, seconds: float) -> Deadlines:
        """The timeout queue of that length."""
        found = self._deadlines.get(seconds)
        if found is None:
            found = self._deadlines[seconds] = Deadlines(self.wires.runtime, seconds, _timed_out)
        return found

    async def handed_over(self, request_id: str) -> None:
        """Wait until what was told for a request cannot be lost any more with the program that told it."""

    # -- publishing ---------------------------------------------------------------------------

    def publish(self, message: Message) -> None:
        """Journal a call or cast and put it on its way to its queue."""
        topic = message.topic
        queue = self.queues.get(topic) or self.queue(topic)
        verdict = self._note(message, queue.target, topic)
        if verdict is None:
            self._enqueue(message, queue)
        else:
            self._send_disturbed(message, verdict, self._enqueue, queue)

    def _note(self, message: Message, target: str, where: str) -> Verdict | None:
        """Journal a message; what is to disturb it on its way."""
        ctx, topic, sender = message.ctx, message.topic, message.sender
        try:
            note = self._notes[topic]
        except KeyError:
            note = self._notes[topic] = self.about.get(topic.split(".", 1)[0]) or self.about.get(topic)
        self._order = message.order = self._order + 1
        now = message.sent_ns = self._runtime.now_ns()
        message.seq = self._journal.add(
            message.kind,
            sender.name,
            target,
            message.display,
            where,
            "",
            0,
            ctx.request_id,
            ctx.cause,
            message.body,
            note,
            now,
        )
        if self.wires.interference is not None:
            message.verdict = self.wires.judge(message.kind, sender.name, target, message.display, where, message.seq)
        return message.verdict

    def _send_disturbed(self, message: Message, verdict: Verdict, send: Callable[..., None], rest: object) -> None:
        """Send a message later, twice or never."""
        if not verdict.drop:
            for each in (message, *(message.twin() for _ in range(verdict.copies))):
                self._hop(verdict.delay_ns, send, each, rest)

    def _enqueue(self, message: Message, queue: Queue) -> None:
        distance = self._distances[message.sender.host, self.wires.mq_host]
        if distance is None:
            self._send_later(message, self._enqueue, queue)
            return
        queue.published += 1
        if queue.messages or not self._deliver(queue, message, distance):
            self._wait(queue.messages, message)

    def _send_later(self, message: Message, send: Callable[..., None], *rest: object) -> None:
        """Its sender has no path to the broker: it tries again, while it lives and wants the answer."""

        def again() -> None:
            if message.sender.alive and (message.waiter is None or not message.waiter.done()):
                send(message, *rest)

        self._hop(RETRY_NS, again)

    def _deliver(self, queue: Queue, message: Message, distance: int) -> bool:
        """Give the message to the next consumer in turn that is free and has a path."""
        consumers = queue.consumers
        count, first = len(consumers), queue.turn
        for consumer in consumers if count == 1 else (*consumers[first:], *consumers[:first]):
            if consumer.free() and self._hand(consumer, message, distance):
                if count > 1:
                    queue.turn = (consumers.index(consumer) + 1) % count
                return True
        return False

    def _wait(self, line: deque[Message], message: Message) -> None:
        self._lie(message)
        line.append(message)
        self._waiting += 1
        while self._expired(line[0]):
            line.popleft()

    def _lie(self, message: Message) -> None:
        """Note when a call that comes to lie in a queue will be gone from it."""
        if message.timeout_ns and not message.expires_ns:
            message.expires_ns = self._runtime.now_ns() + message.timeout_ns

    def _expired(self, message: Message) -> bool:
        """Whether a call at a queue's head has lain there too long for its caller: it is to go, and counted as gone."""
        if not message.expires_ns or self._runtime.now_ns() < message.expires_ns:
            return False
        self.queues[message.topic].taken += 1
        self._waiting -= 1
        return True

    def fanout(self, message: Message, keys: Sequence[str] | None) -> None:
        """Journal a fanout once and bring it to those who listen."""
        message.fanout = True
        target = self._targets.get(message.topic) or self._fanout_target(message.topic)
        where = f"{message.topic}_fanout fanout"
        verdict = self._note(message, target, where)
        if verdict is None:
            self._spread(message, keys)
        else:
            self._send_disturbed(message, verdict, self._spread, keys)

    def _spread(self, message: Message, keys: Sequence[str] | None) -> None:
        distance = self._distances[message.sender.host, self.wires.mq_host]
        if distance is None:
            self._send_later(message, self._spread, keys)
            return
        if keys is None:
            woken = list(self.fanouts.get(message.topic, ()))
        else:
            found = {c: None for key in keys for c in self._interested.get((message.topic, key), ())}
            woken = [*found, *self._open.get(message.topic, ())]
        for consumer in woken:
            consumer.published += 1
            if consumer.own or not (consumer.free() and self._hand(consumer, message, distance)):
                self._wait(consumer.own, message)

    def _fanout_target(self, topic: str) -> str:
        """What the journal calls the listeners of a topic together; kept until one joins or leaves."""
        binaries = list(dict.fromkeys(c.process.binary for c in self.fanouts.get(topic, ())))
        first = binaries[0] if binaries else topic
        self._targets[topic] = target = first if len(binaries) < 2 else f"{first.split('-')[0]} agents"
        return target

    # -- handling -----------------------------------------------------------------------------

    def _hand(self, consumer: Consumer, message: Message, distance: int) -> bool:
        """Give the message to a free consumer, if there is a path to it; its worker is taken now."""
        process, hop = consumer.process, self._hop
        onward = self._distances[self.wires.mq_host, process.host]
        if onward is None:
            return False
        consumer.pool.busy += 1
        if not message.ctx.periodic:
            self._runtime.busy += 1
        pace = consumer.paces.get(message.display)
        if pace is None:
            pace = consumer.paces[message.display] = self.wires.medium.pace(process.binary, message.display)
        way = distance + onward
        hop(way + pace(), self._beginning, consumer, message, self._runtime.now_ns() + way)
        return True

    def _begin(self, consumer: Consumer, message: Message, taken_ns: int) -> None:
        process = consumer.process
        if process.hung:
            # What came while it hung was never taken: should it be killed, that goes back to the queue.
            taken = NEVER_NS if process.hung_ns <= taken_ns else taken_ns
            process.waking.append(partial(self._begin, consumer, message, taken))
            return
        # The worker is free for the next message while this one's handler waits for others, as with green threads:
        # held until the end, two calls that need a worker of their own caller would wait for each other for ever.
        consumer.pool.busy -= 1
        (consumer if message.fanout else self.queues[message.topic]).taken += 1
        verdict = message.verdict
        if verdict is not None and verdict.before is not None and process.alive:
            verdict.before(process.name)
        if not process.alive:
            if not message.ctx.periodic:
                self._runtime.busy -= 1
            if process.ended_ns < taken_ns and not message.fanout:
                self._give_back(message)
            return
        process.handle(self._handle(consumer, message), message.method, self._finishing, message)
        if self._waiting:
            self._feed(consumer)

    def _give_back(self, message: Message) -> None:
        """Its consumer died while the message was on its way: nobody took it, so it lies in its queue, at its old place."""
        queue = self.queue(message.topic)
        queue.taken -= 1
        self._lie(message)
        place = sum(1 for waiting in queue.messages if waiting.order < message.order)
        queue.messages.insert(place, message)
        self._waiting += 1
        self._serve(queue)

    async def _handle(self, consumer: Consumer, message: Message) -> None:
        process, verdict = consumer.process, message.verdict
        sent = message.ctx
        ctx = sent.within(sent, message.seq)
        set_current(ctx)
        status = "ok"
        try:
            handler = consumer.handlers.get(message.method)
            if handler is None:
                raise LabError(
                    f"{process.binary} has no RPC method {message.method}; known: {', '.join(sorted(consumer.handlers))}"
                )
            result = await handler(ctx, **orjson.loads(message.body))
            data = encode(result, dumpable) if message.waiter is not None else b""
        except LabError as error:
            status = f"failure:{type(error).__name__}"
            data = encode({"kind": type(error).__name__, "message": str(error)})
            if message.waiter is None:
                process.failed(ctx, message.method, error)
        except Exception as error:
            status = f"failure:{type(error).__name__}"
            data = encode({"kind": type(error).__name__, "message": str(error)})
            if process.alive:
                process.failed(ctx, message.method, error)
                process.runtime.errors.append(error)
        if verdict is not None and verdict.after is not None:
            verdict.after(process.name)
        if message.waiter is not None and process.alive and not (verdict is not None and verdict.lose_reply):
            self._reply(process, message, status, data)

    def _reply(self, process: Process, message: Message, status: str, data: bytes) -> None:
        sender, now = message.sender, self._runtime.now_ns()
        where = f"reply_{sender.binary}"
        seq = self._journal.add(
            "rpc_reply",
            process.name,
            sender.name,
            message.display,
            where,
            status,
            now - message.sent_ns,
            message.ctx.request_id,
            message.seq,
            data,
            None,
            now,
        )
        delay = 0
        if self.wires.interference is not None:
            verdict = self.wires.judge("rpc_reply", process.name, sender.name, message.display, where, seq)
            if verdict is not None:
                if verdict.drop:
                    return
                delay = verdict.delay_ns
        self._carry_back(process, message, status, data, delay)

    def _carry_back(self, process: Process, message: Message, status: str, data: bytes, delay: int) -> None:
        """Bring a reply to its caller; without a path it is sent again as long as the caller waits for it."""
        mq_host, hop, distances = self.wires.mq_host, self._hop, self._distances
        out, back = distances[process.host, mq_host], distances[mq_host, message.sender.host]
        if out is not None and back is not None:
            hop(out + back + delay, answer, message, status, data)
        elif process.alive and message.waiter is not None and not message.waiter.done():
            hop(RETRY_NS, self._carry_back, process, message, status, data, delay)

    def _finish(self, message: Message, _: None, error: BaseException | None) -> None:
        if not message.ctx.periodic:
            self._runtime.busy -= 1
        if error is not None and isinstance(error, Exception):  # what a handler raises was answered: this is a bug of ours
            self._runtime.errors.append(error)

    def _feed(self, consumer: Consumer) -> None:
        """Give a consumer that has a free worker what has waited longest for it, on any topic of its process."""
        others: list[Consumer] = consumer.process.memory["rpc consumers"]
        while consumer.free():
            oldest: tuple[int, deque[Message], Consumer] | None = None
            for each in others:
                for waiting in each.lines:
                    if waiting and (oldest is None or waiting[0].order < oldest[0]):
                        oldest = (waiting[0].order, waiting, each)
            if oldest is None:
                return
            if not self._expired(oldest[1][0]):
                if not self._hand(oldest[2], oldest[1][0], 0):
                    return
                self._waiting -= 1
            oldest[1].popleft()

    def retry(self) -> None:
        """Paths or processes may be back: hand out what waits."""
        if not self._waiting:
            return
        for queue in list(self.queues.values()):
            self._serve(queue)
        for listeners in list(self.fanouts.values()):
            for consumer in list(listeners):
                if consumer.own:
                    self._feed(consumer)

    def _serve(self, queue: Queue) -> None:
        """Hand out what waits in a queue as far as its consumers can take it."""
        while queue.messages:
            if not self._expired(queue.messages[0]):
                if not self._deliver(queue, queue.messages[0], 0):
                    return
                self._waiting -= 1
            queue.messages.popleft()


def _timed_out(message: Message) -> MessagingTimeout:
    return MessagingTimeout(
        f"Timed out waiting for a reply to message ID {message.seq} ({message.method} to {message.topic})"
    )


def answer(message: Message, status: str, data: bytes) -> None:
    """Give a reply to the caller who waits for it."""
    waiter = message.waiter
    if waiter is None or not message.sender.alive:
        return
    if status == "ok":
        give(waiter, data)
    else:
        fault = orjson.loads(data)
        give(waiter, None, rebuild(fault["kind"], fault["message"]))
