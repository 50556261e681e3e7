"""The hypervisor driver on libvirt: virtual machines by QEMU and KVM, containers by LXC.

What a guest is lies with libvirt (its domain, with our mark in it), in one directory of files and in the devices of its
cards; nothing is kept in memory, so an agent that starts anew finds all. Order: files, domain, devices, the wait for the
network, power; an error undoes it backwards.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, ClassVar

import libvirt

from drivers.findings import Finding
from drivers.hypervisor import copying, devices, domain, findings, leftovers, power
from drivers.hypervisor.connection import Connection
from drivers.hypervisor.console import Recorder, tail
from drivers.hypervisor.domain import Machine, Mark
from drivers.hypervisor.files import GIB, GuestFiles
from drivers.hypervisor.images import ImageCache
from drivers.hypervisor.news import PowerNews
from drivers.hypervisor.nics import Nics
from drivers.hypervisor.proof import proven
from drivers.hypervisor.roots import Roots
from drivers.hypervisor.settings import LibvirtOptions
from drivers.hypervisor.volumes import filers, need_filers
from drivers.place import Place
from drivers.sweep import Sweepable, Trace
from lab.errors import DriverTimeout, HypervisorError
from lab.services.compute.driver import Content, GuestDisk, GuestNic, GuestNotFound, GuestSpec, GuestState, HostInventory, HypervisorDriver

SOFT_REBOOT_S = 120.0
"""How long a soft reboot waits for the system inside. Source: nova's wait_soft_reboot_seconds."""
TRAITS = ("COMPUTE_NODE", "COMPUTE_IMAGE_TYPE_RAW", "COMPUTE_NET_ATTACH_INTERFACE")
DISK_TRAITS = ("COMPUTE_IMAGE_TYPE_QCOW2", "COMPUTE_VOLUME_EXTEND")
FORGET = (
    libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
    | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
    | libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
    | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
)


