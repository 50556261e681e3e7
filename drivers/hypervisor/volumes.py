"""Volumes as QEMU opens them, and whether their filer answers."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from lxml import etree
from lxml.builder import E

from lab.errors import HypervisorError
from lab.services.compute.driver import GuestDisk

NFS_PORT = 2049
ANSWER_S = 5.0
"""QEMU waits minutes for a filer that is gone, and the guest stands still meanwhile: so it is asked before."""

Element = Any


def volume_source(disk: GuestDisk) -> tuple[Element, str, str]:
    """Where a volume lies: libvirt's source, its kind, and the format of the file."""
    connection = disk.connection or {}
    kind, data = connection.get("driver_volume_type"), connection.get("data", connection)
    if not isinstance(data, dict):
        data = {}
    form = str(data.get("format") or "raw")
    if kind == "nfs":
        host, _, export = str(data.get("export", "")).rpartition(":")
        return E.source(E.host(name=host.strip("[]")), protocol="nfs", name=f"{export.rstrip('/')}/{data.get('name')}"), "network", form
    if kind == "local":
        return E.source(file=str(data.get("path"))), "file", form
    raise HypervisorError(f"volume {disk.volume_id}: a connection of the type {kind!r} cannot be plugged into a guest; known: nfs, local")


def filers(xml: str) -> set[str]:
    """The filers on which disks of a domain, or a disk, lie."""
    node = etree.fromstring(xml)
    return {host.get("name", "") for host in node.iterfind(".//source[@protocol='nfs']/host")}


async def need_filers(names: set[str], here: str) -> None:
    """Raise HypervisorError unless every filer answers."""
    for name in sorted(names):
        try:
            async with asyncio.timeout(ANSWER_S):
                _, writer = await asyncio.open_connection(name, NFS_PORT)
        except (OSError, TimeoutError) as error:
            why = f"no answer within {ANSWER_S:.0f} s" if isinstance(error, TimeoutError) else (error.strerror or str(error))
            raise HypervisorError(
                f"the NAS {name} cannot be reached from {here} on port {NFS_PORT} ({why}); check its power and the network to it"
            ) from error
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
