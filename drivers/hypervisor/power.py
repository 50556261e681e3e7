"""Domains of libvirt and their power, in libvirt's own calls; they block but for `press_button`."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import libvirt

from drivers.hypervisor.connection import code
from drivers.hypervisor.domain import NS, Mark, read_mark
from drivers.place import Place
from lab.errors import HypervisorError
from lab.services.compute.driver import GuestSpec

if TYPE_CHECKING:
    from drivers.hypervisor.libvirt import LibvirtHypervisor

PRESS_AGAIN_S = 10.0
"""A system that is still booting does not see its power button. Source: nova's shutdown_retry_interval."""
NONE, RUNNING, PAUSED, SHUTDOWN, CRASHED = 0, 1, 3, 4, 6
"""Nova's numbers of power states."""
POWER = {
    libvirt.VIR_DOMAIN_NOSTATE: NONE,
    libvirt.VIR_DOMAIN_RUNNING: RUNNING,
    libvirt.VIR_DOMAIN_BLOCKED: RUNNING,
    libvirt.VIR_DOMAIN_PAUSED: PAUSED,
    libvirt.VIR_DOMAIN_SHUTDOWN: RUNNING,  # it is going down, and still there
    libvirt.VIR_DOMAIN_SHUTOFF: SHUTDOWN,
    libvirt.VIR_DOMAIN_CRASHED: CRASHED,
    libvirt.VIR_DOMAIN_PMSUSPENDED: 7,
}
GONE = (libvirt.VIR_ERR_NO_DOMAIN, libvirt.VIR_ERR_OPERATION_INVALID)


def mark_of(domain: Any) -> Mark | None:
    """Our mark in a domain, or None for one that is not ours or just went."""
    try:
        return read_mark(domain.metadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, NS, libvirt.VIR_DOMAIN_AFFECT_CURRENT))
    except libvirt.libvirtError as error:
        if code(error) in (libvirt.VIR_ERR_NO_DOMAIN_METADATA, libvirt.VIR_ERR_NO_DOMAIN):
            return None
        raise


def state_of(domain: Any) -> int:
    """Nova's number of a domain's power."""
    state, reason = domain.state()
    if state == libvirt.VIR_DOMAIN_SHUTOFF and reason in (libvirt.VIR_DOMAIN_SHUTOFF_CRASHED, libvirt.VIR_DOMAIN_SHUTOFF_FAILED):
        return CRASHED
    return POWER.get(state, NONE)


def find(connection: Any, guest_id: str, place: Place) -> tuple[Any, Mark | None]:
    """A guest's domain and mark, or two None. Raises HypervisorError when the domain is another's."""
    try:
        domain = connection.lookupByUUIDString(guest_id)
    except libvirt.libvirtError as error:
        if code(error) in (libvirt.VIR_ERR_NO_DOMAIN, libvirt.VIR_ERR_INVALID_ARG):
            return None, None
        raise
    mark = mark_of(domain)
    if mark is None or (mark.cloud, mark.host) != (place.cloud, place.host):
        raise HypervisorError(
            f"the domain {domain.name()} with the id {guest_id} on {place.host} is not of cloud {place.cloud}; it is left as it is"
        )
    return domain, mark


def find_or_free(connection: Any, guest: GuestSpec, place: Place) -> Mark | None:
    """The mark of a guest that is there, or None. Raises HypervisorError when its domain, or its name, is another's."""
    _, mark = find(connection, guest.id, place)
    if mark is None:
        _name_is_free(connection, guest, place)
    return mark


def _name_is_free(connection: Any, guest: GuestSpec, place: Place) -> None:
    """Raise HypervisorError when another domain has the guest's name."""
    try:
        other = connection.lookupByName(guest.name)
    except libvirt.libvirtError as error:
        if code(error) == libvirt.VIR_ERR_NO_DOMAIN:
            return
        raise
    mark = mark_of(other)
    whose = f"not of cloud {place.cloud}" if mark is None or mark.cloud != place.cloud else f"the guest {other.UUIDString()}"
    raise HypervisorError(
        f"there is a domain {guest.name} on {place.host} already, and it is {whose}; rename it: virsh domrename {guest.name} NEW-NAME"
    )


def start(domain: Any) -> None:
    """Switch on; running is no error."""
    try:
        domain.createWithFlags(0)
    except libvirt.libvirtError as error:
        if code(error) != libvirt.VIR_ERR_OPERATION_INVALID or not domain.isActive():
            raise


def cut(domain: Any) -> None:
    """Cut the power; off is no error."""
    if domain.isActive():
        try:
            domain.destroy()
        except libvirt.libvirtError as error:
            if code(error) not in GONE:
                raise


def hold(domain: Any) -> None:
    """Stop the guest's processors; stopped is no error."""
    if state_of(domain) != PAUSED:
        domain.suspend()


def let_go(domain: Any) -> None:
    """Let the guest's processors go on; running is no error."""
    if state_of(domain) != RUNNING:
        domain.resume()


def ask(domain: Any) -> None:
    """Ask the system inside to shut down: by the power button, or by the signal that ends a container's first process."""
    container = domain.connect().getType() == "LXC"
    try:
        domain.shutdownFlags(libvirt.VIR_DOMAIN_SHUTDOWN_SIGNAL if container else libvirt.VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN)
    except libvirt.libvirtError as error:
        if code(error) not in GONE:
            raise
        if container:
            end_first_process(domain)


def end_first_process(domain: Any) -> None:
    """Send a container's first process the signal that libvirt refuses to send; no error when there is none.

    libvirt is told of that process once, and on a busy machine it may not be listening yet: it says "Init process ID is not
    yet known" for as long as the container runs. The process is the child of the one whose id is the domain's.
    """
    try:
        parent = domain.ID()
        for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
            os.kill(int(child), signal.SIGTERM)
    except (libvirt.libvirtError, FileNotFoundError, ProcessLookupError):
        return


async def press_button(driver: LibvirtHypervisor, guest_id: str, timeout_s: float) -> bool:
    """Ask the system inside to shut down until it did, or the time is over; say whether it did."""
    until = time.monotonic() + timeout_s

    async def off() -> bool:
        return not await driver.running(guest_id)

    while (left := until - time.monotonic()) > 0:
        await driver.on(guest_id, "could not be asked to shut down", ask)
        if await driver.connection.until(off, min(left, PRESS_AGAIN_S)):
            return True
    return False
