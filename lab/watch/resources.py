"""Servers, volumes, networks, ports and images, with their states and what happened to them, learned from a film.

The journal tells nearly all: `state` entries say when a state changed, answers of the APIs say the rest. What a cloud had
before the film began is learned from a list that somebody asks for (`ask`), whose answers stand in the journal too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lab.journal import Entry
from lab.watch.film import Film
from lab.watch.lanes import binary
from lab.watch.reader import Reader

if TYPE_CHECKING:
    from lab.cloud import Cloud

KINDS = ("server", "volume", "network", "port", "image")
"""What is listed; flavors and subnets are known besides."""
PLURALS: Mapping[str, str] = {
    "servers": "server", "flavors": "flavor", "volumes": "volume", "networks": "network", "subnets": "subnet", "ports": "port",
    "images": "image",
}
ID = r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
PATH = re.compile(
    rf"/(?:v2\.1/(servers|flavors)|v3/\w+/(volumes)|v2\.0/(networks|subnets|ports)|v2/(images))"
    rf"(?:\.json)?(?:/(detail|{ID})(/[^?]*)?)?(?:\?.*)?$"
)
BODY_MAX = 1 << 20
"""Bytes of an answer that is looked into."""
GONE = frozenset({"deleted", "", "None"})


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a thing: a change of its state, or a call about it."""

    seq: int
    t: int
    """Nanoseconds of the cloud's clock."""
    words: str
    state: bool
    status: str = ""
    """Of a call: the answer's status."""


@dataclass(slots=True)
class Thing:
    """A server, volume, network, port or image (or a flavor or subnet), as it is known."""

    kind: str
    id: str
    name: str = ""
    state: str = ""
    """As the journal has it: 'active/None' of a server, 'in-use', 'ACTIVE'."""
    data: dict[str, Any] = field(default_factory=dict)
    """What the API said last."""
    history: list[Event] = field(default_factory=list)
    gone: bool = False
    told: bool = False
    """Whether the journal told of a change; then answers do not say the state any more, they may be older."""

    @property
    def label(self) -> str:
        """Its name, or the beginning of its id."""
        return self.name or self.id[:8]

    @property
    def busy(self) -> bool:
        """Whether it is on its way to another state."""
        head, _, task = self.state.partition("/")
        return task not in ("", "None") or head in ("building", "queued", "saving") or head.endswith("ing") or head == "reserved"


