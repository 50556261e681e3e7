"""One fault in one run of the flow: it strikes, time passes, what became of everything is noted; then all is mended and ended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import lab
from lab.cloud import SimulatedCloud
from lab.errors import LabError
from lab.runtime import NANOSECOND
from lab.services.compute.model import BlockDevice, Server
from lab.services.compute.states import ACTIVE, ERROR
from lab.services.network.model import Port
from lab.services.placement.model import Allocation
from lab.services.volume.model import VolumeAttachment
from lab.testing.agreement import disagreements
from lab.testing.capacity import miscounted
from lab.testing.leftovers import leftovers
from tests.failure.flow import SEED, STAGES, Flow, Passage, small_cloud

MESSAGE_ACTS = ("drop", "lose_reply", "duplicate", "delay", "kill_before", "kill_after")
DRIVER_ACTS = ("raise", "hang", "lie", "kill_before", "kill_after")
DELAY_S = {"rest": 310.0, "rpc_call": 70.0, "rpc_cast": 70.0}
"""Past the sender's timeout: rest_timeout_s 300, rpc_response_timeout 60; a cast has none, and is as late as a call."""
DOWN_S = 100.0
"""How long a killed process stays down: longer than service_down_time (60 s), so that its host counts as down."""
SETTLE_S = 2000.0
"""Longer than any chain of timeouts: vif_plugging_timeout 300 s, then three tries of 300 s each to give the ports back."""
REPAIR_S = 4000.0
"""By then every periodic task has run: the longest are nova's look at its host, each third a full one (1,800 s)."""
TRIES = 3


@dataclass(frozen=True, slots=True)
class Case:
    """A fault on one passage."""

    passage: Passage
    act: str

    def __str__(self) -> str:
        return f"{self.act}:{self.passage}"


@dataclass(slots=True)
class Outcome:
    """What a case came to."""

    state: str
    """Servers and volume when time had passed: 'ACTIVE, available', 'BUILD/scheduling, available', '-, available'."""
    held: list[str]
    """What servers in ERROR still held."""
    wrong: list[str]
    """What did not fit together in the cloud then."""
    work: list[str]
    """How the server's further life failed, when it had one."""
    left: list[str]
    """What was left after everything was mended and deleted."""
    manual: list[str]
    """What the operator had to do beside `server delete`."""
    struck: int = 0
    """How often the fault acted."""
    answer: str = ""
    """What the client was told."""
    faults: tuple[str, ...] = ()
    """The fault messages of servers in ERROR."""


def acts_of(passage: Passage) -> tuple[str, ...]:
    """The faults that can strike a passage."""
    if passage.kind == "driver":
        return DRIVER_ACTS
    if passage.kind == "rpc_cast":
        return tuple(act for act in MESSAGE_ACTS if act != "lose_reply")
    return MESSAGE_ACTS


def play(case: Case) -> Outcome:
    """Run one case in a cloud of its own. An exception that is no LabError in any process fails it."""

    async def main() -> Outcome:
        async with small_cloud() as cloud:
            return await Trial(cloud, case).run()

    return lab.run(main, seed=SEED)


