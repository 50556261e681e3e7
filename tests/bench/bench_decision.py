"""CPU of one scheduling decision: `select_destinations` taken to its reply, placement's answers included.

    python -m tests.bench.bench_decision

Hosts are half full, each differently. The workload is one server at a time of a small flavor; the journal is
on with all bodies. At 10,000 hosts the figure is for all 10,000 candidates; beside it stand the figures for
nova's default limit of 1,000 candidates.
"""

from __future__ import annotations

import gc
import json
import statistics
from random import Random
from time import process_time_ns

from lab.config import Config
from tests.unit.scheduler.rig import World

DECISIONS = 100
WARM_UP = 30
ROUNDS = 9


def half_full(hosts: int, limit: int, seed: int = 7) -> World:
    """A world of hosts that are half full on average."""
    world, stream = World(Config(max_placement_results=limit)), Random(seed)
    numbers = []
    for number in range(hosts):
        used = {
            "vcpus_used": stream.randint(16, 48),
            "memory_mb_used": 512 * stream.randint(32, 96),
            "local_gb_used": stream.randint(250, 750),
            "running_vms": stream.randint(8, 24),
            "num_io_ops": stream.randint(0, 2),
            "hypervisor_version": stream.choice((6_002_000, 7_000_000)),
            "failed_builds": stream.randint(0, 20) // 20,
        }
        numbers.append((f"compute-{number}", used))
    world.add(numbers)
    return world


def decision_ms(hosts: int, limit: int) -> float:
    """Milliseconds of CPU for one decision: the median of rounds, each the mean of many decisions."""
    world = half_full(hosts, limit)
    servers = iter(range(1 << 30))

    async def decide(count: int) -> None:
        for _ in range(count):
            await world.ask(f"{next(servers):08x}-0000-4000-8000-0000000000aa")

    world.run(decide(WARM_UP))
    thresholds = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)  # as `lab.run` has it for every cloud
    rounds = []
    try:
        for _ in range(ROUNDS):
            started = process_time_ns()
            world.run(decide(DECISIONS))
            rounds.append((process_time_ns() - started) / DECISIONS / 1e6)
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
    return statistics.median(rounds)


def run() -> dict[str, float]:
    """Measure all figures, in milliseconds."""
    return {
        "decision_ms_1000_hosts": round(decision_ms(1000, 1000), 3),
        "decision_ms_10000_hosts": round(decision_ms(10_000, 10_000), 3),
        "decision_ms_10000_hosts_1000_candidates": round(decision_ms(10_000, 1000), 3),
    }


if __name__ == "__main__":
    print(json.dumps(run(), indent=1))
