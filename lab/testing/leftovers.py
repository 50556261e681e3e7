"""What nobody accounts for: the invariant that after every delete, and after every failure and its repair, nothing is left.

Records are compared with the servers, ports and volumes that they belong to, and the simulated world with the records.
In a cloud at rest `leftovers` is empty, whatever servers live in it.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from lab.services.compute.model import BlockDevice, BuildRequest, Server, VirtualInterface
from lab.services.network.model import IPAllocation, Network, Port, Segment
from lab.services.placement.model import Allocation, Consumer
from lab.services.volume.model import Volume, VolumeAttachment, VolumeSnapshot

if TYPE_CHECKING:
    from lab.cloud import SimulatedCloud
    from lab.store import Transaction
    from sim.datacenter.datacenter import Datacenter
    from sim.datacenter.host import Host

NEUTRON = "network:"
"""How the owners of ports begin that are neutron's own: of DHCP servers and routers."""
HELD = ("reserved", "attaching", "in-use", "detaching")
"""Statuses of a volume that a server has."""


async def leftovers(cloud: SimulatedCloud) -> list[str]:
    """List what belongs to no living server, port or volume, in words; the empty list is what should be."""
    found = await cloud.wires.store.run(records_left)
    found += await cloud.wires.store.run(lambda tx: world_left(tx, cloud.world.datacenter))
    lines = [f"{count} messages lie in queue {name}" for name, count in cloud.wires.broker.depths().items() if count]
    return found + lines


# -- records ----------------------------------------------------------------------------------


def living(tx: Transaction) -> dict[str, Server]:
    """The servers that were not deleted, by id."""
    return {server.id: server for server in tx.all(Server) if not server.deleted}


def records_left(tx: Transaction) -> list[str]:
    """Records of any service that hang on a server, port, network or volume that is not there."""
    return [*_compute_left(tx), *_placement_left(tx), *_network_left(tx), *_volume_left(tx)]


def _compute_left(tx: Transaction) -> list[str]:
    servers, volumes = living(tx), {volume.id for volume in tx.all(Volume)}
    found = [f"build request of {each.server_id}" for each in tx.all(BuildRequest) if each.server_id not in servers]
    for device in tx.all(BlockDevice):
        if device.server_id not in servers:
            found.append(f"block device {device.device_name} of the deleted server {device.server_id}")
        elif device.volume_id is not None and device.volume_id not in volumes:
            found.append(f"block device {device.device_name} of server {device.server_id} names the deleted volume {device.volume_id}")
    found += [f"virtual interface {each.id} of {each.server_id}" for each in tx.all(VirtualInterface) if each.server_id not in servers]
    return found


def _placement_left(tx: Transaction) -> list[str]:
    servers = living(tx)
    held = tx.all(Allocation)
    found = [f"allocation of {each.consumer_uuid}: {each.resources}" for each in held if each.consumer_uuid not in servers]
    holders = {each.consumer_uuid for each in held}
    return found + [f"consumer {each.uuid} holds nothing" for each in tx.all(Consumer) if each.uuid not in holders]


def _network_left(tx: Transaction) -> list[str]:
    servers = living(tx)
    networks = {network.id for network in tx.all(Network)}
    ports = {port.id: port for port in tx.all(Port)}
    found = []
    for port in ports.values():
        if port.network_id not in networks:
            found.append(f"port {port.id} on the deleted network {port.network_id}")
        elif port.device_id and not port.device_owner.startswith(NEUTRON) and port.device_id not in servers:
            found.append(f"port {port.id} of the deleted server {port.device_id}")
    for address in tx.all(IPAllocation):
        owner = ports.get(address.port_id)
        if owner is None or all(fixed["ip_address"] != address.ip_address for fixed in owner.fixed_ips):
            found.append(f"address {address.ip_address} is no port's")
    segments = [each for each in tx.all(Segment) if each.network_id not in networks]
    return found + [f"segment {each.id} of the deleted network {each.network_id}" for each in segments]


def _volume_left(tx: Transaction) -> list[str]:
    servers = living(tx)
    attachments = tx.all(VolumeAttachment)
    had = {attachment.volume_id for attachment in attachments}
    found = []
    for attachment in attachments:
        server = attachment.instance_uuid
        if server is not None and server not in servers:
            found.append(f"attachment {attachment.id} of volume {attachment.volume_id} to the deleted server {server}")
    alone = [volume for volume in tx.all(Volume) if volume.status in HELD and volume.id not in had]
    return found + [f"volume {volume.id} is {volume.status} without an attachment" for volume in alone]


