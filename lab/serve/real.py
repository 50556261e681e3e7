"""A real cloud as the HTTP edge serves it: requests go straight in, and its clock is the world's."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from lab.client.transports import enter
from lab.context import Context
from lab.errors import Conflict
from lab.journal import Journal
from lab.parts import apis
from lab.rest.api import Api
from lab.rest.message import Request, Response, Stream
from lab.rest.pages import Pages
from lab.rest.watched import Bell
from lab.rpc.queues import queues
from lab.serve.passes import Passes
from lab.services.compute.model import Server
from lab.services.network.model import Network

if TYPE_CHECKING:
    from drivers.world import RealWorld

UNABLE = "this is a real cloud: its clock is the world's, and nobody can stop it or turn it back"


class ServedReal:
    """What the edge needs of a real cloud whose processes are in this program."""

    def __init__(self, world: RealWorld, journal: Journal) -> None:
        self.world, self.journal, self.pages = world, journal, Pages(journal)
        self.apis: dict[str, type[Api]] = apis()
        self.streams = True
        self.bell = Bell()
        self.travels: list[int] = []
        self.ready = False
        self._passes = Passes()
        self._told = journal.subscribe(lambda entry: self.bell.ring())

    def end(self) -> None:
        """Listen to the journal no more."""
        self._told()

    async def request(self, service: str, method: str, target: str, headers: dict[str, str], body: bytes | Stream) -> Response:
        """Carry one request into the cloud and its answer out."""
        client = self.world.client
        plain, stream = (b"", body) if isinstance(body, Stream) else (body, None)
        # In a task of its own: what a request has begun goes on when its client hangs up.
        asking = enter(client, service, Request(method, target, dict(headers), plain, client.name, stream), keep_stream=True)
        return await asyncio.shield(client.spawn(asking, f"{method} {target}"))

    async def who(self, token: str) -> Context | None:
        """Whose token this is; None when it is worth nothing."""
        admitted = self._passes.of(token)
        return admitted if admitted is not None or not token else await self.identify(token)

    async def identify(self, token: str) -> Context | None:
        """What keystone says of a token."""
        listeners = self.world.wires.router.listeners.get("identity")
        found: Context | None = await listeners[0].api.authenticator.local(token) if listeners else None
        return found

    def login(self, password: str) -> str | None:
        """A token for questions about the cloud; None for a wrong password."""
        return self._passes.give(password, self.world.config.admin_password)

    def health(self) -> dict[str, Any]:
        """Whether the cloud is ready, its clock, and what went wrong."""
        errors = self.world.wires.runtime.errors
        return {
            "ready": self.ready,
            "stopped": None,
            "errors": [f"{type(e).__name__}: {e}" for e in errors[:10]],
            "seq": self.journal.seq,
            "clock": self.clock({}),
        }

    def clock(self, change: dict[str, Any]) -> dict[str, Any]:
        """The world's clock. Raises Conflict when it is to be changed."""
        if change:
            raise Conflict(UNABLE)
        runtime = self.world.wires.runtime
        now = runtime.now_ns()
        return {
            "t_s": now / 1e9, "utc": runtime.iso_us(now) + "Z", "steps": 0, "speed": 1.0, "paused": False,
            "busy": runtime.busy, "run": 0, "world": "real",
        }  # fmt: skip

    async def arrived(self) -> None:
        """At once: it goes nowhere."""

    async def stepped(self) -> None:
        """Nothing: no step was ordered."""

    async def datacenter(self) -> dict[str, Any]:
        """The hosts with the servers that the records place there, the networks, and the processes."""
        wires, look = self.world.wires, self.world.look()
        servers, networks = await wires.store.run(lambda tx: (tx.find(Server, deleted=False), tx.all(Network)))
        hosts = {host["name"]: host for host in look["hosts"]}
        for server in servers:
            host = hosts.get(server.host)
            if host is None:
                continue
            vcpus, ram = int(server.flavor["vcpus"]), int(server.flavor["ram"])
            host["vcpus_used"] += vcpus
            host["ram_used_mb"] += ram
            power = {0: "NOSTATE", 1: "RUNNING", 3: "PAUSED", 4: "SHUTDOWN"}.get(server.power_state or 0, "NOSTATE")
            host["servers"].append({"id": server.id, "name": server.name, "power": power, "vcpus": vcpus, "ram_mb": ram, "ports": []})
        return {
            **look,
            "networks": [{"id": n.id, "name": n.name, "type": n.network_type, "segment": n.segmentation_id} for n in networks],
            "processes": self.processes(),
            "armed": [],
        }

    def processes(self) -> list[dict[str, Any]]:
        """The cloud's processes: name, host, state, and which life of its name it is."""
        found = self.world.wires.processes.values()
        return [{"name": p.name, "host": p.host, "state": "up" if p.alive else "dead", "life": p.life} for p in found]

    async def queues(self) -> dict[str, Any]:
        """The message queues."""
        return {"queues": queues(self.world.wires.broker)}

    def faults(self) -> dict[str, Any]:
        """None: a real cloud is broken by hand."""
        return self.world.faults_armed()

    async def enter(self, kind: str, what: dict[str, Any]) -> Any:
        """Refused, each kind with its reason. Raises Conflict."""
        if kind == "ping":
            return await self.world.echo(what["server"], what["target"])
        return self.world.deed(kind, what)()

    def history(self) -> dict[str, Any]:
        """Raises Conflict: what happened for real cannot be repeated."""
        raise Conflict(UNABLE)

    async def travel(self, to: int, history: dict[str, Any] | None = None, then: dict[str, Any] | None = None) -> dict[str, Any]:
        """Raises Conflict: nobody goes back in time."""
        raise Conflict(UNABLE)
