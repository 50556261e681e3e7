"""AMQP 0-9-1 on the wire: the frames of messages packed by hand, all others by pamqp.

A message is published, delivered and acknowledged for nearly every frame that passes; the classes of a general codec
and a task for each of them cost 140 to 430 µs a message, these a tenth of it.
Source: amqp0-9-1.pdf of the AMQP working group, 2.3.5 (frames), 4.2.6 (content).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

from pamqp import frame as frames

PROTOCOL = b"AMQP\x00\x00\x09\x01"
HEARTBEAT = b"\x08\x00\x00\x00\x00\x00\x00\xce"
END = b"\xce"
CONTENT_TYPE = b"\x10application/json"
TRANSIENT, PERSISTENT = 1, 2
"""Delivery modes: lost with the server, or on its disk before it is confirmed."""

_METHOD, _HEADER, _BODY, _BEAT = 1, 2, 3, 8
_DELIVER, _ACK, _NACK = (60 << 16) | 60, (60 << 16) | 80, (60 << 16) | 120
_head = struct.Struct(">BHI").pack
_read_head = struct.Struct(">BHI").unpack_from
_publish = struct.Struct(">HHH").pack
_properties = struct.Struct(">HHQH").pack
_FLAGS = 0x9000
"""Of the properties there are content-type and delivery-mode."""
_ack = struct.Struct(">BHIHHQBB").pack
_read_tag = struct.Struct(">QB").unpack_from
_read_size = struct.Struct(">Q").unpack_from
_read_kind = struct.Struct(">I").unpack_from


class Delivery(NamedTuple):
    """A message that the server hands out."""

    consumer: str
    tag: int
    redelivered: bool
    payload: bytes


class Confirm(NamedTuple):
    """The server has taken what was published up to this number, or this one; or it has not."""

    tag: int
    multiple: bool
    ok: bool


def short(text: str) -> bytes:
    """A short string as it is sent. Raises ValueError when it is longer than 255 bytes."""
    data = text.encode()
    if len(data) > 255:
        raise ValueError(f"AMQP names have at most 255 bytes; {text[:40]}… has {len(data)}")
    return bytes((len(data),)) + data


def address(channel: int, exchange: str, key: str) -> bytes:
    """The first frame of everything that is published to one exchange under one routing key."""
    payload = _publish(60, 40, 0) + short(exchange) + short(key) + b"\x00"
    return _head(_METHOD, channel, len(payload)) + payload + END


def content(channel: int, payload: bytes, mode: int, frame_max: int) -> list[bytes]:
    """The frames after it: properties, and the body in as many pieces as needed."""
    properties = _properties(60, 0, len(payload), _FLAGS) + CONTENT_TYPE + bytes((mode,))
    out = [_head(_HEADER, channel, len(properties)), properties, END]
    room = frame_max - 8
    for start in range(0, len(payload), room):
        piece = payload[start : start + room]
        out += (_head(_BODY, channel, len(piece)), piece, END)
    return out


def ack(channel: int, tag: int) -> bytes:
    """Say that a delivered message was taken."""
    return _ack(_METHOD, channel, 13, 60, 80, tag, 0, 0xCE)


def method(channel: int, command: Any) -> bytes:
    """Any other method."""
    data: bytes = frames.marshal(command, channel)
    return data


class Reader:
    """Cuts the bytes that come into frames, and puts deliveries together."""

    def __init__(self) -> None:
        self._rest = b""
        self._deliver: tuple[str, int, bool] | None = None
        self._missing = 0
        self._parts: list[bytes] = []

    def feed(self, data: bytes) -> Iterator[tuple[int, Any]]:
        """Channel and what came on it: Delivery, Confirm, a method of pamqp, or None for a heartbeat."""
        data = self._rest + data if self._rest else data
        at, size = 0, len(data)
        try:
            while size - at >= 8:
                kind, channel, length = _read_head(data, at)
                end = at + 7 + length
                if size <= end:
                    return
                at, start = end + 1, at + 7
                if kind == _BODY:
                    done = self._piece(data[start:end])
                elif kind == _METHOD:
                    done = self._method(data, start, end)
                elif kind == _HEADER:
                    (self._missing,) = _read_size(data, start + 4)
                    done = None if self._missing else self._piece(b"")
                else:
                    yield channel, None
                    continue
                if done is not None:
                    yield channel, done
        finally:
            self._rest = data[at:]

    def _piece(self, piece: bytes) -> Delivery | None:
        self._parts.append(piece)
        self._missing -= len(piece)
        if self._missing > 0:
            return None
        parts, self._parts = self._parts, []
        deliver, self._deliver = self._deliver, None
        return Delivery(*deliver, parts[0] if len(parts) == 1 else b"".join(parts)) if deliver is not None else None

    def _method(self, data: bytes, start: int, end: int) -> Any:
        (kind,) = _read_kind(data, start)
        if kind == _DELIVER:
            at = start + 5 + data[start + 4]
            tag, redelivered = _read_tag(data, at)
            self._deliver = (data[start + 5 : at].decode(), tag, bool(redelivered))
            return None
        if kind in (_ACK, _NACK):
            tag, bits = _read_tag(data, start + 4)
            return Confirm(tag, bool(bits & 1), kind == _ACK)
        _, _, command = frames.unmarshal(data[start - 7 : end + 1])
        return command

