"""What the kernel tells of devices that went."""

from __future__ import annotations

import socket
import struct

from drivers.link_messages import gone

NEW, GONE = 16, 17


def message(kind: int, index: int, family: int = socket.AF_UNSPEC, more: bytes = b"") -> bytes:
    """One message of the kernel, as struct nlmsghdr and struct ifinfomsg say, its length rounded up to four."""
    body = struct.pack("=BxHiII", family, 1, index, 0, 0) + more
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 0, 0) + body + bytes(-len(body) % 4)


def test_devices_that_went_are_told_from_those_that_came_or_left_a_bridge() -> None:
    packet = message(NEW, 3) + message(GONE, 4, more=b"tap") + message(GONE, 5, socket.AF_BRIDGE) + message(GONE, 6)
    assert gone(packet) == {4, 6}


def test_a_cut_packet_tells_what_is_whole_and_ends() -> None:
    assert gone(message(GONE, 4) + message(GONE, 5)[:10]) == {4}
    assert gone(bytes(64)) == set()
