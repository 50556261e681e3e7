"""When a cloud is ready: every agent has registered, every API listens, the backends have said what they hold."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from lab.errors import LabError
from lab.services.compute.model import ComputeNode
from lab.services.network.model import Agent
from lab.services.placement.model import ResourceProvider
from lab.services.volume.model import VolumeService
from lab.wires import Wires

if TYPE_CHECKING:
    from lab.world import World

POLL_S = 0.5
SERVICES = ("identity", "image", "placement", "network", "volume", "compute", "object")


class Readiness:
    """Looks whether a cloud is ready, and says what it still waits for."""

    def __init__(self, wires: Wires, world: World) -> None:
        self._wires, self._world = wires, world

    async def missing(self) -> list[str]:
        """What is not there yet."""
        world, store = self._world, self._wires.store
        silent = [s for s in SERVICES if not self._wires.router.listeners.get(s)]
        hosts = world.computes
        counts = await store.run(
            lambda tx: (
                tx.count(ComputeNode),
                tx.count(ResourceProvider),
                tx.count(Agent),
                tx.count(VolumeService, binary="cinder-volume"),
            )
        )
        agents = len(dict.fromkeys((world.network_host, *hosts))) + 1
        wanted = (len(hosts), len(hosts), agents, 1)
        labels = ("compute nodes", "resource providers", "network agents", "volume services")
        short = [f"{w - c} {label}" for c, w, label in zip(counts, wanted, labels, strict=True) if c < w]
        return [*(f"the {s} API" for s in silent), *short]

    async def wait(self, timeout_s: float) -> None:
        """Wait until nothing is missing. Raises LabError naming what is."""
        end = self._wires.runtime.now() + timeout_s
        while True:
            missing = await self.missing()
            if not missing:
                return
            if self._wires.runtime.now() >= end:
                raise LabError(
                    f"the cloud is not ready after {timeout_s:g} s; it waits for {', '.join(missing)}",
                    ko=f"클라우드가 {timeout_s:g}초가 지나도 준비되지 않았습니다. 아직 없는 것: {', '.join(missing)}",
                )
            await asyncio.sleep(POLL_S)
