"""From the body of POST /servers to the request that the use case takes: everything that needs no other service.

Source: the checks before `compute_api.create` in nova/api/openstack/compute/servers.py, with its words.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from lab.errors import BadRequest, Forbidden
from lab.services.compute.api.device_bodies import BlockDeviceV2, LegacyBlockDevice
from lab.services.compute.api.fields import is_uuid
from lab.services.compute.api.part import only_admin
from lab.services.compute.api.server_bodies import ServerCore
from lab.services.compute.requests import BlockDeviceRequest, NetworkRequest

if TYPE_CHECKING:
    from lab.context import Context

Networks = tuple[NetworkRequest, ...] | Literal["auto", "none"] | None


def counts(data: ServerCore) -> tuple[int, int]:
    """Return how many servers at least and at most."""
    fewest = data.min_count or 1
    most = data.max_count or fewest
    if fewest > most:
        raise BadRequest("min_count must be <= max_count")
    return fewest, most


def networks(data: ServerCore, most: int) -> Networks:
    """Return the network cards that are asked for; None when nothing was said."""
    asked: Any = getattr(data, "networks", None)
    if asked is None or asked in ("auto", "none"):
        return asked  # type: ignore[no-any-return]
    ports: list[str] = []
    requests = tuple(_network(item, ports) for item in asked)
    if most > 1 and any(request.fixed_ip for request in requests):
        raise BadRequest("Failed to launch instances: max_count cannot be greater than 1 if an fixed_ip is specified.")
    if most > 1 and ports:
        raise BadRequest(
            "Failed to launch instances: Unable to launch multiple instances with a single configured port ID. "
            "Please launch your instance one by one with different ports."
        )
    return requests


def _network(item: Any, ports: list[str]) -> NetworkRequest:
    tag = getattr(item, "tag", None)
    if item.port:
        if item.port in ports:
            raise BadRequest(f"Port ID '{item.port}' was specified twice: you cannot attach a port multiple times.")
        if item.fixed_ip:
            raise BadRequest(
                f"Specified Fixed IP '{item.fixed_ip}' cannot be used with port '{item.port}': the two cannot be specified together."
            )
        ports.append(item.port)
        return NetworkRequest(port_id=item.port, tag=tag)
    if item.uuid is None:
        raise BadRequest("Bad network format: missing 'uuid'")
    if not is_uuid(item.uuid):
        raise BadRequest(f"Bad networks format: network uuid is not in proper format ({item.uuid})")
    return NetworkRequest(network_id=item.uuid, fixed_ip=item.fixed_ip, tag=tag)


def block_devices(data: ServerCore) -> tuple[BlockDeviceRequest, ...]:
    """Return the disks that are asked for beside the image, in either of the two syntaxes."""
    legacy, current = data.block_device_mapping, data.block_device_mapping_v2
    if legacy and current:
        raise BadRequest("Using different block_device_mapping syntaxes is not allowed in the same request.")
    if legacy:
        return _legacy_devices(data, legacy)
    return tuple(_device(device, bool(data.image_ref)) for device in current if not _dropped(device))


def _dropped(device: LegacyBlockDevice) -> bool:
    # `no_device` takes away what the image maps there; images here map nothing.
    return bool(device.no_device)


def _wrong(details: str) -> BadRequest:
    return BadRequest(f"Block Device Mapping is Invalid: {details}")


def _device(device: BlockDeviceV2, has_image: bool) -> BlockDeviceRequest:
    source, volume_type = device.source_type, getattr(device, "volume_type", None)
    if source is None:
        raise _wrong("Missing device UUID.")
    if source == "blank" and device.uuid:
        raise _wrong("Invalid device UUID.")
    if source != "blank" and not device.uuid:
        raise _wrong("Missing device UUID.")
    # Source: nova/block_device.py and compute/api.py: a blank device is local, everything else a volume.
    destination = device.destination_type or ("local" if source == "blank" else "volume")
    boot_index = None if device.boot_index is None else int(device.boot_index)
    if source == "image" and destination == "local" and not (has_image and boot_index == 0):
        raise _wrong("Mapping image to local is not supported.")
    if destination == "local" and volume_type:
        raise _wrong("Specifying a volume_type with destination_type=local is not supported.")
    if source == "volume" and volume_type:
        raise _wrong("Specifying volume type to existing volume is not supported.")
    if source in ("volume", "snapshot") and destination == "local":
        raise _wrong(f"Mapping {source} to local is not supported.")
    return BlockDeviceRequest(
        source_type=source,
        destination_type=destination,
        uuid=device.uuid,
        boot_index=boot_index,
        volume_size=device.volume_size,
        volume_type=volume_type,
        device_name=device.device_name,
        device_type=device.device_type,
        disk_bus=device.disk_bus,
        guest_format=device.guest_format,
        delete_on_termination=device.delete_on_termination,
        tag=getattr(device, "tag", None),
    )


def _legacy_devices(data: ServerCore, devices: Sequence[LegacyBlockDevice]) -> tuple[BlockDeviceRequest, ...]:
    requests: list[BlockDeviceRequest] = []
    for device in devices:
        if _dropped(device):
            continue
        if not (device.volume_id or device.snapshot_id):
            raise _wrong("Unrecognized legacy format.")
        # Without an image the first device is what the server boots from, as the old syntax meant it.
        boots = not data.image_ref and not requests
        requests.append(
            BlockDeviceRequest(
                source_type="snapshot" if device.snapshot_id else "volume",
                destination_type="volume",
                uuid=device.snapshot_id or device.volume_id,
                boot_index=0 if boots else None,
                volume_size=device.volume_size,
                device_name=device.device_name,
                delete_on_termination=device.delete_on_termination,
            )
        )
    return tuple(requests)


def image(data: ServerCore, devices: tuple[BlockDeviceRequest, ...]) -> str:
    """Return the image's id, or '' when the server boots from a device of its own."""
    if data.image_ref:
        return data.image_ref
    if not devices:
        raise BadRequest("Missing imageRef attribute")
    return ""


