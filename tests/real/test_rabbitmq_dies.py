"""What a message queue over RabbitMQ survives: kill -9 of the server and of a consumer, and what others put into its queues."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from lab.errors import LabError, Unreachable
from lab.rpc import amqp_link, amqp_wire
from lab.rpc.amqp_link import WINDOW, Link, Parcel
from lab.rpc.amqp_stream import TRANSIENT
from tests.contracts.bus import CTX
from tests.real.bed.amqp_bus import OnRabbitMQ
from tests.real.bed.cut import Cut, Cutter
from tests.real.bed.rabbitmq import RabbitMQ, rabbitmq

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]

TURNS = 15


@pytest.fixture(scope="module")
def server() -> Iterator[RabbitMQ]:
    with rabbitmq() as running:
        yield running


@pytest.mark.slow  # the short one is in test_programs.py
def test_after_kill_9_of_rabbitmq_all_goes_on_and_nothing_is_lost_or_doubled(server: RabbitMQ) -> None:
    async def main() -> None:
        bus = OnRabbitMQ(server.url)
        try:
            client = await bus.start("nova-api", "c1")
            await bus.worker("h1", fanout=True)
            client.rpc.cast(CTX, "conductor.later", "make", {"name": "kept on disk"})
            await bus.settled()
            asked = asyncio.ensure_future(client.rpc.call(CTX, "conductor", "slow", {"seconds": 3}, timeout=40))
            await bus.until(lambda: bus.seen)
            sent = 0
            for _ in range(2):
                for _ in range(50):
                    client.rpc.cast(CTX, "conductor", "make", {"name": sent})
                    sent += 1
                server.kill()  # some of these were taken, some lie in the server, some never reached it
                for _ in range(2 * WINDOW):
                    client.rpc.cast(CTX, "conductor", "make", {"name": sent})
                    sent += 1
                client.rpc.fanout(CTX, "conductor", "get", {"x": "told to all"})
                called = asyncio.ensure_future(client.rpc.call(CTX, "conductor", "get", {"x": "asked while it was down"}, timeout=40))
                await asyncio.to_thread(server.start)
                assert (await called)["by"] == "h1"
            assert await asked == "awake"
            await bus.until(lambda: len([1 for _, method, _ in bus.seen if method == "make"]) >= sent)
            await bus.quiet()
            assert [name for _, method, name in bus.seen if method == "make"] == list(range(sent))
            assert [x for _, method, x in bus.seen if method == "get"].count("told to all") == 2
            await bus.worker("later")
            await bus.until(lambda: ("later", "make", "kept on disk") in bus.seen)
            assert len(broke(bus, client.name)) == 2
        finally:
            await bus.close()

    asyncio.run(main())


@pytest.mark.slow
def test_what_is_sent_to_is_declared_before_however_much_is_on_its_way_and_again_after_a_break(server: RabbitMQ) -> None:
    """RabbitMQ closes the connection of who sends to an exchange that is not there."""

    async def main() -> None:
        bus = OnRabbitMQ(server.url)
        try:
            client = await bus.start("nova-api", "c1")
            await bus.worker("h1")

            async def send_to_new_ones(when: str) -> None:
                for number in range(40):
                    client.rpc.cast(CTX, "conductor", "make", {"name": f"{when} {number}"})
                    client.rpc.fanout(CTX, f"nobody.{when}.{number}", "get", {"x": number})
                    if number % 4 == 0:
                        await asyncio.sleep(0.001)  # confirmations come between

            await send_to_new_ones("up")
            await bus.until(lambda: ("h1", "make", "up 39") in bus.seen)
            assert broke(bus, client.name) == []
            server.kill()
            await bus.until(lambda: broke(bus, client.name))
            await send_to_new_ones("down")
            await asyncio.to_thread(server.start)
            await bus.until(lambda: ("h1", "make", "down 39") in bus.seen)
            assert len(broke(bus, client.name)) == 1
            made = [name for _, method, name in bus.seen if method == "make"]
            assert made == [f"{when} {number}" for when in ("up", "down") for number in range(40)]
        finally:
            await bus.close()

    asyncio.run(main())


@pytest.mark.parametrize("of_server", [True, False])
def test_however_a_connection_is_cut_all_comes_once_and_in_order(
    server: RabbitMQ, monkeypatch: pytest.MonkeyPatch, of_server: bool
) -> None:
    monkeypatch.setattr(amqp_link, "BACKOFF_S", (0.005, 0.01))
    dice = random.Random(of_server)

    async def main() -> None:
        bus, cutters = OnRabbitMQ(server.url), [Cutter(server.port), Cutter(server.port)]
        try:
            bus.url = server.url.replace(f":{server.port}/", f":{await cutters[0].open()}/")
            client = await bus.start("nova-api", "c1")
            bus.url = server.url.replace(f":{server.port}/", f":{await cutters[1].open()}/")
            await bus.worker("h1")
            sent: list[str] = []
            for turn in range(TURNS):
                cutter = dice.choice(cutters)
                cutter.cuts.append(Cut(of_server, dice.randrange(1, 2500), dice.random() < 0.5))
                cutter.cut()
                for _ in range(dice.randrange(1, 20)):
                    sent.append(f"{len(sent)}" + "." * dice.choice((0, 0, 0, 3000, 140_000)))  # some longer than a frame
                    client.rpc.cast(CTX, "conductor", "make", {"name": sent[-1]})
                    await asyncio.sleep(dice.choice((0, 0.002)))
                assert (await client.rpc.call(CTX, "conductor", "get", {"x": turn}, timeout=20))["x"] == turn
            await bus.until(lambda: len(bus.seen) >= len(sent) + TURNS)
            assert [name for _, method, name in bus.seen if method == "make"] == sent
        finally:
            await bus.close()
            for cutter in cutters:
                cutter.close()

    asyncio.run(main())


def broke(bus: OnRabbitMQ, name: str) -> list[str]:
    """Why a program's connections broke, as its journal tells."""
    told = [e.name for e in bus.wires(name).journal.since() if e.target == "rabbitmq"]
    return [text.partition(" broke: ")[2] for text in told if " broke: " in text]