class LibvirtHypervisor(HypervisorDriver, Sweepable):
    """One host's libvirt."""

    Options: ClassVar[type] = LibvirtOptions

    def __init__(self, place: Place, options: LibvirtOptions) -> None:
        self.place, self.options = place, options
        self.containers = options.uri.startswith("lxc:")
        self.machine = Machine("lxc" if self.containers else options.virt_type)
        self.connection = Connection(options.uri)
        self.roots = Roots(place)
        self.cache = ImageCache(place.state / "images", place.cloud, place.host, self.roots if self.containers else None)
        self.nics = Nics(place, options.checksum_offload)
        self.recorder = Recorder()
        self.news = PowerNews(self)
        self._making: dict[str, object] = {}

    @classmethod
    async def probe(cls, place: Place, options: LibvirtOptions) -> list[Finding]:
        """Say what this machine has of libvirt; changes nothing."""
        return await asyncio.to_thread(findings.look, place, options.uri)

    async def open(self) -> None:
        """Connect, prove the kind of virtualisation, and take up the guests that run. Raises HypervisorError."""
        findings.need_rights(self.options.uri)
        await self.connection.open(self.news.heard)
        await asyncio.to_thread(self.cache.open)
        if self.containers:
            await asyncio.to_thread(self.roots.open)
        self.machine = await self._machine()
        for state in await self.guests():
            self.news.known[state.id] = state.power
            await self.record(state.id)

    async def _machine(self) -> Machine:
        options = self.options
        if self.containers:
            return Machine("lxc", offload=options.checksum_offload)
        kind = options.virt_type
        if kind not in ("auto", "kvm", "qemu"):
            raise HypervisorError(f"virt_type is {kind!r}; give auto, kvm or qemu")
        if kind == "auto":
            kind = await proven(self.connection, self._mark(()), self.proof_directory, options.proof_s)
        cpu_mode = options.cpu_mode or {"kvm": "host-model", "qemu": "maximum"}[kind]
        return Machine(kind, options.machine, cpu_mode, options.checksum_offload)

    async def close(self) -> None:
        """Let go of libvirt; guests go on."""
        self.recorder.close()
        self.news.close()
        await self.connection.close()

    # -- the host -----------------------------------------------------------------------------

    async def inventory(self) -> HostInventory:
        def look(connection: Any) -> tuple[str, int, int, int]:
            memory = connection.getMemoryStats(libvirt.VIR_NODE_MEMORY_STATS_ALL_CELLS)["total"] // 1024
            return connection.getType(), connection.getVersion(), connection.getInfo()[2], memory

        kind, version, vcpus, memory = await self.connection.call("the host's inventory", look)
        total = await asyncio.to_thread(lambda: shutil.disk_usage(self.cache.directory).total)
        traits = TRAITS if self.containers else tuple(sorted(TRAITS + DISK_TRAITS))
        return HostInventory(kind, version, vcpus, memory, total // GIB, self.place.address, traits)

    async def uptime(self) -> str:
        process = await asyncio.create_subprocess_exec("uptime", stdout=asyncio.subprocess.PIPE, env={"LC_ALL": "C", "PATH": os.defpath})
        return (await process.communicate())[0].decode()

    async def has_image(self, image_id: str) -> bool:
        return self.cache.find(image_id) is not None

    async def cache_image(self, image_id: str, size: int, checksum: str, content: Content) -> None:
        await self.cache.put(image_id, size, checksum, content)

    async def guests(self) -> list[GuestState]:
        def look(connection: Any) -> list[GuestState]:
            found = ((each, power.mark_of(each)) for each in connection.listAllDomains(0))
            mine = [each for each, mark in found if mark is not None and (mark.cloud, mark.host) == (self.place.cloud, self.place.host)]
            return [GuestState(each.UUIDString(), each.name(), power.state_of(each)) for each in mine]

        return sorted(await self.connection.call(f"the guests of {self.place.host}", look), key=lambda state: state.id)

    # -- a guest's life -----------------------------------------------------------------------

    async def spawn(self, guest: GuestSpec, wait_plugged: Callable[[], Awaitable[None]] | None = None) -> None:
        async with self.news.acting_on(guest.id):
            known = await self.connection.call(f"guest {guest.name}", lambda c: power.find_or_free(c, guest, self.place))
            if known is not None and await self.running(guest.id):
                return
            token = self._making[guest.id] = object()
            try:
                mark = known or await self._make(guest, token)
                await devices.plug_all(self, guest.id, mark)
                if wait_plugged is not None:
                    await wait_plugged()
                self._still_wanted(guest, token)
                await self._start(guest.id)
            except Exception as error:
                if known is None:
                    await self._undo(guest, error)
                raise
            finally:
                if self._making.get(guest.id) is token:
                    del self._making[guest.id]

    async def _make(self, guest: GuestSpec, token: object) -> Mark:
        """Make the files and define the domain; answer what stands in it."""
        mark = self._mark(())
        for nic in guest.nics:
            mark = mark.with_nic(nic)
        files = self.files(guest.id)
        xml = domain.domain(guest, mark, self.machine, files.directory)
        await files.make(guest)
        self._still_wanted(guest, token)
        await self.connection.call(f"guest {guest.name} could not be defined", lambda c: c.defineXMLFlags(xml, 0))
        return mark

    def _still_wanted(self, guest: GuestSpec, token: object) -> None:
        if self._making.get(guest.id) is not token:
            raise HypervisorError(f"guest {guest.name} was destroyed on {self.place.host} while it was built")

    async def _undo(self, guest: GuestSpec, error: Exception) -> None:
        try:
            await self._remove(guest.id)
        except HypervisorError as left:
            raise DriverTimeout(f"{error}; what was made could not all be removed ({left}); destroy it again") from error

    async def destroy(self, guest_id: str) -> None:
        self._making.pop(guest_id, None)
        async with self.news.acting_on(guest_id):
            await self._remove(guest_id)
        self.news.known.pop(guest_id, None)

    async def _remove(self, guest_id: str) -> None:
        """Remove the domain, then its devices, then its files; what is not there is no error."""
        mark = await self.find(guest_id)
        self.recorder.stop(guest_id)
        if mark is not None:
            await self.on(guest_id, "could not be stopped", power.cut)
            for card in mark.cards:
                await asyncio.to_thread(self.nics.drop, card)
        if self.containers:
            await asyncio.to_thread(self.nics.drop_namespace, self.nics.namespace(guest_id))
        await self.files(guest_id).remove()
        if mark is not None:
            await self.on(guest_id, "could not be forgotten", lambda d: d.undefineFlags(0 if self.containers else FORGET))

    async def power_on(self, guest_id: str) -> None:
        async with self.news.acting_on(guest_id):
            if not await self.running(guest_id):
                await devices.plug_all(self, guest_id, await self.need(guest_id))
                await self._start(guest_id)

    async def power_off(self, guest_id: str, timeout_s: float = 60.0) -> None:
        async with self.news.acting_on(guest_id):
            if not await self.running(guest_id):
                return
            off = timeout_s > 0 and await power.press_button(self, guest_id, timeout_s)
            if not off:
                await self.on(guest_id, "could not be stopped", power.cut)

    async def pause(self, guest_id: str) -> None:
        async with self.news.acting_on(guest_id):
            await self.on(guest_id, "could not be paused", power.hold)

    async def unpause(self, guest_id: str) -> None:
        async with self.news.acting_on(guest_id):
            await self.on(guest_id, "could not be let go on", power.let_go)

    async def reboot(self, guest_id: str, hard: bool) -> None:
        async with self.news.acting_on(guest_id):
            await self.power_off(guest_id, 0.0 if hard else SOFT_REBOOT_S)
            await self.power_on(guest_id)

    async def _start(self, guest_id: str) -> None:
        files = self.files(guest_id)
        if not self.containers:
            xml = await self.on(guest_id, "could not be looked at", lambda d: d.XMLDesc(0))
            await need_filers(filers(xml), self.place.host)
            await self.on(guest_id, "could not be started", power.start)
            return

        def start(found: Any) -> str:
            files.ready()
            power.start(found)
            return str(found.XMLDesc(0))

        self._read_console(guest_id, await self.on(guest_id, "could not be started", start))

    # -- its console, cards and volumes -------------------------------------------------------

    async def console(self, guest_id: str, lines: int | None = None) -> str:
        await self.need(guest_id)
        path = self.files(guest_id).console

        def read() -> str:
            return path.read_text(errors="replace").replace("\r\n", "\n") if path.exists() else ""

        return tail(await asyncio.to_thread(read), lines)

    async def record(self, guest_id: str) -> None:
        """Have a container's console read, if it runs."""
        if self.containers:
            xml = await self.on(guest_id, "could not be looked at", lambda d: d.XMLDesc(0) if d.isActive() else None)
            if xml is not None:
                self._read_console(guest_id, xml)

    def _read_console(self, guest_id: str, xml: str) -> None:
        terminal = domain.terminal(xml)
        if terminal is not None:
            self.recorder.record(guest_id, terminal, self.files(guest_id).console)

    async def attach_nic(self, guest_id: str, nic: GuestNic) -> None:
        await devices.attach_nic(self, guest_id, nic)

    async def detach_nic(self, guest_id: str, port_id: str) -> None:
        await devices.detach_nic(self, guest_id, port_id)

    async def attach_disk(self, guest_id: str, disk: GuestDisk) -> None:
        await devices.attach_disk(self, guest_id, disk)

    async def detach_disk(self, guest_id: str, volume_id: str) -> None:
        await devices.detach_disk(self, guest_id, volume_id)

    async def copy_disk(self, guest_id: str, volume_id: str, target: GuestDisk) -> None:
        await copying.copy_disk(self, guest_id, volume_id, target)

    def on_power_change(self, callback: Callable[[str, int], None]) -> None:
        self.news.callback = callback

    # -- what a crash left --------------------------------------------------------------------

    async def found(self) -> list[Trace]:
        return await leftovers.found(self)

    async def remove(self, trace: Trace) -> None:
        await leftovers.remove(self, trace)

    # -- inside -------------------------------------------------------------------------------

    def _mark(self, cards: tuple[domain.Card, ...]) -> Mark:
        return Mark(self.place.cloud, self.place.host, cards)

    def files(self, guest_id: str) -> GuestFiles:
        """The files of a guest."""
        return GuestFiles(self.place.state / "guests" / self.nics.namespace(guest_id), self.cache)

    @property
    def proof_directory(self) -> Path:
        """Where it is kept which kind of virtualisation works here."""
        return self.place.state / "hypervisor"

    @property
    def guests_directory(self) -> Path:
        """Where the files of all guests lie."""
        return self.place.state / "guests"

    async def find(self, guest_id: str) -> Mark | None:
        """The mark of one of our guests, or None. Raises HypervisorError when a domain of that id is another's."""
        return await self.connection.call(f"guest {guest_id}", lambda c: power.find(c, guest_id, self.place)[1])

    async def need(self, guest_id: str) -> Mark:
        """The mark of a guest that must be there. Raises HypervisorError."""
        mark = await self.find(guest_id)
        if mark is None:
            raise GuestNotFound.on(self.place.host, guest_id)
        return mark

    async def on(self, guest_id: str, failed: str, work: Callable[[Any], Any]) -> Any:
        """Do something with a guest's domain. Raises HypervisorError: 'guest … <failed>: libvirt says …'."""

        def do(connection: Any) -> Any:
            found, _ = power.find(connection, guest_id, self.place)
            if found is None:
                raise GuestNotFound.on(self.place.host, guest_id)
            return work(found)

        return await self.connection.call(f"guest {guest_id} on {self.place.host} {failed}", do)

    async def running(self, guest_id: str) -> bool:
        """Whether the guest has power. Raises HypervisorError when there is no such guest."""
        return bool(await self.on(guest_id, "could not be looked at", lambda d: d.isActive()))
