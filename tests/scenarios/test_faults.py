"""Each fault that a scenario can write does what it says in the simulated world, at its time, and ends when it should."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import lab
from lab.cloud import SimulatedCloud
from lab.errors import LabError
from lab.teach.stage import Stage

SMALL = {"racks": 1, "hosts_per_rack": 1, "storage_nodes": 1, "disks_per_storage_node": 3}


def in_cloud(work: Callable[[SimulatedCloud], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        async with lab.Cloud.simulated(5, datacenter=dict(SMALL)) as cloud:
            return await work(cloud)

    return lab.run(main, seed=5)


async def a_server(cloud: SimulatedCloud) -> Stage:
    stage = Stage(cloud)
    await stage.image("cirros", size_mib=1)
    await stage.flavor("m1.tiny")
    await stage.network("blue")
    await stage.server("web", "m1.tiny", "blue", image="cirros", timeout_s=120)
    return stage


def test_a_dropped_cast_leaves_the_server_building() -> None:
    async def work(cloud: SimulatedCloud) -> tuple[str | None, list[str]]:
        cloud.plant("message", message="build_and_run_instance", target="nova-compute@compute-1", do="drop")
        stage = await a_server(cloud)
        return stage.servers["web"].status, [e.name for e in cloud.journal.find(kind="fault")]

    assert in_cloud(work) == ("BUILD", ["drop build_and_run_instance"])


def test_a_driver_that_fails_ends_in_error() -> None:
    async def work(cloud: SimulatedCloud) -> str | None:
        cloud.plant("driver", driver="hypervisor.spawn", host="compute-1", times=3, do="raise")
        return (await a_server(cloud)).servers["web"].status

    assert in_cloud(work) == "ERROR"


def test_the_nth_of_something_is_met_and_no_other() -> None:
    async def work(cloud: SimulatedCloud) -> list[str | None]:
        cloud.plant("message", message="build_and_run_instance", nth=2, do="drop")
        stage = await a_server(cloud)
        for name in ("db", "cache"):
            await stage.server(name, "m1.tiny", "blue", image="cirros", timeout_s=120)
        return [server.status for server in stage.servers.values()]

    assert in_cloud(work) == ["ACTIVE", "BUILD", "ACTIVE"]


def test_a_process_dies_at_a_time_and_comes_back_at_the_end() -> None:
    async def work(cloud: SimulatedCloud) -> list[bool]:
        cloud.plant("process", process="nova-compute@*", do="kill", at_s=10, until_s=30)
        seen = []
        for seconds in (5, 10, 20):
            await cloud.sleep(seconds)
            seen.append(cloud.process("nova-compute@compute-1").alive)
        return seen

    assert in_cloud(work) == [True, False, True]


def test_a_hung_process_goes_on_at_the_end() -> None:
    async def work(cloud: SimulatedCloud) -> list[bool]:
        cloud.plant("process", process="nova-scheduler@controller-1", do="hang", until_s=30)
        seen = [cloud.process("nova-scheduler@controller-1").hung]
        await cloud.sleep(31)
        return [*seen, cloud.process("nova-scheduler@controller-1").hung]

    assert in_cloud(work) == [True, False]


def test_a_process_dies_with_a_driver_call() -> None:
    async def work(cloud: SimulatedCloud) -> tuple[str | None, bool]:
        on = {"driver": "hypervisor.spawn", "host": "compute-1"}
        cloud.plant("process", process="nova-compute@compute-1", do="kill", on=on)
        before = cloud.process("nova-compute@compute-1").alive
        return (await a_server(cloud)).servers["web"].task_state, before

    assert in_cloud(work) == ("spawning", True)


def test_a_restart_is_another_life() -> None:
    async def work(cloud: SimulatedCloud) -> int:
        cloud.plant("process", process="glance@controller-1", do="restart", at_s=1)
        await cloud.sleep(2)
        return cloud.wires.lives["glance@controller-1"]

    assert in_cloud(work) == 2


def test_cables_and_filers_and_trunks_break_and_are_mended() -> None:
    async def work(cloud: SimulatedCloud) -> list[Any]:
        datacenter = cloud.world.datacenter
        link, nas = datacenter.fabric.links["leaf-1--spine-1"], datacenter.filers["nas-1"]
        cloud.plant("link", link="spine-1--leaf-1", do="cut", until_s=5)
        cloud.plant("link", link="leaf-1--spine-1", do="slow", factor=4, until_s=5)
        cloud.plant("nas", nas="nas-1", do="slow", factor=7, until_s=5)
        cloud.plant("nas", nas="nas-1", do="full", until_s=5)
        cloud.plant("trunk", trunk="leaf-1", vlan=142, do="omit", until_s=5)
        denied = [set(port.denied or ()) for port in datacenter.switch("leaf-1").trunks()]
        broken = [link.up, link.factor, nas.factor, nas.full, denied]
        await cloud.sleep(6)
        denied = [set(port.denied or ()) for port in datacenter.switch("leaf-1").trunks()]
        return [broken, [link.up, link.factor, nas.factor, nas.full, denied]]

    broken, mended = in_cloud(work)
    assert broken == [False, 4, 7, True, [{142}]]
    assert mended == [True, 1, 1, False, [set()]]


@pytest.mark.parametrize(("kind", "what", "words"), [
    ("lonk", {"lonk": "leaf-1--spine-1", "do": "cut"}, "unknown fault 'lonk'; known: message, driver, process, link"),
    ("link", {"link": "leaf-1--spine-1", "do": "burn"}, "has no 'burn'; known: cut, slow, mend"),
    ("link", {"link": "leaf-1--spine-1"}, "needs 'do'"), ("link", {"lnk": "leaf-1--spine-1", "do": "cut"}, "no key 'lnk'"),
    ("message", {"message": "x", "do": "drop", "nth": "two"}, "'nth' of the fault 'message' is a whole number"),
])  # fmt: skip
def test_a_fault_that_is_none_is_refused_in_words(kind: str, what: dict[str, Any], words: str) -> None:
    async def work(cloud: SimulatedCloud) -> str:
        with pytest.raises(LabError) as caught:
            cloud.plant(kind, **what)
        assert not list(cloud.journal.find(kind="fault"))
        return str(caught.value)

    assert words in in_cloud(work)


@pytest.mark.parametrize(
    ("kind", "what", "known"),
    [
        ("process", {"process": "nova-compute@compute-9", "do": "kill"}, "nova-compute@compute-1"),
        ("link", {"link": "leaf-9--spine-1", "do": "cut"}, "leaf-1--spine-1"),
        ("nas", {"nas": "nas-9", "do": "slow"}, "nas-1"),
        ("trunk", {"trunk": "leaf-9", "vlan": 1, "do": "omit"}, "leaf-1"),
    ],
)
def test_an_unknown_part_is_answered_with_the_known_ones(kind: str, what: dict[str, Any], known: str) -> None:
    async def work(cloud: SimulatedCloud) -> str:
        with pytest.raises(LabError) as caught:
            cloud.plant(kind, **what)
        return str(caught.value)

    assert known in in_cloud(work)
