"""What no scenario breaks of a simulated datacenter: disks, guests, a host's power. Every fault answers how to end it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from sim.datacenter.datacenter import Datacenter
from sim.datacenter.guest import CRASHED, SHUTDOWN, Guest

End: TypeAlias = Callable[[], None]


class WorldFaults:
    """Breaks and mends one datacenter."""

    def __init__(self, dc: Datacenter) -> None:
        self.dc = dc

    def power_host(self, name: str) -> End:
        """Cut a host's power: its guests go off, without anybody being told. Its processes are the caller's to kill."""
        host = self.dc.host(name)
        host.power(False)
        hypervisor = self.dc.hypervisors.get(name)
        for guest in list(hypervisor.guests.values()) if hypervisor is not None else ():
            guest.power_down(SHUTDOWN)
        return lambda: host.power(True)

    def slow_nas(self, name: str, factor: float) -> End:
        """Divide a filer's bandwidth and operations a second."""
        nas = self.dc.nas(name)
        nas.slow(factor)
        return lambda: nas.slow(1.0)

    def fill_nas(self, name: str) -> End:
        """Leave no byte free on a filer."""
        nas = self.dc.nas(name)
        nas.full = True

        def end() -> None:
            nas.full = False

        return end

    def fill_disk(self, host: str) -> End:
        """Leave no byte free on a hypervisor host's disk."""
        disk = self.dc.hypervisor(host).disk
        disk.full = True

        def end() -> None:
            disk.full = False

        return end

    def kill_disk(self, node: str, disk: str) -> End:
        """Make a disk of a storage node answer nothing."""
        device = self.dc.object_disks.get((node, disk))
        if device is None:
            known = ", ".join(f"{n}/{d}" for n, d in self.dc.object_disks)
            raise KeyError(f"no disk {node}/{disk}; known are {known}")
        dead = device
        dead.dead = True

        def end() -> None:
            dead.dead = False

        return end

    def crash_guest(self, guest_id: str) -> End:
        """Let a guest's kernel panic: its hypervisor tells the compute agent. Starting it again is not ours to do."""
        guest = self._guest(guest_id)
        guest.power_down(CRASHED, "Kernel panic - not syncing: Fatal exception")
        if guest.host.power_watcher is not None:
            guest.host.power_watcher(guest_id, CRASHED)
        return lambda: None

    def _guest(self, guest_id: str) -> Guest:
        guest = self.dc.guest(guest_id)
        if guest is None:
            raise KeyError(f"no guest {guest_id} on any host")
        return guest

    def hang_guest(self, guest_id: str) -> End:
        """Make the system inside a guest deaf to ACPI's power button."""
        deaf = self._guest(guest_id)
        deaf.hung = True

        def end() -> None:
            deaf.hung = False

        return end
