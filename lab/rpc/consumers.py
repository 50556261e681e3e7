"""Who consumes what: the workers of a process, its consumers, and the queues that they share."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from lab.process import Process
from lab.rpc.message import Message

if TYPE_CHECKING:
    from lab.rpc.client import Handler


class Pool:
    """The RPC workers of one process; `limit` 0 is no limit."""

    __slots__ = ("busy", "limit")

    def __init__(self, limit: int) -> None:
        self.limit, self.busy = limit, 0


class Consumer:
    """One process consuming one topic."""

    __slots__ = ("handlers", "interests", "own", "paces", "pool", "process", "published", "queues", "taken", "topic")

    def __init__(self, process: Process, topic: str, handlers: dict[str, Handler], pool: Pool) -> None:
        self.process, self.topic, self.handlers, self.pool = process, topic, handlers, pool
        self.queues: list[Queue] = []
        self.paces: dict[str, Callable[[], int]] = {}
        """How long each kind of message holds a worker, by the name that the journal shows."""
        self.own: deque[Message] = deque()
        """Fanout messages that wait for a worker of this consumer."""
        self.interests: dict[str, None] = {}
        self.published = self.taken = 0
        """Fanout messages that came for it, and those that it took."""

    def free(self) -> bool:
        """Whether it can take a message now."""
        pool = self.pool
        return self.process.alive and not self.process.hung and (not pool.limit or pool.busy < pool.limit)


class Queue:
    """One queue: messages that wait, and who consumes it."""

    __slots__ = ("consumers", "messages", "name", "published", "taken", "turn")

    def __init__(self, name: str) -> None:
        self.name = name
        self.messages: deque[Message] = deque()
        self.consumers: list[Consumer] = []
        self.turn = 0
        self.published = self.taken = 0
        """Messages that came in, and those that a consumer took: what is neither taken nor waits is on its way."""
