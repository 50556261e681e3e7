"""The simulated hypervisor keeps the promises of its port."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from lab.errors import HypervisorError, NoSpace
from lab.services.compute.driver import GuestDisk, GuestNic, GuestSpec, GuestState
from lab.services.volume.driver import Connector
from sim.hypervisor import OVERLAY_BYTES, SimHypervisor
from sim.volume import SimNas
from tests.breakage import WorldFaults
from tests.content import unread

Site = Any
NIC = GuestNic("port-1", "fa:16:3e:00:00:01", "net-1", "tapport-1", addresses=("10.0.0.5",))
ROOT = GuestDisk("/dev/vda", 10, image_id="image-1")
SPEC = GuestSpec("id-1", "instance-00000001", "web", 1, 512, (NIC,), (ROOT,))


@pytest.fixture
def hypervisor(site: Site) -> SimHypervisor:
    driver: SimHypervisor = site.hypervisor()
    site.run(driver.cache_image("image-1", 20 * 1024**2, "00", unread))
    return driver


def footprint(driver: SimHypervisor) -> tuple[object, ...]:
    """All that a guest may leave on a host."""
    host = driver.host
    bridge = host.bridge
    return (host.disk.used, sorted(host.guests), sorted(bridge.taps), sorted(bridge.wirings), sorted(driver.dc.vifs), host.busy)


def test_inventory_and_cache(site: Site, hypervisor: SimHypervisor) -> None:
    found = site.run(hypervisor.inventory())
    assert (found.vcpus, found.memory_mib, found.disk_gib) == (32, 131_072, 1_000)
    assert found.host_ip == hypervisor.host.address
    assert site.run(hypervisor.has_image("image-1"))
    assert not site.run(hypervisor.has_image("image-2"))
    used = hypervisor.host.disk.used
    site.run(hypervisor.cache_image("image-1", 20 * 1024**2, "00", unread))
    assert hypervisor.host.disk.used == used, "a repeat takes nothing"


def test_a_life(site: Site, hypervisor: SimHypervisor) -> None:
    before = footprint(hypervisor)
    start = site.dc.now()
    site.run(hypervisor.spawn(SPEC))
    assert 4e9 < site.dc.now() - start < 9e9, "some seconds without the wait for the network"
    assert site.run(hypervisor.guests()) == [GuestState("id-1", "instance-00000001", 1)]
    assert sorted(hypervisor.host.bridge.taps) == ["port-1"]
    now = site.dc.now()
    site.run(hypervisor.spawn(SPEC))
    assert site.dc.now() == now, "a repeat converges"
    site.run(hypervisor.power_off("id-1", 0))
    assert site.run(hypervisor.guests())[0].power == 4
    site.run(hypervisor.power_off("id-1"))
    site.run(hypervisor.power_on("id-1"))
    site.run(hypervisor.power_on("id-1"))
    assert site.run(hypervisor.guests())[0].power == 1
    site.run(hypervisor.destroy("id-1"))
    site.run(hypervisor.destroy("id-1"))
    assert footprint(hypervisor) == before


def test_the_network_is_awaited_between_taps_and_power(site: Site, hypervisor: SimHypervisor) -> None:
    seen: list[tuple[list[str], int]] = []

    async def wait_plugged() -> None:
        seen.append((sorted(hypervisor.host.bridge.taps), hypervisor.host.guests["id-1"].power_state))

    site.run(hypervisor.spawn(SPEC, wait_plugged))
    assert seen == [(["port-1"], 0)]


def test_an_error_of_the_wait_undoes_everything(site: Site, hypervisor: SimHypervisor) -> None:
    before = footprint(hypervisor)

    async def never() -> None:
        raise HypervisorError("Virtual Interface creation failed")

    with pytest.raises(HypervisorError, match="Virtual Interface creation failed"):
        site.run(hypervisor.spawn(SPEC, never))
    assert footprint(hypervisor) == before


def test_a_lost_agent_leaves_what_it_was_making_and_the_next_one_can_remove_it(site: Site, hypervisor: SimHypervisor) -> None:
    before = footprint(hypervisor)

    async def lose() -> None:
        build = asyncio.ensure_future(hypervisor.spawn(SPEC))
        await asyncio.sleep(2.0)
        build.cancel()
        await asyncio.wait([build])

    site.run(lose())
    assert hypervisor.host.disk.used > before[0]  # type: ignore[operator]
    next_driver = SimHypervisor(site.dc, "compute-1")
    assert site.run(next_driver.guests()) == [GuestState("id-1", "instance-00000001", 0)]
    site.run(next_driver.destroy("id-1"))
    assert footprint(hypervisor) == before


def test_destroy_wins_against_a_build(site: Site, hypervisor: SimHypervisor) -> None:
    before = footprint(hypervisor)

    async def race() -> BaseException | None:
        build = asyncio.ensure_future(hypervisor.spawn(SPEC))
        await asyncio.sleep(1.0)
        await hypervisor.destroy("id-1")
        await asyncio.wait([build])
        return build.exception()

    assert "was destroyed" in str(site.run(race()))
    assert footprint(hypervisor) == before


def test_builds_slow_each_other_down_a_little(site: Site, hypervisor: SimHypervisor) -> None:
    async def many(count: int) -> float:
        start = asyncio.get_running_loop().time()
        specs = [GuestSpec(f"id-{count}-{n}", f"i-{n}", "", 1, 64) for n in range(count)]
        async with asyncio.TaskGroup() as group:
            for spec in specs:
                group.create_task(hypervisor.spawn(spec))
        return asyncio.get_running_loop().time() - start

    assert site.run(many(1)) < site.run(many(8)) < 20


def test_full_disk(site: Site, hypervisor: SimHypervisor) -> None:
    before = footprint(hypervisor)
    mend = WorldFaults(site.dc).fill_disk("compute-1")
    with pytest.raises(HypervisorError, match="No space left on device") as caught:
        site.run(hypervisor.spawn(SPEC))
    assert isinstance(caught.value.__cause__, NoSpace)
    with pytest.raises(HypervisorError, match="No space left"):
        site.run(hypervisor.cache_image("image-2", 1, "00", unread))
    assert footprint(hypervisor) == before
    mend()
    site.run(hypervisor.spawn(SPEC))
    assert hypervisor.host.disk.used == before[0] + OVERLAY_BYTES  # type: ignore[operator]


def test_what_is_missing_is_named(site: Site, hypervisor: SimHypervisor) -> None:
    other = GuestSpec("id-2", "instance-2", "", 1, 64, disks=(GuestDisk("/dev/vda", 1, image_id="image-9"),))
    with pytest.raises(HypervisorError, match="image image-9 is not in the cache of compute-1"):
        site.run(hypervisor.spawn(other))
    for call in (hypervisor.power_on("id-9"), hypervisor.power_off("id-9"), hypervisor.reboot("id-9", True), hypervisor.console("id-9")):
        with pytest.raises(HypervisorError, match="no guest id-9 on compute-1"):
            site.run(call)
    site.run(hypervisor.detach_nic("id-9", "port-1"))
    site.run(hypervisor.detach_disk("id-9", "volume-1"))


def test_the_console_tells_the_boot(site: Site) -> None:
    net = site.net("blue")
    site.guest("web", net, "compute-1", 11)
    driver = site.hypervisor()
    early = site.run(driver.console("id-web"))
    assert "Linux version" in early
    assert "login:" not in early
    site.sleep(20)
    text = site.run(driver.console("id-web"))
    assert text.endswith("web login: \n")
    assert "udhcpc: lease of 10.0.0.11 obtained from 10.0.0.2, lease time 86400" in text
    assert site.run(driver.console("id-web", 1)) == "web login: \n"
    site.run(driver.reboot("id-web", hard=False))
    site.sleep(20)
    assert site.run(driver.console("id-web")).count("web login:") == 2
    assert "reboot: Power down" in site.run(driver.console("id-web"))


def test_a_deaf_guest_is_cut_after_the_timeout(site: Site, hypervisor: SimHypervisor) -> None:
    site.run(hypervisor.spawn(SPEC))
    site.sleep(20)
    faults = WorldFaults(site.dc)
    faults.hang_guest("id-1")
    start = site.dc.now()
    site.run(hypervisor.power_off("id-1", 60.0))
    assert 60e9 < site.dc.now() - start < 62e9
    assert site.run(hypervisor.guests())[0].power == 4


def test_a_crash_is_told(site: Site, hypervisor: SimHypervisor) -> None:
    told: list[tuple[str, int]] = []
    hypervisor.on_power_change(lambda guest_id, power: told.append((guest_id, power)))
    site.run(hypervisor.spawn(SPEC))
    site.run(hypervisor.power_off("id-1", 0))
    assert told == [], "what the driver was asked to do is no news"
    site.run(hypervisor.power_on("id-1"))
    WorldFaults(site.dc).crash_guest("id-1")
    assert told == [("id-1", 6)]
    assert "Kernel panic" in site.run(hypervisor.console("id-1"))
    site.run(hypervisor.power_on("id-1"))
    assert site.run(hypervisor.guests())[0].power == 1


def test_cards_are_plugged_and_unplugged(site: Site, hypervisor: SimHypervisor) -> None:
    site.run(hypervisor.spawn(SPEC))
    second = GuestNic("port-2", "fa:16:3e:00:00:02", "net-1", "tapport-2")
    site.run(hypervisor.attach_nic("id-1", second))
    site.run(hypervisor.attach_nic("id-1", second))
    assert sorted(hypervisor.host.bridge.taps) == ["port-1", "port-2"]
    site.run(hypervisor.detach_nic("id-1", "port-2"))
    site.run(hypervisor.detach_nic("id-1", "port-2"))
    assert sorted(hypervisor.host.bridge.taps) == ["port-1"]


def test_volumes_are_attached_only_where_they_are_exported(site: Site, hypervisor: SimHypervisor) -> None:
    nas = SimNas(site.dc, "nas-1")
    site.run(hypervisor.spawn(SPEC))
    site.run(nas.create("vol-1", 10))
    here = Connector("compute-1", hypervisor.host.address)
    connection = site.run(nas.connect("vol-1", here))
    disk = GuestDisk("/dev/vdb", 10, volume_id="vol-1", connection=connection)
    site.run(hypervisor.attach_disk("id-1", disk))
    site.run(hypervisor.attach_disk("id-1", disk))
    assert "vol-1" in hypervisor.host.guests["id-1"].disks
    site.run(hypervisor.detach_disk("id-1", "vol-1"))
    site.run(nas.disconnect("vol-1", here))
    with pytest.raises(HypervisorError, match="access denied by server"):
        site.run(hypervisor.attach_disk("id-1", disk))
    site.dc.fabric.links["nas-1--leaf-0"].set(False)
    with pytest.raises(HypervisorError, match="Connection timed out"):
        site.run(hypervisor.attach_disk("id-1", disk))
    assert list(hypervisor.host.guests["id-1"].disks) == ["/dev/vda"]


def test_a_host_without_power_does_nothing(site: Site, hypervisor: SimHypervisor) -> None:
    site.run(hypervisor.spawn(SPEC))
    back = WorldFaults(site.dc).power_host("compute-1")
    with pytest.raises(HypervisorError, match="host compute-1 has no power"):
        site.run(hypervisor.guests())
    back()
    assert site.run(hypervisor.guests())[0].power == 4
