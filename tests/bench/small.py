"""Small figures, each in a child process of its own: `python -m tests.bench.small NAME` prints one JSON object.

CPU is process time, in seconds or milliseconds as the key says; medians of several rounds.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Callable

import lab
from sim.datacenter.datacenter import Datacenter
from sim.datacenter.topology import DatacenterSpec
from sim.loop import SimLoop
from tests.bench.boots import Workload, config

ROUNDS = 9
THOUSAND = {"racks": 25, "hosts_per_rack": 40}


def datacenter() -> dict[str, float]:
    """A 1,000-host fabric alone, and a 1,000-host cloud until every agent is up."""
    builds = []
    for _ in range(ROUNDS):
        loop = SimLoop()
        started = time.process_time()
        Datacenter(loop.env, loop.runtime.random, DatacenterSpec(**THOUSAND))
        builds.append(time.process_time() - started)

    async def main() -> float:
        started = time.process_time()
        async with lab.Cloud.simulated(7, config=config(), datacenter=THOUSAND):
            return time.process_time() - started

    ready = statistics.median(lab.run(main, seed=7) for _ in range(3))
    return {"datacenter_1000_build_s": statistics.median(builds), "datacenter_1000_ready_s": ready}


def small_cloud() -> dict[str, float]:
    """A cloud of one hypervisor for a property test, until it is ready; imports are done before."""
    took = []

    async def main() -> None:
        started = time.process_time()
        async with lab.Cloud.simulated(len(took), datacenter={"racks": 1, "hosts_per_rack": 1, "storage_nodes": 1}):
            took.append((time.process_time() - started) * 1000)

    for _ in range(3 * ROUNDS):
        lab.run(main)
    return {"small_cloud_build_ms": statistics.median(took[3:])}


def servers_detail() -> dict[str, float]:
    """GET /servers/detail of 50 servers, JSON read."""

    async def main() -> float:
        async with lab.Cloud.simulated(7, config=config(), datacenter={"racks": 2, "hosts_per_rack": 10}) as cloud:
            work = Workload(cloud)
            await work.prepare(60)
            await work.run(60)
            took = []
            for _ in range(5 * ROUNDS):
                started = time.process_time()
                servers = (await cloud.session.json("compute", "GET", "/v2.1/servers/detail?limit=50"))["servers"]
                took.append((time.process_time() - started) * 1000)
                assert len(servers) == 50
            return statistics.median(took)

    return {"servers_detail_50_ms": lab.run(main, seed=7)}


def journal() -> dict[str, float]:
    """What the journal adds to the CPU of boots: windows with it and without it take turns in one cloud."""

    async def main() -> float:
        async with lab.Cloud.simulated(7, config=config(), datacenter={"racks": 4, "hosts_per_rack": 25}) as cloud:
            work = Workload(cloud)
            await work.prepare(2000)
            write, numbers = cloud.journal.add, iter(range(1 << 40))
            cost: dict[bool, list[float]] = {True: [], False: []}
            creating = asyncio.get_running_loop().create_task(work.run(1000))
            await cloud.sleep(30)
            for window in range(60):
                kept = window % 2 == 0
                cloud.journal.add = write if kept else lambda *args, **kwargs: next(numbers)  # type: ignore[method-assign]
                started = time.process_time()
                await cloud.sleep(10)
                cost[kept].append(time.process_time() - started)
            cloud.journal.add = write  # type: ignore[method-assign]
            await creating
            return statistics.median(cost[True]) / statistics.median(cost[False]) - 1

    return {"journal_cost_ratio": lab.run(main, seed=7)}


FIGURES: dict[str, Callable[[], dict[str, float]]] = {
    "datacenter": datacenter,
    "small_cloud": small_cloud,
    "servers_detail": servers_detail,
    "journal": journal,
}

if __name__ == "__main__":
    print(json.dumps(FIGURES[sys.argv[1]]()))
