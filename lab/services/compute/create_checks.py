"""Checks of a request for servers that need no record: image against flavor, and the order of boot devices.

Source of rules and words: `_validate_flavor_image` and `_validate_bdm` of nova/compute/api.py, nova/exception.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lab.errors import BadRequest, Forbidden
from lab.services.compute.requests import BlockDeviceRequest

if TYPE_CHECKING:
    from lab.services.compute.requests import CreateServer

Json = dict[str, Any]

GIB = 1024**3
INVALID = "Block Device Mapping is Invalid: "
BAD_ORDER = f"{INVALID}Boot sequence for the instance and image/block device mapping combination is not valid."


def check_image(image: Json, flavor_ram: int, root_gib: int, *, local: bool) -> None:
    """Refuse an image that is not active or that the flavor cannot hold; `local` is a root disk on the host."""
    if image.get("status") != "active":
        raise BadRequest(f"Image {image['id']} is not active.")
    if flavor_ram < int(image.get("min_ram") or 0):
        raise BadRequest("Flavor's memory is too small for requested image.")
    if not local or root_gib == 0:
        return
    room, size = root_gib * GIB, int(image.get("size") or 0)
    if size > room:
        raise BadRequest(f"Flavor's disk is too small for requested image. Flavor disk is {room} bytes, image is {size} bytes.")
    least = int(image.get("min_disk") or 0) * GIB
    if least > room:
        raise BadRequest(
            "Flavor's disk is smaller than the minimum size specified in image metadata. "
            f"Flavor disk is {room} bytes, minimum size is {least} bytes."
        )


def devices_of(request: CreateServer) -> list[BlockDeviceRequest]:
    """All block devices of a request, the one that an image at the top level stands for too; boot order checked."""
    devices = list(request.block_devices)
    if request.image_id and not any(device.boot_index == 0 for device in devices):
        root = BlockDeviceRequest(
            source_type="image", destination_type="local", uuid=request.image_id, boot_index=0, delete_on_termination=True
        )
        devices.insert(0, root)
    order = sorted(device.boot_index for device in devices if device.boot_index is not None and device.boot_index >= 0)
    if order != list(range(len(order))) or not order:
        raise BadRequest(BAD_ORDER)
    flavor = request.flavor
    if not any(d.destination_type == "local" and d.source_type == "blank" for d in devices):
        if flavor.ephemeral:
            devices.append(_blank(flavor.ephemeral))
        if flavor.swap:
            devices.append(_blank(-(-flavor.swap // 1024), "swap"))
    for device in devices:
        _check_device(device)
    return devices


def _blank(size: int, guest_format: str | None = None) -> BlockDeviceRequest:
    return BlockDeviceRequest(
        source_type="blank", destination_type="local", volume_size=size, guest_format=guest_format, delete_on_termination=True
    )


def _check_device(device: BlockDeviceRequest) -> None:
    if device.destination_type == "volume":
        if device.source_type == "image" and not device.volume_size:
            raise BadRequest(f"{INVALID}Images with destination_type 'volume' need to have a non-zero size specified")
        if device.source_type == "blank" and not device.volume_size:
            raise BadRequest(f"{INVALID}Blank volumes (source: 'blank', dest: 'volume') need to have non-zero size")
    elif device.source_type in ("volume", "snapshot"):
        raise BadRequest(f"{INVALID}Mapping {device.source_type} to local is not supported.")


def root_of(devices: list[BlockDeviceRequest]) -> BlockDeviceRequest:
    """The device that the server boots from."""
    return next(device for device in devices if device.boot_index == 0)


def check_root(root: BlockDeviceRequest, root_gib: int, *, is_admin: bool) -> None:
    """Refuse a flavor without a disk for a root disk on the host. Source: BootFromVolumeRequiredForZeroDiskFlavor."""
    if root.destination_type == "local" and root_gib == 0 and not is_admin:
        raise Forbidden("Only volume-backed instances are allowed for flavors with zero disk.")
