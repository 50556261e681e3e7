"""A simulated cloud as the HTTP edge serves it: requests go through the runner, questions about the cloud do not.

What changes the world is an input of the runner's, kept so that the run can be repeated.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from lab.context import Context
from lab.errors import Conflict, ServiceUnavailable
from lab.inputs import Input, Inputs
from lab.journal import Journal
from lab.readiness import SERVICES
from lab.rest.api import Api
from lab.rest.message import Response, Stream
from lab.rest.pages import Pages
from lab.rest.watched import Bell
from lab.rpc.queues import queues
from lab.serve.deeds import CloudDeeds, Play
from lab.serve.origin import Origin
from lab.serve.passes import PASSES, Passes
from lab.serve.travel import Traveller
from lab.services.network.model import Network

if TYPE_CHECKING:
    from lab.cloud import SimulatedCloud
    from sim.runner import Runner

ADMITTED_S = 3600.0
"""How long an administrator's token of another future is good for questions about the cloud, in wall time."""


class Served:
    """What the edge needs of a simulated cloud that a runner drives.

    origin: what the cloud was made of, and build: makes one of an origin; without them the cloud cannot travel in time.
    """

    def __init__(
        self,
        cloud: SimulatedCloud,
        runner: Runner,
        origin: Origin | None = None,
        build: Callable[[Origin], SimulatedCloud] | None = None,
        play: Play | None = None,
    ) -> None:
        self.cloud, self.runner = cloud, runner
        self.journal: Journal = cloud.journal
        self.pages = Pages(cloud.journal)
        self.apis: dict[str, type[Api]] = {}
        self.streams = False  # what comes in is kept, so that the run can be repeated
        self.ready = False
        self.bell = Bell()
        runner.listeners.append(self.bell.ring)
        self.travels: list[int] = []
        self.deeds = CloudDeeds(cloud, play)
        self.traveller = Traveller(self, origin, build)
        self._booting: asyncio.Task[None] | None = None
        self._admitted: dict[str, tuple[float, Context]] = {}
        self._admitted_before: dict[str, tuple[float, Context]] = {}
        self._passes = Passes()

    @property
    def run(self) -> int:
        """How often the world was repeated: which of its futures this is."""
        return len(self.travels)

    def begin(self) -> None:
        """Start the runner and the cloud in it; health says when it is ready."""
        self.runner.record(self.deeds, None if self.traveller.refusal() else Inputs())
        self.runner.start()
        first = self.runner.put(Input("boot"))
        self._booting = asyncio.get_running_loop().create_task(self._boot(first))

    async def _boot(self, first: asyncio.Future[None]) -> None:
        await first
        # Not every listener: object storage has nodes of its own that no client reaches.
        listeners = self.cloud.wires.router.listeners
        self.apis.update({service: type(listeners[service][0].api) for service in SERVICES})
        self.ready = True

    async def booted(self) -> None:
        """Wait until the cloud is ready. Raises what stopped it."""
        if self._booting is not None:
            await self._booting

    async def end(self) -> None:
        """Stop the world and close what it keeps."""
        if self._booting is not None:
            self._booting.cancel()  # else nobody would hear that what it waits for does not come any more
        self.runner.stop()
        self.cloud.world.cut_power()
        self.cloud.world.loop.close()
        await self.cloud.wires.store.close()

    # -- what changes the world ---------------------------------------------------------------

    async def request(self, service: str, method: str, target: str, headers: dict[str, str], body: bytes | Stream) -> Response:
        """Carry one request into the world and its answer out."""
        given = Input("rest", {"service": service, "method": method, "target": target, "headers": headers, "body": body})
        runner, run = self.runner, self.run
        response: Response = await runner.enter(given)
        if isinstance(response.body, Stream):
            response.body = Stream(partial(self._read, given.number, run), response.body.size)
        return self.traveller.outward(response)

    async def _read(self, number: int, run: int) -> AsyncIterator[bytes]:
        """The pieces of a streamed answer; reading them takes time in the world, so each is an input too."""
        while run == self.run:
            piece = await self.runner.enter(Input("read", {"of": number}))
            if piece is None:
                return
            yield piece
        raise Conflict("the cloud went to another point of its time while this was read; ask for it again")

    async def perform(self, scenario: str) -> Any:
        """Play a scenario in it, by its name or file."""
        return await self.runner.enter(Input("scenario", {"name": scenario}))

    async def enter(self, kind: str, what: dict[str, Any]) -> Any:
        """Do to the world what comes from outside ('fault', 'disarm', 'ping'); looked at before it is done."""
        await self.arrived()  # else it would be done to the world that is left behind
        if kind == "ping":
            self.cloud.world.server_of(what["server"])
            return await self.runner.enter(Input(kind, what), insists=True)
        return self.runner.act(Input(kind, what))

    def clock(self, change: dict[str, Any]) -> dict[str, Any]:
        """Change the pace ('paused', 'speed', 'step', 'step_events') and say what it is now; a paused clock stays so at a new speed."""
        if change:
            self._order(change)
            self.bell.ring()
        return {**self.runner.state(), "run": self.run}

    def _order(self, change: dict[str, Any]) -> None:
        runner = self.runner
        paused = change.get("paused", runner.paused)
        if "speed" in change:
            runner.resume(change["speed"])
        if paused:
            runner.pause()
        elif runner.paused:
            runner.resume()
        if "step" in change or "step_events" in change:
            runner.step(change.get("step", 0), change.get("step_events", 0))
        self._prolong_tokens()

    async def arrived(self) -> None:
        """Wait until a travel in time has ended, well or not."""
        await self.traveller.arrived()

    async def stepped(self) -> None:
        """Wait until all steps that were ordered are made. Raises Conflict when the cloud goes elsewhere before they are."""
        try:
            await self.runner.stepped()
        except ServiceUnavailable:
            raise Conflict("the cloud went to another point of its time before all steps were made; order them anew from there") from None

    def _prolong_tokens(self) -> None:
        """Let tokens live as long as their owners in wall time believe; in a repeated run they live as the first time."""
        runtime, runner = self.cloud.wires.runtime, self.runner
        factor = token_factor(runner.pace.speed, runner.paused)
        known = max(runtime.stretched[0], self.cloud.config.token_lifetime_factor)
        if factor > known and runner.error is None and not runner.course.inputs.coming:
            runner.act(Input("lifetime", {"factor": factor}))

    # -- travel in time -----------------------------------------------------------------------

    def history(self) -> dict[str, Any]:
        """All that it takes to repeat this run, as JSON values. Raises Conflict when it cannot be repeated."""
        return self.traveller.history()

    async def travel(self, to: int, history: Mapping[str, Any] | None = None, then: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Repeat the world up to a journal entry and stop there. Raises BadRequest and Conflict."""
        return await self.traveller.travel(to, history, then)

    def arrive(self, cloud: SimulatedCloud, deeds: CloudDeeds) -> None:
        """Serve the repeated world from now on."""
        self.cloud, self.deeds, self.journal, self.pages = cloud, deeds, cloud.journal, Pages(cloud.journal)
        self.travels.append(cloud.journal.seq)
        self.bell.ring()
        self._admitted_before |= self._admitted
        self._admitted.clear()

    # -- questions ----------------------------------------------------------------------------

    async def datacenter(self) -> dict[str, Any]:
        """The world as it is now, the networks that lie in it, the processes on its hosts and the faults that are armed."""
        wires, world = self.cloud.wires, self.cloud.world
        networks = self.runner.peek(lambda: wires.store.run(lambda tx: tx.all(Network)))
        return {
            **world.look(),
            "networks": [
                {"id": n.id, "name": n.name, "type": n.network_type, "segment": n.segmentation_id} for n in networks
            ],
            "processes": [
                {"name": p.name, "host": p.host, "state": "dead" if not p.alive else "hung" if p.hung else "up", "life": p.life}
                for p in wires.processes.values()
            ],
            "armed": world.faults_armed()["armed"],
        }

    async def queues(self) -> dict[str, Any]:
        """The message queues."""
        return {"queues": queues(self.cloud.wires.broker)}

    def faults(self) -> dict[str, Any]:
        """The faults that are armed, and the words for those that can be."""
        return self.cloud.world.faults_armed()

    async def who(self, token: str) -> Context | None:
        """Whose token this is, paused or not; None when it is worth nothing.

        An administrator's that was good before a travel in time stays so for an hour: it may not be issued yet.
        """
        listeners = self.cloud.wires.router.listeners.get("identity")
        admitted = self._passes.of(token)
        if not token or admitted is not None:
            return admitted
        now = asyncio.get_running_loop().time()
        found: Context | None = None
        if listeners:
            check = listeners[0].api.authenticator.local
            found = self.runner.peek(lambda: check(token))
        if found is not None:
            self._admitted_before.pop(token, None)
            if found.is_admin:
                if len(self._admitted) >= PASSES:
                    del self._admitted[next(iter(self._admitted))]
                self._admitted[token] = (now, found)
            return found
        since, before = self._admitted_before.get(token, (now, None))
        return before if now - since < ADMITTED_S else None

    def login(self, password: str) -> str | None:
        """A token for questions about the cloud and orders to it, at any point of its time; None for a wrong password."""
        config = (self.traveller.home.config if self.traveller.home is not None else self.cloud.config)
        return self._passes.give(password, config.admin_password)

    def health(self) -> dict[str, Any]:
        """Whether the cloud is ready, its clock, and what went wrong."""
        stopped = self.runner.error
        errors = self.cloud.wires.runtime.errors
        return {
            "ready": self.ready and stopped is None,
            "stopped": str(stopped) if stopped is not None else None,
            "errors": [f"{type(e).__name__}: {e}" for e in errors[:10]],
            "seq": self.journal.seq,
            "seed": self.cloud.world.runtime.seed,
            "clock": self.clock({}),
        }


LONG_LIFE = 50_000.0
"""Times an hour: 5.7 years. A small cloud with something always in flight does about 10,000 seconds in one of the wall; clients
that count in 32 bits know no later date than 2038."""


def token_factor(speed: float, falls_behind: bool = False) -> float:
    """How much longer than upstream's hour a token lives on the virtual clock, so that its owner, in wall time, sees an hour at least.

    A clock that falls behind the wall's (it is slower, it was paused, or the cloud was kept and lay still) would show expiry
    dates that are past to the client, and as fast as possible there is no fixed ratio: both get a long life.
    """
    return LONG_LIFE if falls_behind or speed < 1 else min(speed, LONG_LIFE)
