"""The VXLAN networks of one host: a device of the kernel for each, which both kinds of switch take as the network's uplink.

Open vSwitch has tunnels of its own, but its userspace datapath sends them only from an address on one of its own bridges;
the kernel's device works with every datapath.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from drivers.link_messages import Link
from drivers.network.links import Links, device_name
from drivers.place import Place
from lab.errors import NetworkError
from lab.services.network.driver import PortWiring

OVERHEAD = 50
"""Bytes that VXLAN over IPv4 adds to a frame. Source: RFC 7348."""


@dataclass
class Tunnels:
    """The VXLAN devices of one cloud on one host; `port` is their UDP port, `learning` whether they learn who is where."""

    place: Place
    links: Links
    port: int = 4789
    learning: bool = True
    peers: set[str] = field(default_factory=set)

    def name(self, network_id: str) -> str:
        """The device of a network."""
        return device_name("vx", network_id)

    async def ensure(self, wiring: PortWiring) -> Link:
        """The device of a port's network, up. Raises NetworkError."""
        network_id, name = wiring.network_id, self.name(wiring.network_id)
        found = await self.links.find(name)
        if found is not None:
            if found.alias != self._tag(network_id):
                raise NetworkError(f"device {name} is there and not of cloud {self.place.cloud}; remove it: ip link delete {name}")
            return found
        options = {"vxlan_id": wiring.segmentation_id, "vxlan_local": self.place.address, "vxlan_port": self.port}
        try:
            link = await self.links.add(name, "vxlan", self._tag(network_id), vxlan_learning=self.learning, **options)
        except NetworkError as error:
            raise NetworkError(f"network {network_id}, VNI {wiring.segmentation_id}: {error.message}") from error
        try:
            await self.links.flood_to(link, self.peers)
            await self.links.change(link, mtu=wiring.mtu, up=True)
        except NetworkError:
            await self.links.delete(name)
            raise
        return link

    async def remove(self, network_id: str) -> None:
        """Remove the device of a network; none is no error."""
        found = await self.links.find(self.name(network_id))
        if found is not None and found.alias == self._tag(network_id):
            await self.links.delete(found.name)

    def owns(self, link: Link) -> bool:
        """Whether a device is one of these."""
        return link.alias.startswith(self._tag(""))

    async def remove_device(self, name: str) -> None:
        """Remove one of these by its name; gone is no error. Raises NetworkError for any other."""
        link = await self.links.find(name)
        if link is None:
            return
        if not self.owns(link):
            raise NetworkError(f"device {name} is not of cloud {self.place.cloud}; it was not touched")
        await self.links.delete(name)

    async def set_peers(self, peers: tuple[str, ...]) -> None:
        """Send frames for everybody to these addresses from now on."""
        self.peers = set(peers) - {self.place.address}
        for link in await self.links.all():
            if self.owns(link):
                await self.links.flood_to(link, self.peers)

    def _tag(self, network_id: str) -> str:
        return self.place.tag(f"vxlan:{network_id}")
