"""The messages of a connection to RabbitMQ are taken from its stream however it is cut; all else is aiormq's."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

pytest.importorskip("aiormq")

from aiormq import spec
from pamqp import frame
from pamqp.body import ContentBody
from pamqp.header import ContentHeader

from lab.rpc.amqp_stream import HEARTBEAT, PERSISTENT, STILL_S, Stream

CHANNEL, ASIDE = 1, 2
BODY = b"x" * 300


def delivery(tag: int, body: bytes, channel: int = CHANNEL, piece: int = 128) -> bytes:
    """A message as the server sends it."""
    pieces = [ContentBody(body[at : at + piece]) for at in range(0, len(body), piece)]
    parts = [spec.Basic.Deliver("a tag", tag, False, "nova", "compute.h1"), ContentHeader(body_size=len(body)), *pieces]
    return b"".join(frame.marshal(part, channel) for part in parts)


CONFIRMED = frame.marshal(spec.Basic.Ack(3, True), CHANNEL) + frame.marshal(spec.Basic.Nack(4), CHANNEL)
OTHERS = frame.marshal(spec.Basic.QosOk(), CHANNEL), frame.marshal(spec.Basic.Ack(9), ASIDE), HEARTBEAT
SENT = OTHERS[0] + delivery(7, BODY) + OTHERS[1] + CONFIRMED + delivery(8, b"") + OTHERS[2]


class Wire(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []

    def write(self, data: Any) -> None:
        self.writes.append(bytes(data))

    def is_closing(self) -> bool:
        return False


def played(story: Callable[[Stream, Wire, list[Any]], Awaitable[None]]) -> list[Any]:
    """What a stream's taker was told while the story went on."""
    told: list[Any] = []

    async def main() -> None:
        stream, wire = Stream(asyncio.get_running_loop()), Wire()
        stream.connection_made(wire)
        stream.take(CHANNEL, 128, lambda *came: told.append(came), lambda *done: told.append(done))
        await story(stream, wire, told)

    asyncio.run(main())
    return told


@pytest.mark.parametrize("step", [1, 7, 8, 64, len(SENT)])
def test_messages_and_confirmations_are_taken_and_all_else_is_passed_on(step: int) -> None:
    async def story(stream: Stream, wire: Wire, told: list[Any]) -> None:
        stream._shown_s = asyncio.get_running_loop().time()
        for at in range(0, len(SENT), step):
            stream.data_received(SENT[at : at + step])
        await asyncio.sleep(0)
        assert await stream.reader.readexactly(len(b"".join(OTHERS))) == b"".join(OTHERS)

    assert played(story) == [("a tag", 7, BODY), (3, True, True), (4, False, False), ("a tag", 8, b"")]


def test_aiormq_is_shown_that_the_server_lives_while_only_messages_come() -> None:
    async def story(stream: Stream, wire: Wire, told: list[Any]) -> None:
        stream._shown_s = asyncio.get_running_loop().time() - 2 * STILL_S
        stream.data_received(delivery(1, BODY))
        stream.data_received(delivery(2, BODY))
        assert await stream.reader.readexactly(len(HEARTBEAT)) == HEARTBEAT
        stream.reader.feed_eof()
        assert await stream.reader.read() == b""

    assert len(played(story)) == 2


def test_what_one_step_sends_is_written_at_once_as_the_protocol_has_it() -> None:
    async def story(stream: Stream, wire: Wire, told: list[Any]) -> None:
        stream.publish("nova", "compute.h1", BODY, PERSISTENT, 60_000)
        stream.acknowledge(5)
        await asyncio.sleep(0)
        [written] = wire.writes
        parts = []
        while written:
            length, channel, part = frame.unmarshal(written)
            parts.append(part)
            assert channel == CHANNEL
            written = written[length:]
        send, header, *bodies, taken = parts
        assert (send.exchange, send.routing_key) == ("nova", "compute.h1")
        assert (header.body_size, header.properties.delivery_mode, header.properties.content_type) == (300, 2, "application/json")
        assert header.properties.expiration == "60000"
        assert b"".join(body.value for body in bodies) == BODY
        assert (taken.name, taken.delivery_tag, taken.multiple) == ("Basic.Ack", 5, False)

    played(story)
