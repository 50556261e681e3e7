"""Starts swift-proxy and the swift-object nodes, with the ring over their devices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lab.config import Config
from lab.process import Process
from lab.services.object.api import ObjectApi
from lab.services.object.driver import ObjectDisk
from lab.services.object.replicas import Replicas
from lab.services.object.replicator import Replicator
from lab.services.object.ring import Device, Ring, build
from lab.services.object.storage import listening_on


def ring_of(config: Config, devices: Mapping[str, Sequence[str]]) -> Ring:
    """Return the ring over the devices of each host. Every host is a zone of its own: no two replicas lie on one host."""
    found = [Device(id=0, host=host, name=name, zone=zone) for zone, (host, names) in enumerate(devices.items(), 1) for name in names]
    numbered = [Device(number, d.host, d.name, d.zone) for number, d in enumerate(found)]
    return build(config.object_part_power, numbered, min(config.object_replicas, len(numbered)))


def start_proxy(process: Process, devices: Mapping[str, Sequence[str]]) -> None:
    """Build swift-proxy on this process. The ring is computed when the first object needs it."""
    ObjectApi(process, Replicas(process, lambda: ring_of(process.config, devices))).start()


def start_storage(process: Process, disks: Mapping[str, ObjectDisk], devices: Mapping[str, Sequence[str]] | None = None) -> None:
    """Build swift-object on this process. With `devices`, the ring's devices by host, it replicates too."""
    api = listening_on(process.host)(process, disks)
    api.start()
    if devices is not None:
        Replicator(process, lambda: ring_of(process.config, devices), api.inventory).start()
