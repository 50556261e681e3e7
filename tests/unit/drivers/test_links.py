"""What the kernel tells of devices that came, changed and went."""

from __future__ import annotations

import socket
import struct

from drivers.link_messages import Link, news

NEW, GONE = 16, 17


def message(kind: int, index: int, family: int = socket.AF_UNSPEC, more: bytes = b"") -> bytes:
    """One message of the kernel, as struct nlmsghdr and struct ifinfomsg say, its length rounded up to four."""
    body = struct.pack("=BxHiII", family, 1, index, 0, 0) + more
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 0, 0) + body + bytes(-len(body) % 4)


def attribute(kind: int, data: bytes) -> bytes:
    """struct rtattr, its length rounded up to four."""
    return struct.pack("=HH", 4 + len(data), kind) + data + bytes(-len(data) % 4)


def test_devices_that_came_or_went_are_told_and_not_what_left_a_bridge() -> None:
    came = attribute(3, b"tap1\0") + attribute(4, struct.pack("=I", 1450)) + attribute(20, b"glasscloud:lab:port:1\0")
    packet = message(NEW, 3, more=came) + message(GONE, 4) + message(GONE, 5, socket.AF_BRIDGE) + message(GONE, 6)
    assert list(news(packet)) == [(3, Link(3, "tap1", "glasscloud:lab:port:1", "", 0, 1450, False)), (4, None), (6, None)]


def test_a_cut_packet_tells_what_is_whole_and_ends() -> None:
    assert list(news(message(GONE, 4) + message(GONE, 5)[:10])) == [(4, None)]
    assert list(news(bytes(64))) == []
