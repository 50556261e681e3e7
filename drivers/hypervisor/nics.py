"""The host's side of guests' cards: taps for virtual machines, veth pairs for containers.

A device is there, named and tagged, before its guest runs; the switch sees it and wires it. Everything here blocks.
"""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Iterator

from drivers import netns
from drivers.devices import offload_off, port_of, port_tag
from drivers.hypervisor.domain import Card
from drivers.link_messages import LinkSocket, add_tap
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
        with told(f"device {card.tap} of port {card.port}"), LinkSocket() as netlink:
            there = netlink.find(card.tap)
            if there is not None and there.alias == tag:
                return
            if there is not None:
                raise HypervisorError(
                    f"there is a device {card.tap} on {self.place.host} already, and it is not of cloud {self.place.cloud}; "
                    f"remove it (ip link del {card.tap}) or rename it"
                )
            try:
                self._tap(netlink, card) if namespace is None else self._pair(netlink, card, namespace)
                # The tag comes last: whoever looks for tagged devices finds a whole one.
                netlink.change(index_of(card.tap), up=True, mtu=card.mtu, alias=tag)
            except BaseException:
                with contextlib.suppress(OSError, HypervisorError):
                    netlink.delete(index_of(card.tap))
                raise

    def _tap(self, netlink: LinkSocket, card: Card) -> None:
        add_tap(card.tap)
        # Not the guest's own address: a switch would take it for its own. Source: libvirt does the same.
        netlink.address(index_of(card.tap), f"fe{card.mac[2:]}")

    def _pair(self, netlink: LinkSocket, card: Card, namespace: str) -> None:
        netns.make(namespace)
        inner = f"gcx{card.port[:11]}"
        netlink.add_pair(card.tap, inner, card.mac, card.mtu)
        if not self.offload:
            offload_off(inner)
        with (NAMESPACES / namespace).open() as where:
            netlink.move(index_of(inner), where.fileno(), card.device)

    def ensure_namespace(self, name: str) -> None:
        """A container without any card has a namespace too."""
        with told(f"network namespace {name}"):
            netns.make(name)

    def drop(self, card: Card) -> None:
        """Remove a card's device if it is ours; none is no error. Raises HypervisorError."""
        self._delete(card.tap, port_tag(self.place, card.port))

    def _delete(self, name: str, tag: str) -> None:
        with told(f"device {name}"), LinkSocket() as netlink:
            there = netlink.find(name)
            if there is not None and there.alias == tag:
                netlink.delete(there.index)

    def drop_namespace(self, name: str) -> None:
        """Remove a container's namespace and our devices that end in it; none is no error.

        The devices go first: with their namespace they go some time later, when the kernel comes to it.
        """
        if (NAMESPACES / name).exists():
            with told(f"network namespace {name}"):
                self._clear(name)
                netns.unmake(name)

    def _clear(self, namespace: str) -> None:
        with LinkSocket() as netlink, (NAMESPACES / namespace).open() as where:
            number = netlink.namespace(where.fileno())
            for link in netlink.all():
                if number >= 0 and link.namespace == number and port_of(self.place, link.alias) is not None:
                    netlink.delete(link.index)

    # -- what a crash left --------------------------------------------------------------------

    def namespaces(self) -> list[str]:
        """The namespaces of containers of this cloud."""
        start = self.namespace("")
        return sorted(path.name for path in NAMESPACES.glob(f"{start}*")) if NAMESPACES.is_dir() else []

    def taps(self) -> dict[str, str]:
        """The taps of virtual machines of this cloud, and their ports."""
        with told(f"the devices of {self.place.host}"), LinkSocket() as netlink:
            taps = [link for link in netlink.all() if link.kind == "tun"]
        ports = {link.name: port_of(self.place, link.alias) for link in taps}
        return {name: port for name, port in ports.items() if port is not None}

    def drop_tap(self, name: str) -> None:
        """Remove a tap that carries this cloud's tag; none is no error. Raises HypervisorError for another's."""
        port = self.taps().get(name)
        if port is not None:
            self._delete(name, port_tag(self.place, port))
            return
        with told(f"device {name}"), LinkSocket() as netlink:
            if netlink.find(name) is not None:
                raise HypervisorError(f"device {name} on {self.place.host} is not of cloud {self.place.cloud}: it is left as it is")


def index_of(name: str) -> int:
    """The index of a device that must be there."""
    try:
        return socket.if_nametoindex(name)
    except OSError:
        raise HypervisorError(f"device {name} vanished while it was made; is something else removing devices here?") from None


@contextlib.contextmanager
def told(what: str) -> Iterator[None]:
    """Turn what the kernel refuses into a HypervisorError that names the thing and the way out."""
    try:
        yield
    except OSError as error:
        number = error.errno or 0
        way = WAYS.get(number, "see dmesg")
        raise HypervisorError(f"{what}: {errno.errorcode.get(number, str(number))}; {way}") from error