# -- the world --------------------------------------------------------------------------------


def world_left(tx: Transaction, dc: Datacenter) -> list[str]:
    """What lies in the datacenter and is in no record: guests, disks, taps, wirings, VLANs, reservations, volumes, exports."""
    return [*_guests_left(tx, dc), *_bridges_left(tx, dc), *_dhcp_left(tx, dc), *_filers_left(tx, dc), *_vlans_left(dc)]


def _guests_left(tx: Transaction, dc: Datacenter) -> list[str]:
    servers = living(tx)
    found = []
    for host in dc.hypervisors.values():
        for guest_id in host.guests:
            server = servers.get(guest_id)
            if server is None or server.host != host.name:
                found.append(f"guest {guest_id} on {host.name}, which is {'no server' if server is None else f'at {server.host}'}")
        known = sum(host.images.values()) + sum(guest.disk_bytes for guest in host.guests.values())
        if host.disk.used != known:
            found.append(f"{host.disk.used - known} bytes on the disk of {host.name} are nobody's")
    return found


def _bridges_left(tx: Transaction, dc: Datacenter) -> list[str]:
    ports = {port.id: port for port in tx.all(Port)}
    found = []
    for host in dc.hosts.values():
        if not host.has_bridge:
            continue
        cards = _cards(dc, host)
        bridge = host.bridge
        found += [f"tap {tap.name} on {host.name} without a guest" for port_id, tap in bridge.taps.items() if port_id not in cards]
        found += [f"wiring of {port_id} on {host.name} without a tap" for port_id in bridge.wirings if port_id not in bridge.taps]
        found += [f"wiring of the deleted port {port_id} on {host.name}" for port_id in bridge.wirings if port_id not in ports]
    return found


def _cards(dc: Datacenter, host: Host) -> set[str]:
    """The ports of all guests and DHCP servers on a host."""
    cards = {server.tap.port_id for servers in dc.dhcp.values() for server in servers.values() if server.host is host}
    hypervisor = dc.hypervisors.get(host.name)
    if hypervisor is not None:
        cards |= {port_id for guest in hypervisor.guests.values() for port_id in guest.vifs}
    return cards


def _dhcp_left(tx: Transaction, dc: Datacenter) -> list[str]:
    ports = {port.id for port in tx.all(Port)}
    networks = {network.id for network in tx.all(Network)}
    found = []
    for network_id, servers in dc.dhcp.items():
        for server in servers.values():
            if network_id not in networks:
                found.append(f"DHCP server {server.name} of the deleted network {network_id}")
            found += [f"DHCP reservation of the deleted port {port_id}" for port_id in server.reserved if port_id not in ports]
    return found


def _filers_left(tx: Transaction, dc: Datacenter) -> list[str]:
    volumes = {volume.id for volume in tx.all(Volume)}
    snapshots = {snapshot.id for snapshot in tx.all(VolumeSnapshot)}
    wanted = {(each.volume_id, each.connector["host"]) for each in tx.all(VolumeAttachment) if each.connector}
    found = []
    for nas in dc.filers.values():
        for volume in nas.volumes.values():
            if volume.id not in volumes:
                found.append(f"volume {volume.id} on {nas.name} without a record")
            found += [f"export of {volume.id} to {host}" for host in volume.exports if (volume.id, host) not in wanted]
        found += [f"snapshot {each} on {nas.name} without a record" for each in nas.snapshots if each not in snapshots]
        used = sum(volume.used for volume in nas.volumes.values())
        if nas.written != used:
            found.append(f"{nas.written - used} bytes on {nas.name} are nobody's")
    return found


def _vlans_left(dc: Datacenter) -> list[str]:
    """VLANs on the switch port of a host that no wiring on the host asks for, and the other way round."""
    found = []
    for host in dc.hosts.values():
        port = host.uplink.peer if host.uplink is not None else None
        allowed = getattr(port, "allowed", None)
        if allowed is None:
            continue
        wirings = host.bridge.wirings.values() if host.has_bridge else ()
        wanted = dict.fromkeys((wiring.segmentation_id for wiring in wirings if wiring.network_type == "vlan"), 1)
        if wanted != allowed:
            found.append(f"the switch port of {host.name} carries the VLANs {allowed}, its wirings ask for {wanted}")
    return found


def summary(lines: list[str]) -> str:
    """Fold lines that say the same but for ids, with their count, for a readable failure."""
    return "; ".join(f"{line} (x{count})" if count > 1 else line for line, count in Counter(lines).items())
