"""The messages of a connection to RabbitMQ, carried beside aiormq over the connection that it keeps.

aiormq gives each frame a turn of two tasks and each message a task of its own: three quarters of all that a message costs. It
opens and closes the connection, declares, and looks whether the other side lives; what comes and goes in numbers on the channel
of messages (deliveries, confirmations, publications, acknowledgements) is taken from the stream before it, and put there
behind it. The frames are those of AMQP 0-9-1, sections 2.3.5 and 4.2 of its specification, and of RabbitMQ's confirms.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from struct import Struct
from typing import Any

import aio_pika
from aiormq import AMQPConnectionError, spec
from aiormq.connection import TransportFactory
from yarl import URL

TRANSIENT, PERSISTENT = 1, 2
"""Delivery modes: lost with the server, or on its disk before it is confirmed."""
METHOD, HEADER, BODY = 1, 2, 3
BASIC, PUBLISH, DELIVER, ACK, NACK = 60, 40, 60, 80, 120
END = b"\xce"
HEARTBEAT = b"\x08\0\0\0\0\0\0" + END
STILL_S = 1.0
"""After so long without a frame for it, aiormq is shown a heartbeat beside the messages: else it takes the server for dead."""

_frame, _method, _number = Struct(">BHI"), Struct(">HH"), Struct(">Q")
_content, _acknowledge = Struct(">HHQ"), Struct(">BHIHHQBc")

Deliver = Callable[[str, int, bytes], object]
"""Told a consumer's tag, the delivery's tag and the payload."""
Confirm = Callable[[int, bool, bool], object]
"""Told the number of a publication, whether all before it are meant too, and whether the server has them."""


class Stream(asyncio.StreamReaderProtocol):
    """The bytes of one connection: aiormq's are handed to it, messages to those who take them."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.reader = asyncio.StreamReader(loop=loop)
        super().__init__(self.reader, loop=loop)
        self._soon, self._now = loop.call_soon, loop.time
        self._transport: asyncio.Transport | None = None
        self._channel, self._piece = 0, 0
        self._deliver: Deliver | None = None
        self._confirm: Confirm | None = None
        self._rest = b""
        self._shown_s = 0.0
        self._coming: tuple[str, int] | None = None
        """Consumer's tag and delivery's tag of the message whose content comes."""
        self._parts: list[bytes] = []
        self._left = 0
        self._out: list[bytes] = []
        self._properties: dict[tuple[int, int], bytes] = {}
        """Those of messages, by mode and time to lie in a queue: of a few kinds."""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        super().connection_made(transport)

    def take(self, channel: int, piece: int, deliver: Deliver, confirm: Confirm) -> None:
        """From now on take the messages of a channel; `piece`: the longest content of a frame.

        To be called when all that was asked was answered, so that no part of a frame has gone to aiormq.
        """
        self._channel, self._piece, self._deliver, self._confirm = channel, piece, deliver, confirm

    # -- what comes ---------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self._deliver is None:
            super().data_received(data)
            return
        data = self._rest + data
        at, end, others = 0, len(data), b""
        while end - at >= _frame.size:
            kind, channel, size = _frame.unpack_from(data, at)
            after = at + _frame.size + size + 1
            if after > end:
                break
            if channel != self._channel or not self._taken(kind, data[at + _frame.size : after - 1]):
                others += data[at:after]
            at = after
        self._rest = data[at:]
        now = self._now()
        if others or now - self._shown_s > STILL_S:
            self._shown_s = now
            super().data_received(others or HEARTBEAT)

    def _taken(self, kind: int, content: bytes) -> bool:
        """Whether a frame of the channel is part of a message or a confirmation; then it is done with."""
        if kind == METHOD:
            return self._method(content)
        if self._coming is None or kind not in (HEADER, BODY):
            return False
        if kind == HEADER:
            self._left = _content.unpack_from(content)[2]
        else:
            self._left -= len(content)
            self._parts.append(content)
        if self._left <= 0:
            # Not from here: what it raises is the program's to hear, not the transport's.
            self._soon(self._deliver, *self._coming, b"".join(self._parts))  # type: ignore[arg-type]
            self._coming, self._parts = None, []
        return True

    def _method(self, content: bytes) -> bool:
        group, method = _method.unpack_from(content)
        if group != BASIC or method not in (DELIVER, ACK, NACK):
            return False
        if method == DELIVER:
            end = 5 + content[4]
            self._coming = content[5:end].decode(), _number.unpack_from(content, end)[0]
        else:
            self._soon(self._confirm, _number.unpack_from(content, 4)[0], bool(content[12] & 1), method == ACK)  # type: ignore[arg-type]
        return True

    # -- what goes ----------------------------------------------------------------------------

    def publish(self, exchange: str, key: str, payload: bytes, mode: int, expires_ms: int = 0) -> None:
        """Send a message: publications are numbered from 1, in their order. It lies in its queue for `expires_ms` at most."""
        number, piece = self._channel, self._piece
        properties = self._properties.get((mode, expires_ms))
        if properties is None:
            properties = self._properties[mode, expires_ms] = properties_of(mode, expires_ms)
        self._write(_framed(METHOD, number, _method.pack(BASIC, PUBLISH) + b"\0\0" + _short(exchange) + _short(key) + b"\0"))
        self._write(_framed(HEADER, number, _content.pack(BASIC, 0, len(payload)) + properties))
        for at in range(0, len(payload), piece):
            self._write(_framed(BODY, number, payload[at : at + piece]))

    def acknowledge(self, tag: int) -> None:
        """Say that a delivery was taken."""
        self._write(_acknowledge.pack(METHOD, self._channel, 13, BASIC, ACK, tag, 0, END))

    def _write(self, frames: bytes) -> None:
        """Write with all else that this step of the loop writes: one call of the system."""
        if not self._out:
            self._soon(self._flush)
        self._out.append(frames)

    def _flush(self) -> None:
        out, self._out = self._out, []
        if self._transport is not None and not self._transport.is_closing():  # else all of it is sent again on the next
            self._transport.write(b"".join(out))


def properties_of(mode: int, expires_ms: int) -> bytes:
    """The properties of messages: our ids are in their payload."""
    expiration = str(expires_ms) if expires_ms else None
    return spec.Basic.Properties("application/json", delivery_mode=mode, expiration=expiration).marshal()


def _framed(kind: int, channel: int, content: bytes) -> bytes:
    return _frame.pack(kind, channel, len(content)) + content + END


def _short(text: str) -> bytes:
    data = text.encode()
    return bytes((len(data),)) + data


class StreamFactory(TransportFactory):
    """Makes the stream of one connection for aiormq."""

    def __init__(self) -> None:
        self.stream: Stream | None = None

    async def create(self, url: URL, **kwargs: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        loop = asyncio.get_running_loop()
        stream = self.stream = Stream(loop)
        try:
            transport, _ = await loop.create_connection(lambda: stream, url.host or "", url.port or 0)
        except OSError as error:
            raise AMQPConnectionError(*error.args) from error
        return stream.reader, asyncio.StreamWriter(transport, stream, stream.reader, loop)


class Connection(aio_pika.Connection):
    """A connection of aio-pika's whose stream is at hand."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._streams = self.kwargs["transport_factory"] = StreamFactory()

    @property
    def stream(self) -> Stream:
        """Its bytes, once it is open."""
        assert self._streams.stream is not None
        return self._streams.stream
