"""The plan of a datacenter: racks, switches, cables, hosts and what runs on them; rows for a list, and paths through it.

It is made from the answer of GET datacenter, or from what a journal knows (`lab.watch.surveyor`); what is not known is None.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address
from typing import Any

Thing = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the list: what it is, and its key in the plan."""

    kind: str
    """'rack', 'switch', 'port', 'host', 'server', 'filer' or 'volume'."""
    name: str
    """The name; of a server and a volume its id, of a port 'switch:port'."""
    device: str
    """The device in which it is, as frames name devices."""


@dataclass(frozen=True, slots=True)
class Leg:
    """A cable on a path, from one device to the next. `mode` and `carries` are of the switch's port there, None when not known."""

    a: str
    b: str
    up: bool | None
    mbps: int | None
    port: str
    carries: bool | None
    """Whether the VLAN that was asked for passes."""


class Plan:
    """A datacenter as it was at one moment."""

    def __init__(self, answer: Thing) -> None:
        self.answer = answer
        self.hosts: dict[str, Thing] = {host["name"]: host for host in answer.get("hosts", ())}
        self.switches: dict[str, Thing] = {switch["name"]: switch for switch in answer.get("switches", ())}
        self.filers: dict[str, Thing] = {filer["name"]: filer for filer in answer.get("filers", ())}
        self.networks: dict[str, Thing] = {network["id"]: network for network in answer.get("networks", ())}
        self.servers: dict[str, tuple[Thing, str]] = {
            server["id"]: (server, host["name"]) for host in self.hosts.values() for server in host["servers"]
        }
        """Id -> the server and the name of its host."""
        self.processes: dict[str, list[Thing]] = {}
        for process in answer.get("processes", ()):
            self.processes.setdefault(process["host"], []).append(process)
        self._cables: dict[str, list[tuple[str, Thing]]] = {}
        for link in answer.get("links", ()):
            self._cables.setdefault(link["a"], []).append((link["b"], link))
            self._cables.setdefault(link["b"], []).append((link["a"], link))

    # -- rows ---------------------------------------------------------------------------------

    def rows(self, opened: frozenset[str] = frozenset()) -> list[Row]:
        """Everything in the order of the house: the network's core, then rack by rack; ports of switches in `opened`."""
        found: list[Row] = []
        racked = {name for rack in self.answer.get("racks", ()) for name in rack["hosts"]}
        leaves = {host: switch for switch, thing in self.switches.items() for host in (p["peer"] for p in thing["ports"]) if host in racked}
        for name in self.switches:
            if name not in leaves.values():
                found += self._switch(name, opened)
        for rack in self.answer.get("racks", ()):
            found.append(Row("rack", rack["name"], rack["name"]))
            for leaf in dict.fromkeys(leaves[host] for host in rack["hosts"] if host in leaves):
                found += self._switch(leaf, opened)
            for host in rack["hosts"]:
                found += self._host(host)
        for host in self.hosts:
            if host not in racked:
                found += self._host(host)
        return found

    def _switch(self, name: str, opened: frozenset[str]) -> list[Row]:
        ports = self.switches[name]["ports"] if name in opened else ()
        return [Row("switch", name, name), *(Row("port", f"{name}:{port['name']}", name) for port in ports)]

    def _host(self, name: str) -> list[Row]:
        if name in self.filers:
            return [Row("filer", name, name), *(Row("volume", volume["id"], name) for volume in self.filers[name]["volumes"])]
        return [Row("host", name, name), *(Row("server", server["id"], name) for server in self.hosts[name]["servers"])]

    # -- things by name -----------------------------------------------------------------------

    def port(self, name: str) -> Thing | None:
        """A switch's port by 'switch:port'."""
        switch, _, wanted = name.partition(":")
        return next((port for port in self.switches.get(switch, {}).get("ports", ()) if port["name"] == wanted), None)

    def segment(self, server_id: str) -> int | None:
        """The VLAN that a server's first wired VLAN port is in."""
        server = self.servers.get(server_id)
        ports = server[0]["ports"] if server else ()
        return next((port["segment"] for port in ports if port["type"] == "vlan"), None)

    def device_of(self, frame_device: str) -> str:
        """The host or switch in which something stands that frames name: 'compute-1/br-int', or a server's name."""
        name = frame_device.partition("/")[0]
        if name in self.hosts or name in self.switches:
            return name
        return next((host for server, host in self.servers.values() if server["name"] == name), name)

    def neighbour(self, server_id: str) -> str:
        """Where a server's path goes if nothing else is said: another server of its network, best on another host, else its DHCP."""
        server, host = self.servers[server_id]
        networks = {port["network"] for port in server["ports"]}
        others = [
            (on == host, key) for key, (other, on) in self.servers.items()
            if key != server_id and networks & {port["network"] for port in other["ports"]}
        ]
        if others:
            return min(others)[1]
        return next((name for name, thing in self.hosts.items() if thing["kind"] == "controller"), host)

    def address(self, name: str) -> str:
        """The address for a server's name or id; anything else is one itself."""
        for key, (server, _) in self.servers.items():
            if name in (key, server["name"]):
                return next((port["address"] for port in server["ports"] if port["address"]), name)
        return name

    # -- paths --------------------------------------------------------------------------------

    def path(self, a: str, b: str, vlan: int | None = None) -> list[Leg]:
        """The cables between two devices: the shortest way over whole ones, or over all when there is none. Empty: no way."""
        way = self._way(a, b, cut=False) or self._way(a, b, cut=True)
        return [self._leg(x, y, link, vlan) for x, y, link in way]

    def _way(self, a: str, b: str, cut: bool) -> list[tuple[str, str, Thing]]:
        came: dict[str, tuple[str, Thing]] = {}
        seen, edge = {a}, [a]
        while edge and b not in seen:
            following = []
            for here in edge:
                for there, link in self._cables.get(here, ()):
                    if there not in seen and (cut or link["up"] is not False):
                        seen.add(there)
                        came[there] = (here, link)
                        following.append(there)
            edge = following
        way: list[tuple[str, str, Thing]] = []
        while b in came:
            before, link = came[b]
            way.insert(0, (before, b, link))
            b = before
        return way

    def _leg(self, a: str, b: str, link: Thing, vlan: int | None) -> Leg:
        carries: bool | None = None
        names = []
        for device, peer in ((a, b), (b, a)):
            port = next((p for p in self.switches.get(device, {}).get("ports", ()) if p["peer"] == peer), None)
            if port is not None and port["mode"] != "routed":
                names.append(f"{device}:{port['name']}")
                allowed = passes(port, vlan)
                carries = allowed if carries is None else carries and allowed is not False
        return Leg(a, b, link["up"], link["mbps"], " ".join(names), carries)


def passes(port: Thing, vlan: int | None) -> bool | None:
    """Whether a switch's port lets frames of a VLAN pass; None when that is not known or not asked."""
    if vlan is None or port["vlans"] is None:
        return None
    omitted = port.get("omitted") or ()
    return vlan in port["vlans"] and vlan not in omitted and 0 not in omitted


def is_address(text: str) -> bool:
    """Whether frames can be sent to it: an IPv4 address."""
    try:
        return bool(IPv4Address(text))
    except AddressValueError:
        return False
