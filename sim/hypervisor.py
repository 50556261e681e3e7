"""The simulated hypervisor: guests on one host of the datacenter, built and started in the time that it takes.

What an agent loses by dying stays where it is: an undo runs after an error, never after a lost process.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from lab.errors import HypervisorError, NoSpace
from lab.services.compute.driver import Content, GuestDisk, GuestNic, GuestNotFound, GuestSpec, GuestState, HostInventory, HypervisorDriver
from sim.datacenter import console
from sim.datacenter.datacenter import Datacenter
from sim.datacenter.durable import guest_key, guest_value, image_key
from sim.datacenter.fabric import pause
from sim.datacenter.guest import ON, SHUTDOWN, Guest
from sim.datacenter.host import GIB, HypervisorHost
from sim.datacenter.nas import Nas

OVERLAY_BYTES = 64 * 1024**2
"""What a new guest's disk takes at first, an overlay on the image. A guess: a booted cirros writes some 50 MiB."""
CONTENTION = 0.1
"""How much each other guest in the making slows a host's work. A guess: image and XML work is short on CPU."""
CACHE_BPS = 4_000_000_000
"""How fast an image is written into the cache. A guess: 500 MB/s, a small SSD."""
SOFT_REBOOT_S = 120.0
"""How long a soft reboot waits for the system inside. Source: libvirt wait_soft_reboot_seconds."""
QEMU_VERSION = 8_002_002
TRAITS = (
    "COMPUTE_IMAGE_TYPE_QCOW2",
    "COMPUTE_IMAGE_TYPE_RAW",
    "COMPUTE_NET_ATTACH_INTERFACE",
    "COMPUTE_NODE",
    "COMPUTE_VOLUME_EXTEND",
    "HW_CPU_X86_SSE2",
)


