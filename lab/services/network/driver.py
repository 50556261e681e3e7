"""The ports of the network agents: the L2 agent's switch and the DHCP agent's servers.

Promises: every verb converges when repeated; after a `NetworkError` nothing of the call is left.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from lab.values import value

NOBODY = "255.255.255.255/32"
"""A prefix that no packet comes from: a rule about a group lets nobody through until the members are known."""


@value
class SecurityRule:
    """One rule in a form that a firewall takes; protocol None is any, ports None is all."""

    direction: str
    ethertype: str
    protocol: str | None = None
    port_min: int | None = None
    port_max: int | None = None
    remote_prefix: str | None = None
    remote_group: str | None = None
    """Only from or to members of this security group; `remote_prefix` is then `NOBODY`."""


@value
class PortWiring:
    """All that a host needs to wire one port."""

    port_id: str
    tap: str
    mac_address: str
    addresses: tuple[str, ...]
    network_id: str
    network_type: str
    segmentation_id: int | None
    physical_network: str | None
    mtu: int = 1500
    rules: tuple[SecurityRule, ...] = ()
    port_security: bool = True
    admin_state_up: bool = True


@value
class DhcpHost:
    """One reservation: this MAC gets this address."""

    port_id: str
    mac_address: str
    address: str
    hostname: str


@value
class DhcpSubnet:
    """One subnet as a DHCP server needs it."""

    id: str
    cidr: str
    gateway: str | None
    dns: tuple[str, ...] = ()
    routes: tuple[tuple[str, str], ...] = ()
    lease_s: int = 86400


@value
class DhcpNetwork:
    """One network to serve: the server's own port, its subnets and all reservations."""

    wiring: PortWiring
    subnets: tuple[DhcpSubnet, ...]
    hosts: tuple[DhcpHost, ...]


class L2Driver(ABC):
    """One host's switch."""

    wires_dhcp: bool = False
    """Whether the ports of DHCP servers are wired as guests' are; else their driver plugs them in by itself."""

    @abstractmethod
    async def wire(self, wiring: PortWiring) -> None:
        """Put the tap into its segment, with its rules, and the segment on the host's uplink (VLAN trunk or tunnel)."""

    @abstractmethod
    async def unwire(self, port_id: str) -> None:
        """Take the port out; the segment leaves the uplink with its last port. No such port is no error."""

    @abstractmethod
    async def wired(self) -> list[str]:
        """List the ids of the ports that are wired, sorted."""

    @abstractmethod
    async def devices(self) -> list[str]:
        """List the port ids whose tap exists on this host (wired or not), sorted."""

    @abstractmethod
    async def tunnels(self, peers: tuple[str, ...]) -> None:
        """Set the tunnel endpoints (IP addresses) of the other hosts."""

    @abstractmethod
    def on_device(self, callback: Callable[[str, bool], None]) -> None:
        """Call `callback(port_id, present)` when a tap appears on or vanishes from the host."""


class GroupFirewall(ABC):
    """Ability of a switch: rules name security groups, and their members are asked for when they are first needed.

    A switch without it gets every rule with the members' prefixes, and is wired anew when they change.
    """

    @abstractmethod
    def on_unknown_group(self, callback: Callable[[str], None]) -> None:
        """Call `callback(group_id)` when a packet meets a rule whose group's members are not known; it is held back."""

    @abstractmethod
    async def set_members(self, group_id: str, prefixes: tuple[str, ...] | None) -> None:
        """Learn the members of a group and judge what was held back, or forget them (None)."""


class DhcpDriver(ABC):
    """One host's DHCP servers, one a network."""

    @abstractmethod
    async def serve(self, network: DhcpNetwork) -> None:
        """Start, or bring up to date, the server of this network."""

    @abstractmethod
    async def stop(self, network_id: str) -> None:
        """Stop the server of this network; none is no error."""

    @abstractmethod
    async def serving(self) -> list[str]:
        """List the ids of the networks served, sorted."""


class DhcpReservations(ABC):
    """Ability of a DHCP server: one reservation comes or goes without the others being named again."""

    @abstractmethod
    async def reserve(self, network_id: str, host: DhcpHost) -> None:
        """Add a reservation to a network that is served, or change the one of that port and address."""

    @abstractmethod
    async def release(self, network_id: str, port_id: str) -> None:
        """Drop all reservations of a port; none is no error."""


@value
class MetadataRequest:
    """What a guest asks of 169.254.169.254; `answer(status, content type, body)` sends the reply, once."""

    network_id: str
    address: str
    path: str
    answer: Callable[[int, str, bytes], None]


class MetadataDoor(ABC):
    """Ability of DHCP servers: beside DHCP they take what guests ask of the metadata service."""

    @abstractmethod
    def on_metadata(self, callback: Callable[[MetadataRequest], None]) -> None:
        """Call `callback` with each request from now on."""


@value
class RouterInterface:
    """One interface of a router in a network; `cidr` is its own address with the subnet's prefix, '10.0.0.1/24'."""

    port_id: str
    router_id: str
    mac_address: str
    network_type: str
    segmentation_id: int | None
    physical_network: str | None
    cidr: str


class RouterDriver(ABC):
    """The routers of one host: packets pass between the interfaces of one router, never to another router's."""

    @abstractmethod
    async def attach(self, interface: RouterInterface) -> None:
        """Give a router an interface, or change the one of that port."""

    @abstractmethod
    async def detach(self, port_id: str) -> None:
        """Take an interface away; none is no error."""

    @abstractmethod
    async def attached(self) -> list[str]:
        """List the port ids of all interfaces, sorted."""
