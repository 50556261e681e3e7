"""The journals of many programs over RabbitMQ to the one that shows them all.

A program ships what it wrote in batches, after the fact and never in the way of the work. What it had not shipped when it was
killed is lost with it; what came of that is told without its cause.
"""

from __future__ import annotations

from typing import Any

from lab.far import epoch_ns
from lab.journal import Entry, Journal
from lab.journal.merge import WINDOW_NS, Merger, Row, pack, unpack
from lab.journal.naming import Names
from lab.rpc.amqp import AmqpBroker
from lab.rpc.amqp_link import Delivery
from lab.runtime import NANOSECOND, Handle

BATCH_NS = NANOSECOND * 3 // 20
PULSE_NS = 5 * NANOSECOND
"""A program with nothing to tell says so as often: who is silent for three times as long is dead."""
_T = Entry._fields.index("t")


class Shipper:
    """Sends the journal of this program."""

    def __init__(self, broker: AmqpBroker) -> None:
        self.broker, self.wires = broker, broker.wires
        self._entries: list[Entry] = []
        self._told: dict[str, Any] = {}
        self._timer: Handle | None = None
        self._pulse: Handle | None = None
        self._leave = self.wires.journal.subscribe(self._take)
        self._entries.extend(self.wires.journal.since())
        self._beat()

    def _take(self, entry: Entry) -> None:
        self._entries.append(entry)
        if self._timer is None:
            self._timer = self.wires.runtime.after(BATCH_NS, self._send)

    def _beat(self) -> None:
        self._told = {}  # all of it again: a collector that started anew knows nothing
        if self._timer is None:
            self._send()
        self._pulse = self.wires.runtime.after(PULSE_NS, self._beat)

    def _send(self) -> None:
        self._timer = None
        entries, self._entries = self._entries, []
        payload = pack(entries, {"from": self.broker.id, "epoch_ns": epoch_ns(self.wires.runtime.epoch), **self._news()})
        self.broker.ship(payload)

    def _news(self) -> dict[str, Any]:
        """What this program says of itself, as far as that is new."""
        told = describe(self.broker)
        news = {key: value for key, value in told.items() if self._told.get(key) != value}
        self._told = told
        return news

    def close(self) -> None:
        """Send the rest; the journal is not followed any more."""
        self._leave()
        for timer in (self._timer, self._pulse):
            if timer is not None:
                timer.cancel()
        self._send()


class Collector:
    """Merges what all programs ship, its own program's entries among them, into `journal`."""

    def __init__(self, broker: AmqpBroker, journal: Journal | None = None) -> None:
        self.broker, self.wires = broker, broker.wires
        self.journal = journal or Journal(self.wires.runtime)
        self.names = Names()
        self.programs: dict[str, dict[str, Any]] = {}
        """By id: 'processes' (name to life), 'counts' (queue to published and taken), 'heard_ns'."""
        self._merger = Merger(self.journal, self.names.finish)
        self._timer: Handle | None = None
        self._epoch_ns = epoch_ns(self.wires.runtime.epoch)
        self._leave = self.wires.journal.subscribe(self._put)
        for entry in self.wires.journal.since():
            self._put(entry)
        broker.collect(self._came)

    def _came(self, delivery: Delivery) -> None:
        try:
            head, rows = unpack(delivery.payload)
            sender, shift = head["from"], head["epoch_ns"] - self._epoch_ns
        except (ValueError, KeyError, TypeError):
            return  # none of ours
        if sender == self.broker.id:
            return
        self._learn(sender, head)
        for row in rows:
            if (row[2], row[5]) != ("world", "epoch"):  # the merged journal begins with one of its own
                self._put((*row[:_T], row[_T] + shift, *row[_T + 1 :]))

    def _learn(self, sender: str, head: dict[str, Any]) -> None:
        self.names.learn(head)
        program = self.programs.setdefault(sender, {"processes": {}, "counts": {}})
        program["heard_ns"] = self.wires.runtime.now_ns()
        for key in ("processes", "counts"):
            program[key].update(head.get(key, {}))

    def _put(self, row: Row) -> None:
        self._merger.put(row)
        if self._timer is None:
            self._timer = self.wires.runtime.after(WINDOW_NS // 4, self._release)

    def _release(self) -> None:
        self._learn(self.broker.id, describe(self.broker))
        self._merger.release(self.wires.runtime.now_ns() - WINDOW_NS)
        self._timer = self.wires.runtime.after(WINDOW_NS // 4, self._release) if self._merger.waiting else None

    # -- what it knows of the programs --------------------------------------------------------

    def processes(self) -> list[dict[str, Any]]:
        """All processes of the cloud, the newest life of each, and whether their program was heard of lately."""
        now, found = self.wires.runtime.now_ns(), {}
        for program in sorted(self.programs.values(), key=lambda each: each["heard_ns"]):
            up = now - program["heard_ns"] < 3 * PULSE_NS
            for name, life in program["processes"].items():
                state = "up" if up and life else "dead"
                found[name] = {"name": name, "host": name.partition("@")[2], "state": state, "life": life or 1}
        return list(found.values())

    async def queues(self) -> list[dict[str, Any]]:
        """All queues as `lab.rpc.queues` tells them; their depths are RabbitMQ's."""
        found = []
        for name, consumers in sorted(self.names.queues.items()):
            counts = [program["counts"].get(name, (0, 0)) for program in self.programs.values()]
            published, taken = (sum(count[i] for count in counts) for i in (0, 1))
            depth = await self.broker.link.depth(name) or 0
            about = self.names.about.get(name) or self.names.about.get(name.partition(".")[0]) or {}
            delivered = max(taken, published - depth)
            found.append({
                "exchange": about.get("exchange", ""), "name": name, "consumers": list(consumers), "depth": depth,
                "unacked": delivered - taken, "published": published, "delivered": delivered,
            })  # fmt: skip
        return found

    def close(self) -> None:
        """Write all that waits, and collect no more."""
        self._leave()
        if self._timer is not None:
            self._timer.cancel()
        self._merger.release(self.wires.runtime.now_ns())


def describe(broker: AmqpBroker) -> dict[str, Any]:
    """Who here consumes and serves what, and how many messages went through: what other programs cannot see."""
    fanouts = {topic: [c.process.name for c in consumers] for topic, consumers in broker.fanouts.items() if consumers}
    return {
        "queues": {name: [c.process.name for c in queue.consumers] for name, queue in broker.queues.items() if queue.consumers},
        "fanouts": fanouts,
        "services": {service: [x.process.name for x in found] for service, found in broker.wires.router.listeners.items() if found},
        "about": dict(broker.about),
        "processes": {p.name: p.life if p.alive else 0 for p in broker.wires.processes.values()},
        "counts": {name: [queue.published, queue.taken] for name, queue in broker.queues.items()},
    }
