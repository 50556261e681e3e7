"""One connection to RabbitMQ by aio-pika: opened, or why not; channels of it, questions on them, and its errors in words.

Declarations take the AMQP channel below aio-pika's own (`get_underlay_channel`): aiormq's, half as dear.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import TypeVar
from urllib.parse import unquote, urlsplit

import aio_pika
from aiormq import AMQPError, Channel, ChannelInvalidStateError, ChannelNotFoundEntity

from lab.errors import LabError, Unreachable
from lab.rpc.amqp_stream import Connection

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

Answer = TypeVar("Answer")

for _library in ("aio_pika", "aiormq"):  # what they warn of is said by who holds the connection, once
    logging.getLogger(_library).addHandler(logging.NullHandler())


class Place:
    """Where a RabbitMQ server is, and as whom it is used. Raises LabError for a URL that says it wrongly."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme != "amqp" or not parts.hostname:
            usual = "amqp://USER:PASSWORD@HOST:PORT/VHOST"
            raise LabError(
                f"{url!r} is no URL of a message queue; use {usual}", ko=f"{url!r}: 메시지 큐의 URL이 아닙니다. {usual}처럼 쓰십시오"
            )
        self.host, self.port = parts.hostname, parts.port or 5672
        self.user, self.password = unquote(parts.username or "guest"), unquote(parts.password or "guest")
        self.vhost = unquote(parts.path[1:]) or "/"

    def __str__(self) -> str:
        return f"RabbitMQ at {self.host}:{self.port}"

    async def connect(self) -> tuple[Connection, Channel]:
        """A new connection and its channel for messages. Raises Unreachable."""
        try:
            async with asyncio.timeout(CONNECT_S):
                connection = await aio_pika.connect(
                    host=self.host, port=self.port, login=self.user, password=self.password, virtualhost=self.vhost,
                    heartbeat=HEARTBEAT_S, client_properties={"product": "Glasscloud"}, connection_class=Connection,
                )  # fmt: skip
                assert isinstance(connection, Connection)
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
            refused = reason.startswith(REFUSALS)
            way = "correct user, password or vhost in its URL" if refused else "is it up?"
            way_ko = "URL의 사용자, 비밀번호, vhost를 고치십시오" if refused else "떠 있습니까?"
            ko = f"{self.host}:{self.port}의 RabbitMQ를 쓸 수 없습니다({reason}). {way_ko}"
            raise Unreachable(f"{self} cannot be used: {reason}; {way}", ko=ko) from error
        return connection, channel


async def channel_of(connection: Connection, confirms: bool = True) -> Channel:
    """A new channel."""
    channel = connection.channel(publisher_confirms=confirms)
    await channel.initialize()
    found = await channel.get_underlay_channel()
    assert isinstance(found, Channel)
    return found


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
