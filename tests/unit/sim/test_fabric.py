"""Switches, links, ways and the control plane."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from lab.errors import Unreachable
from sim.datacenter.topology import DatacenterSpec

Site = Any


def test_the_plan_is_built(site: Site) -> None:
    dc = site.dc
    assert list(dc.hypervisors) == ["compute-1", "compute-2", "compute-3", "compute-4"]
    assert dc.hosts["compute-3"].rack == "rack-2"
    assert [s for s in dc.fabric.devices if s.startswith(("leaf", "spine", "border"))] == [
        "spine-1", "border-1", "leaf-0", "leaf-1", "leaf-2",
    ]  # fmt: skip
    assert set(dc.switch("leaf-1").ports) == {"spine-1", "compute-1", "compute-2"}
    addresses = [host.address for host in dc.hosts.values()]
    assert len(set(addresses)) == len(addresses)


def test_an_idle_datacenter_has_nothing_to_do(new_site: Callable[..., Site]) -> None:
    start = time.process_time()
    site = new_site(DatacenterSpec(racks=40, hosts_per_rack=25))
    assert time.process_time() - start < 1, "0.01 s on the machine where this was written"
    assert len(site.dc.hypervisors) == 1000
    assert site.loop.env.head()[1] == 0, "no device waits for anything"


def test_latency_follows_the_way(site: Site) -> None:
    latency = site.dc.fabric.latency_ns
    near, far = latency("compute-1", "compute-2"), latency("compute-1", "compute-3")
    assert latency("compute-1", "compute-1") < near < far < latency("client", "compute-1")
    assert far == latency("compute-3", "compute-1")
    with pytest.raises(KeyError, match="no device compute-99"):
        latency("compute-1", "compute-99")


def test_cut_cables_and_dark_switches_close_ways(site: Site) -> None:
    fabric, latency = site.dc.fabric, site.dc.fabric.latency_ns
    told: list[int] = []
    fabric.listeners.append(lambda: told.append(fabric.version))
    before = latency("controller-1", "compute-3")
    fabric.links["leaf-2--spine-1"].set(False)
    assert told
    assert latency("controller-1", "compute-3") is None
    assert latency("compute-3", "compute-4") is not None, "inside the rack all is well"
    fabric.links["leaf-2--spine-1"].set(True)
    assert latency("controller-1", "compute-3") == before
    site.dc.switch("spine-1").power(False)
    assert latency("controller-1", "compute-3") is None
    site.dc.switch("spine-1").power(True)
    site.dc.host("compute-3").power(False)
    assert latency("controller-1", "compute-3") is None
    assert latency("controller-1", "compute-4") is not None


def test_a_second_cable_waits_until_the_first_is_cut(site: Site) -> None:
    fabric = site.dc.fabric
    leaf, spine = site.dc.switch("leaf-1"), site.dc.switch("spine-1")
    spare = fabric.connect(leaf.port("spine-1b"), spine.port("leaf-1b"), 1_000, 10**9)
    assert spare.name == "leaf-1--spine-1#2"
    fabric.latency_ns("controller-1", "compute-1")
    assert spare.blocked, "spanning tree keeps the loop open"
    net = site.net("blue")
    a = site.guest("a", net, "compute-1", 11)
    site.guest("c", net, "compute-3", 13)
    site.sleep(20)
    assert site.ping(a, "10.0.0.13").ok
    fabric.links["leaf-1--spine-1"].set(False)
    assert fabric.latency_ns("controller-1", "compute-1") is not None
    assert not spare.blocked
    again = site.ping(a, "10.0.0.13")
    assert again.ok, again.walk
    assert any(hop.port == "spine-1b" for hop in again.hops)


def test_addresses_are_forgotten_with_age_and_with_power(site: Site) -> None:
    net = site.net("blue")
    a = site.guest("a", net, "compute-1", 11)
    site.guest("b", net, "compute-2", 12)
    site.sleep(20)
    leaf = site.dc.switch("leaf-1")
    site.ping(a, "10.0.0.12")
    assert {mac: port.name for mac, (port, _) in leaf.macs[100].items()} == {
        site.dc.vifs[a].nic.mac_address: "compute-1",
        site.dc.vifs["port-b"].nic.mac_address: "compute-2",
    }
    fresh = site.ping(a, "10.0.0.12")
    assert "flood" not in [hop.action for hop in fresh.hops]
    site.sleep(301)
    assert "flood" in [hop.action for hop in site.ping(a, "10.0.0.12").hops]
    leaf.power(False)
    assert leaf.macs == {}


def test_a_lossy_cable_loses_the_same_frames_for_the_same_seed(new_site: Callable[..., Site]) -> None:
    def losses(seed: int) -> list[bool]:
        site = new_site(seed=seed)
        net = site.net("blue")
        a = site.guest("a", net, "compute-1", 11)
        site.guest("b", net, "compute-3", 12)
        site.sleep(20)
        site.dc.fabric.links["leaf-2--spine-1"].loss = 0.4
        return [site.ping(a, "10.0.0.12").ok for _ in range(12)]

    first = losses(1)
    assert first == losses(1)
    assert True in first
    assert False in first


def test_transfers_cross_the_fabric(site: Site) -> None:
    fabric, start = site.dc.fabric, site.dc.now()
    nbytes = 1_250_000_000  # one second at 10 Gb/s
    site.run(fabric.transfer("controller-1", "compute-1", nbytes))
    alone = site.dc.now() - start
    assert 1_000_000_000 <= alone < 1_001_000_000

    async def both() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(fabric.transfer("controller-1", "compute-1", nbytes))
            group.create_task(fabric.transfer("controller-1", "compute-3", nbytes))

    start = site.dc.now()
    site.run(both())
    assert 2_000_000_000 <= site.dc.now() - start < 2_001_000_000, "the controller's cable is shared"
    fabric.links["compute-1--leaf-1"].slow(10)
    start = site.dc.now()
    site.run(fabric.transfer("controller-1", "compute-1", nbytes))
    assert 10_000_000_000 <= site.dc.now() - start < 10_001_000_000


def test_transfers_without_a_way_fail(site: Site) -> None:
    site.dc.fabric.links["compute-1--leaf-1"].set(False)
    with pytest.raises(Unreachable, match="compute-1 cannot be reached from controller-1"):
        site.run(site.dc.fabric.transfer("controller-1", "compute-1", 1))
