"""A whole cloud: one world, the wires, all services, and the typed face over them.

`lab.run(main)` runs a program in virtual time. `Cloud.simulated` gives a simulated cloud, inside such a
program or on any other event loop; `Cloud.connect` the same face over HTTP.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from lab.bench import Bench
from lab.client.compute import Compute
from lab.client.identity import Identity, Placement
from lab.client.network import NetworkService
from lab.client.session import Session, Transport
from lab.client.storage import ImageService, ObjectService, VolumeService
from lab.client.transports import InWorld, OverHttp, ThroughRunner
from lab.config import Config
from lab.errors import LabError
from lab.journal import Journal
from lab.parts import parts, start
from lab.process import Process
from lab.readiness import Readiness
from lab.wires import Wires

if TYPE_CHECKING:
    from drivers.site import Site
    from drivers.world import RealWorld
    from sim.world import SimWorld

T = TypeVar("T")


class Cloud:
    """The façade: `cloud.compute.servers.create(…)` and its kin, for the administrator unless another user is asked for."""

    def __init__(
        self, transport: Transport, config: Config, username: str = "admin", password: str = "", project: str = "admin"
    ) -> None:
        self.config = config
        self.session = session = Session(transport, username, password or config.admin_password, project)
        self.identity, self.placement = Identity(session), Placement(session)
        self.image, self.volume, self.object = ImageService(session), VolumeService(session), ObjectService(session)
        self.network, self.compute = NetworkService(session), Compute(session)

    def as_user(self, username: str, password: str, project: str) -> Cloud:
        """The same cloud as another user sees it."""
        return Cloud(self.session.transport, self.config, username, password, project)

    def over(self, transport: Transport) -> Cloud:
        """The same cloud and user over another transport."""
        other = Cloud(transport, self.config)
        other.session.become(self.session)
        return other

    async def sleep(self, seconds: float) -> None:
        """Wait on the cloud's clock."""
        await self.session.transport.sleep(seconds)

    @staticmethod
    @asynccontextmanager
    async def simulated(seed: int | str = 0, **options: Any) -> AsyncIterator[SimulatedCloud]:
        """A simulated cloud; options are those of `sim.world.SimWorld` (config, datacenter, db, epoch).

        Inside `lab.run` it lives on the program's own virtual clock. On any other event loop it is run beside it, as fast
        as possible while something is in flight; only the first form promises the same journal for the same seed.
        There too an exception in the cloud that nobody retrieved is raised, at the end.
        """
        from sim.loop import SimLoop
        from sim.world import SimWorld, known_options

        known_options(options)
        loop = asyncio.get_running_loop()
        if isinstance(loop, SimLoop):
            world = SimWorld(loop, seed, **options)
            cloud = SimulatedCloud(world, InWorld(world.client))
            try:
                await cloud.ready()
                yield cloud
            finally:
                await world.close()
            return
        from sim.runner import Runner

        world = SimWorld(SimLoop(seed), seed, **options)
        runner = Runner(world.loop, world.wires.journal)
        runner.start()
        cloud = SimulatedCloud(world, ThroughRunner(runner, world.client))
        try:
            await runner.call(cloud.ready)
            yield cloud
        finally:
            try:
                if runner.error is None:
                    await runner.call(world.close)
            finally:
                runner.stop()
                world.loop.close()
        if world.runtime.errors:
            raise world.runtime.errors[0]

    @staticmethod
    @asynccontextmanager
    async def real(config: Path | str | Site) -> AsyncIterator[RealCloud]:
        """A cloud on this machine, all its processes in this program; `config` is its TOML file, or what was read of it.

        At the end its processes end; servers go on running, as they do when a real cloud's services are stopped.
        """
        from drivers.site import Site, load
        from drivers.world import RealWorld

        site = config if isinstance(config, Site) else load(Path(config))
        cloud = RealCloud(RealWorld(site, site.store()))
        try:
            await cloud.ready()
            yield cloud
        finally:
            await cloud.world.close()
        if cloud.world.runtime.errors:
            raise cloud.world.runtime.errors[0]

    @staticmethod
    @asynccontextmanager
    async def connect(
        url: str, username: str = "admin", password: str = "", project: str = "admin", config: Config | None = None
    ) -> AsyncIterator[Cloud]:
        """A running cloud at a URL, such as `glasscloud up` prints."""
        transport = OverHttp(url)
        try:
            cloud = Cloud(transport, config or Config(), username, password, project)
            await cloud.session.authenticate()
            yield cloud
        finally:
            await transport.close()


