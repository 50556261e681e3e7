"""The in-memory broker: exchanges, queues with visible depth, consumers with bounded workers, fanouts, replies.

As AMQP and oslo.messaging have it: a queue `<topic>` is shared by all consumers of the topic,
`<topic>.<host>` belongs to one, a fanout reaches all. A message is acknowledged when taken, before its
handler runs: a consumer that dies loses what it took; what still lies in a queue survives it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import orjson

from lab.body import encode
from lab.deadlines import Deadlines
from lab.errors import LabError, MessagingTimeout
from lab.medium import Passing, Verdict
from lab.process import CURRENT, Process
from lab.rpc.message import Message, dumpable, rebuild
from lab.rpc.reports import Reports

if TYPE_CHECKING:
    from lab.rpc.client import Handler
    from lab.wires import Wires

RETRY_S = 1.0
"""How often a sender without a path to the broker tries again. Source: oslo.messaging's rabbit_retry_interval."""


class Pool:
    """The RPC workers of one process; `limit` 0 is no limit."""

    __slots__ = ("busy", "limit")

    def __init__(self, limit: int) -> None:
        self.limit, self.busy = limit, 0


class Consumer:
    """One process consuming one topic."""

    __slots__ = ("handlers", "interests", "own", "pool", "process", "queues", "topic")

    def __init__(self, process: Process, topic: str, handlers: dict[str, Handler], pool: Pool) -> None:
        self.process, self.topic, self.handlers, self.pool = process, topic, handlers, pool
        self.queues: list[Queue] = []
        self.own: deque[Message] = deque()
        """Fanout messages that wait for a worker of this consumer."""
        self.interests: dict[str, None] = {}

    def free(self) -> bool:
        """Whether it can take a message now."""
        pool = self.pool
        return self.process.alive and not self.process.hung and (not pool.limit or pool.busy < pool.limit)


class Queue:
    """One queue: messages that wait, and who consumes it."""

    __slots__ = ("consumers", "messages", "name", "turn")

    def __init__(self, name: str) -> None:
        self.name = name
        self.messages: deque[Message] = deque()
        self.consumers: list[Consumer] = []
        self.turn = 0

    def pick(self) -> Consumer | None:
        """The next consumer in turn that can take a message."""
        consumers = self.consumers
        for i in range(len(consumers)):
            consumer = consumers[(self.turn + i) % len(consumers)]
            if consumer.free():
                self.turn = (self.turn + i + 1) % len(consumers)
                return consumer
        return None


