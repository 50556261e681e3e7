"""The whole life of one server and one volume, as four requests with their work: what a single fault is let loose on.

    create -> attach -> detach -> delete

Each stage sends one request and lets virtual time run; nothing polls, so the same messages pass in every run of a seed.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

import lab
from lab.cloud import Cloud, SimulatedCloud
from lab.journal import Entry
from lab.medium import Passing
from lab.services.compute.model import Server
from lab.services.volume.model import Volume
from lab.teach.stage import Stage
from sim.faults import Match

SEED = 7
DATACENTER = {"racks": 1, "hosts_per_rack": 2, "storage_nodes": 0}
STAGES = ("create", "attach", "detach", "delete")
STAGE_S = 60.0
"""How long an undisturbed stage is given: a boot from a cold image takes some 15 s."""
UUID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}")
KINDS = ("rest", "rpc_call", "rpc_cast", "driver")
PERIODIC = ("report_state", "update_service_capabilities", "volume.stats", "hypervisor.guests", "hypervisor.inventory")
"""What passes at its own time and belongs to no request."""


def small_cloud() -> AbstractAsyncContextManager[SimulatedCloud]:
    """Two hosts, one NAS."""
    return Cloud.simulated(SEED, datacenter=DATACENTER)


class Flow:
    """One cloud on its way through the stages."""

    def __init__(self, cloud: SimulatedCloud) -> None:
        self.cloud, self.stage = cloud, Stage(cloud)

    async def prepare(self) -> None:
        """Make what the flow needs: an image that no host has yet, a flavor, a network, a volume."""
        stage = self.stage
        await stage.image("cirros")
        await stage.flavor("tiny")
        await stage.network("net")
        await stage.volume("data")
        await self.cloud.sleep(STAGE_S)

    def request(self, stage: str) -> Callable[[], Awaitable[Any]]:
        """What a stage asks for."""
        things = self.stage
        if stage == "create":
            networks = [{"uuid": things.networks["net"].id}]
            create = self.cloud.compute.servers.create
            return lambda: create("web", things.flavors["tiny"].id, image=things.images["cirros"].id, networks=networks)
        volume = things.volumes["data"].id
        if stage == "attach":
            return lambda: self.server.attach_volume(volume)
        if stage == "detach":
            return lambda: self.server.detach_volume(volume)
        return self.server.delete

    async def undisturbed(self, stage: str) -> None:
        """Run a stage to its end."""
        made = await self.request(stage)()
        if stage == "create":
            self.server = made
        await self.cloud.sleep(STAGE_S)

    # -- what became of it --------------------------------------------------------------------

    async def servers(self) -> list[Server]:
        """The records of servers that were not deleted."""
        everyone = await self.cloud.wires.store.run(lambda tx: tx.all(Server))
        return [server for server in everyone if not server.deleted]

    async def volume(self) -> Volume:
        """The volume's record."""
        volume_id = self.stage.volumes["data"].id
        return await self.cloud.wires.store.run(lambda tx: tx.need(Volume, volume_id, "volume"))


# -- what passes ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Passage:
    """One message or driver call of the flow, told from its like by its number in its stage."""

    stage: str
    kind: str
    source: str
    target: str
    name: str
    """A method, a driver's verb, or method and path with `*` for ids."""
    nth: int

    @property
    def match(self) -> Match:
        """The rule that means it."""
        return Match(self.name, kinds=(self.kind,), source=self.source, target=self.target, nth=self.nth)

    def __str__(self) -> str:
        plain = self.name.replace("object_class_action_versions", "class_action").replace(" ", "_")
        return f"{self.stage}-{self.source.split('@')[0]}-{plain}-{self.nth}"


def passing_of(entry: Entry) -> Passing:
    """What a fault rule saw of an entry."""
    name = f"{entry.name} {entry.where.partition('?')[0]}" if entry.kind == "rest" else entry.name
    return Passing(entry.kind, entry.source, entry.target, name, entry.where, entry.seq)


def passages(stage: str, entries: list[Entry]) -> list[Passage]:
    """Number the messages and driver calls of one stage, as a rule armed at its start counts them."""
    passed = [passing_of(entry) for entry in entries if entry.kind in KINDS]
    found = []
    for place, passing in enumerate(passed):
        if passing.name in PERIODIC:
            continue
        name = UUID.sub("*", passing.name)
        like = Match(name, kinds=(passing.kind,), source=passing.source, target=passing.target)
        nth = sum(like.fits(other) for other in passed[: place + 1])
        found.append(Passage(stage, passing.kind, passing.source, passing.target, name, nth))
    return found


@cache
def recorded() -> tuple[Passage, ...]:
    """Every message and driver call of the undisturbed flow, in order."""

    async def main() -> list[Passage]:
        async with small_cloud() as cloud:
            flow = Flow(cloud)
            await flow.prepare()
            found = []
            for stage in STAGES:
                mark = cloud.journal.seq
                await flow.undisturbed(stage)
                found += passages(stage, list(cloud.journal.since(mark)))
            assert await flow.servers() == []
            assert (await flow.volume()).status == "available"
            return found

    return tuple(lab.run(main, seed=SEED))


def named(pattern: str) -> list[Passage]:
    """The passages whose text fits a pattern."""
    return [passage for passage in recorded() if fnmatchcase(str(passage), pattern)]
