"""One connection to RabbitMQ by aio-pika: opened, or why not; channels of it, questions on them, and its errors in words.

Messages take the AMQP channel below aio-pika's own (`get_underlay_channel`): aiormq's, half as dear.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import aio_pika
from aio_pika.abc import AbstractConnection
from aiormq import AMQPError, Channel, ChannelInvalidStateError, ChannelNotFoundEntity, spec
from aiormq.abc import ChannelFrame
from pamqp import frame
from pamqp.body import ContentBody
from pamqp.header import ContentHeader

from lab.errors import LabError, Unreachable

HEARTBEAT_S = 10
"""Silence after which either side looks whether the other lives. RabbitMQ gives up after twice, aiormq after thrice as long."""
PREFETCH = 100
"""Messages that a consumer is given and has not acknowledged: more than that wait in the queue while it hangs."""
CONNECT_S = 5.0
REFUSALS = ("ACCESS_REFUSED", "NOT_ALLOWED")
"""What RabbitMQ says of a user or password, and of a vhost, that it does not take."""
CLOSED = "got <Connection.Close"
"""aiormq 7 does not pass on why a vhost is refused; nothing else is answered so when a connection is opened."""
BROKEN = (AMQPError, ChannelInvalidStateError, OSError, TimeoutError)
"""How a connection or a channel says that it is of no more use."""

TRANSIENT, PERSISTENT = 1, 2
"""Delivery modes: lost with the server, or on its disk before it is confirmed."""
PROPERTIES = {mode: spec.Basic.Properties("application/json", delivery_mode=mode) for mode in (TRANSIENT, PERSISTENT)}
"""Of all messages: our ids are in their payload."""

Answer = TypeVar("Answer")

for _library in ("aio_pika", "aiormq"):  # what they warn of is said by who holds the connection, once
    logging.getLogger(_library).addHandler(logging.NullHandler())


class Place:
    """Where a RabbitMQ server is, and as whom it is used. Raises LabError for a URL that says it wrongly."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme != "amqp" or not parts.hostname:
            raise LabError(f"{url!r} is no URL of a message queue; use amqp://USER:PASSWORD@HOST:PORT/VHOST")
        self.host, self.port = parts.hostname, parts.port or 5672
        self.user, self.password = unquote(parts.username or "guest"), unquote(parts.password or "guest")
        self.vhost = unquote(parts.path[1:]) or "/"

    def __str__(self) -> str:
        return f"RabbitMQ at {self.host}:{self.port}"

    async def connect(self) -> tuple[AbstractConnection, Channel]:
        """A new connection and its channel for messages. Raises Unreachable."""
        try:
            async with asyncio.timeout(CONNECT_S):
                connection = await aio_pika.connect(
                    host=self.host, port=self.port, login=self.user, password=self.password, virtualhost=self.vhost,
                    heartbeat=HEARTBEAT_S, client_properties={"product": "Glasscloud"},
                )  # fmt: skip
                try:
                    channel = await channel_of(connection)
                    await channel.basic_qos(prefetch_count=PREFETCH)
                except BaseException:
                    await connection.close()
                    raise
        except BROKEN as error:
            reason = said(error)
            if CLOSED in reason:
                reason = f"NOT_ALLOWED: it refuses vhost {self.vhost!r} to user {self.user!r}"
            way = "correct user, password or vhost in its URL" if reason.startswith(REFUSALS) else "is it up?"
            raise Unreachable(f"{self} cannot be used: {reason}; {way}") from error
        return connection, channel


async def channel_of(connection: AbstractConnection, confirms: bool = True) -> Channel:
    """A new channel."""
    channel = connection.channel(publisher_confirms=confirms)
    await channel.initialize()
    found = await channel.get_underlay_channel()
    assert isinstance(found, Channel)
    return found


async def publish(channel: Channel, exchange: str, key: str, payload: bytes, mode: int) -> asyncio.Future[Any]:
    """Send a message; what comes back is done when the server has it, with DeliveryError when it cannot take it.

    For one sender on a channel. aiormq's `basic_publish` does the same and waits, which takes a task, a lock and a time limit
    for each message: a quarter of all that a message costs.
    """
    channel.delivery_tag += 1
    confirmation = channel.confirmations[channel.delivery_tag] = asyncio.get_running_loop().create_future()
    number, piece = channel.number, channel.max_content_size
    header = frame.marshal(ContentHeader(body_size=len(payload), properties=PROPERTIES[mode]), number)
    bodies = [frame.marshal(ContentBody(payload[at : at + piece]), number) for at in range(0, len(payload), piece)]
    await channel.write_queue.put(ChannelFrame(b"".join((_address(exchange, key, number), header, *bodies)), should_close=False))
    return confirmation


@lru_cache(1024)
def _address(exchange: str, key: str, channel: int) -> bytes:
    """What stands before a message."""
    return frame.marshal(spec.Basic.Publish(exchange=exchange, routing_key=key), channel)


async def answer(asked: Awaitable[Answer]) -> Answer:
    """Wait for what the server says. Raises Unreachable when the connection ends first, ChannelNotFoundEntity as it is."""
    try:
        return await asked
    except ChannelNotFoundEntity:
        raise
    except BROKEN as error:
        raise Unreachable(said(error)) from error
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise Unreachable(said(None)) from None  # so aiormq ends what waits for a server that is silent


def said(error: BaseException | None) -> str:
    """An error of theirs in words."""
    if error is None or isinstance(error, asyncio.CancelledError):
        return "it was silent for too long"
    return " ".join(str(part) for part in error.args) or "no answer"
