"""What lies in a queue, who waits for its answer, and errors on their way back."""

from __future__ import annotations

import asyncio
from copy import copy
from typing import TYPE_CHECKING, Any

from lab.context import Context
from lab.errors import LabError, RemoteError
from lab.medium import Verdict

if TYPE_CHECKING:
    from lab.process import Process


class Message:
    """One message: encoded once by its sender; `order` is its place in time among all messages.

    A call lies in a queue for no longer than `timeout_ns`, the time its caller waits, and is gone then: `expires_ns`. A cast stays.
    Source: `_publish` of oslo.messaging's rabbit driver gives the timeout as expiration.
    """

    __slots__ = (
        "body",
        "ctx",
        "display",
        "expires_ns",
        "fanout",
        "kind",
        "method",
        "order",
        "sender",
        "sent_ns",
        "seq",
        "timeout_ns",
        "topic",
        "verdict",
        "waiter",
    )

    def __init__(
        self, kind: str, topic: str, method: str, body: bytes, ctx: Context, sender: Process, display: str
    ) -> None:
        self.kind, self.topic, self.method, self.body, self.ctx, self.sender = kind, topic, method, body, ctx, sender
        self.display = display
        self.seq = self.order = self.sent_ns = self.timeout_ns = self.expires_ns = 0
        self.waiter: asyncio.Future[bytes] | None = None
        """Where the caller waits for the reply; None for casts."""
        self.verdict: Verdict | None = None
        """What interference does to it, wherever it waits."""
        self.fanout = False

    def twin(self) -> Message:
        """The same message a second time, by a fault."""
        twin = copy(self)
        twin.verdict = None
        return twin


def dumpable(value: Any) -> Any:
    """Turn what JSON does not know into what it does: records into dicts, tuples and sets into lists."""
    dump = getattr(value, "dump", None)
    if dump is not None:
        return dump()
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} cannot travel in a message; send JSON values or records")


def error_classes() -> dict[str, type[LabError]]:
    """All error classes by name, the rooms' own ones too."""
    found: dict[str, type[LabError]] = {}
    todo: list[type[LabError]] = [LabError]
    while todo:
        cls = todo.pop()
        found.setdefault(cls.__name__, cls)
        todo.extend(cls.__subclasses__())
    return found


def rebuild(kind: str, text: str) -> LabError:
    """The error that a reply carries, as its own class when that is known here."""
    cls = error_classes().get(kind)
    if cls is None:
        return RemoteError(kind, text)
    error = cls.__new__(cls)
    Exception.__init__(error, text)
    error.args = (text,)
    return error
