"""What the kernel says of this machine's network devices, read from its messages.

They are asked for many times while a guest is plugged in, and the news of every device here are looked through: the general
reader of pyroute2, which makes each attribute of each message an object, took more of a create than all the rest of the agent.
Source of all numbers: linux/netlink.h, linux/rtnetlink.h, linux/if_link.h.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK = 16, 17, 18
ERROR, DONE = 2, 3
REQUEST, DUMP, INTERRUPTED = 0x1, 0x300, 0x10
IFNAME, MTU, MASTER, LINKINFO, ALIAS, GROUP, EXT_MASK = 3, 4, 10, 18, 20, 27, 29
INFO_KIND = 1
SKIP_STATISTICS = 8
UP = 1
HEAD = struct.Struct("=IHHII")
"""struct nlmsghdr: length, type, flags, number, and who asked."""
BODY = struct.Struct("=BxHiII")
"""struct ifinfomsg: family, kind of hardware, index, flags, change."""
ATTRIBUTE = struct.Struct("=HH")
"""struct rtattr: length, type."""
NUMBER = struct.Struct("=I")
PACKET = 1 << 17


@dataclass(frozen=True, slots=True)
class Link:
    """One device: `alias` is its tag, `master` the index of its bridge (0: none), `kind` such as 'veth'."""

    index: int
    name: str
    alias: str
    kind: str
    master: int
    mtu: int
    up: bool
    group: int = 0


class LinkReader:
    """A socket that devices are asked for on, in the namespace of the thread that makes it; the kernel answers at once."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self._socket.bind((0, 0))
        self._number = 0

    def close(self) -> None:
        """Ask no more."""
        self._socket.close()

    def __del__(self) -> None:
        self._socket.close()  # a driver that could not be opened is not closed either

    def all(self) -> list[Link]:
        """Every device. Raises OSError."""
        while True:
            links = self._ask(DUMP, _attribute(EXT_MASK, NUMBER.pack(SKIP_STATISTICS)))
            if links is not None:
                return links

    def find(self, name: str) -> Link | None:
        """The device of that name, or None. Raises OSError."""
        try:
            links = self._ask(0, _attribute(IFNAME, name.encode() + b"\0") + _attribute(EXT_MASK, NUMBER.pack(SKIP_STATISTICS)))
        except OSError as error:
            if error.errno in (errno.ENODEV, errno.ENOENT, errno.EINVAL, errno.ERANGE):
                return None
            raise
        return links[0] if links else None

    def _ask(self, flags: int, attributes: bytes) -> list[Link] | None:
        """What the kernel answers; None when devices came or went while it listed them."""
        self._number += 1
        body = BODY.pack(socket.AF_UNSPEC, 0, 0, 0, 0) + attributes
        self._socket.send(HEAD.pack(HEAD.size + len(body), RTM_GETLINK, REQUEST | flags, self._number, 0) + body)
        found: list[Link] = []
        whole = True
        while True:
            for kind, told, number, data in messages(self._socket.recv(PACKET)):
                if number != self._number:
                    continue  # of a question before, which ended in an error
                whole = whole and not told & INTERRUPTED
                if kind == RTM_NEWLINK:
                    found.append(link_of(data))
                if kind == ERROR:
                    code = -struct.unpack_from("=i", data)[0]
                    raise OSError(code, errno.errorcode.get(code, str(code)))
                if kind == DONE or not flags & DUMP:
                    return found if whole else None


def messages(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """The messages of one packet: type, flags, number, and what they say; a cut one ends them."""
    at = 0
    while at + HEAD.size <= len(data):
        length, kind, flags, number, _ = HEAD.unpack_from(data, at)
        if length < HEAD.size or at + length > len(data):
            return
        yield kind, flags, number, data[at + HEAD.size : at + length]
        at += (length + 3) & ~3


def gone(data: bytes) -> set[int]:
    """The indexes of the devices that went, of one packet of news."""
    found = set()
    for kind, _, _, body in messages(data):
        if kind == RTM_DELLINK and len(body) >= BODY.size:
            family, _, index, _, _ = BODY.unpack_from(body)
            if family == socket.AF_UNSPEC:  # a bridge's port that left it is told as one of AF_BRIDGE
                found.add(index)
    return found


def link_of(body: bytes) -> Link:
    """A device as its message says."""
    _, _, index, flags, _ = BODY.unpack_from(body)
    said = _attributes(body, BODY.size)
    number = {kind: NUMBER.unpack(said[kind])[0] for kind in (MTU, MASTER, GROUP) if kind in said}
    info = _attributes(said[LINKINFO], 0) if LINKINFO in said else {}
    return Link(
        index, _text(said, IFNAME), _text(said, ALIAS), _text(info, INFO_KIND), number.get(MASTER, 0), number.get(MTU, 0),
        bool(flags & UP), number.get(GROUP, 0),
    )  # fmt: skip


def _attributes(data: bytes, at: int) -> dict[int, bytes]:
    found, last = {}, len(data) - ATTRIBUTE.size
    while at <= last:
        length, kind = ATTRIBUTE.unpack_from(data, at)
        if length < ATTRIBUTE.size:
            break
        found[kind & 0x3FFF] = data[at + ATTRIBUTE.size : at + length]
        at += (length + 3) & ~3
    return found


def _text(said: dict[int, bytes], kind: int) -> str:
    return said.get(kind, b"").rstrip(b"\0").decode(errors="replace")


def _attribute(kind: int, data: bytes) -> bytes:
    size = ATTRIBUTE.size + len(data)
    return ATTRIBUTE.pack(size, kind) + data + bytes(-size % 4)
