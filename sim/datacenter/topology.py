"""The plan of a datacenter and its building: racks, leaf switches, a spine, a border router, infrastructure, a client.

client --- border-1 --- spine-1 --- leaf-0: controllers, filers, storage nodes
                               +--- leaf-1: compute-1, compute-2 …
                               +--- leaf-2: …
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from sim.datacenter.host import GIB, Host, HypervisorHost
from sim.datacenter.link import GIGABIT
from sim.datacenter.nas import Nas
from sim.datacenter.router import Router
from sim.datacenter.storage import ImageDirectory, ObjectDevice
from sim.datacenter.switch import Switch

if TYPE_CHECKING:
    from sim.datacenter.datacenter import Datacenter

MIB = 1024**2
SPINE = "spine-1"
BORDER = "border-1"
CLIENT = "client"
MANAGEMENT_PREFIX = 12
GATEWAY = "172.16.0.1"
CLIENT_ADDRESS = "203.0.113.10"  # Source: RFC 5737, an address for documentation
OUTSIDE_ADDRESS = "203.0.113.1/24"
INFRASTRUCTURE_RACK = 0
H = TypeVar("H", bound=Host)


@dataclass(frozen=True, slots=True)
class DatacenterSpec:
    """What to build; sizes of one host in MiB and GiB, of one filer and one disk in GiB.

    Sources: hosts as the small ones of openstack/performance-docs (HP DL380 Gen9, 10 GbE); cables, filer
    and disks are guesses after usual data sheets.
    """

    racks: int = 2
    hosts_per_rack: int = 2
    vcpus: int = 32
    memory_mib: int = 131_072
    disk_gib: int = 1_000
    hypervisor_type: str = "QEMU"
    controllers: int = 1
    nas: int = 1
    nas_gib: int = 10_240
    nas_bps: int = 8 * GIGABIT
    nas_iops: int = 20_000
    storage_nodes: int = 3
    disks_per_storage_node: int = 2
    object_disk_gib: int = 100
    object_disk_bps: int = 1_200_000_000
    image_gib: int = 500
    image_disk_bps: int = 4 * GIGABIT
    physical_networks: tuple[str, ...] = ("physnet1",)
    host_link_bps: int = 10 * GIGABIT
    host_link_ns: int = 5_000
    uplink_bps: int = 40 * GIGABIT
    uplink_ns: int = 2_000
    outside_bps: int = GIGABIT
    outside_ns: int = 1_000_000


def build(dc: Datacenter) -> None:
    """Build what the datacenter's spec says."""
    spec, fabric = dc.spec, dc.fabric
    if len(spec.physical_networks) > 1:
        raise ValueError(f"hosts have one card, so one physical network, not {', '.join(spec.physical_networks)}")
    spine = fabric.switch(SPINE)
    dc.border = Router(fabric, BORDER)
    fabric.add(dc.border)
    fabric.connect(dc.border.nic("inside"), spine.port(BORDER), spec.uplink_ns, spec.uplink_bps)
    dc.border.interface("inside", None, f"{GATEWAY}/{MANAGEMENT_PREFIX}")
    dc.border.nic("outside")
    dc.border.interface("outside", None, OUTSIDE_ADDRESS)
    client = _host(dc, Host, CLIENT, CLIENT_ADDRESS)
    client.network = (24, OUTSIDE_ADDRESS.partition("/")[0])
    assert client.uplink is not None
    fabric.connect(client.uplink, dc.border.nics["outside"], spec.outside_ns, spec.outside_bps)
    _infrastructure(dc, _leaf(dc, spine, INFRASTRUCTURE_RACK))
    number = 0
    for rack in range(1, spec.racks + 1):
        leaf = _leaf(dc, spine, rack)
        for _ in range(spec.hosts_per_rack):
            number += 1
            address = _address(1 + (number - 1) // 250, 1 + (number - 1) % 250)
            host = _host(dc, HypervisorHost, f"compute-{number}", address)
            host.vcpus, host.memory_mib = spec.vcpus, spec.memory_mib
            host.disk.capacity = spec.disk_gib * GIB
            host.hypervisor_type = spec.hypervisor_type
            dc.hypervisors[host.name] = host
            _plug(dc, host, leaf, rack)


def _address(third: int, fourth: int) -> str:
    return f"172.{16 + third // 256}.{third % 256}.{fourth}"


def _host(dc: Datacenter, kind: type[H], name: str, address: str) -> H:
    host = kind(dc.fabric, name, address, dc.addresses)
    host.physical_networks = dc.spec.physical_networks
    host.network = (MANAGEMENT_PREFIX, GATEWAY)
    dc.fabric.add(host)
    dc.addresses[address] = host
    dc.hosts[name] = host
    return host


def _leaf(dc: Datacenter, spine: Switch, rack: int) -> Switch:
    leaf = dc.fabric.switch(f"leaf-{rack}")
    dc.fabric.connect(leaf.port(SPINE), spine.port(leaf.name), dc.spec.uplink_ns, dc.spec.uplink_bps)
    return leaf


def _plug(dc: Datacenter, host: Host, leaf: Switch, rack: int) -> None:
    assert host.uplink is not None
    host.rack = f"rack-{rack}"
    dc.fabric.connect(host.uplink, leaf.port(host.name), dc.spec.host_link_ns, dc.spec.host_link_bps)


def _infrastructure(dc: Datacenter, leaf: Switch) -> None:
    spec = dc.spec
    for number in range(1, spec.controllers + 1):
        controller = _host(dc, Host, f"controller-{number}", f"172.16.0.{10 + number}")
        _plug(dc, controller, leaf, INFRASTRUCTURE_RACK)
        dc.images[controller.name] = ImageDirectory(controller, spec.image_gib * GIB, spec.image_disk_bps)
    for number in range(1, spec.nas + 1):
        nas = _host(dc, Nas, f"nas-{number}", f"172.16.0.{100 + number}")
        nas.equip(spec.nas_gib, spec.nas_bps, spec.nas_iops)
        _plug(dc, nas, leaf, INFRASTRUCTURE_RACK)
        dc.filers[nas.name] = nas
    for number in range(1, spec.storage_nodes + 1):
        node = _host(dc, Host, f"storage-{number}", f"172.16.0.{150 + number}")
        _plug(dc, node, leaf, INFRASTRUCTURE_RACK)
        for index in range(1, spec.disks_per_storage_node + 1):
            device = ObjectDevice(node, f"d{index}", spec.object_disk_gib * GIB, spec.object_disk_bps)
            dc.object_disks[node.name, device.name] = device