class Trial:
    """One case in one cloud."""

    def __init__(self, cloud: SimulatedCloud, case: Case) -> None:
        self.cloud, self.case, self.flow = cloud, case, Flow(cloud)
        self.manual: list[str] = []

    async def run(self) -> Outcome:
        """Strike, look, go on, mend, end, look."""
        flow, passage = self.flow, self.case.passage
        await flow.prepare()
        for stage in STAGES[: STAGES.index(passage.stage)]:
            await flow.undisturbed(stage)
        answer, struck = await self.strike()
        outcome = await self.look()
        outcome.answer, outcome.struck = answer, struck
        await self.mend()
        outcome.work = await self.go_on()
        await self.end()
        outcome.left = await self.after_all()
        outcome.manual = self.manual
        return outcome

    # -- the fault ----------------------------------------------------------------------------

    async def strike(self) -> tuple[str, int]:
        """Arm the fault, send the stage's request, and let time pass while what dies is started again."""
        cloud, passage = self.cloud, self.case.passage
        runtime = cloud.wires.runtime
        end = runtime.now() + SETTLE_S
        number = cloud.faults.arm(self.case.act, passage.match, delay_s=DELAY_S.get(passage.kind, 0.0))
        rule = cloud.faults.rules[number]
        self.nurse(end)
        answer = await self.attempt(self.flow.request(passage.stage))
        await cloud.sleep(end - runtime.now())
        cloud.faults.disarm(number)
        return answer, rule.done

    def nurse(self, until_s: float) -> None:
        """Start dead processes again after a while, as an operator's watchdog does."""
        wires = self.cloud.wires
        now = wires.runtime.now_ns()
        for name, process in list(wires.processes.items()):
            if not process.alive and now - process.ended_ns >= DOWN_S * NANOSECOND:
                wires.restart(name)
        if wires.runtime.now() < until_s:
            wires.runtime.after(5 * NANOSECOND, self.nurse, until_s)

    async def attempt(self, request: Callable[[], Awaitable[Any]]) -> str:
        """Ask; 'ok' or the error's name."""
        try:
            await request()
        except LabError as error:
            return f"{type(error).__name__}: {error}"
        return "ok"

    # -- what became of it --------------------------------------------------------------------

    async def look(self) -> Outcome:
        """Read the records, now that nothing moves any more."""
        servers, volume = await self.flow.servers(), await self.flow.volume()
        held = [line for server in servers if server.vm_state == ERROR for line in await self.held(server)]
        states = sorted(_status(server) for server in servers)
        faults = tuple(str(server.fault["message"]) for server in servers if server.fault)
        wrong = await miscounted(self.cloud) + await disagreements(self.cloud)
        return Outcome(f"{' + '.join(states) or '-'}, {volume.status}", held, wrong, [], [], [], faults=faults)

    async def held(self, server: Server) -> list[str]:
        """What a server has of other services and of its host."""
        dc = self.cloud.world.datacenter

        def read(tx: Any) -> list[str]:
            found = ["allocations"] if tx.find(Allocation, consumer_uuid=server.id) else []
            found += ["ports"] if tx.find(Port, device_id=server.id) else []
            found += ["attachments"] if tx.find(VolumeAttachment, instance_uuid=server.id) else []
            found += ["a volume"] if any(each.volume_id for each in tx.find(BlockDevice, server_id=server.id)) else []
            return found

        found = await self.cloud.wires.store.run(read)
        return [*found, "a guest"] if dc.guest(server.id) is not None else found

    # -- afterwards ---------------------------------------------------------------------------

    async def mend(self) -> None:
        """Start what is dead, and restart what a hung driver call holds; let agents come up."""
        passage, wires = self.case.passage, self.cloud.wires
        for name, process in list(wires.processes.items()):
            if not process.alive or (self.case.act == "hang" and name == passage.source):
                wires.restart(name)
        await self.cloud.sleep(DOWN_S)

    async def go_on(self) -> list[str]:
        """A server that is ACTIVE can do all that it could before: a volume comes and goes."""
        servers = await self.flow.servers()
        if len(servers) != 1 or _status(servers[0]) != "ACTIVE":
            return []
        flow = self.flow
        flow.server = await self.cloud.compute.servers.get(servers[0].id)
        found: list[str] = []
        for stage, before, after in (("attach", "available", "in-use"), ("detach", "in-use", "available")):
            if (await flow.volume()).status != before:
                continue
            answer = await self.attempt(flow.request(stage))
            await self.cloud.sleep(DOWN_S)
            volume = await flow.volume()
            if answer != "ok" or volume.status != after:
                found.append(f"{stage} ended {volume.status}: {answer}")
        return found

    async def end(self) -> None:
        """Delete all servers, then the volume, then the network, and help where an operator would."""
        for _ in range(TRIES):
            for server in await self.flow.servers():
                answer = await self.attempt(lambda server=server: self.cloud.compute.servers.delete(server.id))  # type: ignore[misc]
                if answer != "ok":
                    self.manual.append(f"delete: {answer}")
            await self.cloud.sleep(DOWN_S)
        await self.free_volume()
        for thing in (self.flow.stage.volumes["data"], self.flow.stage.networks["net"]):
            answer = await self.attempt(thing.delete)
            if answer != "ok":
                self.manual.append(answer)
        await self.cloud.sleep(DOWN_S)

    async def free_volume(self) -> None:
        """Set a volume that nobody has any more to available."""
        volume = await self.flow.volume()
        if volume.status == "available":
            return
        self.manual.append(f"reset the volume, which was {volume.status}")
        session, path = self.cloud.session, f"/v3/volumes/{volume.id}/action"
        for body in ({"os-force_detach": {}}, {"os-reset_status": {"status": "available"}}):
            await self.attempt(lambda body=body: session.send("volume", "POST", path, body))  # type: ignore[misc]

    async def after_all(self) -> list[str]:
        """What is left; whatever periodic tasks give back has the time that they need."""
        end = self.cloud.wires.runtime.now() + REPAIR_S
        while True:
            found = await leftovers(self.cloud) + await miscounted(self.cloud)
            if not found or self.cloud.wires.runtime.now() >= end:
                return found
            await self.cloud.sleep(300.0)


def _status(server: Server) -> str:
    """A server's state in a word or two."""
    status = {ACTIVE: "ACTIVE", ERROR: "ERROR", "building": "BUILD"}.get(server.vm_state, server.vm_state.upper())
    return f"{status}/{server.task_state}" if server.task_state else status
