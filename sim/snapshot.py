"""A datacenter as it is now, in plain JSON values: what faces draw. Looking changes nothing and takes no virtual time."""

from __future__ import annotations

from typing import Any

from lab.errors import LabError, NotFound
from lab.runtime import NANOSECOND
from sim.datacenter.datacenter import Datacenter
from sim.datacenter.guest import CRASHED, NOSTATE, PAUSED, RUNNING, SHUTDOWN, SUSPENDED, Guest, Vif
from sim.datacenter.host import GIB, Host, HypervisorHost
from sim.datacenter.nas import Nas
from sim.datacenter.nic import Nic
from sim.datacenter.router import Router
from sim.datacenter.switch import Switch, SwitchPort
from sim.datacenter.topology import CLIENT, SPINE
from sim.datacenter.trace import PingResult

POWER = {
    NOSTATE: "NOSTATE", RUNNING: "RUNNING", PAUSED: "PAUSED", SHUTDOWN: "SHUTDOWN", CRASHED: "CRASHED", SUSPENDED: "SUSPENDED",
}  # fmt: skip


def snapshot(dc: Datacenter) -> dict[str, Any]:
    """Racks, switches (the border router among them), links, hosts with their servers, and filers."""
    racks: dict[str, list[str]] = {}
    for host in dc.hosts.values():
        if host.rack:
            racks.setdefault(host.rack, []).append(host.name)
    devices = dc.fabric.devices.values()
    return {
        "racks": [{"name": name, "hosts": hosts} for name, hosts in racks.items()],
        "switches": [_switch(d) if isinstance(d, Switch) else _router(d) for d in devices if isinstance(d, (Switch, Router))],
        "links": [
            {"name": link.name, "a": link.a.device.name, "b": link.b.device.name, "up": link.works, "cut": not link.up,
             "blocked": link.blocked, "latency_us": link.latency_ns / 1000, "mbps": link.rate_bps // 1_000_000, "slow": link.factor}
            for link in dc.fabric.links.values()
        ],
        "hosts": [_host(dc, host) for host in dc.hosts.values() if host.name != CLIENT],
        "filers": [_filer(nas) for nas in dc.filers.values()],
    }  # fmt: skip


def _switch(switch: Switch) -> dict[str, Any]:
    return {
        "name": switch.name,
        "kind": "spine" if switch.name == SPINE else "leaf",
        "up": switch.up,
        "ports": [_port(port) for port in switch.ports.values()],
    }


def _port(port: SwitchPort) -> dict[str, Any]:
    """`native` is the VLAN of untagged frames; `omitted` are VLANs that a fault keeps off, 0 for all."""
    vlans = [port.native] if port.mode == "access" else sorted(port.allowed)
    more = {"native": port.native, "omitted": sorted(port.denied or ())}
    return {"name": port.name, "peer": _peer(port), "up": _up(port), "mode": port.mode, "vlans": vlans, **more}


def _router(router: Router) -> dict[str, Any]:
    """The border router: a port for each card, with the VLANs in which it has an interface."""
    ports = []
    for nic in router.nics.values():
        vlans = sorted(vlan for name, vlan in router.interfaces if name == nic.name and vlan is not None)
        ports.append({"name": nic.name, "peer": _peer(nic), "up": _up(nic), "mode": "routed", "vlans": vlans})
    return {"name": router.name, "kind": "router", "up": router.up, "ports": ports}


def _peer(nic: Nic) -> str | None:
    return nic.peer.device.name if nic.peer is not None else None


def _up(nic: Nic) -> bool:
    return nic.link is not None and nic.link.works


def _host(dc: Datacenter, host: Host) -> dict[str, Any]:
    row: dict[str, Any] = {"name": host.name, "kind": _kind(dc, host), "rack": host.rack, "up": host.up, "address": host.address}
    guests = list(host.guests.values()) if isinstance(host, HypervisorHost) else []
    return row | {
        "vcpus": host.vcpus if isinstance(host, HypervisorHost) else 0,
        "vcpus_used": sum(guest.spec.vcpus for guest in guests),
        "ram_mb": host.memory_mib if isinstance(host, HypervisorHost) else 0,
        "ram_used_mb": sum(guest.spec.memory_mib for guest in guests),
        "servers": [_server(guest) for guest in guests],
    }


def _kind(dc: Datacenter, host: Host) -> str:
    if isinstance(host, HypervisorHost):
        return "compute"
    if isinstance(host, Nas):
        return "nas"
    return "controller" if host.name in dc.images else "storage"


def _server(guest: Guest) -> dict[str, Any]:
    return {
        "id": guest.spec.id,
        "name": guest.name,
        "power": POWER.get(guest.power_state, "NOSTATE"),
        "vcpus": guest.spec.vcpus,
        "ram_mb": guest.spec.memory_mib,
        "ports": [_card(vif) for vif in guest.vifs.values()],
    }


def _card(vif: Vif) -> dict[str, Any]:
    """A server's port: `segment` is the VLAN or VXLAN number that it is wired into, None while it is not."""
    nic, host = vif.nic, vif.guest.host
    wired = host.bridge.segment_of(nic.port_id) if host.has_bridge else None
    return {
        "id": nic.port_id,
        "network": nic.network_id,
        "mac": nic.mac_address,
        "address": vif.lease.address if vif.lease is not None else None,
        "type": wired.kind if wired is not None else None,
        "segment": wired.id if wired is not None else None,
    }


def _filer(nas: Nas) -> dict[str, Any]:
    """Sizes in GiB; `slow` is by how much, 1 for not at all."""
    volumes = [
        {"id": volume.id, "size_gb": volume.size_gib, "used_gb": round(volume.used / GIB, 3), "hosts": list(volume.exports)}
        for volume in nas.volumes.values()
    ]
    used = round(nas.written / GIB, 3)
    return {
        "name": nas.name, "up": nas.up, "volumes": volumes, "size_gb": nas.capacity // GIB, "used_gb": used,
        "slow": nas.factor, "full": nas.full,
    }  # fmt: skip


def server_of(dc: Datacenter, name: str) -> str:
    """The id of a guest by its id, or by its name when only one has it."""
    guests = [guest for host in dc.hypervisors.values() for guest in host.guests.values()]
    named = [guest.spec.id for guest in guests if name in {guest.spec.id, guest.name}]
    if not named:
        known = ", ".join(sorted({guest.name for guest in guests})[:20])
        raise NotFound(f"no server {name!r} runs; {'running: ' + known if known else 'none does: create one first'}")
    if len(named) > 1:
        raise LabError(f"{len(named)} servers are called {name!r}; give the id: {', '.join(named[:10])}")
    return named[0]


def ping_result(result: PingResult) -> dict[str, Any]:
    """What came of a ping; hops in order, their times in milliseconds of the cloud's clock."""
    hops = [
        {"t_ms": hop.t_ns / 1_000_000, "device": hop.device, "port": hop.port, "action": hop.action, "vlan": hop.vlan,
         "frame": hop.frame, "reason": hop.reason}
        for hop in result.hops
    ]  # fmt: skip
    rtt = None if result.rtt_ns is None else result.rtt_ns * 1000 / NANOSECOND
    lost = None if result.lost is None else {"device": result.lost.device, "port": result.lost.port, "reason": result.lost.reason}
    return {"reached": result.ok, "rtt_ms": rtt, "reason": result.reason, "lost": lost, "hops": hops}
