"""What every hypervisor driver promises."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, TypeVar

import pytest

from lab.errors import HypervisorError
from lab.services.compute.driver import GuestDisk, GuestNic, GuestSpec, GuestState, HypervisorDriver
from tests.content import holding
from tests.contracts.record import promise

T = TypeVar("T")
IMAGE = "5f0f3b1c-1111-4222-8333-444455556666"
RUNNING, PAUSED, SHUTDOWN, CRASHED = 1, 3, 4, 6


def new_nic(network: str = "net-1") -> GuestNic:
    """A card of a new port."""
    port = str(uuid.uuid4())
    return GuestNic(port, f"fa:16:3e:{port[:2]}:{port[2:4]}:{port[4:6]}", network, f"tap{port[:11]}", 1450)


class HypervisorBench(ABC):
    """A driver on a host of its own, with one image in its cache."""

    driver: HypervisorDriver
    image: bytes = b"image"

    @abstractmethod
    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a verb to its end."""

    @abstractmethod
    def footprint(self) -> list[str]:
        """All that is on the host: guests, devices, files, space taken."""

    @abstractmethod
    def taps(self) -> set[str]:
        """The host's devices of guests' cards."""

    @abstractmethod
    def again(self) -> HypervisorDriver:
        """A new driver on the same host, as after a restart of the agent; it is the bench's from now on."""

    @abstractmethod
    def volume(self) -> GuestDisk:
        """A new volume, connected to this host, to be the guest's second disk."""

    @abstractmethod
    def plugged(self, guest_id: str) -> list[str]:
        """The ids of the volumes that a guest has, as the hypervisor itself says."""

    @abstractmethod
    def crash(self, guest_id: str) -> None:
        """Have a guest die."""

    @abstractmethod
    def fill(self) -> AbstractContextManager[None]:
        """Have no room on the host's disk."""

    UP = "login:"
    """What a guest prints once when its system is up."""

    def booted(self, guest_id: str, times: int = 1) -> None:
        """Wait until the guest's system came up that many times."""
        self.until(lambda: self.console(guest_id).count(self.UP) == times)

    def console(self, guest_id: str) -> str:
        """What it printed."""
        return self.run(self.driver.console(guest_id))

    def until(self, reached: Callable[[], bool], seconds: float = 60.0) -> None:
        """Wait for something, for a minute at most."""
        for _ in range(round(seconds / 0.2)):
            if reached():
                return
            self.run(asyncio.sleep(0.2))
        consoles = [self.console(state.id) for state in self.run(self.driver.guests())]
        raise AssertionError("\n".join(["it did not come about in time; the consoles say:", *consoles]))

    def spec(self, name: str = "instance-00000001") -> GuestSpec:
        """A guest with one card and a root disk of the image."""
        root = GuestDisk("/dev/vda", 1, image_id=IMAGE)
        return GuestSpec(str(uuid.uuid4()), name, "web", 1, 128, (new_nic(),), (root,))

    def cache(self) -> None:
        """Put the image into the cache."""
        self.run(self.driver.cache_image(IMAGE, len(self.image), hashlib.md5(self.image).hexdigest(), holding(self.image)))

    def spawned(self) -> GuestSpec:
        """A guest that runs."""
        self.cache()
        spec = self.spec()
        self.run(self.driver.spawn(spec))
        return spec

    def power(self, guest_id: str) -> int | None:
        """The power of one guest, None when there is no such guest."""
        return next((state.power for state in self.run(self.driver.guests()) if state.id == guest_id), None)


