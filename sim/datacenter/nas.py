"""Filers: thin volumes and snapshots on one pool, behind one head that passes so much and does so much a second."""

from __future__ import annotations

from dataclasses import dataclass, field

from lab.errors import NoSpace
from sim.datacenter.fabric import Fabric
from sim.datacenter.flow import Channel
from sim.datacenter.host import GIB, Host

NANOSECOND = 1_000_000_000


@dataclass(slots=True)
class NasVolume:
    """One file on the filer; `used` bytes of its `size_gib` are written, `exports` are the hosts that may mount it."""

    id: str
    size_gib: int
    used: int = 0
    image_id: str = ""
    exports: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class NasSnapshot:
    """A volume as it was; its bytes are shared with the volume until that one is written again."""

    id: str
    volume_id: str
    size_gib: int
    used: int = 0
    image_id: str = ""


class Nas(Host):
    """A filer."""

    __slots__ = ("capacity", "factor", "full", "head", "iops", "pool", "snapshots", "speed_bps", "volumes", "written")

    def __init__(self, fabric: Fabric, name: str, address: str, neighbours: dict[str, Host]) -> None:
        super().__init__(fabric, name, address, neighbours)
        self.pool = "pool-1"
        self.capacity = 0
        self.written = 0
        self.iops = 1
        self.speed_bps = 1
        self.factor = 1.0
        self.head = Channel(f"head of {name}", 1)
        self.full = False
        self.volumes: dict[str, NasVolume] = {}
        self.snapshots: dict[str, NasSnapshot] = {}

    def equip(self, capacity_gib: int, speed_bps: int, iops: int) -> None:
        """Set what the filer can do."""
        self.capacity, self.speed_bps, self.iops = capacity_gib * GIB, speed_bps, iops
        self.slow(1.0)

    def slow(self, factor: float) -> None:
        """Divide bandwidth and operations a second by `factor`; 1 is the filer as it was bought."""
        self.factor = factor
        self.head.capacity_bps = max(1, round(self.speed_bps / factor))
        if self.fabric.flows.active:
            self.fabric.flows.refresh()

    def operations_ns(self, count: int) -> int:
        """Say how long so many small operations take."""
        return round(count * NANOSECOND * self.factor) // self.iops

    @property
    def free(self) -> int:
        """Bytes that can still be written."""
        return 0 if self.full else max(0, self.capacity - self.written)

    @property
    def provisioned_gib(self) -> int:
        """What has been promised: the sizes of all volumes."""
        return sum(volume.size_gib for volume in self.volumes.values())

    def write(self, nbytes: int, what: str) -> None:
        """Use space. Raises NoSpace and uses nothing when it is not there."""
        if nbytes > self.free:
            raise NoSpace(
                f"No space left on {self.name}:{self.pool}: {self.free} bytes free, {what} needs {nbytes}; delete volumes or add disks"
            )
        self.written += nbytes

    def erase(self, nbytes: int) -> None:
        """Free space."""
        self.written -= nbytes
