"""Whether those who know of a server say the same of it: nova's record, its guest, neutron's ports, cinder's attachments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.services.compute.model import BlockDevice, Server
from lab.services.compute.states import ACTIVE, STOPPED
from lab.services.network.model import ACTIVE as UP
from lab.services.network.model import Port
from lab.services.volume.model import Volume, VolumeAttachment

if TYPE_CHECKING:
    from lab.cloud import SimulatedCloud
    from lab.store import Transaction
    from sim.datacenter.datacenter import Datacenter
    from sim.datacenter.guest import Guest


async def disagreements(cloud: SimulatedCloud) -> list[str]:
    """List, in words, what is said differently of servers that are ACTIVE or SHUTOFF and have no task; empty is what should be."""
    return await cloud.wires.store.run(lambda tx: _all(tx, cloud.world.datacenter))


def _all(tx: Transaction, dc: Datacenter) -> list[str]:
    found: list[str] = []
    for server in tx.all(Server):
        if server.deleted or server.task_state is not None or server.vm_state not in (ACTIVE, STOPPED):
            continue
        home = dc.hypervisors.get(server.host or "")
        guest = home.guests.get(server.id) if home is not None else None
        if guest is None:
            found.append(f"server {server.id} is {server.vm_state} on {server.host}, where no guest is")
            continue
        lines = [*_power(server, guest), *_network(tx, server, guest), *_volumes(tx, server, guest)]
        found += [f"server {server.id}: {line}" for line in lines]
    return found


def _power(server: Server, guest: Guest) -> list[str]:
    found = []
    if guest.running != (server.vm_state == ACTIVE):
        found.append(f"it is {server.vm_state} and its guest is {'on' if guest.running else 'off'}")
    if guest.power_state != server.power_state:
        found.append(f"its power state is {server.power_state}, its guest's {guest.power_state}")
    return found


def _network(tx: Transaction, server: Server, guest: Guest) -> list[str]:
    ports = {port.id: port for port in tx.find(Port, device_id=server.id)}
    known, wired = {vif["port_id"] for vif in server.network_info}, guest.host.bridge.wirings
    found = []
    if not (known == set(ports) == set(guest.vifs)):
        found.append(f"nova knows the ports {sorted(known)}, neutron {sorted(ports)}, its guest {sorted(guest.vifs)}")
    for port in ports.values():
        if port.binding_host_id != server.host:
            found.append(f"port {port.id} is bound to {port.binding_host_id or 'no host'}")
        if not guest.running or port.id not in guest.vifs:
            continue
        if port.status != UP or port.id not in wired:
            found.append(f"port {port.id} is {port.status} and {'wired' if port.id in wired else 'not wired'}")
        if guest.network_up and guest.vifs[port.id].lease is None:
            found.append(f"its card {port.id} has no address")
    return found


def _volumes(tx: Transaction, server: Server, guest: Guest) -> list[str]:
    mapped = {each.volume_id: each.attachment_id for each in tx.find(BlockDevice, server_id=server.id) if each.volume_id}
    attached = {each.volume_id: each.id for each in tx.find(VolumeAttachment, instance_uuid=server.id)}
    disks = {disk.volume_id for disk in guest.disks.values() if disk.volume_id}
    found = []
    if mapped != attached:
        found.append(f"nova has the attachments {mapped}, cinder {attached}")
    if disks != set(attached):
        found.append(f"its guest has the volumes {sorted(disks)}, cinder attached {sorted(attached)}")
    for volume_id in attached:
        volume = tx.get(Volume, volume_id)
        if volume is None or volume.status != "in-use":
            found.append(f"volume {volume_id} is attached and {volume.status if volume else 'gone'}")
    return found
