"""A simulated world for one cloud: its datacenter, the drivers on it, its wires and its faults."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import lab
from lab.body import encode
from lab.config import Config
from lab.errors import LabError, NotFound
from lab.process import Process
from lab.runtime import SCENARIO_EPOCH
from lab.services.compute.driver import HypervisorDriver
from lab.services.image.driver import ImageStore
from lab.services.network.driver import DhcpDriver, L2Driver, RouterDriver
from lab.services.object.driver import ObjectDisk
from lab.services.volume.driver import VolumeDriver
from lab.store import MemoryStore, Store
from lab.wires import Wires
from lab.world import World
from sim.datacenter.datacenter import Datacenter
from sim.datacenter.topology import CLIENT, DatacenterSpec
from sim.datacenter.trace import Hop, PingResult
from sim.faults import Faults
from sim.hypervisor import SimHypervisor
from sim.image import SimImageStore
from sim.loop import SimLoop
from sim.medium import SimMedium
from sim.network import SimDhcp, SimL2, SimRouters
from sim.object import SimDisk
from sim.outside import armed, deed
from sim.runtime import SimRuntime
from sim.snapshot import ping_result, server_of, snapshot
from sim.volume import SimNas

if TYPE_CHECKING:
    from sim.keep import Keeper


FORMAT = 1
"""Of the journal's first entry, and of a history."""


