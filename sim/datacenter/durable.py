"""What lies on the datacenter's disks, as plain JSON values by key: what a power cut of everything leaves behind.

    image/<host>/<id>              an image service's file
    cache/<host>/<id>              an image in a hypervisor host's cache
    guest/<host>/<id>              a guest's definition and disks
    wiring/<host>/<port id>        a port as the host's switch is configured for it
    volume/<filer>/<id>            a volume          snapshot/<filer>/<id>   a snapshot
    object/<node>/<disk>/<partition>/<name>          one replica of an object

`snapshot` answers all of it, `restore` puts it into a freshly built datacenter; `Datacenter.on_write` is
told each change in between. Guests are off after a restore and have no taps until they are switched on.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from lab.services.compute.driver import GuestDisk, GuestNic, GuestSpec
from lab.services.network.driver import PortWiring, SecurityRule
from lab.services.object.driver import StoredObject
from sim.datacenter.guest import SHUTDOWN, Guest, Vif
from sim.datacenter.host import Host, HypervisorHost
from sim.datacenter.nas import Nas, NasSnapshot, NasVolume
from sim.datacenter.storage import ImageDirectory, ImageFile, ObjectDevice

if TYPE_CHECKING:
    from sim.datacenter.datacenter import Datacenter

Value: TypeAlias = dict[str, Any]


def image_key(host: Host, image_id: str) -> str:
    """Name an image in a hypervisor host's cache."""
    return f"cache/{host.name}/{image_id}"


def file_key(directory: ImageDirectory, image_id: str) -> str:
    """Name a file of the image service."""
    return f"image/{directory.host.name}/{image_id}"


def guest_key(host: Host, guest_id: str) -> str:
    """Name a guest."""
    return f"guest/{host.name}/{guest_id}"


def wiring_key(host: Host, port_id: str) -> str:
    """Name a port of a host's bridge."""
    return f"wiring/{host.name}/{port_id}"


def volume_key(nas: Nas, volume_id: str) -> str:
    """Name a volume."""
    return f"volume/{nas.name}/{volume_id}"


def snapshot_key(nas: Nas, snapshot_id: str) -> str:
    """Name a snapshot."""
    return f"snapshot/{nas.name}/{snapshot_id}"


def object_key(device: ObjectDevice, partition: int, name: str) -> str:
    """Name a replica."""
    return f"object/{device.host.name}/{device.name}/{partition}/{name}"


def file_value(file: ImageFile) -> Value:
    """Write a file of the image service."""
    data = None if file.data is None else b64encode(file.data).decode()
    return {"size": file.size, "checksum": file.checksum, "sha512": file.sha512, "data": data, "seed": file.seed}


def guest_value(guest: Guest) -> Value:
    """Write a guest."""
    return {
        "spec": asdict(replace(guest.spec, documents={})),  # a simulated guest reads no config drive
        "disk_bytes": guest.disk_bytes,
        "disks": [asdict(disk) for disk in guest.disks.values()],
        "nics": [asdict(vif.nic) for vif in guest.vifs.values()],
    }


def wiring_value(wiring: PortWiring) -> Value:
    """Write a port's wiring."""
    return asdict(wiring)


def volume_value(volume: NasVolume) -> Value:
    """Write a volume."""
    return asdict(volume)


def snapshot_value(snapshot: NasSnapshot) -> Value:
    """Write a snapshot."""
    return asdict(snapshot)


def object_value(item: StoredObject) -> Value:
    """Write a replica."""
    return {**asdict(item), "data": b64encode(item.data).decode()}


