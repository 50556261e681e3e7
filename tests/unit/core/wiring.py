"""A tiny cloud of one API and one conductor for tests of the wires."""

from __future__ import annotations

from typing import Any

from lab.context import Context
from lab.errors import NotFound, NoValidHost
from lab.medium import Distances, Medium
from lab.process import Process
from lab.rest import PUBLIC, Api, Request, Route
from lab.rest.body import Body
from lab.wires import Wires
from sim.faults import Faults
from sim.loop import SimLoop
from tests.played import played

CTX = Context(request_id="req-test")


class Unkept(Distances):
    """Looks anew each time: tests cut hosts off without a word."""

    def __missing__(self, way: tuple[str, str]) -> int | None:
        return self.ask(*way)


class Wire(Medium):
    """100 µs between hosts, 2 ms of work, a few workers; hosts may be cut off."""

    def __init__(self, workers: int = 4) -> None:
        self.distances = Unkept(self.latency)
        self.limit = workers
        self.cut: set[str] = set()
        self.changed: Any = None

    def latency(self, a: str, b: str) -> int | None:
        return None if {a, b} & self.cut else 100_000

    def work(self, binary: str, name: str) -> int:
        return 2_000_000

    def workers(self, binary: str, kind: str) -> int:
        return self.limit

    async def transfer(self, a: str, b: str, nbytes: int) -> None:
        return None

    def on_change(self, callback: Any) -> None:
        self.changed = callback


class Thing(Body):
    name: str


class ThingApi(Api):
    service = "compute"
    routes = (
        Route("GET", "/v2.1/things/{thing_id}", "show", PUBLIC),
        Route("GET", "/v2.1/slow", "slow", PUBLIC),
        Route("POST", "/v2.1/things", "create", PUBLIC, 202, body=Thing),
    )

    async def show(self, ctx: Context, request: Request) -> Any:
        if request.params["thing_id"] == "none":
            raise NotFound("Thing none could not be found.")
        return {"thing": await self.process.rpc.call(ctx, "conductor", "get", {"x": 1})}

    async def slow(self, ctx: Context, request: Request) -> Any:
        await self.process.sleep(100)
        return {}

    async def create(self, ctx: Context, request: Request) -> Any:
        self.process.rpc.cast(ctx, "conductor", "make", {"name": request.data.name})
        return {"id": self.process.uuid()}


class Conductor:
    """Counts what it is asked."""

    def __init__(self, process: Process, seen: list[Any]) -> None:
        self.process, self.seen = process, seen
        handlers = {
            "get": self.get,
            "make": self.make,
            "refuse": self.refuse,
            "slow": self.slow,
            "finally_sends": self.finally_sends,
        }
        process.rpc.serve("conductor", handlers, host=process.host, fanout=True)

    async def get(self, ctx: Context, x: int) -> Any:
        self.seen.append(("get", x))
        return {"x": x + 1}

    async def make(self, ctx: Context, name: str) -> None:
        self.seen.append(("make", name))
        await self.process.sleep(1)
        self.seen.append(("made", name))

    async def refuse(self, ctx: Context) -> None:
        raise NoValidHost("No valid host was found. None at all.")

    async def slow(self, ctx: Context) -> None:
        await self.process.sleep(1000)

    async def finally_sends(self, ctx: Context) -> None:
        try:
            await self.process.sleep(1000)
        finally:
            self.seen.append("finally")
            self.process.rpc.cast(ctx, "elsewhere", "too_late", {})


class Tiny:
    """The cloud."""

    def __init__(self, loop: SimLoop, workers: int = 4) -> None:
        self.seen: list[Any] = []
        self.medium = Wire(workers)
        self.wires = Wires(loop.runtime, medium=self.medium)
        self.faults = Faults(self.wires)
        self.wires.start("nova-api", "c1", lambda process: ThingApi(process).start())
        self.wires.start("nova-conductor", "c2", lambda process: Conductor(process, self.seen) and None)
        self.client = self.wires.start("client", "out", lambda process: None)

    def kinds(self, *kinds: str) -> list[tuple[str, str, str]]:
        return [(e.kind, e.name, e.status) for e in self.wires.journal.since() if e.kind in kinds]


def play(main: Any, workers: int = 4, seed: int = 1) -> Any:
    """Run `main(tiny)` on a loop of its own; an error that was kept fails."""
    loop = SimLoop(seed)

    async def whole() -> Any:
        return await main(Tiny(loop, workers))

    return played(loop, whole())
