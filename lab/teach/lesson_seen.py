"""What a lesson's checks look at: the cloud as its APIs show it, its journal, and the table; nothing in it waits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lab.journal import Entry
from lab.teach.lesson_table import Plan
from lab.teach.stage import Pinged

if TYPE_CHECKING:
    from lab.cloud import Cloud
    from lab.teach.lesson_glass import Glass

Thing = Mapping[str, Any]
CREATE = "/v2.1/servers"


@dataclass(frozen=True, slots=True)
class Seen:
    """One look at everything."""

    servers: tuple[Thing, ...] = ()
    networks: tuple[Thing, ...] = ()
    subnets: tuple[Thing, ...] = ()
    services: tuple[Thing, ...] = ()
    """Nova's own, as `openstack compute service list` shows them."""
    entries: tuple[Entry, ...] = ()
    """The whole journal."""
    marks: Mapping[str, int] = field(default_factory=dict)
    """Step -> the journal's last seq when the step began."""
    pings: Mapping[tuple[str, str], Pinged] = field(default_factory=dict)
    """(server, server) -> the last ping between them that the lesson or the student asked for."""
    table: Plan = field(default_factory=Plan)

    def server(self, name: str) -> Thing | None:
        """The newest server of that name."""
        found = [server for server in self.servers if server["name"] == name]
        return max(found, key=lambda server: str(server["created"])) if found else None

    def network(self, name: str) -> Thing | None:
        """The network of that name."""
        return next((network for network in self.networks if network["name"] == name), None)

    def subnets_of(self, network: Thing) -> list[Thing]:
        """A network's subnets."""
        return [subnet for subnet in self.subnets if subnet["network_id"] == network["id"]]

    def service(self, binary: str, host: str) -> Thing | None:
        """One of nova's services."""
        return next((s for s in self.services if (s["binary"], s["host"]) == (binary, host)), None)

    def since(self, step: str) -> Iterator[Entry]:
        """What was journaled since a step began."""
        first = self.marks.get(step, 0)
        return (entry for entry in self.entries if entry.seq > first)

    def of_request(self, request_id: str) -> list[Entry]:
        """All entries of a request."""
        return [entry for entry in self.entries if entry.request_id == request_id]

    def creation(self, name: str) -> tuple[Entry, Entry] | None:
        """The last accepted request for a server of that name, and its answer."""
        asked = {
            e.seq: e for e in self.entries
            if e.kind == "rest" and e.name == "POST" and e.where.partition("?")[0] == CREATE and name_in(e) == name
        }
        answers = [e for e in self.entries if e.kind == "rest_reply" and e.parent in asked and e.status == "202"]
        return (asked[answers[-1].parent], answers[-1]) if answers else None

    def alive(self, process: str) -> bool:
        """Whether a process runs, as the journal tells."""
        last = [e.name for e in self.entries if e.kind == "process" and e.source == process]
        return bool(last) and last[-1] not in {"kill", "exit"}

    def died(self, process: str, step: str) -> bool:
        """Whether a process was killed since a step began."""
        return any(e.kind == "process" and e.name == "kill" and e.source == process for e in self.since(step))


def name_in(entry: Entry) -> str:
    """The name of the server that a request asks for."""
    body = entry.json()
    return str(body.get("server", {}).get("name", "")) if isinstance(body, dict) else ""


async def look(cloud: Cloud, glass: Glass) -> Seen:
    """Look at a cloud: what its APIs list, and its journal."""
    compute, network = cloud.compute, cloud.network
    return Seen(
        servers=tuple(thing.data for thing in await compute.servers.list()),
        networks=tuple(thing.data for thing in await network.networks.list()),
        subnets=tuple(thing.data for thing in await network.subnets.list()),
        services=tuple(thing.data for thing in await compute.services.list()),
        entries=tuple(await glass.entries()),
    )
