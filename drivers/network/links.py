"""This machine's network devices by netlink: looked at, made, changed, removed, and watched."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from pyroute2 import AsyncIPRoute
from pyroute2.netlink.exceptions import NetlinkError

from drivers.link_messages import Link, LinkSocket, news
from lab.errors import NetworkError

NAME_MAX = 15
"""Source: IFNAMSIZ of linux/if.h, less its end."""
GONE = (errno.ENODEV, errno.ENOENT, errno.EINVAL)
POLLING_S = 2.0
"""Source: neutron's Open vSwitch agent, polling_interval."""
QUIET_S = 0.02
"""How long until all is looked at again when that could not be done: something is changing."""


def device_name(head: str, text: str) -> str:
    """A device's name of at most 15 characters: `head` and `text`, cut and told apart by a digest where that is too long."""
    name = head + text
    if len(name) <= NAME_MAX:
        return name
    return name[: NAME_MAX - 4] + hashlib.sha256(text.encode()).hexdigest()[:4]


@contextlib.contextmanager
def told(what: str) -> Iterator[None]:
    """Turn what the kernel refuses into a NetworkError that names the thing."""
    try:
        yield
    except NetlinkError as error:
        raise refused(what, error.code) from error


def refused(what: str, number: int) -> NetworkError:
    """What the kernel refuses, named by its number of the error."""
    way = {
        errno.EPERM: "; run as root",
        errno.EOPNOTSUPP: "; this kernel cannot do that",
        errno.EEXIST: "; it is there already and not of this cloud",
    }.get(number, "")
    return NetworkError(f"{what}: {errno.errorcode.get(number, str(number))}{way}")