class HypervisorContract:
    """The promises."""

    port = "hypervisor"

    # -- the host -----------------------------------------------------------------------------

    @promise("inventory", "the same numbers each time")
    def test_inventory(self, bench: HypervisorBench) -> None:
        first, second = bench.run(bench.driver.inventory()), bench.run(bench.driver.inventory())
        assert first == second
        assert min(first.vcpus, first.memory_mib, first.hypervisor_version) > 0
        assert first.host_ip
        assert "COMPUTE_NODE" in first.traits
        said = bench.run(bench.driver.uptime())
        assert said is None or (" up " in said and "load average: " in said)

    @promise("cache_image", "an image is there afterwards, a repeat takes nothing")
    def test_cache(self, bench: HypervisorBench) -> None:
        assert not bench.run(bench.driver.has_image(IMAGE))
        bench.cache()
        assert bench.run(bench.driver.has_image(IMAGE))
        before = bench.footprint()
        bench.cache()
        assert bench.footprint() == before
        assert bench.run(bench.again().has_image(IMAGE))

    @promise("cache_image", "on a full disk a clear error leaves nothing")
    def test_cache_full(self, bench: HypervisorBench) -> None:
        before = bench.footprint()
        with bench.fill(), pytest.raises(HypervisorError, match="No space left"):
            bench.cache()
        assert not bench.run(bench.driver.has_image(IMAGE))
        assert bench.footprint() == before
        bench.cache()

    # -- spawn and destroy --------------------------------------------------------------------

    @promise("spawn", "devices, then the wait for the network, then power")
    def test_order(self, bench: HypervisorBench) -> None:
        bench.cache()
        spec, seen = bench.spec(), list[tuple[bool, list[GuestState]]]()

        async def plugged() -> None:
            seen.append((spec.nics[0].tap in bench.taps(), await bench.driver.guests()))

        bench.run(bench.driver.spawn(spec, plugged))
        [(tap_was_there, states)] = seen
        assert tap_was_there
        assert all(state.power != RUNNING for state in states)
        assert bench.run(bench.driver.guests()) == [GuestState(spec.id, spec.name, RUNNING)]

    @promise("spawn", "a repeat converges")
    def test_spawn_twice(self, bench: HypervisorBench) -> None:
        spec = bench.spawned()
        bench.run(bench.driver.spawn(spec))
        assert bench.run(bench.driver.guests()) == [GuestState(spec.id, spec.name, RUNNING)]
        assert bench.taps() == {spec.nics[0].tap}

    @promise("spawn", "an error of the wait undoes everything")
    def test_wait_fails(self, bench: HypervisorBench) -> None:
        bench.cache()
        before = bench.footprint()

        async def never() -> None:
            raise HypervisorError("the network did not come")

        with pytest.raises(HypervisorError, match="the network did not come"):
            bench.run(bench.driver.spawn(bench.spec(), never))
        assert bench.footprint() == before

    @promise("spawn", "an image that is not in the cache is named, and nothing is left")
    def test_no_image(self, bench: HypervisorBench) -> None:
        before = bench.footprint()
        with pytest.raises(HypervisorError, match=f"image {IMAGE} is not in the cache of compute-1"):
            bench.run(bench.driver.spawn(bench.spec()))
        assert bench.footprint() == before

    @promise("spawn", "on a full disk a clear error leaves nothing")
    def test_spawn_full(self, bench: HypervisorBench) -> None:
        bench.cache()
        before = bench.footprint()
        with bench.fill(), pytest.raises(HypervisorError, match="No space left"):
            bench.run(bench.driver.spawn(bench.spec()))
        assert bench.footprint() == before

    @promise("destroy", "nothing is left; a repeat and an unknown guest are no errors")
    def test_destroy(self, bench: HypervisorBench) -> None:
        bench.cache()
        before = bench.footprint()
        spec = bench.spec()
        bench.run(bench.driver.spawn(spec))
        assert bench.footprint() != before
        for _ in range(2):
            bench.run(bench.driver.destroy(spec.id))
            assert bench.footprint() == before
        bench.run(bench.driver.destroy(str(uuid.uuid4())))

    @promise("destroy", "wins against a build")
    def test_destroy_while_built(self, bench: HypervisorBench) -> None:
        bench.cache()
        before, spec = bench.footprint(), bench.spec()

        async def plugged() -> None:
            await bench.driver.destroy(spec.id)

        with pytest.raises(HypervisorError, match="was destroyed"):
            bench.run(bench.driver.spawn(spec, plugged))
        assert bench.footprint() == before

    @promise("destroy", "removes what a lost agent was building")
    def test_lost_agent(self, bench: HypervisorBench) -> None:
        bench.cache()
        before, spec = bench.footprint(), bench.spec()

        async def lose() -> None:
            reached = asyncio.Event()

            async def plugged() -> None:
                reached.set()
                await asyncio.sleep(1000)

            build = asyncio.ensure_future(bench.driver.spawn(spec, plugged))
            await reached.wait()
            build.cancel()
            await asyncio.wait([build])

        bench.run(lose())
        driver = bench.again()
        assert [state.id for state in bench.run(driver.guests())] == [spec.id]
        bench.run(driver.destroy(spec.id))
        assert bench.footprint() == before

    @promise("guests", "all of this host, sorted by id; a new driver finds them")
    def test_guests(self, bench: HypervisorBench) -> None:
        first = bench.spawned()
        second = bench.spec("instance-00000002")
        bench.run(bench.driver.spawn(second))
        bench.run(bench.driver.power_off(first.id, 0))
        expected = sorted([GuestState(first.id, first.name, SHUTDOWN), GuestState(second.id, second.name, RUNNING)], key=lambda s: s.id)
        assert bench.run(bench.driver.guests()) == expected
        assert bench.run(bench.again().guests()) == expected

    # -- power --------------------------------------------------------------------------------

    @promise("power_on", "a repeat converges")
    def test_power(self, bench: HypervisorBench) -> None:
        spec = bench.spawned()
        for _ in range(2):
            bench.run(bench.driver.power_off(spec.id, 0))
            assert bench.power(spec.id) == SHUTDOWN
        for _ in range(2):
            bench.run(bench.driver.power_on(spec.id))
            assert bench.power(spec.id) == RUNNING
        assert bench.taps() == {spec.nics[0].tap}

    @promise("pause", "the guest stands still, and goes on where it was; a repeat converges")
    def test_pause(self, bench: HypervisorBench) -> None:
        spec = bench.spawned()
        bench.booted(spec.id)
        for _ in range(2):
            bench.run(bench.driver.pause(spec.id))
            assert bench.power(spec.id) == PAUSED
        for _ in range(2):
            bench.run(bench.driver.unpause(spec.id))
            assert bench.power(spec.id) == RUNNING
        bench.booted(spec.id, times=1)
        bench.run(bench.driver.pause(spec.id))
        bench.run(bench.driver.power_off(spec.id, 0))
        assert bench.power(spec.id) == SHUTDOWN
        for call in (bench.driver.pause(spec.id), bench.driver.unpause(spec.id)):
            with pytest.raises(HypervisorError, match=r"off|not running"):
                bench.run(call)

    @promise("power_off", "the system inside shuts itself down when it is given time")
    def test_soft_off(self, bench: HypervisorBench) -> None:
        spec = bench.spawned()
        bench.booted(spec.id)
        bench.run(bench.driver.power_off(spec.id, 30))
        assert bench.power(spec.id) == SHUTDOWN
        assert "power" in bench.console(spec.id).splitlines()[-1].lower()

    @promise("reboot", "hard: the guest boots anew")
    def test_hard_reboot(self, bench: HypervisorBench) -> None:
        spec = bench.spawned()
        bench.booted(spec.id)
        bench.run(bench.driver.reboot(spec.id, hard=True))
        assert bench.power(spec.id) == RUNNING
        bench.booted(spec.id, times=2)

    @promise("reboot", "soft: the guest ends by itself and boots anew")
    def test_soft_reboot(self, bench: HypervisorBench) -> None:
        spec = bench.spawned()
        bench.booted(spec.id)
        bench.run(bench.driver.reboot(spec.id, hard=False))
        assert bench.power(spec.id) == RUNNING
        bench.booted(spec.id, times=2)
        assert "power" in bench.console(spec.id).lower()

    @promise("power_on", "what is not there is named")
    def test_unknown(self, bench: HypervisorBench) -> None:
        none = str(uuid.uuid4())
        driver = bench.driver
        for call in (driver.power_on(none), driver.power_off(none), driver.pause(none), driver.unpause(none), driver.reboot(none, True),
                     driver.console(none), driver.attach_nic(none, new_nic())):  # fmt: skip
            with pytest.raises(HypervisorError, match=f"no guest {none} on compute-1"):
                bench.run(call)

    @promise("on_power_change", "a guest that dies is told, what the driver was asked to do is no news")
    def test_news(self, bench: HypervisorBench) -> None:
        spec, told = bench.spawned(), list[tuple[str, int]]()
        bench.driver.on_power_change(lambda guest_id, power: told.append((guest_id, power)))
        bench.run(bench.driver.power_off(spec.id, 0))
        bench.run(bench.driver.power_on(spec.id))
        bench.run(bench.driver.reboot(spec.id, hard=True))
        bench.run(asyncio.sleep(1))
        assert told == []
        bench.crash(spec.id)
        bench.until(lambda: bool(told))
        assert [(guest_id, power in (SHUTDOWN, CRASHED)) for guest_id, power in told] == [(spec.id, True)]
        bench.run(bench.driver.power_on(spec.id))
        assert bench.power(spec.id) == RUNNING

    # -- console, cards, volumes --------------------------------------------------------------

    @promise("console", "all that was printed, or the last lines; kept over a restart of the agent")
    def test_console(self, bench: HypervisorBench) -> None:
        spec = bench.spawned()
        bench.booted(spec.id)
        whole = bench.console(spec.id)
        assert bench.UP in whole
        assert bench.run(bench.driver.console(spec.id, 1)).count("\n") <= 1
        assert bench.run(bench.driver.console(spec.id, 0)) == ""
        bench.again()
        assert bench.console(spec.id).startswith(whole)

    @promise("attach_nic", "a card is plugged into a running guest; a repeat converges; it is there after a power cycle")
    def test_nic(self, bench: HypervisorBench) -> None:
        spec, nic = bench.spawned(), new_nic()
        bench.booted(spec.id)
        for _ in range(2):
            bench.run(bench.driver.attach_nic(spec.id, nic))
            assert bench.taps() == {spec.nics[0].tap, nic.tap}
        bench.run(bench.driver.reboot(spec.id, hard=True))
        assert bench.taps() == {spec.nics[0].tap, nic.tap}
        bench.booted(spec.id, times=2)
        for _ in range(2):
            bench.run(bench.driver.detach_nic(spec.id, nic.port_id))
            assert bench.taps() == {spec.nics[0].tap}

    @promise("detach_nic", "a guest that is off loses its card; no guest and no card are no errors")
    def test_nic_off(self, bench: HypervisorBench) -> None:
        spec, nic = bench.spawned(), new_nic()
        bench.run(bench.driver.power_off(spec.id, 0))
        bench.run(bench.driver.attach_nic(spec.id, nic))
        bench.run(bench.driver.detach_nic(spec.id, nic.port_id))
        assert nic.tap not in bench.taps()
        bench.run(bench.driver.detach_nic(spec.id, str(uuid.uuid4())))
        bench.run(bench.driver.detach_nic(str(uuid.uuid4()), nic.port_id))

    @promise("attach_disk", "a volume is plugged into a running guest and out again; a repeat converges")
    def test_disk(self, bench: HypervisorBench) -> None:
        spec, disk = bench.spawned(), bench.volume()
        bench.booted(spec.id)
        for _ in range(2):
            bench.run(bench.driver.attach_disk(spec.id, disk))
            assert bench.plugged(spec.id) == [disk.volume_id]
        for _ in range(2):
            bench.run(bench.driver.detach_disk(spec.id, disk.volume_id or ""))
            assert bench.plugged(spec.id) == []
        bench.run(bench.driver.attach_disk(spec.id, disk))
        bench.run(bench.driver.detach_disk(str(uuid.uuid4()), disk.volume_id or ""))
        assert bench.plugged(spec.id) == [disk.volume_id]

    @promise("attach_disk", "a volume that cannot be reached is a clear error, and the guest is as before")
    def test_disk_out_of_reach(self, bench: HypervisorBench) -> None:
        disk, spec = bench.volume(), bench.spawned()
        assert disk.connection is not None
        connection = {"driver_volume_type": "nfs", "data": {"export": "192.0.2.1:/none", "name": "none", "format": "qcow2"}}
        with pytest.raises(HypervisorError):
            bench.run(bench.driver.attach_disk(spec.id, replace(disk, connection=connection)))
        bench.run(bench.driver.attach_disk(spec.id, disk))
        bench.run(bench.driver.reboot(spec.id, hard=True))
        assert bench.power(spec.id) == RUNNING
