"""What it takes to make a cloud: the fabric of 1,000 hosts, their agents, and the small cloud of a property test."""

from __future__ import annotations

import json
import statistics
from time import process_time

import lab
from sim.datacenter.datacenter import Datacenter
from sim.datacenter.topology import DatacenterSpec
from sim.loop import SimLoop

BIG = {"racks": 25, "hosts_per_rack": 40}
SMALL = {"racks": 1, "hosts_per_rack": 1, "storage_nodes": 1}
SMALL_CLOUDS = 30


def fabric_s() -> float:
    """The switches, links, hypervisors and filers of 1,000 hosts, without a cloud on them."""
    loop = SimLoop(seed=7)
    started = process_time()
    Datacenter(loop.env, loop.runtime.random, DatacenterSpec(**BIG))
    return process_time() - started


def ready_s() -> float:
    """A cloud on 1,000 hosts until every agent is registered and every API listens."""

    async def main() -> float:
        started = process_time()
        async with lab.Cloud.simulated(7, datacenter=BIG):
            return process_time() - started

    return lab.run(main, seed=7)


def small_cloud_ms() -> float:
    """A cloud of one host until it serves, as each example of a property test makes one; the median of many."""

    async def main() -> float:
        started = process_time()
        async with lab.Cloud.simulated(7, datacenter=SMALL):
            return process_time() - started

    return statistics.median(lab.run(main, seed=7) for _ in range(SMALL_CLOUDS)) * 1000


def run() -> dict[str, float]:
    """Measure all; seconds and milliseconds of CPU."""
    small_cloud_ms()  # modules are imported and classes made
    return {
        "datacenter_1000_build_s": round(fabric_s(), 4),
        "datacenter_1000_ready_s": round(ready_s(), 3),
        "small_cloud_build_ms": round(small_cloud_ms(), 3),
    }


if __name__ == "__main__":
    print(json.dumps(run()))
