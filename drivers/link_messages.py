"""This machine's network devices in the kernel's own messages: looked at, and made, changed and removed as guests need it.

That is done many times while a guest is plugged in, and the news of every device here are looked through: pyroute2, which serves
where other things are asked of netlink, makes each attribute of each message an object. Its share of a create was larger than
that of all the rest of the L2 agent; to make one pair of devices took it 5 ms of CPU.
Source of all numbers: linux/netlink.h, linux/rtnetlink.h, linux/if_link.h, linux/veth.h, linux/if_tun.h.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK, RTM_NEWNSID, RTM_GETNSID = 16, 17, 18, 88, 90
ERROR, DONE = 2, 3
REQUEST, TOLD, DUMP, INTERRUPTED, EXCLUSIVE, CREATE = 0x1, 0x4, 0x300, 0x10, 0x200, 0x400
ADDRESS, IFNAME, MTU, MASTER, LINKINFO, ALIAS, GROUP, NAMESPACE, EXT_MASK, PEERS_NSID = 1, 3, 4, 10, 18, 20, 27, 28, 29, 37
NSID, NSID_OF = 1, 3
NUMBERS = {"mtu": MTU, "master": MASTER, "group": GROUP}
INFO_KIND, INFO_DATA, PEER = 1, 2, 1
TUNSETIFF, TUNSETPERSIST, TAP_WITHOUT_HEADER = 0x400454CA, 0x400454CB, 0x1002
SKIP_STATISTICS = 8
UP = 1
HEAD = struct.Struct("=IHHII")
"""struct nlmsghdr: length, type, flags, number, and who asked."""
BODY = struct.Struct("=BxHiII")
"""struct ifinfomsg: family, kind of hardware, index, flags, change."""
ATTRIBUTE = struct.Struct("=HH")
"""struct rtattr: length, type."""
NUMBER = struct.Struct("=I")
NOTHING = BODY.pack(socket.AF_UNSPEC, 0, 0, 0, 0)
FAMILY = bytes(4)
"""struct rtgenmsg: family, and what fills it up."""
PACKET = 1 << 17


@dataclass(frozen=True, slots=True)
class Link:
    """One device: `alias` is its tag, `master` the index of its bridge (0: none), `kind` such as 'veth', `namespace` the number of
    the one in which its other end lies (negative: this one)."""

    index: int
    name: str
    alias: str
    kind: str
    master: int
    mtu: int
    up: bool
    group: int = 0
    namespace: int = -1


class LinkSocket:
    """A socket that devices are asked for on, in the namespace of the thread that makes it; the kernel answers at once.

    All raise OSError with the kernel's reason.
    """

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self._socket.bind((0, 0))
        self._number = 0

    def close(self) -> None:
        """Ask no more."""
        self._socket.close()

    def __del__(self) -> None:
        self._socket.close()  # a driver that could not be opened is not closed either

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- look ----------------------------------------------------------------------------------

    def all(self) -> list[Link]:
        """Every device."""
        while True:
            told = self._ask(RTM_GETLINK, DUMP, NOTHING + _attribute(EXT_MASK, NUMBER.pack(SKIP_STATISTICS)))
            if told is not None:
                return [link_of(body) for body in told]

    def find(self, name: str) -> Link | None:
        """The device of that name, or None."""
        try:
            told = self._ask(RTM_GETLINK, 0, NOTHING + _name(name) + _attribute(EXT_MASK, NUMBER.pack(SKIP_STATISTICS)))
        except OSError as error:
            if error.errno in (errno.ENODEV, errno.ENOENT, errno.EINVAL, errno.ERANGE):
                return None
            raise
        return link_of(told[0]) if told else None

    def namespace(self, descriptor: int) -> int:
        """The number by which this namespace knows another, given as a file descriptor; negative when it does not."""
        told = self._ask(RTM_GETNSID, 0, FAMILY + _attribute(NSID_OF, NUMBER.pack(descriptor)))
        return _signed(_attributes(told[0], len(FAMILY)), NSID) if told else -1

    # -- change --------------------------------------------------------------------------------

    def add_pair(self, name: str, peer: str, peer_address: str, mtu: int) -> None:
        """Make a pair of virtual Ethernet devices."""
        other = NOTHING + _name(peer) + _attribute(ADDRESS, _octets(peer_address)) + _attribute(MTU, NUMBER.pack(mtu))
        info = _attribute(INFO_KIND, b"veth") + _attribute(INFO_DATA, _attribute(PEER, other))
        body = NOTHING + _name(name) + _attribute(MTU, NUMBER.pack(mtu)) + _attribute(LINKINFO, info)
        self._ask(RTM_NEWLINK, TOLD | CREATE | EXCLUSIVE, body)

    def change(self, index: int, up: bool | None = None, alias: str | None = None, **numbers: int) -> None:
        """Change what is given of a device: its mtu, master or group, its alias, and last whether it is up."""
        body = BODY.pack(socket.AF_UNSPEC, 0, index, UP if up else 0, 0 if up is None else UP)
        body += b"".join(_attribute(NUMBERS[name], NUMBER.pack(value)) for name, value in numbers.items())
        self._ask(RTM_NEWLINK, TOLD, body + (b"" if alias is None else _attribute(ALIAS, alias.encode())))

    def address(self, index: int, address: str) -> None:
        """Give a device a hardware address."""
        self._ask(RTM_NEWLINK, TOLD, BODY.pack(socket.AF_UNSPEC, 0, index, 0, 0) + _attribute(ADDRESS, _octets(address)))

    def move(self, index: int, namespace: int, name: str) -> None:
        """Move a device into a network namespace, given as a file descriptor, under a new name."""
        body = BODY.pack(socket.AF_UNSPEC, 0, index, 0, 0) + _attribute(NAMESPACE, NUMBER.pack(namespace)) + _name(name)
        self._ask(RTM_NEWLINK, TOLD, body)

    def delete(self, index: int) -> None:
        """Remove a device."""
        self._ask(RTM_DELLINK, TOLD, BODY.pack(socket.AF_UNSPEC, 0, index, 0, 0))

    def _ask(self, asked: int, flags: int, body: bytes) -> list[bytes] | None:
        """What the kernel answers; None when devices came or went while it listed them."""
        self._number += 1
        self._socket.send(HEAD.pack(HEAD.size + len(body), asked, REQUEST | flags, self._number, 0) + body)
        found: list[bytes] = []
        whole = True
        while True:
            for kind, told, number, data in messages(self._socket.recv(PACKET)):
                if number != self._number:
                    continue  # of a question before, which ended in an error
                whole = whole and not told & INTERRUPTED
                if kind in (RTM_NEWLINK, RTM_NEWNSID):
                    found.append(data)
                if kind == ERROR:
                    code = -struct.unpack_from("=i", data)[0]
                    if code:
                        raise OSError(code, errno.errorcode.get(code, str(code)))
                if kind == DONE or flags & DUMP != DUMP:
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


def news(data: bytes) -> Iterator[tuple[int, Link | None]]:
    """The devices that changed, of one packet of news: index, and how it is now, None when it went."""
    for kind, _, _, body in messages(data):
        if kind in (RTM_NEWLINK, RTM_DELLINK) and len(body) >= BODY.size:
            family, _, index, _, _ = BODY.unpack_from(body)
            if family == socket.AF_UNSPEC:  # of a bridge's ports it tells once more as AF_BRIDGE, also when one left it
                yield index, link_of(body) if kind == RTM_NEWLINK else None


def link_of(body: bytes) -> Link:
    """A device as its message says."""
    _, _, index, flags, _ = BODY.unpack_from(body)
    said = _attributes(body, BODY.size)
    number = {kind: NUMBER.unpack(said[kind])[0] for kind in (MTU, MASTER, GROUP) if kind in said}
    info = _attributes(said[LINKINFO], 0) if LINKINFO in said else {}
    return Link(
        index, _text(said, IFNAME), _text(said, ALIAS), _text(info, INFO_KIND), number.get(MASTER, 0), number.get(MTU, 0),
        bool(flags & UP), number.get(GROUP, 0), _signed(said, PEERS_NSID),
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


def _signed(said: dict[int, bytes], kind: int) -> int:
    return int.from_bytes(said[kind], sys.byteorder, signed=True) if kind in said else -1


def _attribute(kind: int, data: bytes) -> bytes:
    size = ATTRIBUTE.size + len(data)
    return ATTRIBUTE.pack(size, kind) + data + bytes(-size % 4)


def _name(name: str) -> bytes:
    return _attribute(IFNAME, name.encode() + b"\0")


def _octets(address: str) -> bytes:
    return bytes.fromhex(address.replace(":", ""))


def add_tap(name: str) -> None:
    """Make a tap that stays when nobody has it open. Raises OSError."""
    descriptor = os.open("/dev/net/tun", os.O_RDWR)
    try:
        fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", name.encode(), TAP_WITHOUT_HEADER))
        fcntl.ioctl(descriptor, TUNSETPERSIST, 1)
    finally:
        os.close(descriptor)
