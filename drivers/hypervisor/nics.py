"""The host's side of guests' cards: taps for virtual machines, veth pairs for containers.

A device is there, named and tagged, before its guest runs; the switch sees it and wires it. Everything here blocks.
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from typing import Any

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from drivers import netns
from drivers.devices import offload_off, port_of, port_tag
from drivers.hypervisor.domain import Card
from drivers.netns import DIRECTORY as NAMESPACES
from drivers.place import Place
from lab.errors import HypervisorError

WAYS = {
    errno.EPERM: "run as root",
    errno.EACCES: "run as root",
    errno.EOPNOTSUPP: "this kernel has no such devices",
    errno.ENOENT: "is /dev/net/tun there? modprobe tun",
    errno.EBUSY: "another process holds it",
}


class Nics:
    """Makes and removes devices on one host of one cloud."""

    def __init__(self, place: Place, offload: bool) -> None:
        self.place, self.offload = place, offload

    def namespace(self, guest_id: str) -> str:
        """The network namespace of a container; also the name of the directory of a guest's files."""
        return f"gc-{self.place.cloud}-guest-{guest_id}"

    def make(self, card: Card, namespace: str | None) -> None:
        """Make a card's device, for a container with its other end in that namespace; one that is there already is kept.

        Raises HypervisorError when it cannot be made, or when a device of that name is somebody else's.
        """
        tag = port_tag(self.place, card.port)
        with told(f"device {card.tap} of port {card.port}"), IPRoute() as netlink:
            there = find(netlink, card.tap)
            if there is not None and there.get_attr("IFLA_IFALIAS") == tag:
                return
            if there is not None:
                raise HypervisorError(
                    f"there is a device {card.tap} on {self.place.host} already, and it is not of cloud {self.place.cloud}; "
                    f"remove it (ip link del {card.tap}) or rename it"
                )
            try:
                self._tap(netlink, card) if namespace is None else self._pair(netlink, card, namespace)
                index = found(netlink, card.tap)
                # The tag comes last: whoever looks for tagged devices finds a whole one.
                netlink.link("set", index=index, state="up", mtu=card.mtu, IFLA_IFALIAS=tag)
            except BaseException:
                with contextlib.suppress(NetlinkError, HypervisorError):
                    netlink.link("del", index=found(netlink, card.tap))
                raise

    def _tap(self, netlink: Any, card: Card) -> None:
        netlink.link("add", ifname=card.tap, kind="tuntap", mode="tap")
        # Not the guest's own address: a switch would take it for its own. Source: libvirt does the same.
        netlink.link("set", index=found(netlink, card.tap), address=f"fe{card.mac[2:]}")

    def _pair(self, netlink: Any, card: Card, namespace: str) -> None:
        netns.make(namespace)
        inner = f"gcx{card.port[:11]}"
        netlink.link("add", ifname=card.tap, kind="veth", mtu=card.mtu, peer={"ifname": inner, "address": card.mac, "mtu": card.mtu})
        if not self.offload:
            offload_off(inner)
        with (NAMESPACES / namespace).open() as where:
            netlink.link("set", index=found(netlink, inner), net_ns_fd=where.fileno(), ifname=card.device)

    def ensure_namespace(self, name: str) -> None:
        """A container without any card has a namespace too."""
        with told(f"network namespace {name}"):
            netns.make(name)

    def drop(self, card: Card) -> None:
        """Remove a card's device if it is ours; none is no error. Raises HypervisorError."""
        self._delete(card.tap, port_tag(self.place, card.port))

    def _delete(self, name: str, tag: str) -> None:
        with told(f"device {name}"), IPRoute() as netlink:
            there = find(netlink, name)
            if there is not None and there.get_attr("IFLA_IFALIAS") == tag:
                netlink.link("del", index=there["index"])

    def drop_namespace(self, name: str) -> None:
        """Remove a container's namespace and our devices that end in it; none is no error.

        The devices go first: with their namespace they go some time later, when the kernel comes to it.
        """
        if (NAMESPACES / name).exists():
            with told(f"network namespace {name}"):
                self._clear(name)
                netns.unmake(name)

    def _clear(self, namespace: str) -> None:
        with IPRoute() as netlink, (NAMESPACES / namespace).open() as where:
            number = netlink.get_netnsid(fd=where.fileno())["nsid"]
            for link in [each for each in netlink.link("dump") if each.get_attr("IFLA_LINK_NETNSID") == number]:
                if port_of(self.place, link.get_attr("IFLA_IFALIAS")) is not None:
                    netlink.link("del", index=link["index"])

    # -- what a crash left --------------------------------------------------------------------

    def namespaces(self) -> list[str]:
        """The namespaces of containers of this cloud."""
        start = self.namespace("")
        return sorted(path.name for path in NAMESPACES.glob(f"{start}*")) if NAMESPACES.is_dir() else []

    def taps(self) -> dict[str, str]:
        """The taps of virtual machines of this cloud, and their ports."""
        with told(f"the devices of {self.place.host}"), IPRoute() as netlink:
            links = list(netlink.link("dump"))
        taps = [link for link in links if kind_of(link) == "tun"]
        ports = {link.get_attr("IFLA_IFNAME"): port_of(self.place, link.get_attr("IFLA_IFALIAS")) for link in taps}
        return {name: port for name, port in ports.items() if port is not None}

    def drop_tap(self, name: str) -> None:
        """Remove a tap that carries this cloud's tag; none is no error. Raises HypervisorError for another's."""
        port = self.taps().get(name)
        if port is not None:
            self._delete(name, port_tag(self.place, port))
            return
        with told(f"device {name}"), IPRoute() as netlink:
            if find(netlink, name) is not None:
                raise HypervisorError(f"device {name} on {self.place.host} is not of cloud {self.place.cloud}: it is left as it is")


def find(netlink: Any, name: str) -> Any:
    """The kernel's message of a device, or None."""
    try:
        return next(iter(netlink.link("get", ifname=name)), None)
    except NetlinkError as error:
        if error.code in (errno.ENODEV, errno.ENOENT):
            return None
        raise


def found(netlink: Any, name: str) -> int:
    """The index of a device that must be there."""
    link = find(netlink, name)
    if link is None:
        raise HypervisorError(f"device {name} vanished while it was made; is something else removing devices here?")
    return int(link["index"])


def kind_of(link: Any) -> str:
    """What kind of device it is: 'tun', 'veth', 'bridge'… or ''."""
    info = link.get_attr("IFLA_LINKINFO")
    return (info.get_attr("IFLA_INFO_KIND") if info is not None else None) or ""


@contextlib.contextmanager
def told(what: str) -> Iterator[None]:
    """Turn what the kernel refuses into a HypervisorError that names the thing and the way out."""
    try:
        yield
    except (NetlinkError, OSError) as error:
        number = error.code if isinstance(error, NetlinkError) else error.errno or 0
        way = WAYS.get(number, "see dmesg")
        raise HypervisorError(f"{what}: {errno.errorcode.get(number, str(number))}; {way}") from error
