"""What the hypervisor is asked to run for a server."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lab.services.compute.driver import GuestDisk, GuestNic, GuestSpec
from lab.services.compute.metadata import DOCUMENTS

if TYPE_CHECKING:
    from lab.services.compute.model import BlockDevice, Server

Json = dict[str, Any]

DEFAULT_ROOT = "/dev/vda"  # virtio's first disk. Source: nova/block_device.py and libvirt's blockinfo


def guest_nic(vif: Json) -> GuestNic:
    """One network card from an entry of the info cache."""
    return GuestNic(
        port_id=vif["port_id"],
        mac_address=vif["mac_address"],
        network_id=vif["network_id"],
        tap=vif["devname"],
        mtu=vif["mtu"],
        addresses=tuple(ip["address"] for ip in vif["fixed_ips"]),
    )


def volume_disk(device: BlockDevice) -> GuestDisk:
    """One attached volume."""
    return GuestDisk(
        device=device.device_name or "",
        size_gib=device.volume_size or 0,
        volume_id=device.volume_id,
        connection=device.connection_info,
    )


def disk_beside(device: BlockDevice, new_file: str) -> GuestDisk:
    """Another file of the backend that an attached volume is on, which the connection names as it names the volume's."""
    disk = volume_disk(device)
    connection = disk.connection or {}
    data = connection.get("data")
    told = data if isinstance(data, dict) else {}
    named = {"path": new_file} if "path" in told else {"name": new_file}
    return replace(disk, connection={**connection, "data": {**told, **named}})


def guest_spec(server: Server, devices: list[BlockDevice]) -> GuestSpec:
    """The whole guest: size, cards, the root disk from its image, ephemeral disks and volumes."""
    flavor = server.flavor
    disks = []
    for device in devices:
        if device.destination_type == "volume":
            disks.append(volume_disk(device))
        elif device.is_root:
            disks.append(GuestDisk(device.device_name or DEFAULT_ROOT, int(flavor["disk"]), image_id=server.image_id))
        elif device.guest_format != "swap":
            disks.append(GuestDisk(device.device_name or "", device.volume_size or int(flavor.get("ephemeral", 0))))
    return GuestSpec(
        id=server.id,
        name=server.instance_name,
        hostname=server.hostname,
        vcpus=int(flavor["vcpus"]),
        memory_mib=int(flavor["ram"]),
        nics=tuple(guest_nic(vif) for vif in server.network_info),
        disks=tuple(disks),
        metadata=dict(server.metadata_),
        documents=config_drive(server) if server.config_drive else {},
    )


def config_drive(server: Server) -> dict[str, bytes]:
    """The files of a server's config drive: the documents that the metadata service shows of it."""
    made = {f"openstack/latest/{name}": document(server) for name, document in DOCUMENTS.items()}
    return {path: data for path, data in made.items() if data}


def next_device(taken: list[str | None]) -> str:
    """The first free device name after those taken: /dev/vda … /dev/vdz, /dev/vdaa …"""
    names = {name.removeprefix("/dev/") for name in taken if name}
    number = 0
    while (name := f"vd{_letters(number)}") in names:
        number += 1
    return f"/dev/{name}"


def _letters(number: int) -> str:
    text = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        text = chr(ord("a") + rest) + text
    return text
