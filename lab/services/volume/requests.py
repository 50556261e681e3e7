"""What a new volume is made of: its size, type, zone and host follow from what it comes from.

Source of the checks and their words: cinder/volume/flows/api/create_volume.py (ExtractVolumeRequestTask).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from lab.config import Config
from lab.context import Context
from lab.errors import BadRequest, NotFound, RemoteFault
from lab.process import Process
from lab.services.volume.model import InvalidInput, InvalidSnapshot, InvalidVolume, Volume, VolumeService, VolumeType
from lab.services.volume.records import default_type, snapshot_of, type_of, volume_of
from lab.store import Transaction

GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class VolumeRequest:
    """What a client asks for."""

    size: int | None = None
    name: str | None = None
    description: str | None = None
    volume_type: str | None = None
    availability_zone: str | None = None
    image_id: str | None = None
    snapshot_id: str | None = None
    source_volid: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    hints: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Source:
    """What follows from it."""

    size: int
    volume_type: VolumeType
    host: str | None = None
    availability_zone: str | None = None
    bootable: bool = False
    image_metadata: Mapping[str, str] = field(default_factory=dict)


async def read_image(process: Process, ctx: Context, image_id: str) -> dict[str, Any]:
    """Return glance's description of the image. Raises NotFound, or InvalidInput when it is not active."""
    try:
        image: dict[str, Any] = await process.rest.json(ctx, "image", "GET", f"/v2/images/{quote(image_id, safe='')}")
    except RemoteFault as fault:
        if fault.status == 404:
            raise NotFound(f"Image {image_id} could not be found.") from fault
        raise
    if image["status"] != "active":
        raise InvalidInput(f"Image {image_id} is not active.")
    return image


def plan(tx: Transaction, ctx: Context, request: VolumeRequest, image: dict[str, Any] | None) -> Source:
    """Work out what the new volume will be. Raises BadRequest or NotFound."""
    origins = [origin for origin in (request.image_id, request.snapshot_id, request.source_volid) if origin]
    if len(origins) > 1:
        raise InvalidInput("May specify only one of snapshot, imageRef or source volume")
    asked = type_of(tx, ctx, request.volume_type) if request.volume_type else None
    if request.snapshot_id:
        return _from_snapshot(tx, ctx, request, asked)
    if request.source_volid:
        return _from_volume(tx, ctx, request, asked)
    size = _size(request.size)
    if image is not None:
        _check_image(size, image)
    return Source(size, asked or default_type(tx))


def _size(size: int | None) -> int:
    if size is None:
        raise InvalidInput(
            "Invalid volume size provided for create request: None (size argument must be an integer (or string "
            "representation of an integer) and greater than zero)."
        )
    return size


def _from_snapshot(tx: Transaction, ctx: Context, request: VolumeRequest, asked: VolumeType | None) -> Source:
    snapshot = snapshot_of(tx, ctx, request.snapshot_id or "")
    if snapshot.status != "available":
        raise InvalidSnapshot("Originating snapshot status must be one of 'available' values")
    size = request.size if request.size is not None else snapshot.volume_size
    if size < snapshot.volume_size:
        raise InvalidInput(
            f"Volume size '{size}'GB cannot be smaller than the snapshot size {snapshot.volume_size}GB. "
            "They must be >= original snapshot size."
        )
    parent = tx.get(Volume, snapshot.volume_id)
    return _clone(tx, size, parent, asked)


def _from_volume(tx: Transaction, ctx: Context, request: VolumeRequest, asked: VolumeType | None) -> Source:
    parent = volume_of(tx, ctx, request.source_volid or "")
    if parent.status not in ("available", "in-use"):
        raise InvalidVolume("Originating source_vol status must be one of 'available, in-use' values")
    size = request.size if request.size is not None else parent.size
    if size < parent.size:
        raise InvalidInput(
            f"Volume size '{size}'GB cannot be smaller than original volume size {parent.size}GB. They must be >= original volume size."
        )
    return _clone(tx, size, parent, asked)


def _clone(tx: Transaction, size: int, parent: Volume | None, asked: VolumeType | None) -> Source:
    """A copy stays on the backend of what it comes from, and boots when that boots."""
    if parent is None:
        return Source(size, asked or default_type(tx))
    own = tx.get(VolumeType, parent.volume_type_id) if parent.volume_type_id else None
    return Source(
        size=size,
        volume_type=asked or own or default_type(tx),
        host=parent.host,
        availability_zone=parent.availability_zone,
        bootable=parent.bootable,
        image_metadata=parent.image_metadata,
    )


def _check_image(size: int, image: dict[str, Any]) -> None:
    needed = -(-int(image.get("size") or 0) // GIB)
    if size < needed:
        raise InvalidInput(f"Size of specified image {needed}GB is larger than volume size {size}GB.")
    smallest = int(image.get("min_disk") or 0)
    if size < smallest:
        raise InvalidInput(f"Volume size {size}GB cannot be smaller than the image minDisk size {smallest}GB.")


def check_zone(tx: Transaction, config: Config, zone: str) -> None:
    """Raise BadRequest when no service is in the zone."""
    known = {service.availability_zone for service in tx.all(VolumeService)} | {config.availability_zone}
    if zone not in known:
        raise BadRequest(f"Availability zone '{zone}' is invalid.")
