"""A simulated cloud behind a real socket, in this process, and what its clients do to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import httpx

from lab.cli.running import bound, quiet_server
from lab.cli.up import build, play
from lab.cloud import Cloud
from lab.config import Config
from lab.journal import Journal
from lab.rest.http import Edge
from lab.serve import Origin, Served
from sim.runner import Runner

EPOCH = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
MIB = 1 << 20
SMALL = {"racks": 1, "hosts_per_rack": 2}


class Face:
    """The cloud as its clients reach it, and as it is inside."""

    def __init__(self, served: Served, url: str, http: httpx.AsyncClient) -> None:
        self.served, self.url, self.http = served, url, http
        self.token = ""

    @property
    def lines(self) -> list[bytes]:
        return lines(self.served.journal)

    async def ask(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        """Ask /glasscloud/… as the administrator."""
        answer = await self.http.request(method, f"/glasscloud/{path}", json=body, headers={"x-auth-token": self.token})
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def clock(self, **change: Any) -> Any:
        return await self.ask("PUT", "clock", change)

    async def travel(self, to: int, **more: Any) -> Any:
        return await self.ask("POST", "travel", {"to": to, **more})

    async def paused_at(self) -> int:
        """Stop the clock; the journal's end."""
        await self.clock(paused=True)
        return self.served.journal.seq


def lines(journal: Journal) -> list[bytes]:
    """Every entry with its body, one line each."""
    return [entry.line() for entry in journal.since(0)]


@asynccontextmanager
async def face(seed: int = 7, *, password: str = "a password", **config: Any) -> AsyncIterator[Face]:
    """A cloud of its own, served."""
    with bound(0) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        settings = Config().but(public_url=url, admin_password=password, token_lifetime_factor=50_000.0, **config)
        origin = Origin(seed, EPOCH, settings, SMALL)
        cloud = build(origin)
        served = Served(cloud, Runner(cloud.world.loop, cloud.journal), origin, build, play)
        served.begin()
        await served.booted()
        server = quiet_server(Edge(served))
        serving = asyncio.ensure_future(server.serve(sockets=[listening]))
        try:
            async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30.0) as http:
                found = Face(served, url, http)
                async with Cloud.connect(url, password=password) as client:
                    found.token = client.session.token
                yield found
        finally:
            server.should_exit = True
            await serving
            await served.end()


def run(main: Callable[..., Awaitable[Any]], *arguments: Any, **options: Any) -> Any:
    """Run `main(face, …)` beside a cloud."""

    async def whole() -> Any:
        async with face(**options) as found:
            return await main(found, *arguments)

    return asyncio.run(whole())


async def furnish(cloud: Cloud) -> tuple[str, str, str]:
    """An image with some bytes, a flavor and a network; their ids."""
    image = await cloud.image.images.create("cirros", visibility="public")
    await image.upload(bytes(range(256)) * 4000)
    flavor = await cloud.compute.flavors.create("tiny", vcpus=1, ram=512, disk=1)
    network = await cloud.network.networks.create("net")
    await cloud.network.subnets.create(network.id, "10.0.0.0/24")
    return image.id, flavor.id, network.id


async def create(cloud: Cloud, name: str, things: tuple[str, str, str]) -> Any:
    """Ask for a server."""
    image, flavor, network = things
    return await cloud.compute.servers.create(name, flavor, image=image, networks=[{"uuid": network}])


async def eventful(at: Face) -> None:
    """A life with a pace, polling, a pause and steps, a download, wrong tokens, a fault, a kill and a call that is given up."""
    http = at.http
    await at.clock(speed=2000)
    async with Cloud.connect(at.url, password="a password") as cloud:
        things = await furnish(cloud)
        one = await create(cloud, "one", things)
        await at.clock(paused=True)
        asking = asyncio.ensure_future(one.refresh())
        await asyncio.sleep(0.02)
        await at.clock(step=5)
        await at.clock(step_events=17)
        await asyncio.sleep(0.02)
        await at.clock(paused=False, speed="max")
        await asking
        await one.wait_for("ACTIVE")
        delay = {"act": "delay", "match": {"name": "build_and_run_instance"}, "delay_s": 2}
        number = (await at.ask("POST", "faults", delay, 201))["number"]
        two, three = await asyncio.gather(create(cloud, "two", things), create(cloud, "three", things))
        with suppress(httpx.TimeoutException):
            await http.get("/compute/v2.1/servers", headers={"x-auth-token": cloud.session.token}, timeout=0.001)
        for token in ("forged", "", at.token):
            await http.get("/network/v2.0/networks", headers={"x-auth-token": token})
        image = await http.get(f"/image/v2/images/{things[0]}/file", headers={"x-auth-token": cloud.session.token})
        assert len(image.content) == 256 * 4000
        await two.wait_for("ACTIVE")
        await three.wait_for("ACTIVE")
        await at.ask("DELETE", f"faults/{number}", status=204)
        await at.clock(paused=True, step=300)  # the guests have booted
        kill = {"plant": "process", "process": "nova-compute@compute-1", "do": "kill", "until_s": 40}
        await at.ask("POST", "faults", kill, 201)
        await at.ask("POST", "ping", {"server": three.id, "target": "10.0.0.2"})
        await at.clock(paused=False)
        await two.delete()
        await asyncio.sleep(0.05)
        gone = await cloud.session.authenticate()
        await http.delete("/identity/v3/auth/tokens", headers={"x-auth-token": gone, "x-subject-token": gone})
        await http.get("/volume/v3/volumes", headers={"x-auth-token": gone})


async def one_server(at: Face) -> int:
    """A server that became ACTIVE, the clock stopped after it; the journal's end."""
    async with Cloud.connect(at.url, password=at.served.cloud.config.admin_password) as cloud:
        server = await create(cloud, "web", await furnish(cloud))
        await server.wait_for("ACTIVE")
    return await at.paused_at()


async def until(at: Face, seq: int, speed: object = "max") -> None:
    """Let the clock run until the journal has that many entries, and stop it."""
    await at.clock(paused=False, speed=speed)
    while at.served.journal.seq < seq:
        await asyncio.sleep(0.005)
    await at.clock(paused=True)


def seq_of(at: Face, **wanted: object) -> int:
    """The first entry with these fields."""
    return next(at.served.journal.find(**wanted)).seq
