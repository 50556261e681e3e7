"""Who takes from which queue and hears which fanout: consumers join with their process and leave when it ends."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import partial
from typing import TYPE_CHECKING

from lab.process import Process
from lab.rpc.consumers import Consumer, Pool, Queue

if TYPE_CHECKING:
    from lab.rpc.client import Handler
    from lab.wires import Wires


class Listeners(ABC):
    """The queues and consumers of one cloud."""

    def __init__(self, wires: Wires) -> None:
        self.wires = wires
        self.queues: dict[str, Queue] = {}
        self.fanouts: dict[str, dict[Consumer, None]] = {}
        self.about: dict[str, dict[str, str]] = {}
        """Topic -> exchange and version, for the journal."""
        self._interested: dict[tuple[str, str], dict[Consumer, None]] = {}
        self._open: dict[str, dict[Consumer, None]] = {}
        """Listeners of fanouts that never declared an interest: they get everything."""
        self._targets: dict[str, str] = {}
        """What the journal calls the listeners of a fanout."""
        self._notes: dict[str, dict[str, str] | None] = {}
        """What the journal notes of a message by its topic."""
        self._waiting = 0
        """Messages in all lines together: mostly none, and then a worker that gets free need not look."""

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
        self._notes.clear()
        for name in (topic, f"{topic}.{host}" if host else ""):
            if name:
                self.queue(name).join(consumer)
        if fanout:
            self.fanouts.setdefault(topic, {})[consumer] = None
            self._open.setdefault(topic, {})[consumer] = None
            self._targets.pop(topic, None)
        process.at_end(partial(self._leave, consumer))
        self._joined(consumer, fanout)

    @abstractmethod
    def _joined(self, consumer: Consumer, fanout: bool) -> None:
        """A new consumer: hand it what lies in its queues already."""

    def _leave(self, consumer: Consumer) -> None:
        for queue in consumer.queues:
            queue.leave(consumer)
        self._waiting -= len(consumer.own)  # a fanout's queue goes with its listener
        consumer.own.clear()
        self.fanouts.get(consumer.topic, {}).pop(consumer, None)
        self._open.get(consumer.topic, {}).pop(consumer, None)
        self._targets.pop(consumer.topic, None)
        for key in consumer.interests:
            self._uninterested(consumer, key)

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
                self._uninterested(consumer, key)

    def _uninterested(self, consumer: Consumer, key: str) -> None:
        who = self._interested.get((consumer.topic, key), {})
        who.pop(consumer, None)
        if not who:
            self._interested.pop((consumer.topic, key), None)

    def queue(self, name: str) -> Queue:
        """The queue of that name, declared at its first use."""
        queue = self.queues.get(name)
        if queue is None:
            queue = self.queues[name] = Queue(name)
        return queue

    def depths(self) -> dict[str, int]:
        """How many messages lie in each queue."""
        return {name: len(queue.messages) for name, queue in self.queues.items()}
