"""Disks of storage nodes, and the directory where an image service keeps its files."""

from __future__ import annotations

from lab.services.object.driver import StoredObject
from lab.values import value
from sim.datacenter.host import Disk, Host


@value
class ImageFile:
    """One image's bytes: real ones in `data`, or made up from `seed` when it is None. Digests are hex."""

    size: int
    checksum: str
    sha512: str
    data: bytes | None = None
    seed: str = ""


class ImageDirectory:
    """The image service's files on one host's disk."""

    __slots__ = ("disk", "files", "host", "speed_bps")

    def __init__(self, host: Host, capacity: int, speed_bps: int) -> None:
        self.host = host
        self.disk = Disk(f"{host.name}:images", capacity)
        self.speed_bps = speed_bps
        self.files: dict[str, ImageFile] = {}


class ObjectDevice:
    """One disk of a storage node; `dead` is a fault: it answers nothing until the fault ends."""

    __slots__ = ("dead", "disk", "host", "name", "partitions", "speed_bps")

    def __init__(self, host: Host, name: str, capacity: int, speed_bps: int) -> None:
        self.host = host
        self.name = name
        self.disk = Disk(f"{host.name}:{name}", capacity)
        self.speed_bps = speed_bps
        self.dead = False
        self.partitions: dict[int, dict[str, StoredObject]] = {}
