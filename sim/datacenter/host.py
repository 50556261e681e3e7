"""Hosts: a machine with an address, a bridge and a disk; hypervisor hosts run guests on top."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from lab.errors import NoSpace
from sim.datacenter.bridge import Bridge, Tap
from sim.datacenter.frame import BROADCAST, Arp, Frame, Ipv4, Udp, Vxlan
from sim.datacenter.nic import Device, Nic
from sim.datacenter.stack import IpStack

if TYPE_CHECKING:
    from sim.datacenter.fabric import Fabric
    from sim.datacenter.guest import Guest

GIB = 1024**3


class Disk:
    """Space on a host's disk, in bytes; `full` is a fault that leaves no byte free."""

    __slots__ = ("capacity", "full", "used", "where")

    def __init__(self, where: str, capacity: int) -> None:
        self.where = where
        self.capacity = capacity
        self.used = 0
        self.full = False

    @property
    def free(self) -> int:
        """Bytes that can still be written."""
        return 0 if self.full else max(0, self.capacity - self.used)

    def take(self, nbytes: int, what: str) -> None:
        """Use bytes for something. Raises NoSpace and takes nothing when they are not there."""
        if nbytes > self.free:
            raise NoSpace(
                f"No space left on device: {self.where} has {self.free} bytes free, {what} needs {nbytes}; remove something or add a disk"
            )
        self.used += nbytes

    def give(self, nbytes: int) -> None:
        """Free bytes."""
        self.used -= nbytes


class Host(Device):
    """A machine in a rack: controller, filer, storage node, client or hypervisor host.

    `neighbours` finds hosts by their address: hosts know each other's cards, as a full ARP table would.
    """

    __slots__ = (
        "_bridge", "_stack", "address", "device_watcher", "mac", "neighbours", "network", "physical_networks", "rack",
    )  # fmt: skip

    def __init__(self, fabric: Fabric, name: str, address: str, neighbours: Mapping[str, Host]) -> None:
        super().__init__(fabric, name)
        self.address = address
        self.neighbours = neighbours
        self.network: tuple[int, str | None] = (32, None)
        """Prefix length of its own network, and its gateway."""
        self.mac = fabric.mac()
        self.rack = ""
        self.device_watcher: Callable[[str], None] | None = None
        """Told the port id whenever a tap appears or vanishes: the L2 agent's driver watches."""
        self.physical_networks: tuple[str, ...] = ("physnet1",)
        self._bridge: Bridge | None = None
        self._stack: IpStack | None = None
        self.uplink = Nic(self, "eth0", self.mac)
        fabric.cards[self.mac] = name

    @property
    def bridge(self) -> Bridge:
        """Its virtual switch, made when it is first needed."""
        if self._bridge is None:
            self._bridge = Bridge(self)
        return self._bridge

    @property
    def has_bridge(self) -> bool:
        """Whether its virtual switch was ever needed."""
        return self._bridge is not None

    @property
    def stack(self) -> IpStack:
        """Its own IP stack on the management network."""
        if self._stack is None:
            assert self.uplink is not None
            self._stack = IpStack(self, "eth0", self.mac, self.uplink.send)
            self._stack.configure(self.address, *self.network)
        return self._stack

    def plug(self, tap: Tap) -> Tap:
        """Make a tap on the bridge; the one that is there already is kept."""
        known = self.bridge.taps.get(tap.port_id)
        if known is not None:
            return known
        self.bridge.taps[tap.port_id] = tap
        if self.device_watcher is not None:
            self.device_watcher(tap.port_id)
        return tap

    def unplug(self, port_id: str) -> None:
        """Remove a tap; none is no error. Its port stays wired until the L2 agent notices."""
        gone = self._bridge.taps.pop(port_id, None) if self._bridge is not None else None
        if gone is not None and self.device_watcher is not None:
            self.device_watcher(port_id)

    def receive(self, nic: Nic, frame: Frame) -> None:
        """Take a frame: tunnels and tagged frames are for the bridge, the rest for the host itself."""
        if frame.vlan is not None:
            if self._bridge is not None:
                self._bridge.from_uplink(frame)
            return
        payload = frame.payload
        if frame.target == self.mac:
            tunnelled = payload.payload if isinstance(payload, Ipv4) else None
            if isinstance(tunnelled, Udp) and isinstance(tunnelled.payload, Vxlan) and isinstance(payload, Ipv4):
                self.bridge.from_tunnel(tunnelled.payload, payload.source)
                return
            self.stack.receive(frame)
        elif frame.target == BROADCAST and isinstance(payload, Arp) and payload.target_ip == self.address:
            self.stack.receive(frame)
        if self._bridge is not None:
            self._bridge.from_uplink(frame)


class HypervisorHost(Host):
    """A host that runs guests. Sizes: `memory_mib` in MiB, the disk in bytes."""

    __slots__ = ("busy", "disk", "guests", "hypervisor_type", "images", "memory_mib", "power_watcher", "vcpus")

    def __init__(self, fabric: Fabric, name: str, address: str, neighbours: Mapping[str, Host]) -> None:
        super().__init__(fabric, name, address, neighbours)
        self.vcpus = 0
        self.memory_mib = 0
        self.disk = Disk(name, 0)
        self.guests: dict[str, Guest] = {}
        self.images: dict[str, int] = {}
        """The image cache: id -> bytes."""
        self.busy = 0
        """Guests being built or started just now; they slow each other down a little."""
        self.hypervisor_type = "QEMU"
        self.power_watcher: Callable[[str, int], None] | None = None