class SimulatedCloud(Cloud):
    """A simulated cloud, which can also be looked into and broken."""

    def __init__(self, world: SimWorld, transport: Transport) -> None:
        super().__init__(transport, world.config)
        self.world = world
        self.wires: Wires = world.wires
        self.journal: Journal = world.wires.journal
        self.faults = world.faults
        self._started = False

    async def ready(self, timeout_s: float = 300.0) -> None:
        """Start every process, the first time, and wait until every agent has registered and every API listens."""
        if not self._started:
            self._started = True
            start(self.wires, parts(self.config, self.world))
        await Readiness(self.wires, self.world).wait(timeout_s)

    def process(self, name: str) -> Process:
        """A process by its name, 'nova-compute@compute-1'."""
        self.wires.need(name)
        return self.wires.processes[name]

    def plant(self, kind: str, **what: Any) -> None:
        """Plant a fault as a scenario writes it: plant("process", process="nova-compute@compute-1", do="kill", at_s=5).

        Raises LabError for what cannot be planted, and changes nothing.
        """
        from sim.outside import deed

        deed(self.world, "fault", {"plant": kind, **what})()

    async def ping(self, server_id: str, target: str) -> Any:
        """Send an echo request from a server to an address, and answer the walk of its frames."""
        return await self.within(lambda: self.world.ping(server_id, target))

    async def within(self, work: Callable[[], Awaitable[T]]) -> T:
        """Run a coroutine function inside the world, on its own clock."""
        transport = self.session.transport
        if isinstance(transport, ThroughRunner):
            return await transport.within(work)
        return await work()


class RealCloud(Cloud):
    """A cloud on real drivers, all its processes in this program."""

    def __init__(self, world: RealWorld) -> None:
        super().__init__(InWorld(world.client), world.config)
        self.world = world
        self.wires: Wires = world.wires
        self.journal: Journal = world.wires.journal

    async def ready(self, timeout_s: float = 120.0) -> None:
        """Open this machine's drivers, start every process, and wait until the cloud is whole."""
        chosen = self.world.parts()
        await self.world.open(dict.fromkeys(part.port for part in chosen if part.port))
        start(self.wires, chosen)
        await Readiness(self.wires, self.world).wait(timeout_s)


def bench() -> Bench:
    """An empty bench of simulated switches, servers and routers, beside any cloud and on a clock of its own."""
    from sim.bench import SimBench

    return SimBench()


def run(main: Callable[[], Coroutine[Any, Any, T]], seed: int | str = 0, **loop_options: Any) -> T:
    """Run a program in virtual time and answer its result.

    Its sleeps are virtual. Left-over tasks are closed in order of creation. An exception that nobody retrieved, in the
    program or in the cloud, fails the run.
    """
    from sim.loop import SimLoop

    given: Any = main
    if asyncio.iscoroutine(given):  # as asyncio.run takes it; here the world begins before the program does
        given.close()
        raise LabError("lab.run takes the coroutine function itself and calls it: lab.run(main), not lab.run(main())")
    loop = SimLoop(seed, **loop_options)
    thresholds = gc.get_threshold()
    gc.set_threshold(100_000, 20, 50)  # the journal makes many long-lived tuples; young collections gain nothing
    try:
        result: T = loop.run_until_complete(main())
    finally:
        loop.close()
        gc.set_threshold(*thresholds)
        gc.collect()
    if loop.runtime.errors:
        raise loop.runtime.errors[0]
    return result