class SimHypervisor(HypervisorDriver):
    """The hypervisor of one host; all its state is the host's own, so a new driver finds what the last one left."""

    def __init__(self, dc: Datacenter, host: str) -> None:
        self.dc = dc
        self.host: HypervisorHost = dc.hypervisor(host)

    # -- the host -----------------------------------------------------------------------------

    async def inventory(self) -> HostInventory:
        await self._spend("query")
        host = self.host
        disk_gib = host.disk.capacity // GIB
        return HostInventory(host.hypervisor_type, QEMU_VERSION, host.vcpus, host.memory_mib, disk_gib, host.address, TRAITS)

    async def has_image(self, image_id: str) -> bool:
        await self._spend("query")
        return image_id in self.host.images

    async def cache_image(self, image_id: str, size: int, checksum: str, content: Content) -> None:
        if image_id in self.host.images:
            return
        self._take(size, f"image {image_id}")
        kept = False
        try:
            await self._spend("cache_image")
            await pause(size * 8 * 1_000_000_000 // CACHE_BPS)
            if image_id not in self.host.images:
                self.host.images[image_id] = size
                self.dc.write(image_key(self.host, image_id), lambda: {"size": size})
                kept = True
        finally:
            if not kept:
                self.host.disk.give(size)

    # -- a guest's life -----------------------------------------------------------------------

    async def spawn(self, guest: GuestSpec, wait_plugged: Callable[[], Awaitable[None]] | None = None) -> None:
        known = self.host.guests.get(guest.id)
        if known is not None and known.running:
            return
        built = known or self._define(guest)
        self.host.busy += 1
        try:
            await self._build(built, wait_plugged)
        except Exception:
            if known is None:
                self._remove(built)
            raise
        finally:
            self.host.busy -= 1
        built.power_up()
        self._keep(built)

    def _define(self, spec: GuestSpec) -> Guest:
        """Take the guest's place on the host."""
        for disk in spec.disks:
            image_id = disk.image_id
            if image_id is not None and image_id not in self.host.images:
                raise HypervisorError(f"guest {spec.name}: image {image_id} is not in the cache of {self.host.name}")
        nbytes = OVERLAY_BYTES * sum(1 for disk in spec.disks if disk.volume_id is None)
        self._take(nbytes, f"the disks of {spec.name}")
        guest = Guest(self.host, spec, self.dc)
        guest.disk_bytes = nbytes
        self.host.guests[spec.id] = guest
        self._keep(guest)
        return guest

    async def _build(self, guest: Guest, wait_plugged: Callable[[], Awaitable[None]] | None) -> None:
        await self._spend("disk")
        for disk in guest.spec.disks:
            self._mount(disk)
        await self._spend("define")
        self._still_there(guest)
        for nic in guest.spec.nics:
            self._add_nic(guest, nic)
        await self._spend("plug")
        if wait_plugged is not None:
            await wait_plugged()
        await self._spend("start")
        self._still_there(guest)

    def _still_there(self, guest: Guest) -> None:
        if self.host.guests.get(guest.spec.id) is not guest:
            raise HypervisorError(f"guest {guest.spec.name} was destroyed on {self.host.name} while it was built")

    async def destroy(self, guest_id: str) -> None:
        guest = self.host.guests.get(guest_id)
        if guest is None:
            return
        guest.power_down(SHUTDOWN)
        await self._spend("destroy")
        self._remove(guest)

    def _remove(self, guest: Guest) -> None:
        if self.host.guests.get(guest.spec.id) is not guest:
            return
        for port_id in list(guest.vifs):
            self._drop_nic(guest, port_id)
        guest.power_down(SHUTDOWN)
        self.host.disk.give(guest.disk_bytes)
        del self.host.guests[guest.spec.id]
        self.dc.write(guest_key(self.host, guest.spec.id), None)

    async def power_on(self, guest_id: str) -> None:
        guest = self._need(guest_id)
        if guest.running:
            return
        self.host.busy += 1
        try:
            for disk in guest.disks.values():
                self._mount(disk)
            for vif in list(guest.vifs.values()):
                self._add_nic(guest, vif.nic)
            await self._spend("power_on")
            self._still_there(guest)
        finally:
            self.host.busy -= 1
        guest.power_up()
        self._keep(guest)

    async def power_off(self, guest_id: str, timeout_s: float = 60.0) -> None:
        guest = self._need(guest_id)
        if not guest.running:
            guest.power_down(SHUTDOWN)
            return
        timeout_ns = round(timeout_s * 1_000_000_000)
        clean = timeout_ns > 0 and await self._press_button(guest, timeout_ns)
        if not clean:
            await self._spend("power_cut")
        self._still_there(guest)
        guest.power_down(SHUTDOWN, "reboot: Power down" if clean else "")
        self._keep(guest)

    async def _press_button(self, guest: Guest, timeout_ns: int) -> bool:
        """Ask the system inside to halt; say whether it did in time."""
        needed = self.dc.draw("guest.shutdown", self.host.name) + max(0, guest.boots[-1].login_ns - self.dc.now())
        clean = needed <= timeout_ns and not guest.hung
        await pause(needed if clean else timeout_ns)
        return clean

    async def pause(self, guest_id: str) -> None:
        await self._hold(guest_id, still=True)

    async def unpause(self, guest_id: str) -> None:
        await self._hold(guest_id, still=False)

    async def _hold(self, guest_id: str, *, still: bool) -> None:
        guest = self._need(guest_id)
        await self._spend("query")
        self._still_there(guest)
        if guest.power_state not in ON:
            raise HypervisorError(f"guest {guest.spec.name} on {self.host.name} is off; start it first")
        guest.hold(still)
        self._keep(guest)

    async def reboot(self, guest_id: str, hard: bool) -> None:
        guest = self._need(guest_id)
        await self.power_off(guest_id, 0.0 if hard else SOFT_REBOOT_S)
        guest.hung = False
        await self.power_on(guest_id)

    async def guests(self) -> list[GuestState]:
        await self._spend("query")
        known = sorted(self.host.guests.items())
        return [GuestState(guest_id, guest.spec.name, guest.power_state) for guest_id, guest in known]

    async def console(self, guest_id: str, lines: int | None = None) -> str:
        guest = self._need(guest_id)
        await self._spend("query")
        return console.tail(console.text(guest, self.dc.now()), lines)

    # -- cards and volumes --------------------------------------------------------------------

    async def attach_nic(self, guest_id: str, nic: GuestNic) -> None:
        guest = self._need(guest_id)
        if nic.port_id in guest.vifs:
            return
        await self._spend("attach_nic")
        self._still_there(guest)
        self._add_nic(guest, nic)
        self._keep(guest)

    async def detach_nic(self, guest_id: str, port_id: str) -> None:
        guest = self.host.guests.get(guest_id)
        if guest is None or port_id not in guest.vifs:
            return
        await self._spend("detach_nic")
        self._drop_nic(guest, port_id)
        self._keep(guest)

    def _add_nic(self, guest: Guest, nic: GuestNic) -> None:
        self.dc.vifs[nic.port_id] = guest.add_nic(nic)

    def _drop_nic(self, guest: Guest, port_id: str) -> None:
        vif = guest.vifs.get(port_id)
        guest.remove_nic(port_id)
        if vif is not None and self.dc.vifs.get(port_id) is vif:
            del self.dc.vifs[port_id]

    async def attach_disk(self, guest_id: str, disk: GuestDisk) -> None:
        guest = self._need(guest_id)
        key = disk.volume_id or disk.device
        if key in guest.disks:
            return
        self._mount(disk)
        await self._spend("attach_disk")
        self._still_there(guest)
        guest.disks[key] = disk
        self._keep(guest)

    async def detach_disk(self, guest_id: str, volume_id: str) -> None:
        guest = self.host.guests.get(guest_id)
        if guest is None or volume_id not in guest.disks:
            return
        await self._spend("detach_disk")
        guest.disks.pop(volume_id, None)
        self._keep(guest)

    def _mount(self, disk: GuestDisk) -> None:
        """Check that a volume can be reached from here; disks without a connection are the host's own."""
        if disk.connection is None:
            return
        # Cinder's attachments show the data flat beside the type; its driver and nova nest them.
        data = disk.connection.get("data", disk.connection)
        export = str(data.get("export", "")) if isinstance(data, dict) else ""
        nas = self.dc.addresses.get(export.partition(":")[0])
        if not isinstance(nas, Nas):
            raise HypervisorError(f"{self.host.name}: mount of '{export}' failed: no such filer")
        if self.dc.fabric.latency_ns(self.host.name, nas.name) is None:
            raise HypervisorError(f"{self.host.name}: mount.nfs: {export}: Connection timed out")
        volume = nas.volumes.get(disk.volume_id or "")
        if volume is None:
            raise HypervisorError(f"{self.host.name}: {export}: volume {disk.volume_id}: No such file or directory")
        if self.host.name not in volume.exports:
            raise HypervisorError(f"{self.host.name}: mount.nfs: access denied by server while mounting {export}")

    # -- what a guest does by itself ----------------------------------------------------------

    def on_power_change(self, callback: Callable[[str, int], None]) -> None:
        self.host.power_watcher = callback

    # -- inside -------------------------------------------------------------------------------

    async def _spend(self, what: str) -> None:
        host = self.host
        if not host.up:
            raise HypervisorError(f"host {host.name} has no power")
        delay = self.dc.draw(f"hypervisor.{what}", host.name)
        await pause(round(delay * (1 + CONTENTION * max(0, host.busy - 1))))

    def _need(self, guest_id: str) -> Guest:
        guest = self.host.guests.get(guest_id)
        if guest is None:
            raise GuestNotFound.on(self.host.name, guest_id)
        return guest

    def _take(self, nbytes: int, what: str) -> None:
        try:
            self.host.disk.take(nbytes, what)
        except NoSpace as full:
            raise HypervisorError(f"{self.host.name}: {full.message}") from full

    def _keep(self, guest: Guest) -> None:
        self.dc.write(guest_key(self.host, guest.spec.id), lambda: guest_value(guest))