class Broker:
    """One cloud's message queue."""

    def __init__(self, wires: Wires) -> None:
        self.wires = wires
        self.queues: dict[str, Queue] = {}
        self.fanouts: dict[str, dict[Consumer, None]] = {}
        self.about: dict[str, dict[str, str]] = {}
        """Topic -> exchange and version, for the journal."""
        self.reports = Reports(wires)
        self._pools: dict[str, Pool] = {}
        self._deadlines: dict[float, Deadlines] = {}
        self._interested: dict[tuple[str, str], dict[Consumer, None]] = {}
        self._open: dict[str, dict[Consumer, None]] = {}
        """Listeners of fanouts that never declared an interest: they get everything."""
        self._targets: dict[str, str] = {}
        self._order = 0
        self._waiting = 0
        """Messages in all lines together: mostly none, and then a worker that gets free need not look."""

    # -- consuming ----------------------------------------------------------------------------

    def serve(
        self,
        process: Process,
        topic: str,
        handlers: dict[str, Handler],
        *,
        host: str | None,
        fanout: bool,
        exchange: str,
        version: str,
        workers: int | None,
    ) -> None:
        """Register a consumer; it is taken off when its process ends."""
        limit = workers if workers is not None else self.wires.medium.workers(process.binary, "rpc")
        pool = process.memory.setdefault("rpc pool", Pool(limit))
        consumer = Consumer(process, topic, handlers, pool)
        process.memory.setdefault("rpc consumers", []).append(consumer)
        self.about.setdefault(topic, {"exchange": exchange, "version": version})
        for name in (topic, f"{topic}.{host}" if host else ""):
            if name:
                queue = self.queue(name)
                queue.consumers.append(consumer)
                consumer.queues.append(queue)
        if fanout:
            self.fanouts.setdefault(topic, {})[consumer] = None
            self._open.setdefault(topic, {})[consumer] = None
            self._targets.pop(topic, None)
        process.at_end(partial(self._leave, consumer))
        for queue in consumer.queues:
            if queue.messages:
                self.wires.runtime.hop(0, self._feed, consumer)

    def _leave(self, consumer: Consumer) -> None:
        for queue in consumer.queues:
            queue.consumers.remove(consumer)
        self.fanouts.get(consumer.topic, {}).pop(consumer, None)
        self._open.get(consumer.topic, {}).pop(consumer, None)
        self._targets.pop(consumer.topic, None)
        for key in consumer.interests:
            self._interested.get((consumer.topic, key), {}).pop(consumer, None)

    def interest(self, process: Process, topic: str, key: str, wanted: bool) -> None:
        """Declare or drop a consumer's interest in fanouts under a key."""
        for consumer in process.memory.get("rpc consumers", ()):
            if consumer.topic != topic:
                continue
            self._open.get(topic, {}).pop(consumer, None)
            if wanted:
                consumer.interests[key] = None
                self._interested.setdefault((topic, key), {})[consumer] = None
            else:
                consumer.interests.pop(key, None)
                self._interested.get((topic, key), {}).pop(consumer, None)

    def queue(self, name: str) -> Queue:
        """The queue of that name, declared at its first use."""
        queue = self.queues.get(name)
        if queue is None:
            queue = self.queues[name] = Queue(name)
        return queue

    def depths(self) -> dict[str, int]:
        """How many messages lie in each queue."""
        return {name: len(queue.messages) for name, queue in self.queues.items()}

    def deadlines(self, seconds: float) -> Deadlines:
        """The timeout queue of that length."""
        found = self._deadlines.get(seconds)
        if found is None:
            found = self._deadlines[seconds] = Deadlines(self.wires.runtime, seconds, _timed_out)
        return found

    # -- publishing ---------------------------------------------------------------------------

    def publish(self, message: Message) -> None:
        """Journal a call or cast and put it on its way to its queue."""
        queue = self.queue(message.topic)
        consumers = queue.consumers
        if consumers:
            first = consumers[0].process
            target = first.name if "." in message.topic or len(consumers) == 1 else first.binary
        else:
            target = message.topic
        self._journal(message, target, message.topic)
        verdict = self._judge(message, target, message.topic)
        if verdict is not None:
            if verdict.drop:
                return
            self._later(verdict.delay_ns, message, queue, verdict)
            for _ in range(verdict.copies):
                self._later(verdict.delay_ns, message, queue, None)
            return
        self._enqueue(message, queue, None)

    def _later(self, delay_ns: int, message: Message, queue: Queue, verdict: Verdict | None) -> None:
        if delay_ns:
            self.wires.runtime.hop(delay_ns, self._enqueue, message, queue, verdict)
        else:
            self._enqueue(message, queue, verdict)

    def _journal(self, message: Message, target: str, where: str) -> None:
        wires, ctx = self.wires, message.ctx
        self._order += 1
        message.order = self._order
        message.sent_ns = wires.runtime.now_ns()
        message.seq = wires.journal.add(
            message.kind,
            message.sender.name,
            target,
            message.display,
            where,
            "",
            0,
            ctx.request_id,
            ctx.cause,
            message.body,
            self.about.get(message.topic.split(".", 1)[0]) or self.about.get(message.topic),
        )

    def _judge(self, message: Message, target: str, where: str) -> Verdict | None:
        interference = self.wires.interference
        if interference is None:
            return None
        return interference.judge(
            Passing(message.kind, message.sender.name, target, message.display, where, message.seq)
        )

    def _enqueue(self, message: Message, queue: Queue, verdict: Verdict | None) -> None:
        wires = self.wires
        distance = wires.medium.latency(message.sender.host, wires.mq_host)
        if distance is None:
            if message.sender.alive:
                wires.runtime.hop(round(RETRY_S * 1e9), self._enqueue, message, queue, verdict)
            return
        if not queue.messages:
            consumer = queue.pick()
            if consumer is not None and self._hand(consumer, message, distance, verdict):
                return
        self._wait(queue.messages, message)

    def _wait(self, line: deque[Message], message: Message) -> None:
        line.append(message)
        self._waiting += 1

    def fanout(self, message: Message, keys: Sequence[str] | None) -> None:
        """Journal a fanout once and bring it to those who listen."""
        if keys is None:
            woken = list(self.fanouts.get(message.topic, ()))
        else:
            found = {c: None for key in keys for c in self._interested.get((message.topic, key), ())}
            woken = [*found, *self._open.get(message.topic, ())]
        target = self._targets.get(message.topic) or self._fanout_target(message.topic)
        where = f"{message.topic}_fanout fanout"
        self._journal(message, target, where)
        verdict = self._judge(message, target, where)
        if verdict is not None and verdict.drop:
            return
        wires = self.wires
        distance = wires.medium.latency(message.sender.host, wires.mq_host)
        if distance is None:
            return
        for consumer in woken:
            delay = distance + (verdict.delay_ns if verdict is not None else 0)
            for _ in range(1 + (verdict.copies if verdict is not None else 0)):
                if not (consumer.free() and self._hand(consumer, message, delay, verdict)):
                    self._wait(consumer.own, message)

    def _fanout_target(self, topic: str) -> str:
        """What the journal calls the listeners of a topic together; kept until one joins or leaves."""
        binaries = list(dict.fromkeys(c.process.binary for c in self.fanouts.get(topic, ())))
        first = binaries[0] if binaries else topic
        self._targets[topic] = target = first if len(binaries) < 2 else f"{first.split('-')[0]} agents"
        return target

    # -- handling -----------------------------------------------------------------------------

    def _hand(self, consumer: Consumer, message: Message, distance: int, verdict: Verdict | None) -> bool:
        """Give the message to a free consumer, if there is a path to it; its worker is taken now."""
        wires, process = self.wires, consumer.process
        onward = wires.medium.latency(wires.mq_host, process.host)
        if onward is None:
            return False
        consumer.pool.busy += 1
        if not message.ctx.periodic:
            wires.runtime.busy += 1
        way = distance + onward
        work = wires.medium.work(process.binary, message.display)
        wires.runtime.hop(way + work, self._begin, consumer, message, wires.runtime.now_ns() + way, verdict)
        return True

    def _begin(self, consumer: Consumer, message: Message, taken_ns: int, verdict: Verdict | None) -> None:
        process = consumer.process
        # The worker is free for the next message while this one's handler waits for others, as with green threads:
        # held until the end, two calls that need a worker of their own caller would wait for each other for ever.
        consumer.pool.busy -= 1
        if verdict is not None and verdict.before is not None:
            verdict.before(process.name)
        if not process.alive:
            if not message.ctx.periodic:
                self.wires.runtime.busy -= 1
            if process.ended_ns < taken_ns:
                # It died while the message was on its way: nobody took it, so it lies in its queue.
                self._wait(self.queue(message.topic).messages, message)
            return
        process.handle(
            self._handle(consumer, message, verdict), message.method, partial(self._finish, message)
        )
        self._feed(consumer)

    async def _handle(self, consumer: Consumer, message: Message, verdict: Verdict | None) -> None:
        process = consumer.process
        ctx = message.ctx.at(message.seq)
        CURRENT.set(ctx)
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
        wires, sender, ctx = self.wires, message.sender, message.ctx
        now = wires.runtime.now_ns()
        seq = wires.journal.add(
            "rpc_reply",
            process.name,
            sender.name,
            message.display,
            f"reply_{sender.binary}",
            status,
            now - message.sent_ns,
            ctx.request_id,
            message.seq,
            data,
        )
        delay = 0
        if wires.interference is not None:
            passing = Passing("rpc_reply", process.name, sender.name, message.display, f"reply_{sender.binary}", seq)
            verdict = wires.interference.judge(passing)
            if verdict is not None:
                if verdict.drop:
                    return
                delay = verdict.delay_ns
        out = wires.medium.latency(process.host, wires.mq_host)
        back = wires.medium.latency(wires.mq_host, sender.host)
        if out is not None and back is not None:
            wires.runtime.hop(out + back + delay, _answer, message, status, data)

    def _finish(self, message: Message, error: BaseException | None) -> None:
        if not message.ctx.periodic:
            self.wires.runtime.busy -= 1

    def _feed(self, consumer: Consumer) -> None:
        """Give a consumer that has a free worker what has waited longest for it, on any topic of its process."""
        if not self._waiting:
            return
        others: list[Consumer] = consumer.process.memory["rpc consumers"]
        while consumer.free():
            oldest: tuple[int, deque[Message], Consumer] | None = None
            for each in others:
                for waiting in (each.own, *(q.messages for q in each.queues)):
                    if waiting and (oldest is None or waiting[0].order < oldest[0]):
                        oldest = (waiting[0].order, waiting, each)
            if oldest is None or not self._hand(oldest[2], oldest[1][0], 0, None):
                return
            oldest[1].popleft()
            self._waiting -= 1

    def retry(self) -> None:
        """Paths or processes may be back: hand out what waits."""
        for queue in list(self.queues.values()):
            while queue.messages:
                consumer = queue.pick()
                if consumer is None or not self._hand(consumer, queue.messages[0], 0, None):
                    break
                queue.messages.popleft()
                self._waiting -= 1


def _timed_out(message: Message) -> MessagingTimeout:
    return MessagingTimeout(
        f"Timed out waiting for a reply to message ID {message.seq} ({message.method} to {message.topic})"
    )


def _answer(message: Message, status: str, data: bytes) -> None:
    waiter = message.waiter
    if waiter is None or waiter.done() or not message.sender.alive:
        return
    if status == "ok":
        waiter.set_result(data)
    else:
        fault = orjson.loads(data)
        waiter.set_exception(rebuild(fault["kind"], fault["message"]))
