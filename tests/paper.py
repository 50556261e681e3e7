"""Drivers on paper: they keep what they were asked for, so that a real cloud's core runs on any machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from drivers.place import Place
from lab.services.compute.driver import HostInventory
from lab.services.network.driver import DhcpNetwork
from tests.unit.compute.neighbours import Hypervisor
from tests.unit.image.glance import MemoryImages
from tests.unit.network.neutron import ReservingServers, Switch
from tests.unit.object.object_storage import MemoryDisk
from tests.unit.volume.block_storage import MemoryBackend

SWITCHES: dict[Place, PaperSwitch] = {}
"""The switch of each place, by which its hypervisor plugs taps in."""


@dataclass(frozen=True)
class Nothing:
    """No options."""


@dataclass(frozen=True)
class Disk:
    """Which disk it is."""

    disk: str


class Paper:
    """What every driver has."""

    Options: ClassVar[type] = Nothing
    place: Place

    async def open(self) -> None:
        """There is nothing to open."""

    async def close(self) -> None:
        """There is nothing to close."""


class PaperSwitch(Paper, Switch):
    """A host's switch; members of groups are spelled out for it, as for a real one."""

    def __init__(self, place: Place, options: Nothing) -> None:
        super().__init__()
        SWITCHES[place] = self


class PaperHypervisor(Paper, Hypervisor):
    """A host's hypervisor; its taps appear at the host's switch."""

    def __init__(self, place: Place, options: Nothing) -> None:
        super().__init__(SWITCHES[place].plug)
        self.place = place

    async def inventory(self) -> HostInventory:
        return HostInventory("QEMU", 8_002_000, 8, 16_384, 100, self.place.address)

    async def destroy(self, guest_id: str) -> None:
        cards = self.cards.get(guest_id, [])
        await super().destroy(guest_id)
        for port_id in cards:
            SWITCHES[self.place].unplug(port_id)


class PaperDhcp(Paper, ReservingServers):
    """A host's DHCP servers; their own ports are taps at the host's switch too."""

    def __init__(self, place: Place, options: Nothing) -> None:
        super().__init__()
        self.place = place

    async def serve(self, network: DhcpNetwork) -> None:
        await super().serve(network)
        SWITCHES[self.place].plug(network.wiring.port_id)

    async def stop(self, network_id: str) -> None:
        network = self.networks.get(network_id)
        await super().stop(network_id)
        if network is not None:
            SWITCHES[self.place].unplug(network.wiring.port_id)


class PaperVolumes(Paper, MemoryBackend):
    """A filer."""

    def __init__(self, place: Place, options: Nothing) -> None:
        super().__init__()


class PaperImages(Paper, MemoryImages):
    """An image store."""

    def __init__(self, place: Place, options: Nothing) -> None:
        super().__init__()


class PaperDisk(Paper, MemoryDisk):
    """An object disk."""

    Options = Disk

    def __init__(self, place: Place, options: Disk) -> None:
        super().__init__()


DRIVERS = {
    "hypervisor": {"driver": "tests.paper:PaperHypervisor"},
    "network": {"driver": "tests.paper:PaperSwitch"},
    "dhcp": {"driver": "tests.paper:PaperDhcp"},
    "volume": {"driver": "tests.paper:PaperVolumes"},
    "image": {"driver": "tests.paper:PaperImages"},
    "object": {"driver": "tests.paper:PaperDisk"},
}
