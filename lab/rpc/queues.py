"""The message queues as a person sees them: what lies in each, what went through it, and who takes it."""

from __future__ import annotations

from typing import Any

from lab.rpc.broker import Broker
from lab.rpc.consumers import Consumer, Queue


def queues(broker: Broker) -> list[dict[str, Any]]:
    """All queues, those of fanouts after the others; numbers are of messages.

    published came in; depth of them wait; delivered went out to a consumer; unacked of those are not taken yet, on their
    way or at a process that hangs. A fanout's queue is its consumer's own and goes with it.
    """
    found = [
        _row(broker, queue.name, queue, len(queue.messages), list({c.process.name: None for c in queue.consumers}))
        for queue in broker.queues.values()
    ]
    for topic, consumers in broker.fanouts.items():
        for consumer in consumers:
            process = consumer.process
            name = f"{topic}_fanout_{process.name}"
            found.append(_row(broker, name, consumer, len(consumer.own), [process.name], topic))
    return found


def _row(
    broker: Broker, name: str, counted: Queue | Consumer, depth: int, consumers: list[str], topic: str = ""
) -> dict[str, Any]:
    about = broker.about.get(topic or name) or broker.about.get(name.split(".", 1)[0]) or {}
    delivered = counted.published - depth
    return {
        "exchange": about.get("exchange", ""),
        "name": name,
        "consumers": consumers,
        "depth": depth,
        "unacked": delivered - counted.taken,
        "published": counted.published,
        "delivered": delivered,
    }