def destination(ctx: Context, data: ServerCore) -> dict[str, str | None]:
    """Return where the server shall run: its zone, and a host that only administrators may name."""
    text, host, node = data.availability_zone, None, None
    if text and ":" in text:
        parts = text.split(":")
        if len(parts) > 3:
            raise BadRequest("Invalid input received: Unable to parse availability_zone")
        text, host, node = (*parts, "")[:3]
        only_admin(ctx, "os_compute_api:servers:create:forced_host")
    wanted_host, wanted_node = getattr(data, "host", None), getattr(data, "hypervisor_hostname", None)
    if wanted_host or wanted_node:
        only_admin(ctx, "compute:servers:create:requested_destination")
        if host or node:
            raise BadRequest(
                "One mechanism with host and/or hypervisor_hostname and another mechanism with zone:host:node are mutually exclusive."
            )
    return {
        "availability_zone": text or None,
        "forced_host": host or None,
        "forced_node": node or None,
        "requested_host": wanted_host,
        "requested_node": wanted_node,
    }


def security_groups(data: ServerCore) -> tuple[str, ...]:
    """Return the groups by name or id, each once; the default group when none was said."""
    if not data.security_groups:
        return ("default",)
    return tuple(dict.fromkeys(group.name for group in data.security_groups))


def personality(data: ServerCore, limits: dict[str, int]) -> tuple[tuple[str, bytes], ...]:
    """Return the files to put into the guest, within the project's limits."""
    files = tuple((item.path, base64.b64decode(item.contents)) for item in getattr(data, "personality", ()))
    count, size = limits["injected_files"], limits["injected_file_content_bytes"]
    length = limits["injected_file_path_bytes"]
    if 0 <= count < len(files):
        raise Forbidden("Personality file limit exceeded")
    if 0 <= length < max((len(path) for path, _ in files), default=0):
        raise Forbidden(f"Personality file path exceeds maximum {length}")
    if 0 <= size < max((len(content) for _, content in files), default=0):
        raise Forbidden(f"Personality file content exceeds maximum {size}")
    return files
