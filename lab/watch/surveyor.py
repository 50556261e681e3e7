"""A datacenter's plan from a journal: its first entry says what was built, the others what was put on it.

What a journal does not say is None in the plan: whether cables are whole, which VLANs the switches' ports let pass, how full a filer is.
"""

from __future__ import annotations

from typing import Any

from lab.journal import Entry
from lab.watch.film import Film
from lab.watch.plan import Plan
from lab.watch.reader import Reader

KINDS = frozenset({"world", "process", "driver", "driver_reply"})
POWER = {
    "hypervisor.power_off": "SHUTDOWN", "hypervisor.power_on": "RUNNING",
    "hypervisor.pause": "PAUSED", "hypervisor.unpause": "RUNNING",
}  # fmt: skip
"""What a driver's call leaves a server as."""


class Surveyor(Reader):
    """Learns from entries as they come."""

    def __init__(self, film: Film) -> None:
        super().__init__(film, KINDS)

    def forget(self) -> None:
        """An empty site."""
        self.spec: dict[str, Any] | None = None
        """What was built, from the 'world' entry; None when the recording has none."""
        self._asked: dict[int, tuple[str, str, Any]] = {}
        self._servers: dict[str, dict[str, Any]] = {}
        self._on: dict[str, str] = {}
        self._wired: dict[str, tuple[str | None, int | None]] = {}
        self._networks: dict[str, dict[str, Any]] = {}
        self._volumes: dict[str, dict[str, Any]] = {}
        self._processes: dict[str, dict[str, Any]] = {}

    def learn(self, entry: Entry) -> None:
        """Take in what was built, started, or done by a driver."""
        if entry.kind == "world":
            told = entry.json()
            self.spec = told.get("datacenter") if isinstance(told, dict) else None
        elif entry.kind == "process":
            name, _, host = entry.source.partition("@")
            if entry.status:
                state = entry.status if entry.status in ("up", "hung") else "dead"
                life = (entry.note or {}).get("life", 1)
                self._processes[entry.source] = {"name": entry.source, "host": host or name, "state": state, "life": life}
        elif entry.kind == "driver":
            if entry.name.startswith(("hypervisor.", "l2.", "volume.")):
                self._asked[entry.seq] = (entry.name, entry.target.partition("@")[2], entry.json())
        else:
            asked = self._asked.pop(entry.parent, None)
            if asked is not None and entry.status == "ok":
                self._done_by_driver(*asked)

    def _done_by_driver(self, name: str, host: str, given: Any) -> None:
        args = given if isinstance(given, list) else []
        if not args:
            return
        key = args[0]
        if name == "hypervisor.spawn" and isinstance(key, dict):
            self._servers[key["id"]] = {**key, "power": "RUNNING"}
            self._on[key["id"]] = host
        elif name == "l2.wire" and isinstance(key, dict):
            segment = key.get("segmentation_id")
            self._wired[key["port_id"]] = (key.get("network_type", ""), segment)
            self._networks[key["network_id"]] = {
                "id": key["network_id"], "name": key["network_id"][:8], "type": key.get("network_type"), "segment": segment,
            }
        elif name == "l2.unwire":
            self._wired.pop(key, None)
        elif name == "hypervisor.destroy":
            self._servers.pop(key, None)
        elif name in POWER and key in self._servers:
            self._servers[key]["power"] = POWER[name]
        elif name == "volume.create":
            self._volumes[key] = {"id": key, "size_gb": args[1], "used_gb": None, "hosts": []}
        elif name == "volume.delete":
            self._volumes.pop(key, None)
        elif name == "hypervisor.attach_disk" and args[1:] and isinstance(args[1], dict):
            volume = self._volumes.get(args[1].get("volume_id") or "")
            if volume is not None:
                volume["hosts"] = [host]

    def plan(self, names: dict[str, str]) -> Plan:
        """What is known now; `names` are those of ids."""
        answer = built(self.spec) if self.spec is not None else self._seen_hosts()
        for host in answer["hosts"]:
            servers = [self._server(key, names) for key, on in self._on.items() if on == host["name"] and key in self._servers]
            host["servers"] = servers
            host["vcpus_used"] = sum(server["vcpus"] for server in servers)
            host["ram_used_mb"] = sum(server["ram_mb"] for server in servers)
        if answer["filers"]:
            answer["filers"][0]["volumes"] = list(self._volumes.values())
        answer["networks"] = [{**network, "name": names.get(key, network["name"])} for key, network in self._networks.items()]
        answer["processes"] = list(self._processes.values())
        return Plan(answer)

    def _server(self, key: str, names: dict[str, str]) -> dict[str, Any]:
        given = self._servers[key]
        ports: list[dict[str, Any]] = []
        for nic in given.get("nics", ()):
            kind, segment = self._wired.get(nic["port_id"], (None, None))
            ports.append({
                "id": nic["port_id"], "network": nic["network_id"], "mac": nic["mac_address"],
                "address": next(iter(nic.get("addresses", ())), None), "type": kind, "segment": segment,
            })  # fmt: skip
        name = names.get(key) or given.get("hostname") or key[:8]
        return {"id": key, "name": name, "power": given["power"], "vcpus": given["vcpus"], "ram_mb": given["memory_mib"], "ports": ports}

    def _seen_hosts(self) -> dict[str, Any]:
        """Only the hosts whose processes were heard of: nobody said what stands where."""
        found = dict.fromkeys(process["host"] for process in self._processes.values())
        hosts = [_host(name, name.partition("-")[0], "", None) for name in found if name != "client"]
        return {"racks": [], "switches": [], "links": [], "hosts": hosts, "filers": [], "armed": []}


