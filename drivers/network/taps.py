"""The devices of guests on one host, by their ports."""

from __future__ import annotations

from collections.abc import Callable

from drivers.devices import offload_off, port_of
from drivers.link_messages import Link
from drivers.network.links import Links, quiet
from drivers.place import Place
from lab.errors import NetworkError
from lab.services.network.driver import PortWiring

GROUP = 0x6763
"""The group of all devices of guests, on which the machine's own IP stack hears nothing."""


class Taps:
    """Looks for devices with the alias of a port of this cloud."""

    def __init__(self, place: Place, links: Links) -> None:
        self.place, self.links = place, links
        self._known: dict[str, int] = {}
        self._callback: Callable[[str, bool], None] | None = None

    async def here(self) -> dict[str, Link]:
        """The devices by port id."""
        return self._by_port(await self.links.all())

    def _by_port(self, links: list[Link]) -> dict[str, Link]:
        found = ((port_of(self.place, link.alias), link) for link in links)
        return {port_id: link for port_id, link in found if port_id is not None and link.name == tap_of(port_id)}

    async def need(self, wiring: PortWiring) -> Link:
        """The device of a port. Raises NetworkError when there is none, or one that is not ours."""
        link = await self.links.find(wiring.tap)
        if link is None:
            raise NetworkError(f"port {wiring.port_id}: there is no device {wiring.tap} on {self.place.host}")
        if port_of(self.place, link.alias) != wiring.port_id:
            raise NetworkError(
                f"port {wiring.port_id}: device {wiring.tap} on {self.place.host} is not of cloud {self.place.cloud} "
                f"(its alias is {link.alias!r}); rename it: ip link set {wiring.tap} name …"
            )
        return link

    async def prepare(self, link: Link, wiring: PortWiring) -> None:
        """Bring a device into the state of its port: its MTU, up or down, and the machine's own stack off it."""
        if (link.mtu, link.group, link.up) == (wiring.mtu, GROUP, wiring.admin_state_up):
            return  # its group is what it gets here: all the rest was done with it
        quiet(link.name)
        offload_off(link.name)
        await self.links.change(link, mtu=wiring.mtu, group=GROUP, up=wiring.admin_state_up)

    def watch(self, callback: Callable[[str, bool], None]) -> None:
        """Call `callback(port_id, present)` for each device that comes or goes."""
        self._callback = callback
        self.links.watch(self._changed)

    def _changed(self, links: list[Link]) -> None:
        now = {port_id: link.index for port_id, link in self._by_port(links).items()}
        before, self._known = self._known, now
        for port_id, index in before.items():
            if now.get(port_id) != index:
                self._tell(port_id, False)
        for port_id, index in now.items():
            if before.get(port_id) != index:
                self._tell(port_id, True)

    def _tell(self, port_id: str, present: bool) -> None:
        if self._callback is not None:
            self._callback(port_id, present)


def tap_of(port_id: str) -> str:
    """The name of a port's device on its host."""
    return f"tap{port_id[:11]}"
