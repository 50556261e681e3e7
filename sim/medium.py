"""The medium between the processes of a simulated cloud: the fabric's distance and bandwidth, and the table of work."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random

from lab.medium import Medium
from sim.datacenter.datacenter import Datacenter


class SimMedium(Medium):
    """Carries messages over the datacenter's fabric; work is drawn from timing.toml, one stream for each binary."""

    def __init__(self, dc: Datacenter) -> None:
        self.dc = dc
        self.distances = dc.fabric.ways.latencies
        self._dice: dict[str, Random] = {}

    def latency(self, a: str, b: str) -> int | None:
        return self.distances[a, b]

    def work(self, binary: str, name: str) -> int:
        return self.pace(binary, name)()

    def pace(self, binary: str, name: str) -> Callable[[], int]:
        dice = self._dice.get(binary)
        if dice is None:
            dice = self._dice[binary] = self.dc.fabric.streams("medium", binary)
        return partial(self.dc.timing.work_of(binary, name).draw, dice)

    def workers(self, binary: str, kind: str) -> int:
        pool = self.dc.timing.pool_of(binary)
        return pool.rest if kind == "rest" else pool.rpc

    async def transfer(self, a: str, b: str, nbytes: int) -> None:
        await self.dc.fabric.transfer(a, b, nbytes)

    def on_change(self, callback: Callable[[], None]) -> None:
        self.dc.fabric.listeners.append(callback)
