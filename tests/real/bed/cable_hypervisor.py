"""A hypervisor whose guests are only cards: a veth pair each, of which the tests take the inner end."""

from __future__ import annotations

import asyncio
import subprocess

from drivers.devices import port_tag
from drivers.place import Place
from lab.services.compute.driver import GuestNic, GuestSpec, HostInventory
from tests.paper import Nothing, Paper
from tests.unit.compute.neighbours import Hypervisor


def inner(port_id: str) -> str:
    """The name of the card of a port, as it waits on the host."""
    return f"in-{port_id[:11]}"


class CableHypervisor(Paper, Hypervisor):
    """It makes and removes the devices of its guests' ports."""

    def __init__(self, place: Place, options: Nothing) -> None:
        self.place = place
        self.nics: dict[str, GuestNic] = {}
        super().__init__(self._plug)

    async def inventory(self) -> HostInventory:
        return HostInventory("QEMU", 8_002_000, 8, 16_384, 100, self.place.address)

    async def spawn(self, guest: GuestSpec, wait_plugged: object = None) -> None:
        self.nics |= {nic.port_id: nic for nic in guest.nics}
        await super().spawn(guest, wait_plugged)  # type: ignore[arg-type]

    def _plug(self, port_id: str) -> None:
        nic = self.nics[port_id]
        peer = ["peer", "name", inner(port_id), "address", nic.mac_address]
        _ip("link", "add", nic.tap, "type", "veth", *peer)
        _ip("link", "set", nic.tap, "alias", port_tag(self.place, port_id), "up")

    async def destroy(self, guest_id: str) -> None:
        cards = self.cards.get(guest_id, [])
        await super().destroy(guest_id)
        for port_id in cards:
            await asyncio.to_thread(_ip, "link", "delete", self.nics[port_id].tap)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)
