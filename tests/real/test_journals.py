"""The journals of several programs as one, over RabbitMQ: the same story as in a single program."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from lab.journal import Entry, Journal
from lab.realtime import RealRuntime
from lab.rpc.shipping import Collector
from lab.wires import Wires
from sim.loop import SimLoop
from tests.contracts.bus import CTX, Bus
from tests.contracts.test_bus import InMemory
from tests.real.bed.amqp_bus import OnRabbitMQ
from tests.real.bed.rabbitmq import RabbitMQ, rabbitmq

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def server() -> Iterator[RabbitMQ]:
    with rabbitmq() as running:
        yield running


async def story(bus: Bus) -> None:
    """A request that goes through three processes, and a fanout."""
    client = await bus.start("nova-api", "c1")
    await bus.worker("h1", topic="first", fanout=True)
    await bus.worker("h2", topic="second", fanout=True)
    await client.rpc.call(CTX, "first", "ask_back", {"topic": "second", "x": 1})
    client.rpc.cast(CTX, "second.h2", "who", {})
    await bus.until(lambda: len(bus.seen) == 2)
    client.rpc.fanout(CTX, "first", "make", {"name": "all"})
    await bus.until(lambda: len(bus.seen) == 3)


def spine(journal: Journal) -> list[tuple[Any, ...]]:
    """What is the same in every world."""
    rows = [e for e in journal.since() if e.request_id]
    place = {e.seq: i for i, e in enumerate(rows)}
    return [(e.kind, e.source, e.target, e.name, e.where, e.status, e.note, e.body, place.get(e.parent)) for e in rows]


def simulated() -> list[tuple[Any, ...]]:
    loop = SimLoop(1)
    wires = Wires(loop.runtime)
    try:
        loop.run_until_complete(story(InMemory(wires)))
        return spine(wires.journal)
    finally:
        loop.close()


def test_three_programs_tell_one_story_and_it_is_that_of_a_single_program(server: RabbitMQ) -> None:
    async def main() -> None:
        bus = OnRabbitMQ(server.url, ship=True)
        try:
            ears = await bus.start("glasscloud", "c1")
            collector = Collector(bus.broker(bus.wires(ears.name)))
            await story(bus)
            expected = simulated()
            await bus.until(lambda: len(spine(collector.journal)) >= len(expected))
            assert spine(collector.journal) == expected
            rows: list[Entry] = list(collector.journal.since())
            assert [e.seq for e in rows] == list(range(1, len(rows) + 1))
            assert [e.t for e in rows] == sorted(e.t for e in rows)
            found = {row["name"]: row for row in await collector.queues()}
            assert (found["second.h2"]["consumers"], found["second.h2"]["published"]) == (["nova-conductor@h2"], 1)
            names = ("nova-api@c1", "nova-conductor@h1", "nova-conductor@h2", "glasscloud@c1")
            assert {p["name"]: p["state"] for p in collector.processes()} == dict.fromkeys(names, "up")
            collector.close()
        finally:
            await bus.close()

    asyncio.run(main())


def test_what_was_shipped_before_the_collector_came_waits_for_it(server: RabbitMQ) -> None:
    async def main() -> None:
        bus = OnRabbitMQ(server.url, ship=True)
        try:
            client = await bus.start("nova-api", "c1")
            client.log(CTX, "early")
            await asyncio.sleep(0.2)
            ears = await bus.start("glasscloud", "c1")
            collector = Collector(bus.broker(bus.wires(ears.name)))
            await bus.until(lambda: [e for e in collector.journal.since() if e.name == "early"])
            await asyncio.sleep(0.5)  # time to come twice
            assert [e.name for e in collector.journal.since()].count("early") == 1
            collector.close()
        finally:
            await bus.close()

    asyncio.run(main())


def test_the_runtime_of_each_program_has_numbers_of_its_own() -> None:
    async def main() -> None:
        from lab.rpc.amqp import over

        firsts = {Wires(RealRuntime(), make_broker=over("amqp://localhost")).journal.first for _ in range(50)}
        assert len(firsts) == 50

    asyncio.run(main())
