"""Drivers on paper: they keep what they were asked for, so that a real cloud's core runs on any machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from drivers.place import Place
from lab.services.compute.driver import HostInventory
from tests.unit.compute.neighbours import Hypervisor
from tests.unit.image.glance import MemoryImages
from tests.unit.network.neutron import DhcpServers, Switch
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
    """A host's switch."""

    def __init__(self, place: Place, options: Nothing) -> None:
        Switch.__init__(self)
        SWITCHES[place] = self


class PaperHypervisor(Paper, Hypervisor):
    """A host's hypervisor; its taps appear at the host's switch."""

    def __init__(self, place: Place, options: Nothing) -> None:
        super().__init__(SWITCHES[place].plug)
        self.place = place

    async def inventory(self) -> HostInventory:
        return HostInventory("QEMU", 8_002_000, 8, 16_384, 100, self.place.address)


class PaperDhcp(Paper, DhcpServers):
    """A host's DHCP servers."""

    def __init__(self, place: Place, options: Nothing) -> None:
        super().__init__()


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
