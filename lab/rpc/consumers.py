"""Who consumes what: the workers of a process, its consumers, and the queues that they share."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from lab.process import Process
from lab.rpc.message import Message

if TYPE_CHECKING:
    from lab.rpc.client import Handler


class Pool:
    """The RPC workers of one process; given 0 their number has no limit."""

    __slots__ = ("busy", "limit")

    def __init__(self, limit: int) -> None:
        self.limit, self.busy = limit or sys.maxsize, 0


class Consumer:
    """One process consuming one topic."""

    __slots__ = ("handlers", "interests", "lines", "own", "paces", "pool", "process", "published", "queues", "taken", "topic")

    def __init__(self, process: Process, topic: str, handlers: dict[str, Handler], pool: Pool) -> None:
        self.process, self.topic, self.handlers, self.pool = process, topic, handlers, pool
        self.queues: list[Queue] = []
        self.paces: dict[str, Callable[[], int]] = {}
        """How long each kind of message holds a worker, by the name that the journal shows."""
        self.own: deque[Message] = deque()
        """Fanout messages that wait for a worker of this consumer."""
        self.lines = [self.own]
        """All lines that it takes from: its own, and those of its queues."""
        self.interests: dict[str, None] = {}
        self.published = self.taken = 0
        """Fanout messages that came for it, and those that it took."""

    def free(self) -> bool:
        """Whether it can take a message now."""
        pool, process = self.pool, self.process
        return pool.busy < pool.limit and process.alive and not process.hung


class Queue:
    """One queue: messages that wait, and who consumes it."""

    __slots__ = ("consumers", "messages", "name", "published", "taken", "target", "turn")

    def __init__(self, name: str) -> None:
        self.name = self.target = name
        """The target is what the journal calls those who take from it."""
        self.messages: deque[Message] = deque()
        self.consumers: list[Consumer] = []
        self.turn = 0
        self.published = self.taken = 0
        """Messages that came in, and those that a consumer took or that expired: what is neither taken nor waits is on its way."""

    def join(self, consumer: Consumer) -> None:
        """Let a consumer take from it."""
        self.consumers.append(consumer)
        consumer.lines.append(self.messages)
        consumer.queues.append(self)
        self._name_target()

    def leave(self, consumer: Consumer) -> None:
        """Take a consumer off."""
        self.consumers.remove(consumer)
        self.turn = 0 if self.turn >= len(self.consumers) else self.turn
        self._name_target()

    def _name_target(self) -> None:
        if not self.consumers:
            self.target = self.name
            return
        first = self.consumers[0].process
        self.target = first.name if len(self.consumers) == 1 or "." in self.name else first.binary
