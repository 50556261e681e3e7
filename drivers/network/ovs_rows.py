"""What of Open vSwitch's database is this cloud's, and the operations that change it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from drivers.machine import known_modules
from drivers.network.ovsdb import Ovsdb, Row, listed, mapping
from drivers.place import Place
from lab.errors import DriverTimeout, NetworkError
from lab.services.network.driver import PortWiring

Json = dict[str, Any]

OFPORT_MAX = 0xFEFF
"""Source: the largest ofport_request that ovs-vswitchd.conf.db(5) allows."""
NUMBER_MAX = 0xFFFF
"""Networks on one host: as many as there are zones of connection tracking."""
NO_KERNEL_SWITCH = "this kernel has no module openvswitch"
NETDEV = 'put datapath_type = "netdev" into [network] of the configuration'
NO_KERNEL_SWITCH_KO = '이 커널에는 openvswitch 모듈이 없습니다. 설정의 [network]에 datapath_type = "netdev"를 쓰십시오'
LOADED = Path("/sys/module/openvswitch")


def kernel_switches() -> bool:
    """Whether the kernel has Open vSwitch's datapath of type 'system', or a module for it."""
    return LOADED.exists() or "openvswitch" in known_modules()


@dataclass(frozen=True, slots=True)
class PortRow:
    """A guest's port as the database has it."""

    port_id: str
    network_id: str
    device: str
    mac: str
    secured: bool
    up: bool


