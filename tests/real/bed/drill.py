"""What stands on the machines of a town, beside what its records say: for tests that end programs in the middle of their work."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lab.client.compute import Server
from lab.cloud import Cloud
from tests.real.bed.town import Town

URI = {"compute-1": "qemu:///system?socket=/run/libvirt/libvirt-sock", "compute-2": "lxc:///system?socket=/run/libvirt/libvirt-sock"}
GUESTS = "gc-town-guest-"
"""How the namespaces and the directories of guests are named."""


class Machine:
    """What the machines have of guests and ports, each as a set of server or port ids."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.domains: dict[str, str] = {}
        """Server -> host."""
        self.running: set[str] = set()
        self.namespaces: set[str] = set()
        self.files: set[str] = set()
        self.taps: dict[str, str] = {}
        """The first 11 characters of a port -> host."""
        self.plugged: dict[str, str] = {}
        """The same of the switches' ports."""
        for host, uri in URI.items():
            inside = town.bed.hosts[host]
            self.domains |= dict.fromkeys(inside.run("virsh", "-c", uri, "list", "--all", "--uuid").stdout.split(), host)
            self.running |= set(inside.run("virsh", "-c", uri, "list", "--state-running", "--uuid").stdout.split())
            named = [line.partition(" ")[0] for line in inside.run("ip", "netns").stdout.splitlines()]
            self.namespaces |= {name.removeprefix(GUESTS) for name in named if name.startswith(GUESTS)}
            files = town.directory / "state" / "town" / host / "guests"
            self.files |= {path.name.removeprefix(GUESTS) for path in files.glob("*")}
            links = [line.split(": ")[1].partition("@")[0] for line in inside.run("ip", "-o", "link").stdout.splitlines()]
            self.taps |= dict.fromkeys((name[3:] for name in links if name.startswith("tap")), host)
            interfaces = town.ovs[host].vsctl("--bare", "--columns=name", "list", "Interface").split()
            self.plugged |= dict.fromkeys((name[3:] for name in interfaces if name.startswith("tap")), host)

    def reserved(self) -> str:
        """What the DHCP servers have of ports."""
        files = self.town.directory / "state" / "town" / "compute-1" / "dhcp"
        return "".join(path.read_text() for path in files.glob("*/hosts"))


class Records:
    """What the services say of servers and ports, all of one moment."""

    def __init__(self) -> None:
        self.servers: dict[str, Server] = {}
        self.ports: list[dict[str, Any]] = []
        self.dhcp: list[str] = []
        self.allocations: dict[str, str] = {}
        """Consumer -> name of the provider."""

    @staticmethod
    async def of(cloud: Cloud) -> Records:
        """Ask nova, neutron and placement."""
        found = Records()
        found.servers = {server.id: server for server in await cloud.compute.servers.list()}
        ports = [port.data for port in await cloud.network.ports.list()]
        found.ports = [port for port in ports if port["device_owner"] != "network:dhcp"]
        found.dhcp = [port["id"][:11] for port in ports if port["device_owner"] == "network:dhcp"]
        for provider in (await cloud.session.json("placement", "GET", "/resource_providers"))["resource_providers"]:
            path = f"/resource_providers/{provider['uuid']}/allocations"
            claims = (await cloud.session.json("placement", "GET", path))["allocations"]
            found.allocations |= dict.fromkeys(claims, provider["name"])
        return found


def disagreements(records: Records, machine: Machine) -> list[str]:
    """What records and machines say differently."""
    found = []
    for server in records.servers.values():
        ports = [port for port in records.ports if port["device_id"] == server.id]
        if server.status == "ACTIVE":
            found += [f"ACTIVE server {server.id}: {line}" for line in _standing(server, ports, records, machine)]
    for what, ids in (("guest", machine.domains), ("namespace", machine.namespaces), ("directory", machine.files)):
        found += [f"{what} of {each}, which is no server" for each in ids if each not in records.servers]
    known = {port["id"][:11] for port in records.ports} | set(records.dhcp)
    for what, places in (("device", machine.taps), ("switch port", machine.plugged)):
        found += [f"{what} tap{each} on {host}, which is no port" for each, host in places.items() if each not in known]
    found += [f"allocation of {each}, which is no server" for each in records.allocations if each not in records.servers]
    alone = [port for port in records.ports if port["device_id"] not in records.servers]
    return found + [f"port {port['id']} of {port['device_id']}, which is no server" for port in alone]


def _standing(server: Server, ports: list[dict[str, Any]], records: Records, machine: Machine) -> Iterator[str]:
    """What an ACTIVE server lacks."""
    if server.id not in machine.running or machine.domains.get(server.id) != server.host:
        yield f"no running guest on {server.host}"
    if records.allocations.get(server.id) != server.host:
        yield f"its allocation is at {records.allocations.get(server.id)}"
    if len(ports) != 1:
        yield f"it has {len(ports)} ports"
    for port in ports:
        tap = port["id"][:11]
        if port["status"] != "ACTIVE" or port["binding:host_id"] != server.host:
            yield f"port {port['id']} is {port['status']} at {port['binding:host_id']}"
        if machine.taps.get(tap) != server.host or machine.plugged.get(tap) != server.host:
            yield f"device tap{tap} is at {machine.taps.get(tap)}, in the switch of {machine.plugged.get(tap)}"
        if not all(address["ip_address"] in machine.reserved() for address in port["fixed_ips"]):
            yield f"DHCP does not know {port['fixed_ips']}"
