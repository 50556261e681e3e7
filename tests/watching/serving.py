"""A simulated cloud behind a real socket, in the test's own process: what comes in is under the test's control."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import httpx

from lab.cli.running import bound, quiet_server
from lab.client.transports import InWorld
from lab.cloud import SimulatedCloud
from lab.rest.http import Edge
from lab.serve import Served
from sim.loop import SimLoop
from sim.runner import Runner
from sim.world import SimWorld

T = TypeVar("T")
SMALL = {"racks": 1, "hosts_per_rack": 2, "storage_nodes": 1}


class Serving:
    """The cloud, its runner, and an administrator's client of its edge."""

    def __init__(self, served: Served, http: httpx.AsyncClient) -> None:
        self.served, self.http = served, http
        self.cloud, self.runner, self.journal = served.cloud, served.runner, served.journal

    def write(self, count: int, body: bytes | None = None) -> None:
        """Let so many entries stand in the journal that nobody sent."""
        for _ in range(count):
            self.journal.add("log", "test@here", "test@here", "a line", status="info", body=body)
        self.served.bell.ring()

    def entries(self) -> list[int]:
        """The journal's sequence numbers."""
        return [entry.seq for entry in self.journal.since()]

    async def get(self, what: str) -> Any:
        """What an endpoint answers."""
        answer = await self.http.get(f"/glasscloud/{what}")
        assert answer.status_code == 200, answer.text
        return answer.json()


@asynccontextmanager
async def serving(paused: bool = True, **options: Any) -> AsyncIterator[Serving]:
    """Serve a small cloud on a free port; its clock stands still unless told otherwise."""
    world = SimWorld(SimLoop(7), 7, **{"datacenter": SMALL, **options})
    runner = Runner(world.loop, world.wires.journal)
    served = Served(SimulatedCloud(world, InWorld(world.client)), runner)
    served.begin()
    await served.booted()
    with bound(0) as listening:
        server = quiet_server(Edge(served))
        task = asyncio.ensure_future(server.serve(sockets=[listening]))
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        try:
            token = await runner.call(served.cloud.session.authenticate)
            if paused:
                runner.pause()
            async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=20.0, headers={"x-auth-token": token}) as http:
                yield Serving(served, http)
        finally:
            server.force_exit = server.should_exit = True
            await task
            await served.end()
            world.loop.close()


def serve(main: Callable[[Serving], Awaitable[T]], **options: Any) -> T:
    """Run `main(serving)` beside a cloud that is served."""

    async def whole() -> T:
        async with serving(**options) as here:
            return await main(here)

    return asyncio.run(whole())