class Bridges:
    """The bridges and ports with this cloud's tag; all others are left alone.

    An Interface's external_ids say what it is: 'glasscloud' the cloud, 'iface-id' the port of a guest or 'uplink' the segment,
    'network' the network with its 'number' on this host.
    """

    def __init__(self, db: Ovsdb, place: Place, datapath_type: str) -> None:
        self.db, self.place, self.datapath_type = db, place, datapath_type

    # -- look ----------------------------------------------------------------------------------

    def _ours(self) -> list[Row]:
        return [r for r in self.db.rows["Interface"].values() if r["external_ids"].get("glasscloud") == self.place.cloud]

    def ports(self, network_id: str | None = None) -> list[PortRow]:
        """The ports of guests, of one network or of all."""
        return [
            PortRow(ids["iface-id"], ids["network"], row["name"], ids["attached-mac"], ids["secured"] == "true", ids["up"] == "true")
            for row in self._ours()
            if "iface-id" in (ids := row["external_ids"]) and network_id in (None, ids["network"])
        ]

    def port(self, port_id: str) -> PortRow | None:
        """One port."""
        return next((port for port in self.ports() if port.port_id == port_id), None)

    def uplink(self, network_id: str) -> tuple[str, str] | None:
        """A network's uplink on the integration bridge: its name, and the segment that it leads to."""
        rows = (r for r in self._ours() if "uplink" in r["external_ids"] and r["external_ids"]["network"] == network_id)
        return next(((r["name"], r["external_ids"]["uplink"]) for r in rows), None)

    def number(self, network_id: str) -> int:
        """The number of a network on this host, the lowest free one when it has none."""
        taken = {r["external_ids"]["network"]: int(r["external_ids"]["number"]) for r in self._ours() if "number" in r["external_ids"]}
        if network_id in taken:
            return taken[network_id]
        used = set(taken.values())
        free = next((n for n in range(1, NUMBER_MAX + 1) if n not in used), None)
        if free is None:
            raise NetworkError(f"{self.place.host} has ports of {NUMBER_MAX} networks; network {network_id} finds no place")
        return free

    def _ofport(self, nth: int = 0) -> int:
        """A number that no port has, the lowest or the nth from it: a port that asks for it keeps it when the daemon starts again."""
        rows = self.db.rows["Interface"].values()
        taken = {row[column] for row in rows for column in ("ofport", "ofport_request")}
        return next(islice((n for n in range(1, OFPORT_MAX + 1) if n not in taken), nth, None))

    async def ofport(self, name: str) -> int:
        """The number by which flows know a port. Raises NetworkError when the switch could not take its device."""

        def row() -> Row:
            found = self.db.named("Interface", name)
            return found[1] if found is not None else {}

        await self.db.until(lambda: row().get("ofport") is not None or bool(row().get("error")), f"to take {name}")
        number = row().get("ofport")
        if not isinstance(number, int) or number < 0:
            raise NetworkError(f"Open vSwitch could not take {name}: {row().get('error') or 'no reason given'}")
        return number

    def refused(self, name: str) -> bool:
        """Whether the switch could not take a device, as one that is gone."""
        found = self.db.named("Interface", name)
        return found is not None and bool(found[1].get("error"))

    # -- bridges -------------------------------------------------------------------------------

    def bridges(self) -> list[tuple[str, str]]:
        """The bridges of this cloud, each with what it is."""
        rows = self.db.rows["Bridge"].values()
        ours = [r for r in rows if r["external_ids"].get("glasscloud") == self.place.cloud]
        return sorted((r["name"], r["external_ids"].get("what", "")) for r in ours)

    async def ensure_bridge(self, name: str, what: str, fail_mode: str) -> None:
        """Make a bridge, or find it. Raises NetworkError when one of that name is not ours."""
        found = self.db.named("Bridge", name)
        if found is not None:
            if found[1]["external_ids"].get("glasscloud") != self.place.cloud:
                raise NetworkError(
                    f"bridge {name} of Open vSwitch is there and not of cloud {self.place.cloud}; "
                    f"remove it (ovs-vsctl del-br {name}), or give the cloud another id"
                )
            if found[1]["datapath_type"] != self.datapath_type:  # configured otherwise since; the switch makes it anew, ports and all
                row = {"datapath_type": self.datapath_type}
                await self.db.transact([{"op": "update", "table": "Bridge", "where": _is(found[0]), "row": row}])
            await self._taken(name)
            return
        ids = mapping({"glasscloud": self.place.cloud, "what": what})
        port, interface = {"name": name, "interfaces": ["named-uuid", "i"]}, {"name": name, "type": "internal"}
        bridge = {
            "name": name, "ports": ["named-uuid", "p"], "external_ids": ids,
            "datapath_type": self.datapath_type, "fail_mode": fail_mode,
        }
        root = next(iter(self.db.rows["Open_vSwitch"]), "")
        await self.db.transact([
            {"op": "insert", "table": "Interface", "row": interface, "uuid-name": "i"},
            {"op": "insert", "table": "Port", "row": port, "uuid-name": "p"},
            {"op": "insert", "table": "Bridge", "row": bridge, "uuid-name": "b"},
            {"op": "mutate", "table": "Open_vSwitch", "where": _is(root), "mutations": [["bridges", "insert", ["named-uuid", "b"]]]},
        ])
        try:
            await self._taken(name)
        except NetworkError as error:
            await self.remove_bridge(name)
            raise NetworkError(
                f"bridge {name} could not be made ({error.message}); a device of that name that is not Open vSwitch's? "
                f"ip link show {name}"
            ) from None

    async def _taken(self, bridge: str) -> None:
        """Wait until the switch has a bridge. Raises NetworkError, DriverTimeout."""
        try:
            await self.ofport(bridge)
        except DriverTimeout:
            if self.datapath_type == "system" and not kernel_switches():
                raise NetworkError(f"{NO_KERNEL_SWITCH}: {NETDEV}", ko=NO_KERNEL_SWITCH_KO) from None
            raise

    async def remove_bridge(self, name: str) -> None:
        """Remove a bridge of this cloud with all its ports; gone is no error."""
        found = self.db.named("Bridge", name)
        root = next(iter(self.db.rows["Open_vSwitch"]), "")
        if found is None:
            return
        if found[1]["external_ids"].get("glasscloud") != self.place.cloud:
            raise NetworkError(f"bridge {name} is not of cloud {self.place.cloud}; it was not touched")
        gone = ["set", [["uuid", found[0]]]]
        await self.db.transact([
            {"op": "mutate", "table": "Open_vSwitch", "where": _is(root), "mutations": [["bridges", "delete", gone]]}
        ])

    async def ensure_trunk(self, bridge: str, interface: str) -> None:
        """Put a physical interface into its bridge."""
        found = self.db.named("Port", interface)
        if found is not None:
            if found[0] in listed(self._bridge(bridge)["ports"]):
                return
            raise NetworkError(f"interface {interface} is in another bridge of Open vSwitch; ovs-vsctl del-port {interface}")
        row = {"name": interface, "external_ids": mapping({"glasscloud": self.place.cloud, "what": "trunk"})}
        await self.db.transact(self._insert(bridge, row, {}))
        await self.ofport(interface)

    def _bridge(self, name: str) -> Row:
        found = self.db.named("Bridge", name)
        if found is None:
            raise NetworkError(f"bridge {name} is gone from Open vSwitch; start the agent again")
        return found[1]

    # -- operations ----------------------------------------------------------------------------

    def plug(self, bridge: str, device: str, wiring: PortWiring, number: int) -> list[Json]:
        """Put a guest's device into the bridge, or bring up to date what is said of it."""
        ids = self._ids(wiring, number) | {
            "iface-id": wiring.port_id,
            "attached-mac": wiring.mac_address,
            "secured": str(wiring.port_security).lower(),
            "up": str(wiring.admin_state_up).lower(),
        }
        found = self.db.named("Interface", device)
        if found is None:
            row = {"name": device, "external_ids": mapping(ids), "ofport_request": self._ofport()}
            return self._insert(bridge, row, {})
        if found[1]["external_ids"].get("glasscloud") != self.place.cloud:
            raise NetworkError(f"device {device} is in Open vSwitch and not of cloud {self.place.cloud}; ovs-vsctl del-port {device}")
        if found[1]["external_ids"] == ids:
            return []
        return [{"op": "update", "table": "Interface", "where": _is(found[0]), "row": {"external_ids": mapping(ids)}}]

    def uplink_device(self, bridge: str, device: str, wiring: PortWiring, number: int) -> list[Json]:
        """Make a device the uplink of a network."""
        ids = mapping(self._ids(wiring, number) | {"uplink": segment_of(wiring)})
        return self._insert(bridge, {"name": device, "external_ids": ids, "ofport_request": self._ofport(1)}, {})

    def uplink_patch(self, bridge: str, provider: str, wiring: PortWiring, tags: tuple[int, int]) -> list[Json]:
        """Join both bridges for a network: on the provider's side its VLAN's access port (tag 0: untagged)."""
        number, tag = tags
        inner, outer = (f"{head}-{wiring.network_id}" for head in ("int", "phy"))
        ids = self._ids(wiring, number)
        ends = [
            (bridge, inner, outer, ids | {"uplink": segment_of(wiring)}, {}, {"ofport_request": self._ofport(1)}),
            (provider, outer, inner, {"glasscloud": self.place.cloud, "network": wiring.network_id}, {"tag": tag}, {}),
        ]
        operations: list[Json] = []
        for where, name, peer, own, port, more in ends:
            row = {"name": name, "type": "patch", "options": mapping({"peer": peer}), "external_ids": mapping(own), **more}
            operations += self._insert(where, row, port)
        return operations

    def unplug(self, port_id: str) -> list[Json]:
        """Take a guest's device out."""
        port = self.port(port_id)
        return [] if port is None else self._delete(port.device)

    def drop_uplink(self, network_id: str) -> list[Json]:
        """Take a network off its uplink."""
        names = [r["name"] for r in self._ours() if r["external_ids"].get("network") == network_id and "iface-id" not in r["external_ids"]]
        return [operation for name in names for operation in self._delete(name)]

    def _ids(self, wiring: PortWiring, number: int) -> dict[str, str]:
        return {"glasscloud": self.place.cloud, "network": wiring.network_id, "number": str(number)}

    def _insert(self, bridge: str, interface: Row, port: Row) -> list[Json]:
        name = str(interface["name"])
        mark = "".join(c if c.isalnum() else "_" for c in name)
        where = [["name", "==", self._bridge(bridge) and bridge]]
        port = port | {"name": name, "interfaces": ["named-uuid", f"i_{mark}"]}
        return [
            {"op": "insert", "table": "Interface", "row": interface, "uuid-name": f"i_{mark}"},
            {"op": "insert", "table": "Port", "row": port, "uuid-name": f"p_{mark}"},
            {"op": "mutate", "table": "Bridge", "where": where, "mutations": [["ports", "insert", ["named-uuid", f"p_{mark}"]]]},
        ]

    def _delete(self, name: str) -> list[Json]:
        found = self.db.named("Port", name)
        if found is None:
            return []
        holder = next((uuid for uuid, row in self.db.rows["Bridge"].items() if found[0] in listed(row["ports"])), None)
        if holder is None:
            return []
        gone = ["set", [["uuid", found[0]]]]
        return [{"op": "mutate", "table": "Bridge", "where": _is(holder), "mutations": [["ports", "delete", gone]]}]


def segment_of(wiring: PortWiring) -> str:
    """Where a port's network lies, 'vlan physnet1 100'."""
    return f"{wiring.network_type} {wiring.physical_network} {wiring.segmentation_id}"


def _is(uuid: str) -> list[Any]:
    return [["_uuid", "==", ["uuid", uuid]]]