@pytest.mark.slow
def test_a_server_that_is_silent_is_given_up(server: RabbitMQ, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(amqp_wire, "HEARTBEAT_S", 1)

    async def main() -> None:
        bus = OnRabbitMQ(server.url)
        try:
            client, worker = await bus.start("nova-api", "c1"), await bus.worker("h1")
            server.hold()
            try:
                asked = asyncio.ensure_future(client.rpc.call(CTX, "conductor", "get", {"x": 1}, timeout=40))
                with pytest.raises(Unreachable, match="silent"):
                    await bus.broker(bus.wires(worker.name)).settled()
                await bus.until(lambda: broke(bus, client.name), 20)
            finally:
                server.signal(signal.SIGCONT)
            assert (await asked)["by"] == "h1"
            assert broke(bus, client.name) == ["it was silent for too long"]
            assert [method for _, method, _ in bus.seen] == ["get"]
        finally:
            await bus.close()

    asyncio.run(main())


def test_queues_that_others_deleted_are_declared_again(server: RabbitMQ) -> None:
    async def main() -> None:
        bus = OnRabbitMQ(server.url)
        try:
            client, worker = await bus.start("nova-api", "c1"), await bus.worker("h1")
            bus.broker(bus.wires(client.name)).link.delete("conductor")
            await bus.until(lambda: broke(bus, worker.name))
            await bus.until(lambda: bus.broker(bus.wires(worker.name)).link.up)
            assert (await client.rpc.call(CTX, "conductor", "get", {"x": 1}, timeout=10))["x"] == 1
            [reason] = broke(bus, worker.name)
            assert reason.startswith("the queue of consumer")
        finally:
            await bus.close()

    asyncio.run(main())


CONSUMER = """
import asyncio, sys
from lab.context import Context
from lab.realtime import RealRuntime
from lab.rpc.amqp import over
from lab.wires import Wires

async def main():
    wires = Wires(RealRuntime(), make_broker=over(sys.argv[1]))
    async def work(ctx: Context, x: int) -> int:
        await asyncio.sleep(0.2)  # by now the server knows that it was taken
        print(x, flush=True)
        if x == 3:
            await asyncio.sleep(1000)
        return x
    await wires.broker.open()
    print("ready", flush=True)
    wires.start("nova-compute", "h1", lambda process: process.rpc.serve("compute", {"work": work}, host="h1"))
    await asyncio.sleep(1000)

asyncio.run(main())
"""


def consumer(url: str) -> subprocess.Popen[str]:
    """A consumer in a program of its own."""
    started = subprocess.Popen([sys.executable, "-c", CONSUMER, url], stdout=subprocess.PIPE, text=True)
    assert started.stdout is not None
    assert started.stdout.readline() == "ready\n"
    return started


def test_after_kill_9_of_a_consumer_its_queue_is_there_and_only_what_it_took_is_lost(server: RabbitMQ) -> None:
    async def main() -> None:
        bus = OnRabbitMQ(server.url)
        first = await asyncio.to_thread(consumer, server.url)
        try:
            client = await bus.start("nova-api", "c1")
            assert await client.rpc.call(CTX, "compute.h1", "work", {"x": 1}, timeout=10) == 1
            client.rpc.cast(CTX, "compute.h1", "work", {"x": 3})
            assert await asyncio.to_thread(lambda: [first.stdout.readline() for _ in range(2)]) == ["1\n", "3\n"]  # type: ignore[union-attr]
            first.send_signal(signal.SIGKILL)
            first.wait()
            client.rpc.cast(CTX, "compute.h1", "work", {"x": 4})
            again = await asyncio.to_thread(consumer, server.url)
            try:
                assert await client.rpc.call(CTX, "compute.h1", "work", {"x": 5}, timeout=10) == 5
                assert await asyncio.to_thread(lambda: [again.stdout.readline() for _ in range(2)]) == ["4\n", "5\n"]  # type: ignore[union-attr]
            finally:
                again.kill()
                again.communicate()
        finally:
            first.kill()
            first.communicate()
            await bus.close()

    asyncio.run(main())


def test_a_message_that_is_none_of_ours_is_journaled_and_left_out(server: RabbitMQ) -> None:
    async def main() -> None:
        bus = OnRabbitMQ(server.url)
        try:
            client, worker = await bus.start("nova-api", "c1"), await bus.worker("h1")
            for junk in (b"", b"hello", b'{"method": 1}\n', b"\xff\xfe\n{}"):
                bus.broker(bus.wires(client.name)).link.send(Parcel("", "conductor", junk, TRANSIENT, None))
            assert (await client.rpc.call(CTX, "conductor", "get", {"x": 1}, timeout=10))["x"] == 1
            errors = [e for e in bus.wires(worker.name).journal.since() if e.kind == "error"]
            assert len(errors) == 4
            assert b"conductor had a message that is none of ours" in errors[0].body_bytes()
        finally:
            await bus.close()

    asyncio.run(main())


def test_a_wrong_url_name_or_password_is_said_with_the_way_out(server: RabbitMQ) -> None:
    def link(url: str) -> Link:
        return Link(url, lambda: None, lambda delivery: None, lambda state, text: None)

    with pytest.raises(LabError, match=r"'http://x' is no URL of a message queue; use amqp://USER:PASSWORD@HOST:PORT/VHOST"):
        link("http://x")
    for url, reason, way in (
        ("amqp://guest:guest@127.0.0.1:1/", "Connect call failed", r"is it up\?"),
        (f"amqp://guest:wrong@127.0.0.1:{server.port}/", "ACCESS_REFUSED", "correct user, password or vhost in its URL"),
        (f"amqp://guest:guest@127.0.0.1:{server.port}/nowhere", "nowhere", "correct user, password or vhost in its URL"),
    ):
        with pytest.raises(Unreachable, match=rf"RabbitMQ at 127.0.0.1:\d+ cannot be used: .*{reason}.*; {way}"):
            asyncio.run(link(url).open())


def test_what_is_not_sent_when_the_program_ends_is_said_to_be_lost() -> None:
    lost: list[int] = []

    async def main() -> None:
        link = Link("amqp://127.0.0.1:1/", lambda: None, lambda delivery: None, lambda state, text: None)
        for number in range(3):
            link.send(Parcel("", "q", b"", 1, lambda number=number: lost.append(number)))  # type: ignore[misc]
        await link.close()

    asyncio.run(main())
    assert lost == [0, 1, 2]
