"""Ten thousand servers on a calibrated thousand-host cloud: CPU a create, memory, and the journal that tells it all.

Creates of three flavors arrive at a steady rate; state reports, periodic tasks and the whole journal with all
bodies are on. At the end every server must be ACTIVE with a port, an address and an allocation, and the flow of
one random early server is read back from the journal, which has packed it away long ago.

Periodic work is measured before the first create and after the last one, when nothing else happens, and its mean
is taken off what the creates cost.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import random
import re
import resource
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lab
from lab.cloud import SimulatedCloud
from lab.config import Config
from lab.services.compute.model import Server
from lab.services.network.model import Port
from lab.services.placement.model import Allocation

RATE = 1.5
"""Creates a virtual second: what 200 nodes bore with all of them ACTIVE. Source: openstack/performance-docs."""
FLAVORS = (("m1.tiny", 1, 512, 1), ("m1.small", 1, 2048, 20), ("m1.medium", 2, 4096, 40))
PER_NETWORK = 100
UNLIMITED = -1
SAMPLE = 400
"""Creates over which the cost of one is measured."""
IDLE_S = 300.0
BOOT_TIMEOUT_S = 600


def config() -> Config:
    """The defaults without quotas, which are not what is measured."""
    default = Config()
    return default.but(
        compute_quotas=dict.fromkeys(default.compute_quotas, UNLIMITED),
        network_quotas=dict.fromkeys(default.network_quotas, UNLIMITED),
        volume_quotas=dict.fromkeys(default.volume_quotas, UNLIMITED),
    )


class Workload:
    """Creates that arrive at a steady rate."""

    def __init__(self, cloud: SimulatedCloud) -> None:
        self.cloud = cloud
        self.flavors: list[str] = []
        self.image = ""
        self.networks: list[str] = []
        self.asked = 0
        self.building: list[str] = []

    async def prepare(self, servers: int) -> None:
        """Make the image, the flavors and the networks for so many servers."""
        cloud = self.cloud
        image = await cloud.image.images.create("cirros", visibility="public")
        await image.upload_sparse(20 << 20)
        self.image = image.id
        for name, vcpus, ram, disk in FLAVORS:
            self.flavors.append((await cloud.compute.flavors.create(f"bench-{name}", vcpus=vcpus, ram=ram, disk=disk)).id)
        for i in range((servers + PER_NETWORK - 1) // PER_NETWORK):
            network = await cloud.network.networks.create(f"net-{i}")
            await cloud.network.subnets.create(network.id, f"10.{i // 250}.{i % 250}.0/24")
            self.networks.append(network.id)

    async def run(self, servers: int) -> None:
        """Ask for that many more servers at RATE, and wait until none is being built."""
        loop = asyncio.get_running_loop()
        tasks = []
        for _ in range(servers):
            tasks.append(loop.create_task(self._create(self.asked)))
            self.asked += 1
            await asyncio.sleep(1 / RATE)
        await asyncio.gather(*tasks)
        for _ in range(BOOT_TIMEOUT_S):
            await self._look()
            if not self.building:
                return
            await asyncio.sleep(1)
        raise AssertionError(f"{len(self.building)} servers are still being built")

    async def _create(self, i: int) -> None:
        body = {
            "name": f"server-{i}",
            "flavorRef": self.flavors[i % len(self.flavors)],
            "imageRef": self.image,
            "networks": [{"uuid": self.networks[i // PER_NETWORK % len(self.networks)]}],
        }
        answer = await self.cloud.session.json("compute", "POST", "/v2.1/servers", {"server": body})
        self.building.append(answer["server"]["id"])

    async def _look(self) -> None:
        """Forget those that are built; in the store, because listing servers is not what is measured."""

        def unbuilt(tx: Any) -> list[str]:
            return [server_id for server_id in self.building if tx.get(Server, server_id).vm_state == "building"]

        self.building = await self.cloud.wires.store.run(unbuilt)


async def verify(cloud: SimulatedCloud) -> dict[str, int]:
    """How many servers there are, and how many of them are ACTIVE with a port, an address and an allocation."""

    def look(tx: Any) -> dict[str, int]:
        found: Counter[str] = Counter()
        ports = {port.device_id: port for port in tx.all(Port) if port.device_id}
        holders = {allocation.consumer_uuid for allocation in tx.all(Allocation)}
        for server in tx.find(Server, deleted=False):
            found["servers"] += 1
            port = ports.get(server.id)
            found["whole"] += server.vm_state == "active" and port is not None and bool(port.fixed_ips) and server.id in holders
        return dict(found)

    return await cloud.wires.store.run(look)


def flow(cloud: SimulatedCloud, number: int) -> int:
    """How many journal entries tell the creation of one server, every body read, from wherever they lie."""
    journal, name = cloud.journal, f'"server-{number}"'.encode()
    asked = next(e for e in journal.find(kind="rest", name="POST", where="/v2.1/servers") if name in e.body_bytes())
    entries = list(journal.find(since=asked.seq - 1, request_id=asked.request_id))
    assert all(e.body is None or e.body_bytes() for e in entries)
    return len(entries)


def peak_mib() -> float:
    """The largest memory of this program alone: getrusage also knows the size of the process that started it."""
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s+(\d+)", status.read_text()) if status.exists() else None
    return (int(found[1]) if found else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) / 1024


class Meter:
    """CPU over virtual time, of one cloud."""

    def __init__(self, cloud: SimulatedCloud) -> None:
        self._now = cloud.wires.runtime.now
        self.cpu_s = self.virtual_s = 0.0
        self._cpu, self._virtual = time.process_time(), self._now()

    def stop(self) -> Meter:
        """Take the reading."""
        self.cpu_s, self.virtual_s = time.process_time() - self._cpu, self._now() - self._virtual
        return self


async def idle(cloud: SimulatedCloud) -> float:
    """CPU seconds of a virtual second in which nobody asks for anything."""
    meter = Meter(cloud)
    await cloud.sleep(IDLE_S)
    meter.stop()
    return meter.cpu_s / meter.virtual_s


async def measure(cloud: SimulatedCloud, servers: int) -> dict[str, float]:
    """Create that many servers and 100 + 2 * SAMPLE more; CPU seconds, milliseconds a create, MiB."""
    work = Workload(cloud)
    await work.prepare(servers + 100 + 2 * SAMPLE)
    await cloud.sleep(60)  # the agents' own start is over
    before = await idle(cloud)
    await work.run(100)
    early, seq = Meter(cloud), cloud.journal.seq
    await work.run(SAMPLE)
    early.stop()
    entries = (cloud.journal.seq - seq) / SAMPLE
    main = Meter(cloud)
    await work.run(servers)
    main.stop()
    peak = peak_mib()
    late = Meter(cloud)
    await work.run(SAMPLE)
    late.stop()
    after = await idle(cloud)
    found = await verify(cloud)
    assert found == {"servers": work.asked, "whole": work.asked}, found
    periodic = (before + after) / 2 * main.virtual_s
    first, last = early.cpu_s - before * early.virtual_s, late.cpu_s - after * late.virtual_s
    return {
        "boot_cpu_ms_after_100": first / SAMPLE * 1000,
        "boot_cpu_ms_after_10000": last / SAMPLE * 1000,
        "boot_cpu_growth": last / first,
        "boots_10000_cpu_s": main.cpu_s - periodic,
        "boots_10000_periodic_ratio": periodic / (main.cpu_s - periodic),
        "boots_10000_rss_mib": peak,
        "boots_10000_entries_a_boot": entries,
        **told(cloud, work.asked),
    }


def told(cloud: SimulatedCloud, servers: int) -> dict[str, float]:
    """How much the journal has to say of an early server and of the last one; it must be about the same."""
    early, last = flow(cloud, random.Random(1).randrange(100)), flow(cloud, servers - 1)
    assert abs(early - last) < last / 10, (early, last)
    return {
        "boots_10000_entries_of_an_early_server": early,
        "boots_10000_entries_of_the_last_server": last,
        "boots_10000_journal_packed_mib": cloud.journal.packed_bytes / 2**20,
    }


def run(hosts: int, servers: int) -> Mapping[str, float]:
    """Measure on a cloud of its own."""

    async def main() -> dict[str, float]:
        racks = max(1, hosts // 40)
        datacenter = {"racks": racks, "hosts_per_rack": -(-hosts // racks)}
        async with lab.Cloud.simulated(7, config=config(), datacenter=datacenter) as cloud:
            gc.collect()
            gc.freeze()
            figures = await measure(cloud, servers)
            errors = cloud.wires.runtime.errors
            assert not errors, errors[:3]
            return figures

    return {name: round(value, 4) for name, value in lab.run(main, seed=7).items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=1000)
    parser.add_argument("--servers", type=int, default=10_000)
    args = parser.parse_args()
    print(json.dumps(run(args.hosts, args.servers)))
