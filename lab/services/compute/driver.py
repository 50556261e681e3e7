"""The port of hypervisors: what a compute agent asks of the machine under it.

Promises of every verb: a repeat converges; after a `HypervisorError` the host is as it was before the
call; after a `DriverTimeout` the state is unknown and `destroy` (or the same verb) makes it known.
Source of the verbs: the mandatory rows of nova's support matrix and what a server's life needs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import field

from lab.errors import HypervisorError
from lab.values import value

Content = Callable[[], AsyncIterator[bytes]]
"""Begins to read a file's bytes; called once at most."""


class GuestNotFound(HypervisorError):
    """The host has no such guest."""

    @classmethod
    def on(cls, host: str, guest_id: str) -> GuestNotFound:
        """Name the guest and the host, and why it may not be there."""
        return cls(f"no guest {guest_id} on {host}: it was destroyed, or never built here")


@value
class HostInventory:
    """What one hypervisor host has; sizes in MiB and GiB."""

    hypervisor_type: str
    hypervisor_version: int
    vcpus: int
    memory_mib: int
    disk_gib: int
    host_ip: str
    traits: tuple[str, ...] = ()


@value
class GuestNic:
    """One network card of a guest; `tap` is the device on the host that the L2 agent wires."""

    port_id: str
    mac_address: str
    network_id: str
    tap: str
    mtu: int = 1500
    addresses: tuple[str, ...] = ()


@value
class GuestDisk:
    """One block device of a guest: the root disk from an image, or a volume's connection."""

    device: str
    size_gib: int
    image_id: str | None = None
    volume_id: str | None = None
    connection: dict[str, object] | None = None


@value
class GuestSpec:
    """A guest to run; `name` is the host's own name for it ('instance-00000001').

    `documents` are the files of its config drive by their paths ('openstack/latest/meta_data.json'); without any it has none.
    """

    id: str
    name: str
    hostname: str
    vcpus: int
    memory_mib: int
    nics: tuple[GuestNic, ...] = ()
    disks: tuple[GuestDisk, ...] = ()
    metadata: dict[str, str] = field(default_factory=dict)
    documents: dict[str, bytes] = field(default_factory=dict)


@value
class GuestState:
    """What the hypervisor says of one guest; `power` is nova's number (0 none, 1 running, 3 paused, 4 shutdown, 6 crashed)."""

    id: str
    name: str
    power: int


class HypervisorDriver(ABC):
    """One host's hypervisor."""

    @abstractmethod
    async def inventory(self) -> HostInventory:
        """Return what the host has; the same numbers until the hardware changes."""

    async def uptime(self) -> str | None:
        """Return what uptime(1) says on the host; None where the host began with the cloud's clock."""
        return None

    @abstractmethod
    async def has_image(self, image_id: str) -> bool:
        """Say whether the image is in this host's cache."""

    @abstractmethod
    async def cache_image(self, image_id: str, size: int, checksum: str, content: Content) -> None:
        """Put an image into the host's cache; `size` in bytes. Raises HypervisorError when the disk is full or the bytes are others."""

    @abstractmethod
    async def spawn(self, guest: GuestSpec, wait_plugged: Callable[[], Awaitable[None]] | None = None) -> None:
        """Make the guest's disks and taps, await `wait_plugged` (raised errors undo everything), then power it on."""

    @abstractmethod
    async def destroy(self, guest_id: str) -> None:
        """Power the guest off and remove all that it has on this host; no guest is no error."""

    @abstractmethod
    async def power_on(self, guest_id: str) -> None:
        """Start a guest that is shut down; running is no error."""

    @abstractmethod
    async def power_off(self, guest_id: str, timeout_s: float = 60.0) -> None:
        """Ask the guest to shut down, and cut its power after `timeout_s`; 0 cuts it at once."""

    @abstractmethod
    async def pause(self, guest_id: str) -> None:
        """Hold a running guest still, with its memory and devices; a repeat does nothing. Raises HypervisorError for one that is off."""

    @abstractmethod
    async def unpause(self, guest_id: str) -> None:
        """Let a paused guest go on; running is no error. Raises HypervisorError for one that is off."""

    @abstractmethod
    async def reboot(self, guest_id: str, hard: bool) -> None:
        """Restart the guest, softly by its own system or hard by its power."""

    @abstractmethod
    async def guests(self) -> list[GuestState]:
        """List all guests of the host, sorted by id."""

    @abstractmethod
    async def console(self, guest_id: str, lines: int | None = None) -> str:
        """Return the tail of the guest's serial console. Raises GuestNotFound."""

    @abstractmethod
    async def attach_nic(self, guest_id: str, nic: GuestNic) -> None:
        """Plug a network card into the guest, running or not."""

    @abstractmethod
    async def detach_nic(self, guest_id: str, port_id: str) -> None:
        """Unplug the card of that port; none is no error."""

    @abstractmethod
    async def attach_disk(self, guest_id: str, disk: GuestDisk) -> None:
        """Plug a volume into the guest."""

    @abstractmethod
    async def detach_disk(self, guest_id: str, volume_id: str) -> None:
        """Unplug the volume; none is no error."""

    async def copy_disk(self, guest_id: str, volume_id: str, target: GuestDisk) -> None:
        """Copy a volume that the guest has open, as it is at one instant, into the empty file of `target`. Optional."""
        raise HypervisorError(f"this hypervisor cannot copy volume {volume_id} while guest {guest_id} has it open; detach it first")

    @abstractmethod
    def on_power_change(self, callback: Callable[[str, int], None]) -> None:
        """Call `callback(guest_id, power)` whenever a guest changes its power state by itself."""
