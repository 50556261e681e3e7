"""What a create costs each program of a town: its own CPU, its helpers', what the client's polling is of it, and where the time went."""

from __future__ import annotations

import asyncio
import os
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lab.client.surface import Surface
from lab.cloud import Cloud
from lab.journal import Entry
from lab.watch.line import entry_of

if TYPE_CHECKING:
    from tests.real.bed.town import Town

IDLE_S = 10.0
POLLS = 100
SERVER = "cost-{}"


@dataclass(frozen=True, slots=True)
class Spent:
    """CPU of one program in seconds: its own, and that of helper programs that it ran and that ended."""

    own: float = 0.0
    helpers: float = 0.0

    def less(self, other: Spent, times: float = 1.0) -> Spent:
        """Without so many times another."""
        return Spent(self.own - other.own * times, self.helpers - other.helpers * times)

    def share(self, count: float) -> Spent:
        """One of so many equal parts."""
        return Spent(self.own / count, self.helpers / count)


Table = Mapping[str, Spent]


def now(town: Town) -> Table:
    """What each program has spent since it began. Source: utime, stime, cutime and cstime of proc(5)."""
    found, tick = {}, os.sysconf("SC_CLK_TCK")
    for name, process in town.programs.items():
        ticks = [int(word) / tick for word in Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[11:15]]
        found[name] = Spent(ticks[0] + ticks[1], ticks[2] + ticks[3])
    return found


def since(before: Table, town: Town) -> Table:
    """What each program has spent since then."""
    return {name: spent.less(before[name]) for name, spent in now(town).items()}


@dataclass(frozen=True, slots=True)
class Bill:
    """All for one create, in seconds; polling and what the programs do anyway are not in `create`.

    idle: of one second in which nobody asks. poll: of one GET of a server that is ACTIVE. polls: GETs of a create.
    took: from POST to ACTIVE, as the journal has it; boot: of it, libvirt's start of the container.
    """

    idle: Table
    poll: Table
    create: Table
    polls: float
    took: list[float]
    boot: list[float]

    @property
    def cpu_s(self) -> float:
        """Of all programs and their helpers."""
        return sum(spent.own + spent.helpers for spent in self.create.values())

    @property
    def overhead_s(self) -> float:
        """The median time beside the guest's boot."""
        return statistics.median(took - boot for took, boot in zip(self.took, self.boot, strict=True))


async def bill(town: Town, cloud: Cloud, password: str, creates: int) -> Bill:
    """Make containers one after another, each watched until it is ACTIVE, and remove them."""
    image = next(i for i in await cloud.image.images.list() if i.name == "lxc")
    flavor = next(f for f in await cloud.compute.flavors.list() if f.name == "tiny")
    network = next(n for n in await cloud.network.networks.list() if n.name == "red")
    surface = Surface(f"http://{town.bed.address}:8774", password=password)
    await surface.log_in()

    async def create(number: int) -> int:
        """Make one; answer how many GETs it took."""
        name, card = SERVER.format(number), {"uuid": network.id}
        server = await cloud.compute.servers.create(name, flavor.id, image=image.id, networks=[card])
        polls = 1
        while (await cloud.compute.servers.get(server.id)).status != "ACTIVE":
            polls += 1
            await asyncio.sleep(0.1)
        return polls

    await create(0)  # what is done once, as reading a policy
    await asyncio.sleep(2)
    loop = asyncio.get_running_loop()
    before, begun = now(town), loop.time()
    await asyncio.sleep(IDLE_S)
    idle = {name: spent.share(loop.time() - begun) for name, spent in since(before, town).items()}
    warm = next(s for s in await cloud.compute.servers.list() if s.name == SERVER.format(0))
    before, begun = now(town), loop.time()
    for _ in range(POLLS):
        await cloud.compute.servers.get(warm.id)
    took = loop.time() - begun
    poll = {name: spent.less(idle[name], took).share(POLLS) for name, spent in since(before, town).items()}
    mark = (await surface.send("GET", "health")).json()["seq"]
    before, begun = now(town), loop.time()
    polls = sum([await create(number + 1) for number in range(creates)])
    took = loop.time() - begun
    whole = since(before, town)
    await asyncio.sleep(1)
    entries = [entry_of(line) for line in (await surface.send("GET", f"journal?since={mark}")).content.splitlines()]
    for server in await cloud.compute.servers.list():
        if server.name.startswith(SERVER.format("")):
            await server.delete()
            await server.wait_gone(interval=0.3)
    await surface.close()
    each = {name: spent.less(idle[name], took).less(poll[name], polls).share(creates) for name, spent in whole.items()}
    return Bill(idle, poll, each, polls / creates, *times(entries))


def times(entries: list[Entry]) -> tuple[list[float], list[float]]:
    """From POST to ACTIVE, and the part of it in which the guest was started: from the news that its port is wired on, in seconds."""
    asked = [e.t for e in entries if e.kind == "rest" and e.source.startswith("client@") and e.name == "POST"]
    active = [e.t for e in entries if e.kind == "state" and e.target == "server" and e.status.startswith("active")]
    started = [e.t for e in entries if e.kind == "driver_reply" and e.name == "hypervisor.spawn"]
    plugged = [e.t for e in entries if e.kind == "rpc_cast" and e.name == "external_instance_event"]
    boot = [end - max(t for t in plugged if t < end) for end in started]
    return [(end - begin) / 1e9 for begin, end in zip(asked, active, strict=True)], [ns / 1e9 for ns in boot]