def snapshot(dc: Datacenter) -> dict[str, Value]:
    """Write all that lies on the disks of the datacenter."""
    written: dict[str, Value] = {}
    for directory in dc.images.values():
        written.update((file_key(directory, key), file_value(file)) for key, file in directory.files.items())
    for host in dc.hypervisors.values():
        written.update((image_key(host, key), {"size": size}) for key, size in host.images.items())
        written.update((guest_key(host, key), guest_value(guest)) for key, guest in host.guests.items())
        if host.has_bridge:
            wirings = host.bridge.wirings.items()
            written.update((wiring_key(host, key), wiring_value(wiring)) for key, wiring in wirings)
    for nas in dc.filers.values():
        written.update((volume_key(nas, key), volume_value(volume)) for key, volume in nas.volumes.items())
        written.update((snapshot_key(nas, key), snapshot_value(taken)) for key, taken in nas.snapshots.items())
    for device in dc.object_disks.values():
        for partition, names in device.partitions.items():
            written.update((object_key(device, partition, name), object_value(item)) for name, item in names.items())
    return written


def restore(dc: Datacenter, written: Mapping[str, Value]) -> None:
    """Put what was written into a freshly built datacenter of the same spec."""
    readers: dict[str, Callable[[Datacenter, list[str], Value], None]] = {
        "image": _restore_file, "cache": _restore_image, "guest": _restore_guest, "wiring": _restore_wiring,
        "volume": _restore_volume, "snapshot": _restore_snapshot, "object": _restore_object,
    }  # fmt: skip
    for key in sorted(written):
        kind, *names = key.split("/", 4)
        readers[kind](dc, names, written[key])


def _restore_file(dc: Datacenter, names: list[str], value: Value) -> None:
    data = None if value["data"] is None else b64decode(value["data"])
    directory = dc.images[names[0]]
    directory.files[names[1]] = ImageFile(value["size"], value["checksum"], value["sha512"], data, value["seed"])
    directory.disk.used += value["size"]


def _restore_image(dc: Datacenter, names: list[str], value: Value) -> None:
    host = dc.hypervisors[names[0]]
    host.images[names[1]] = value["size"]
    host.disk.used += value["size"]


def _restore_guest(dc: Datacenter, names: list[str], value: Value) -> None:
    host: HypervisorHost = dc.hypervisors[names[0]]
    spec = value["spec"]
    nics = tuple(_nic(nic) for nic in spec["nics"])
    disks = tuple(GuestDisk(**disk) for disk in spec["disks"])
    guest = Guest(host, GuestSpec(**{**spec, "nics": nics, "disks": disks}), dc)
    guest.disks = {disk["volume_id"] or disk["device"]: GuestDisk(**disk) for disk in value["disks"]}
    guest.disk_bytes = value["disk_bytes"]
    guest.power_state = SHUTDOWN
    for nic in value["nics"]:
        dc.vifs[nic["port_id"]] = guest.vifs[nic["port_id"]] = Vif(guest, _nic(nic))
    host.disk.used += guest.disk_bytes
    host.guests[names[1]] = guest


def _nic(value: Value) -> GuestNic:
    return GuestNic(**{**value, "addresses": tuple(value["addresses"])})


def _restore_wiring(dc: Datacenter, names: list[str], value: Value) -> None:
    rules = tuple(SecurityRule(**rule) for rule in value["rules"])
    dc.hosts[names[0]].bridge.wire(PortWiring(**{**value, "addresses": tuple(value["addresses"]), "rules": rules}))


def _restore_volume(dc: Datacenter, names: list[str], value: Value) -> None:
    nas = dc.filers[names[0]]
    nas.volumes[names[1]] = NasVolume(**{**value, "exports": dict(value["exports"])})
    nas.written += value["used"]


def _restore_snapshot(dc: Datacenter, names: list[str], value: Value) -> None:
    dc.filers[names[0]].snapshots[names[1]] = NasSnapshot(**value)


def _restore_object(dc: Datacenter, names: list[str], value: Value) -> None:
    device = dc.object_disks[names[0], names[1]]
    metadata = tuple((key, text) for key, text in value["metadata"])
    item = StoredObject(**{**value, "data": b64decode(value["data"]), "metadata": metadata})
    device.partitions.setdefault(int(names[2]), {})[item.name] = item
    device.disk.used += len(item.data)