class Links:
    """Netlink, in the namespace of the thread that opens it."""

    def __init__(self) -> None:
        self._netlink: Any = None
        self._reader: LinkSocket | None = None
        self._turn = asyncio.Lock()
        """A socket takes one dump at a time; a second one is refused as busy."""
        self._watching: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Connect; a repeat does nothing."""
        if self._netlink is None:
            self._netlink, self._reader = AsyncIPRoute(), LinkSocket()

    async def close(self) -> None:
        """Disconnect and stop watching."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
            self._watching = None
        if self._netlink is not None:
            self._netlink.close()
            self._netlink = None
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    # -- look ----------------------------------------------------------------------------------

    @property
    def _looks(self) -> LinkSocket:
        if self._reader is None:
            raise NetworkError("the devices of this machine cannot be looked at before the driver was opened")
        return self._reader

    async def all(self) -> list[Link]:
        """List every device."""
        try:
            return self._looks.all()
        except OSError as error:
            raise NetworkError(f"the devices of this machine could not be listed: {error.strerror}") from error

    async def find(self, name: str) -> Link | None:
        """Return the device of that name, or None."""
        try:
            return self._looks.find(name)
        except OSError as error:
            raise NetworkError(f"device {name}: {error.strerror}") from error

    async def need(self, name: str, way: str) -> Link:
        """Return the device of that name. Raises NetworkError, which says the way out, when there is none."""
        link = await self.find(name)
        if link is None:
            raise NetworkError(f"there is no device {name}; {way}")
        return link

    async def addresses(self, index: int) -> list[str]:
        """List the IPv4 addresses of a device."""
        async with self._turn:
            with told(f"the addresses of device {index}"):
                return [m.get_attr("IFA_ADDRESS") async for m in await self._netlink.addr("dump", index=index, family=2)]

    # -- change --------------------------------------------------------------------------------

    async def add(self, name: str, kind: str, alias: str = "", **options: Any) -> Link:
        """Make a device; `alias` is set before anybody else is told what it is. Raises NetworkError."""
        with told(f"{kind} {name} could not be made"):
            await self._netlink.link("add", ifname=name, kind=kind, **options)
        link = await self.need(name, "it vanished as soon as it was made")
        try:
            if alias:
                await self.change(link, alias=alias)
        except NetworkError:
            await self.delete(name)
            raise
        return replace(link, alias=alias)

    async def change(self, link: Link, up: bool | None = None, alias: str | None = None, **numbers: int) -> None:
        """Change a device: whether it is up, its alias, its mtu, master or group. Raises NetworkError."""
        try:
            self._looks.change(link.index, up, alias, **numbers)
        except OSError as error:
            raise refused(f"device {link.name} could not be changed", error.errno or 0) from error

    async def address(self, link: Link, address: str, length: int) -> None:
        """Give a device an address; one that it has is no error."""
        with told(f"device {link.name} could not take address {address}/{length}"):
            await self._netlink.addr("replace", index=link.index, address=address, prefixlen=length)

    async def delete(self, name: str) -> None:
        """Remove a device; gone is no error."""
        link = await self.find(name)
        if link is None:
            return
        try:
            await self._netlink.link("del", index=link.index)
        except NetlinkError as error:
            if error.code not in GONE:
                raise NetworkError(f"device {name} could not be removed: {errno.errorcode.get(error.code)}") from error

    async def brport(self, link: Link, **options: Any) -> None:
        """Change how a bridge treats one of its ports."""
        with told(f"bridge port {link.name} could not be changed"):
            await self._netlink.brport("set", index=link.index, **options)

    async def flood(self, link: Link) -> set[str]:
        """The addresses to which a VXLAN device sends what it has no other place for."""
        async with self._turn:
            with told(f"the forwarding table of {link.name}"):
                entries = [m async for m in await self._netlink.fdb("dump") if m["ifindex"] == link.index]
        return {m.get_attr("NDA_DST") for m in entries if m.get_attr("NDA_LLADDR") == ANYWHERE} - {None}

    async def flood_to(self, link: Link, peers: set[str]) -> None:
        """Set those addresses."""
        now = await self.flood(link)
        with told(f"the tunnel ends of {link.name} could not be set"):
            for peer in sorted(peers - now):
                await self._netlink.fdb("append", ifindex=link.index, lladdr=ANYWHERE, dst=peer)
            for peer in sorted(now - peers):
                await self._netlink.fdb("del", ifindex=link.index, lladdr=ANYWHERE, dst=peer)

    # -- watch ---------------------------------------------------------------------------------

    def watch(self, changed: Callable[[list[Link]], None]) -> None:
        """Call `changed` with all devices now, and whenever one came, went or was renamed."""
        self._watching = asyncio.get_running_loop().create_task(self._watch(changed))

    async def _watch(self, changed: Callable[[list[Link]], None]) -> None:
        """Take the kernel's news as they come; look at all besides, now and then, and when news were lost.

        Of a new alias the kernel does not tell while the device is down.
        """
        links: dict[int, Link] = {}
        lost = asyncio.Event()

        def heard() -> None:
            told, whole = _drain(monitor)
            for index, link in told:
                if link is None:
                    links.pop(index, None)
                else:
                    links[index] = link
            changed(list(links.values()))
            if not whole:
                lost.set()

        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE) as monitor:
            monitor.bind((0, RTMGRP_LINK))
            asyncio.get_running_loop().add_reader(monitor, heard)
            try:
                while True:
                    lost.clear()
                    try:
                        _drain(monitor)  # older than what is looked at now
                        seen = await self.all()
                        links.clear()
                        links.update((link.index, link) for link in seen)
                        changed(seen)
                    except NetworkError:
                        lost.set()  # a device went while the list was made
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(lost.wait(), POLLING_S)
                    await asyncio.sleep(QUIET_S)
            finally:
                asyncio.get_running_loop().remove_reader(monitor)


ANYWHERE = "00:00:00:00:00:00"
RTMGRP_LINK = 1
"""Source: linux/rtnetlink.h."""


def _drain(monitor: socket.socket) -> tuple[list[tuple[int, Link | None]], bool]:
    """Take all news that wait, and whether none was lost: when the socket overflows it tells only that something changed."""
    told: list[tuple[int, Link | None]] = []
    whole = True
    with contextlib.suppress(BlockingIOError, InterruptedError):
        while True:
            try:
                told += news(monitor.recv(65536))
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                whole = False
    return told, whole


def quiet(name: str) -> None:
    """Keep the machine's own IP stack off a device: no IPv6 address of its own, no answers to ARP."""
    for path, text in (("ipv6/conf/{}/disable_ipv6", "1"), ("ipv4/conf/{}/arp_ignore", "8")):
        with contextlib.suppress(OSError):  # without IPv6 in the kernel there is nothing to switch off
            (Path("/proc/sys/net") / path.format(name)).write_text(text)
