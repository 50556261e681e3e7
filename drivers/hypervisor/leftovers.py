"""What a cloud has on this machine by this driver, and the removal of it. What does not carry the cloud's tag is never touched."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import libvirt

from drivers.hypervisor import power
from drivers.owned import TAG, give_up, owner, told_as
from drivers.sweep import Trace
from lab.errors import HypervisorError

if TYPE_CHECKING:
    from drivers.hypervisor.libvirt import LibvirtHypervisor

DOMAIN, TAP, NAMESPACE, FILES, IMAGE, CACHE = "domain", "tap", "network namespace", "files of a guest", "image", "image cache"
UNPACKED = "unpacked image"
PROOF = "proof of the kind of virtualisation"


async def found(driver: LibvirtHypervisor) -> list[Trace]:
    """All of this cloud, guests first, the image cache last."""
    cloud = driver.place.cloud

    def domains(connection: Any) -> list[Trace]:
        marks = ((each, power.mark_of(each)) for each in connection.listAllDomains(0))
        return sorted(
            (Trace(DOMAIN, each.name(), f"guest {each.UUIDString()}") for each, mark in marks if mark is not None and mark.cloud == cloud),
            key=lambda trace: trace.name,
        )

    traces = await driver.connection.call("the domains of this host", domains)
    return [*traces, *await asyncio.to_thread(_rest, driver)]


def _rest(driver: LibvirtHypervisor) -> list[Trace]:
    nics, cache, start = driver.nics, driver.cache.directory, driver.nics.namespace("")
    traces = [Trace(TAP, name, f"port {port}") for name, port in sorted(nics.taps().items())]
    traces += [Trace(NAMESPACE, name, f"guest {name.removeprefix(start)}") for name in nics.namespaces()]
    if driver.guests_directory.is_dir():
        traces += [Trace(FILES, str(path), path.name.removeprefix(start)) for path in sorted(driver.guests_directory.glob(f"{start}*"))]
    traces += [Trace(UNPACKED, str(path), f"image {path.name.removeprefix(driver.roots.head)}") for path in driver.roots.trees()]
    if owner(cache) == driver.place.cloud:
        traces += [Trace(IMAGE, str(path)) for path in sorted(cache.iterdir()) if path.name != TAG]
        traces.append(Trace(CACHE, str(cache)))
    if driver.proof_directory.is_dir():
        traces.append(Trace(PROOF, str(driver.proof_directory)))
    return traces


async def remove(driver: LibvirtHypervisor, trace: Trace) -> None:
    """Remove one thing; gone is no error. Raises HypervisorError for what is not of this cloud."""
    if trace.kind == DOMAIN:
        await driver.connection.call(f"domain {trace.name}", lambda c: _remove_domain(driver, c, trace.name))
    elif trace not in await asyncio.to_thread(_rest, driver):
        await asyncio.to_thread(_gone_or_anothers, driver, trace)
    elif trace.kind == TAP:
        await asyncio.to_thread(driver.nics.drop_tap, trace.name)
    elif trace.kind == NAMESPACE:
        await asyncio.to_thread(driver.nics.drop_namespace, trace.name)
    elif trace.kind == FILES:
        await driver.files(trace.detail).remove()
    elif trace.kind == UNPACKED:
        with told_as(HypervisorError, trace.name, "it was removed"):
            await asyncio.to_thread(shutil.rmtree, trace.name)
    else:
        with told_as(HypervisorError, trace.name, "it was removed"):
            await asyncio.to_thread(_remove_file, driver, trace)


def _remove_domain(driver: LibvirtHypervisor, connection: Any, name: str) -> None:
    from drivers.hypervisor.libvirt import FORGET

    try:
        found = connection.lookupByName(name)
    except libvirt.libvirtError:
        return
    mark = power.mark_of(found)
    if mark is None or mark.cloud != driver.place.cloud:
        raise HypervisorError(f"domain {name} is not of cloud {driver.place.cloud}: it is left as it is")
    kept = found.isPersistent()
    power.cut(found)
    if kept:
        found.undefineFlags(0 if driver.containers else FORGET)


def _gone_or_anothers(driver: LibvirtHypervisor, trace: Trace) -> None:
    """Whatever is there under that name and is not among ours is somebody else's."""
    if trace.kind == TAP:
        driver.nics.drop_tap(trace.name)


def _remove_file(driver: LibvirtHypervisor, trace: Trace) -> None:
    if trace.kind == PROOF:
        shutil.rmtree(driver.proof_directory)
    elif trace.kind == CACHE:
        give_up(Path(trace.name), driver.place.cloud)
    else:
        Path(trace.name).unlink(missing_ok=True)