def _host(name: str, kind: str, rack: str, spec: dict[str, Any] | None) -> dict[str, Any]:
    compute = kind == "compute" and spec is not None
    return {
        "name": name, "kind": kind, "rack": rack, "up": None, "address": None,
        "vcpus": spec["vcpus"] if compute and spec else 0, "ram_mb": spec["memory_mib"] if compute and spec else 0,
        "vcpus_used": 0, "ram_used_mb": 0, "servers": [],
    }  # fmt: skip


def built(spec: dict[str, Any]) -> dict[str, Any]:
    """What is built from a datacenter's spec, in the form of GET datacenter: a spine, a leaf for each rack, rack 0 for the services."""
    names = {0: [(f"controller-{n + 1}", "controller") for n in range(spec["controllers"])]}
    names[0] += [(f"nas-{n + 1}", "nas") for n in range(spec["nas"])]
    names[0] += [(f"storage-{n + 1}", "storage") for n in range(spec["storage_nodes"])]
    each = spec["hosts_per_rack"]
    for rack in range(1, spec["racks"] + 1):
        names[rack] = [(f"compute-{n + 1}", "compute") for n in range((rack - 1) * each, rack * each)]
    links = [_link("border-1", "spine-1", spec["uplink_bps"]), _link("client", "border-1", spec["outside_bps"])]
    leaves = []
    for rack, hosts in names.items():
        links.append(_link(f"leaf-{rack}", "spine-1", spec["uplink_bps"]))
        links += [_link(name, f"leaf-{rack}", spec["host_link_bps"]) for name, _ in hosts]
        leaves.append(_switch(f"leaf-{rack}", "leaf", ["spine-1", *(name for name, _ in hosts)]))
    spine = _switch("spine-1", "spine", ["border-1", *(f"leaf-{rack}" for rack in names)])
    filers = [
        {"name": name, "up": None, "volumes": [], "size_gb": spec["nas_gib"], "used_gb": None, "slow": 1.0, "full": None}
        for name, kind in names[0] if kind == "nas"
    ]  # fmt: skip
    return {
        "racks": [{"name": f"rack-{rack}", "hosts": [name for name, _ in hosts]} for rack, hosts in names.items()],
        "switches": [spine, _switch("border-1", "router", ["spine-1", "client"]), *leaves],
        "links": links,
        "hosts": [_host(name, kind, f"rack-{rack}", spec) for rack, hosts in names.items() for name, kind in hosts],
        "filers": filers,
        "armed": [],
    }


def _switch(name: str, kind: str, peers: list[str]) -> dict[str, Any]:
    mode = "routed" if kind == "router" else "trunk"
    ports: list[dict[str, Any]] = [
        {"name": peer, "peer": peer, "up": None, "mode": mode, "vlans": None, "native": 1, "omitted": []} for peer in peers
    ]
    return {"name": name, "kind": kind, "up": None, "ports": ports}


def _link(a: str, b: str, bps: int) -> dict[str, Any]:
    return {"name": f"{a}--{b}", "a": a, "b": b, "up": None, "cut": None, "mbps": bps // 1_000_000, "latency_us": None, "slow": 1.0}