class SimWorld(World):
    """One simulated datacenter and the cloud's wires in it.

    Args:
        loop: the virtual clock to live on.
        seed: of all random streams; a kept cloud keeps the one that it was made with.
        config: the cloud's settings.
        datacenter: a DatacenterSpec, or its fields as a dict.
        db: URL of the database that keeps the cloud; None keeps it in memory.
        epoch: the date at which the clock begins; the fixed date of scenarios by default.
    """

    def __init__(
        self,
        loop: SimLoop,
        seed: int | str = 0,
        *,
        config: Config | None = None,
        datacenter: DatacenterSpec | dict[str, Any] | None = None,
        db: str | None = None,
        epoch: datetime | None = None,
    ) -> None:
        self.loop = loop
        self.config = config or Config()
        self.keeper = _keeper(db) if db else None
        boot, t_ns, epoch = 0, 0, epoch or SCENARIO_EPOCH
        if self.keeper is not None:
            clock = self.keeper.boot(seed, epoch.isoformat())
            seed, boot, t_ns, epoch = clock.seed, clock.boot, clock.t_ns, datetime.fromisoformat(clock.epoch)
            if not loop.steps:
                loop.env.jump(t_ns)  # a loop of its own shows the cloud's time
        self.runtime = SimRuntime(loop, seed, boot, epoch, t_ns)
        loop.adopt(self.runtime)
        self.datacenter = Datacenter(loop.env, self.runtime.random, spec_of(datacenter))
        self.datacenter.fabric.origin_ns = self.runtime.origin_ns
        self.medium = SimMedium(self.datacenter)
        store: Store = MemoryStore()
        if self.keeper is not None:
            store = self.keeper.store
            self.datacenter.restore(self.keeper.disks())
            self.datacenter.on_write = self.keeper.write
            self.keeper.follow(self.runtime)
        self.wires = Wires(self.runtime, self.config, self.medium, store, mq_host=self.controller)
        self._introduce()
        self.datacenter.on_frame = self._on_frame
        self.faults = Faults(self.wires)
        self.client: Process = self.wires.start("client", self.outside, lambda process: None)

    async def close(self) -> None:
        """End every process, and close the store and the journal."""
        self.cut_power()
        await self.wires.store.close()
        self.wires.journal.close()

    def cut_power(self) -> None:
        """End every process at once."""
        for process in list(self.wires.processes.values()):
            process.kill()

    def _introduce(self) -> None:
        """Write the journal's first entry: all that tells this world from another one, but for settings and inputs."""
        runtime = self.runtime
        epoch = runtime.epoch.isoformat()
        told = {
            "format": FORMAT,
            "version": lab.__version__,
            "seed": runtime.seed,
            "boot": runtime.boot,
            "epoch": epoch,
            "scenario": self.config.scenario or None,
            "datacenter": dataclasses.asdict(self.datacenter.spec),
            "world": "simulated",
        }
        self.wires.journal.add("world", "world", "", "epoch", epoch, body=encode(told))

    def _on_frame(self, hop: Hop) -> None:
        """Journal a hop of a frame that somebody follows."""
        note = {"frame": hop.frame, "vlan": hop.vlan, "reason": hop.reason}
        status = "lost" if hop.action == "drop" else "ok"
        self.wires.journal.add("frame", hop.device, hop.port, hop.action, hop.port, status, note=note)

    # -- hosts and drivers --------------------------------------------------------------------

    @property
    def controller(self) -> str:
        return "controller-1"

    @property
    def computes(self) -> list[str]:
        return list(self.datacenter.hypervisors)

    @property
    def network_host(self) -> str:
        return self.controller

    @property
    def disks(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for host, device in self.datacenter.object_disks:
            found.setdefault(host, []).append(device)
        return found

    @property
    def outside(self) -> str:
        return CLIENT

    def address(self, host: str) -> str:
        return self.datacenter.host(host).address

    def hypervisor(self, host: str) -> HypervisorDriver:
        return SimHypervisor(self.datacenter, host)

    def l2(self, host: str) -> L2Driver:
        return SimL2(self.datacenter, host)

    def dhcp(self, host: str) -> DhcpDriver:
        return SimDhcp(self.datacenter, host)

    def routers(self, host: str) -> RouterDriver:
        return SimRouters(self.datacenter, host)

    def volumes(self) -> VolumeDriver:
        return SimNas(self.datacenter, next(iter(self.datacenter.filers)))

    def images(self) -> ImageStore:
        return SimImageStore(self.datacenter, self.controller)

    def disk(self, host: str, device: str) -> ObjectDisk:
        return SimDisk(self.datacenter, host, device)

    # -- questions ----------------------------------------------------------------------------

    async def ping(self, server_id: str, target: str) -> PingResult:
        """Send an echo request from a server's first card to an address."""
        guest = self.datacenter.guest(server_id)
        if guest is None:
            raise NotFound(f"no guest runs for server {server_id}; start the server first")
        if not guest.vifs:
            raise LabError(f"server {server_id} has no network card; attach an interface first")
        return await self.datacenter.ping(next(iter(guest.vifs)), target)

    # -- looked at and disturbed from outside -------------------------------------------------

    def look(self) -> dict[str, Any]:
        return snapshot(self.datacenter)

    def faults_armed(self) -> dict[str, Any]:
        return armed(self)

    def deed(self, kind: str, what: dict[str, Any]) -> Callable[[], dict[str, Any]]:
        return deed(self, kind, what)

    def server_of(self, name: str) -> str:
        return server_of(self.datacenter, name)

    async def echo(self, server_id: str, target: str) -> dict[str, Any]:
        return ping_result(await self.ping(server_id, target))


def _keeper(db: str) -> Keeper:
    from sim.keep import Keeper  # SQL is slow to import, and most clouds live in memory

    return Keeper(db)


def known_options(options: Mapping[str, Any]) -> None:
    """Raise LabError for what is no option of a simulated cloud."""
    known = ("config", "datacenter", "db", "epoch")
    unknown = [name for name in options if name not in known]
    if unknown:
        hint = "; its size is datacenter={'racks': 5, 'hosts_per_rack': 10}" if unknown[0] in {"hosts", "racks", "hosts_per_rack"} else ""
        raise LabError(f"a simulated cloud has no option {unknown[0]}; known: seed, {', '.join(known)}{hint}")
    for name, kind, way in (("config", Config, "Config().but(max_attempts=1)"), ("epoch", datetime, "a datetime with its time zone")):
        given = options.get(name)
        if given is not None and not isinstance(given, kind):
            raise LabError(f"{name} of a simulated cloud is {given!r}; give {way}")


def spec_of(given: DatacenterSpec | dict[str, Any] | None) -> DatacenterSpec:
    """A spec from its fields; an unknown one lists the known ones."""
    if given is None or isinstance(given, DatacenterSpec):
        return given or DatacenterSpec()
    if not isinstance(given, dict):
        raise LabError(f"a datacenter is {given!r}; give its fields, as in {{'racks': 5, 'hosts_per_rack': 10}}")
    known = [f.name for f in dataclasses.fields(DatacenterSpec)]
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise LabError(f"a datacenter has no {', '.join(unknown)}; known: {', '.join(known)}")
    for name in ("racks", "hosts_per_rack"):
        if name in given and (not isinstance(given[name], int) or given[name] < 1):
            raise LabError(f"{name} of a datacenter is {given[name]!r}; give a whole number from 1 on")
    return DatacenterSpec(**given)
