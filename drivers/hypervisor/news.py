"""Power that nobody asked for: guests that shut themselves down, crashed, or were switched by somebody else."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from drivers.hypervisor import power
from lab.errors import HypervisorError

if TYPE_CHECKING:
    from drivers.hypervisor.libvirt import LibvirtHypervisor


class PowerNews:
    """Tells a change of power once, and none that the driver made itself."""

    def __init__(self, driver: LibvirtHypervisor) -> None:
        self.driver = driver
        self.known: dict[str, int] = {}
        """The power of each guest, as it was seen last."""
        self.callback: Callable[[str, int], None] | None = None
        self._acting: set[str] = set()
        self._looks: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def acting_on(self, guest_id: str) -> AsyncIterator[None]:
        """Change a guest's power: the events of that are no news, the state at the end is what is known."""
        outermost = guest_id not in self._acting
        self._acting.add(guest_id)
        try:
            yield
        finally:
            if outermost:
                with contextlib.suppress(HypervisorError):
                    self.known[guest_id] = await self.driver.on(guest_id, "could not be looked at", power.state_of)
                self._acting.discard(guest_id)

    def heard(self, guest_id: str, event: int, detail: int) -> None:
        """An event says only that something happened, maybe long ago: what is now is looked at."""
        if guest_id not in self._acting:
            look = asyncio.get_running_loop().create_task(self._look(guest_id))
            self._looks.add(look)
            look.add_done_callback(self._looks.discard)

    async def _look(self, guest_id: str) -> None:
        with contextlib.suppress(HypervisorError):  # somebody else's, or gone
            now = await self.driver.on(guest_id, "could not be looked at", power.state_of)
            await self.driver.record(guest_id)
            before = self.known.get(guest_id)
            if guest_id in self._acting or now == before:
                return
            self.known[guest_id] = now
            if self.callback is not None and before is not None:
                self.callback(guest_id, now)

    def close(self) -> None:
        """End looking."""
        for look in list(self._looks):
            look.cancel()