class Resources(Reader):
    """All things of a film. `advance` looks at what is new in it."""

    def __init__(self, film: Film) -> None:
        super().__init__(film, frozenset({"state", "rest_reply"}))

    def forget(self) -> None:
        """No things."""
        self.things: dict[str, dict[str, Thing]] = {kind: {} for kind in PLURALS.values()}

    def learn(self, entry: Entry) -> None:
        """Take in a change of state, or an answer."""
        if entry.kind == "state":
            self._changed(entry)
        else:
            self._answered(entry)

    # -- asking -------------------------------------------------------------------------------

    def of(self, kind: str, gone: bool = False) -> list[Thing]:
        """The things of a kind in order of appearance, those that are no more only when asked for."""
        return [thing for thing in self.things[kind].values() if gone or not thing.gone]

    def get(self, kind: str, id: str) -> Thing | None:
        """A thing by its id."""
        return self.things[kind].get(id)

    def ports_of(self, server: Thing) -> Iterator[Thing]:
        """The ports of a server."""
        return (port for port in self.of("port") if port.data.get("device_id") == server.id)

    def host_of(self, server: Thing) -> str:
        """The hypervisor host of a server: as its ports are bound, or as an administrator was told."""
        bound = (str(port.data.get("binding:host_id") or "") for port in self.ports_of(server))
        return next(filter(None, bound), "") or str(server.data.get("OS-EXT-SRV-ATTR:host") or "")

    def addresses_of(self, thing: Thing) -> list[str]:
        """The fixed addresses of a port, or of all ports of a server."""
        ports = self.ports_of(thing) if thing.kind == "server" else iter((thing,))
        return [str(ip.get("ip_address")) for port in ports for ip in port.data.get("fixed_ips") or ()]

    def holder_of(self, volume: Thing) -> Thing | None:
        """The server that a volume is attached to."""
        attached = volume.data.get("attachments") or [{}]
        return self.get("server", str(attached[0].get("server_id")))

    # -- learning -----------------------------------------------------------------------------

    def _thing(self, kind: str, id: str) -> Thing:
        shelf = self.things[kind]
        if id not in shelf:
            shelf[id] = Thing(kind, id)
        return shelf[id]

    def _changed(self, entry: Entry) -> None:
        if entry.target not in KINDS:
            return
        thing = self._thing(entry.target, entry.where)
        thing.state, thing.told = entry.status, True
        thing.gone = entry.status.partition("/")[0] in GONE
        thing.history.append(Event(entry.seq, entry.t, entry.status or "deleted", True))
        if thing.kind == "volume" and entry.status == "available":
            thing.data = {**thing.data, "attachments": []}

    def _answered(self, entry: Entry) -> None:
        found = PATH.match(entry.where)
        if found is None:
            return
        kind = PLURALS[next(filter(None, found.groups()[:4]))]
        name, below = found[5] or "", found[6] or ""
        if entry.name != "GET" and name not in ("", "detail"):
            self._called(self._thing(kind, name), entry, below)
        if not entry.status.startswith("2"):
            if entry.name == "GET" and entry.status == "404" and name in self.things[kind]:
                self.things[kind][name].gone = True
            return
        if entry.name == "DELETE" and not below and kind not in ("server", "volume"):
            self._thing(kind, name).gone = True
        elif below.startswith("/os-volume_attachments") and entry.name == "POST":
            self._attached(entry)
        elif not below:
            self._read(kind, entry)

    def _read(self, kind: str, entry: Entry) -> None:
        data = entry.body_bytes()
        if not data or len(data) > BODY_MAX:
            return
        body = entry.json()
        if not isinstance(body, dict):
            return
        inner = body.get(f"{kind}s", body.get(kind, body if kind == "image" else None))
        for each in inner if isinstance(inner, list) else [inner]:
            if isinstance(each, dict) and isinstance(each.get("id"), str):
                self._learn(kind, each, entry)

    def _learn(self, kind: str, data: dict[str, Any], entry: Entry) -> None:
        new = data["id"] not in self.things[kind]
        thing = self._thing(kind, data["id"])
        thing.data = {**thing.data, **data}
        if entry.name == "POST":
            thing.name = thing.name or self._asked_name(entry)
            if new or not any(event.seq == entry.parent for event in thing.history):
                self._called(thing, entry, "")
        thing.name = str(data.get("name") or thing.name)
        if not thing.told:
            thing.state = state_of(kind, data) or thing.state

    def _asked_name(self, entry: Entry) -> str:
        asked = self.film.get(entry.parent)
        body = asked.json() if asked is not None else None
        inner = next(iter(body.values()), None) if isinstance(body, dict) else None
        return str(inner.get("name") or "") if isinstance(inner, dict) else ""

    def _called(self, thing: Thing, entry: Entry, below: str) -> None:
        """Note a call about a thing, under the seq of its request."""
        asked = self.film.get(entry.parent)
        body = asked.json() if asked is not None and below == "/action" else None
        act = f" {next(iter(body))}" if isinstance(body, dict) and body else ""
        path = entry.where.partition("?")[0].replace(thing.id, thing.label)
        words = f"{binary(entry.target)} → {binary(entry.source)} {entry.name} {path}{act}"
        thing.history.append(Event(entry.parent, asked.t if asked else entry.t, words, False, entry.status))

    def _attached(self, entry: Entry) -> None:
        body = entry.json()
        made = body.get("volumeAttachment") if isinstance(body, dict) else None
        if isinstance(made, dict) and isinstance(made.get("volumeId"), str):
            volume = self._thing("volume", made["volumeId"])
            volume.data = {**volume.data, "attachments": [{"server_id": made.get("serverId"), "device": made.get("device")}]}
            self._called(volume, entry, "/os-volume_attachments")


def state_of(kind: str, data: Mapping[str, Any]) -> str:
    """The state in an answer, in the journal's words."""
    if kind == "server":
        state = data.get("OS-EXT-STS:vm_state")
        return f"{state}/{data.get('OS-EXT-STS:task_state')}" if state else "building/scheduling"
    return str(data.get("status") or "")


async def ask(cloud: Cloud) -> None:
    """List everything there is; the answers come by the journal. Raises ApiError, Unreachable."""
    for nouns in (
        cloud.compute.flavors, cloud.image.images, cloud.network.networks, cloud.network.subnets, cloud.network.ports,
        cloud.volume.volumes, cloud.compute.servers,
    ):
        await nouns.list()
