"""Cards and volumes of a guest that is there, running or not.

A card stands in the domain's mark before its device is made, and goes from it last: what is half done can be found.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import libvirt

from drivers.hypervisor import domain
from drivers.hypervisor.connection import code
from drivers.hypervisor.domain import KEY, NS, Card, Mark
from drivers.hypervisor.volumes import filers, need_filers
from lab.errors import HypervisorError
from lab.services.compute.driver import GuestDisk, GuestNic

if TYPE_CHECKING:
    from drivers.hypervisor.libvirt import LibvirtHypervisor

LET_GO_S = 60.0
"""How long a guest may take to let a device go."""
ASK_AGAIN_S = 10.0
"""A system that is still booting does not hear that a device is to go."""


async def plug_all(driver: LibvirtHypervisor, guest_id: str, mark: Mark) -> None:
    """Make the devices of all the guest's cards; those that are there are kept."""
    nics, namespace = driver.nics, _namespace(driver, guest_id)

    def make() -> None:
        if namespace is not None:
            nics.ensure_namespace(namespace)
        for card in mark.cards:
            nics.make(card, namespace)

    await asyncio.to_thread(make)


def _namespace(driver: LibvirtHypervisor, guest_id: str) -> str | None:
    return driver.nics.namespace(guest_id) if driver.containers else None


async def attach_nic(driver: LibvirtHypervisor, guest_id: str, nic: GuestNic) -> None:
    """Make the device and plug it in; a repeat does nothing, an error takes all back."""
    mark = await driver.need(guest_id)
    if mark.card(nic.port_id) is None:
        mark = mark.with_nic(nic)
        await _write(driver, guest_id, mark)
    card = mark.card(nic.port_id)
    assert card is not None
    try:
        await asyncio.to_thread(driver.nics.make, card, _namespace(driver, guest_id))
        if not driver.containers:
            await _attach(driver, guest_id, domain.text(domain.interface(card, driver.options.checksum_offload)), card.tap)
    except HypervisorError:
        await _forget(driver, guest_id, card)
        raise


async def _attach(driver: LibvirtHypervisor, guest_id: str, xml: str, tap: str) -> None:
    """Plug a card into the running guest and into what it is at its next start."""

    def plug(found: Any) -> None:
        for flag, looking in _scopes(found):
            if domain.find_interface(found.XMLDesc(looking), tap) is None:
                found.attachDeviceFlags(xml, flag)

    await driver.on(guest_id, f"did not take the card {tap}", plug)


async def detach_nic(driver: LibvirtHypervisor, guest_id: str, port_id: str) -> None:
    """Unplug a card, wait until the guest let it go, and remove its device; none is no error."""
    mark = await driver.find(guest_id)
    card = mark.card(port_id) if mark is not None else None
    if card is None:
        return
    if not driver.containers:
        await _unplug(driver, guest_id, f"the card of port {port_id}", lambda xml: domain.find_interface(xml, card.tap))
    await _forget(driver, guest_id, card)


async def _forget(driver: LibvirtHypervisor, guest_id: str, card: Card) -> None:
    await asyncio.to_thread(driver.nics.drop, card)
    mark = await driver.find(guest_id)
    if mark is not None:
        await _write(driver, guest_id, mark.without(card.port))


async def _write(driver: LibvirtHypervisor, guest_id: str, mark: Mark) -> None:
    """Keep the mark, in the running domain and in the one that starts next."""

    def write(found: Any) -> None:
        for flag, _ in _scopes(found):
            found.setMetadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, mark.xml(), KEY, NS, flag)

    await driver.on(guest_id, "could not be marked", write)


def _scopes(found: Any) -> list[tuple[int, int]]:
    """What is changed, and how it is looked at: the running domain if it runs, and then the one that starts next."""
    kept = (libvirt.VIR_DOMAIN_AFFECT_CONFIG, libvirt.VIR_DOMAIN_XML_INACTIVE)
    return [(libvirt.VIR_DOMAIN_AFFECT_LIVE, 0), kept] if found.isActive() else [kept]


async def attach_disk(driver: LibvirtHypervisor, guest_id: str, disk: GuestDisk) -> None:
    """Plug a volume in; a repeat does nothing, an error takes all back."""
    await driver.need(guest_id)
    if driver.containers:
        raise HypervisorError(f"guest {guest_id} is a container, which cannot have volumes; take an image for QEMU")
    volume_id = disk.volume_id or ""
    xml = domain.text(domain.disk(disk, driver.files(guest_id).directory))
    await need_filers(filers(xml), driver.place.host)

    def plug(found: Any) -> None:
        done: list[int] = []
        try:
            for flag, looking in _scopes(found):
                if domain.find_disk(found.XMLDesc(looking), volume_id) is None:
                    found.attachDeviceFlags(xml, flag)
                    done.append(flag)
        except libvirt.libvirtError:
            for flag in done:
                found.detachDeviceFlags(xml, flag)
            raise

    await driver.on(guest_id, f"did not take volume {volume_id}", plug)


async def detach_disk(driver: LibvirtHypervisor, guest_id: str, volume_id: str) -> None:
    """Unplug a volume and wait until the guest let it go; none is no error."""
    if await driver.find(guest_id) is not None:
        await _unplug(driver, guest_id, f"volume {volume_id}", lambda xml: domain.find_disk(xml, volume_id))


async def _unplug(driver: LibvirtHypervisor, guest_id: str, what: str, look: Any) -> None:
    """Take a device out of the running guest, which must let it go, then out of what it is at its next start.

    Raises HypervisorError when the guest holds on to it: it has the device then as before.
    """

    async def gone() -> bool:
        return bool(await driver.on(guest_id, "could not be looked at", lambda d: not d.isActive() or look(d.XMLDesc(0)) is None))

    for _ in range(round(LET_GO_S / ASK_AGAIN_S)):
        if await gone():
            break
        await driver.on(guest_id, f"did not let {what} go", lambda d: _ask(d, look))
        if await driver.connection.until(gone, ASK_AGAIN_S):
            break
    else:
        raise HypervisorError(
            f"guest {guest_id} did not let {what} go within {LET_GO_S:.0f} s; end its use inside, or stop the server first"
        )

    def forget(found: Any) -> None:
        kept = look(found.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
        if kept is not None:
            found.detachDeviceFlags(kept, libvirt.VIR_DOMAIN_AFFECT_CONFIG)

    await driver.on(guest_id, f"could not forget {what}", forget)


def _ask(found: Any, look: Any) -> None:
    """Ask a running guest to let a device go; one that was asked already is only waited for."""
    xml = look(found.XMLDesc(0)) if found.isActive() else None
    if xml is not None:
        try:
            found.detachDeviceFlags(xml, libvirt.VIR_DOMAIN_AFFECT_LIVE)
        except libvirt.libvirtError as error:
            asked = "in the process of unplug" in str(error.get_error_message())
            if not asked and code(error) != libvirt.VIR_ERR_DEVICE_MISSING:
                raise
