"""Copies of volumes that a running guest writes: libvirt mirrors the disk, and stops when both are the same."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import libvirt
from lxml import etree
from lxml.builder import E

from drivers.hypervisor import domain
from drivers.hypervisor.volumes import volume_source
from lab.errors import HypervisorError
from lab.services.compute.driver import GuestDisk

if TYPE_CHECKING:
    from drivers.hypervisor.libvirt import LibvirtHypervisor

COPY_S = 3600.0
"""A guest that writes faster than the mirror copies is never caught up with."""


async def copy_disk(driver: LibvirtHypervisor, guest_id: str, volume_id: str, target: GuestDisk) -> None:
    """Copy the volume's disk into an empty file; an error ends the mirror, and the guest goes on as before."""
    failed = f"could not copy volume {volume_id}"
    source, kind, form = volume_source(target)
    xml = domain.text(E.disk(E.driver(type=form), source, type=kind))

    def begin(found: Any) -> str:
        if not found.isActive():
            raise HypervisorError(f"guest {guest_id} {failed}: it does not run; start it, or detach the volume first")
        disk = _disk(found, volume_id)
        if disk is None:
            raise HypervisorError(f"guest {guest_id} {failed}: it has no such disk")
        name = str(disk.find("target").get("dev"))
        found.blockCopy(name, xml, {}, libvirt.VIR_DOMAIN_BLOCK_COPY_REUSE_EXT | libvirt.VIR_DOMAIN_BLOCK_COPY_TRANSIENT_JOB)
        return name

    async def whole() -> bool:
        return bool(await driver.on(guest_id, failed, lambda found: _is_whole(found, volume_id, failed)))

    name = await driver.on(guest_id, failed, begin)
    try:
        if not await driver.connection.until(whole, COPY_S):
            raise HypervisorError(f"guest {guest_id} {failed}: it took longer than {COPY_S:g} s; let it write less, and try again")
        # Without pivot: the guest keeps its file, and the copy stays as it is at this instant.
        await driver.on(guest_id, failed, lambda found: found.blockJobAbort(name, 0))
    except BaseException:
        with contextlib.suppress(HypervisorError):
            await driver.on(guest_id, failed, lambda found: found.blockJobAbort(name, 0))
        raise


def _disk(found: Any, volume_id: str) -> Any:
    xml = domain.find_disk(found.XMLDesc(0), volume_id)
    return None if xml is None else etree.fromstring(xml)


def _is_whole(found: Any, volume_id: str, failed: str) -> bool:
    """Whether the mirror has caught up with the guest. Raises HypervisorError when it ended by itself."""
    disk = _disk(found, volume_id)
    mirror = None if disk is None else disk.find("mirror")
    if mirror is None:
        raise HypervisorError(f"guest {found.name()} {failed}: the copy ended by itself; is the backend full, or out of reach?")
    return bool(mirror.get("ready") == "yes")
