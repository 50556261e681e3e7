"""The message queues over time: what the broker says of them now, and what the journal says was published when.

The broker's numbers (depth, unacked, consumers) come from GET queues of a running cloud. A journal knows what was published
into which queue and when, and which calls wait for their answer; how many messages lay in a queue it does not know.
"""

from __future__ import annotations

import itertools
from array import array
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lab.journal import Entry
from lab.watch.film import Film
from lab.watch.reader import Reader

FANOUT = "_fanout"
SAMPLES_MAX = 2_000
RATE_S = 10
"""Seconds of the cloud over which a rate is taken."""
ORDERS = ("name", "busy", "depth")


@dataclass(slots=True)
class Traffic:
    """What the journal says of one queue, of the queues of one fanout together, or of a reply queue."""

    name: str
    exchange: str = ""
    times: array[int] = field(default_factory=lambda: array("q"))
    """When each message was published, in ns."""
    targets: dict[str, None] = field(default_factory=dict)
    last_seq: int = 0
    open: dict[int, None] = field(default_factory=dict)
    """Seqs of calls that wait for their answer."""

    def between(self, start_ns: int, end_ns: int) -> int:
        """How many messages were published in [start, end)."""
        return bisect_left(self.times, end_ns) - bisect_left(self.times, start_ns)


@dataclass(frozen=True, slots=True)
class Queue:
    """A row: numbers that are not known are None."""

    exchange: str
    name: str
    kind: str
    """'queue', 'fanout' (a consumer's own) or 'reply'."""
    consumers: tuple[str, ...]
    depth: int | None
    unacked: int | None
    published: int
    delivered: int | None
    traffic: Traffic

    @property
    def stuck(self) -> bool:
        """Whether messages wait, or go to nobody."""
        return bool(self.depth or self.unacked) or (self.depth is not None and not self.consumers)


class Board(Reader):
    """All queues of a cloud."""

    def __init__(self, film: Film) -> None:
        super().__init__(film, frozenset({"rpc_call", "rpc_cast", "rpc_reply"}))

    def forget(self) -> None:
        """No traffic, and no samples."""
        self.traffic: dict[str, Traffic] = {}
        self._calls: dict[int, str] = {}
        self._told: list[dict[str, Any]] = []
        self.samples: dict[str, list[tuple[int, int, int]]] = {}
        """Name -> (when in ns, depth, unacked) of each answer of the broker."""

    # -- sources ------------------------------------------------------------------------------

    def learn(self, entry: Entry) -> None:
        """Count a message."""
        name = entry.where.partition(" ")[0]
        known = self.traffic.get(name)
        if known is None:
            known = self.traffic[name] = Traffic(name)
        known.exchange = known.exchange or str((entry.note or {}).get("exchange") or "")
        known.times.append(entry.t)
        known.targets[entry.target] = None
        known.last_seq = entry.seq
        if entry.kind == "rpc_call":
            known.open[entry.seq] = None
            self._calls[entry.seq] = name
        elif entry.kind == "rpc_reply":
            asked = self._calls.pop(entry.parent, None)
            if asked is not None:
                self.traffic[asked].open.pop(entry.parent, None)

    def polled(self, answer: Mapping[str, Any], t_ns: int) -> None:
        """Take what the broker answered at this time of the cloud's clock."""
        self._told = list(answer.get("queues", ()))
        for row in self._told:
            points = self.samples.setdefault(row["name"], [])
            if points and points[-1][0] > t_ns:
                points.clear()  # time went back
            if points and points[-1][0] == t_ns:
                points.pop()
            points.append((t_ns, row["depth"], row["unacked"]))
            if len(points) > SAMPLES_MAX:
                del points[: SAMPLES_MAX // 2]

    # -- what is shown ------------------------------------------------------------------------

    @property
    def live(self) -> bool:
        """Whether the broker has been heard."""
        return bool(self._told)

    def rows(self, order: str = "name", unused: bool = False) -> list[Queue]:
        """The queues in an order of ORDERS; those nothing was ever published into only when wanted or stuck."""
        found = [self._of_broker(row) for row in self._told] if self._told else []
        named = {row.name for row in found}
        for name, traffic in self.traffic.items():
            reply = name.startswith("reply_")
            if name not in named and (reply or not self._told):
                kind = "reply" if reply else "fanout" if name.endswith(FANOUT) else "queue"
                targets = tuple(traffic.targets)
                found.append(Queue(traffic.exchange, name, kind, targets, None, None, len(traffic.times), None, traffic))
        if not unused:
            found = [row for row in found if row.published or row.depth or row.unacked]
        kinds = ("queue", "reply", "fanout")
        found.sort(key=lambda row: (kinds.index(row.kind), row.exchange, row.name))
        if order == "busy":
            found.sort(key=lambda row: -row.published)
        elif order == "depth":
            found.sort(key=lambda row: -((row.depth or 0) + (row.unacked or 0)))
        return found

    def _of_broker(self, row: Mapping[str, Any]) -> Queue:
        name = row["name"]
        topic, fanout, _ = name.partition(FANOUT + "_")
        traffic = self.traffic.get(topic + FANOUT if fanout else name) or Traffic(name)
        return Queue(
            row["exchange"], name, "fanout" if fanout else "queue", tuple(row["consumers"]),
            row["depth"], row["unacked"], row["published"], row["delivered"], traffic,
        )

    def published(self, queue: Queue, start_ns: int, end_ns: int, columns: int) -> list[int]:
        """How many messages were published into a queue in each of so many equal parts of a time."""
        edges = [start_ns + (end_ns - start_ns) * i // columns for i in range(columns + 1)]
        at = [bisect_left(queue.traffic.times, edge) for edge in edges]
        return [b - a for a, b in itertools.pairwise(at)]

    def depths(self, queue: Queue, start_ns: int, end_ns: int, columns: int) -> list[int | None]:
        """The most waiting and unacked messages seen in each part; None before the first look.

        Between two looks a queue is taken to stay as it was.
        """
        seen: dict[int, int] = {}
        before: int | None = None
        for t, depth, unacked in self.samples.get(queue.name, ()):
            at = min(columns - 1, (t - start_ns) * columns // max(1, end_ns - start_ns))
            if at < 0:
                before = depth + unacked
            else:
                seen[at] = max(seen.get(at, 0), depth + unacked)
        found = []
        for column in range(columns):
            before = seen.get(column, before)
            found.append(before)
        return found

    def rate(self, queue: Queue, now_ns: int) -> float:
        """Messages in a second of the cloud, over the last RATE_S."""
        return queue.traffic.between(now_ns - RATE_S * 1_000_000_000, now_ns + 1) / RATE_S
