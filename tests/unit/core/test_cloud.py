"""The façade on its three transports."""

from __future__ import annotations

import asyncio
import gc

import pytest

import lab
from lab.client.resource import WaitFailed
from lab.client.session import ApiError
from lab.errors import LabError, NotFound, Unreachable
from sim.loop import SimLoop

SMALL = {"racks": 1, "hosts_per_rack": 1}


async def server_with_network(cloud):
    """Create one server on a network of its own and wait for it."""
    image = await cloud.image.images.create("cirros")
    await image.upload(b"not really an image")
    flavor = await cloud.compute.flavors.create("m1.tiny", vcpus=1, ram=512, disk=1)
    network = await cloud.network.networks.create("blue")
    await cloud.network.subnets.create(network.id, "10.0.0.0/24")
    server = await cloud.compute.servers.create("web", flavor.id, image=image.id, networks=[{"uuid": network.id}])
    assert server.status == "BUILD"
    return await server.wait_for("ACTIVE"), image


def test_a_program_in_virtual_time():
    async def main():
        async with lab.Cloud.simulated(3, datacenter=SMALL) as cloud:
            server, image = await server_with_network(cloud)
            assert await image.download() == b"not really an image"
            assert server.addresses
            await server.delete()
            await server.wait_gone()
            return asyncio.get_running_loop().time()

    assert lab.run(main) > 10


def test_what_a_server_s_life_used_goes_without_the_collector():
    async def main():
        async with lab.Cloud.simulated(3, datacenter=SMALL) as cloud:
            gc.collect()
            gc.disable()
            try:
                server, _ = await server_with_network(cloud)
                await server.delete()
                await server.wait_gone()
                assert gc.collect() == 0
            finally:
                gc.enable()

    lab.run(main)


def test_a_list_is_read_to_its_end():
    async def main():
        async with lab.Cloud.simulated(3, datacenter=SMALL) as cloud:
            images = cloud.image.images
            made = [(await images.create(f"i{number}")).id for number in range(27)]  # glance answers 25 at once
            assert sorted(image.id for image in await images.list()) == sorted(made)
            assert (await images.find("i0")).id == made[0]
            assert len(await images.list(limit=2)) == 2
            assert [image.name for image in await images.list(sort="name:asc", marker=made[26])] == [f"i{n}" for n in range(3, 10)]
            await cloud.object.create_container("box")
            for name in ("a", "b&c"):
                await cloud.object.put("box", name, b"1")
            assert [entry["name"] for entry in await cloud.object.list("box")] == ["a", "b&c"]

    lab.run(main)


def test_the_same_program_on_a_foreign_loop_is_run_beside_it():
    async def main():
        assert not isinstance(asyncio.get_running_loop(), SimLoop)
        async with lab.Cloud.simulated(3, datacenter=SMALL) as cloud:
            server, image = await server_with_network(cloud)
            assert await image.download() == b"not really an image"
            return server.status, cloud.session.transport.now()

    status, now = asyncio.run(main())
    assert status == "ACTIVE"
    assert now > 10


def test_two_clouds_on_one_loop_share_nothing():
    async def main():
        async with (
            lab.Cloud.simulated(3, datacenter=SMALL) as one,
            lab.Cloud.simulated(4, datacenter=SMALL) as other,
        ):
            await asyncio.gather(server_with_network(one), server_with_network(other))
            return [[s.name for s in await cloud.compute.servers.list()] for cloud in (one, other)], one.journal is other.journal

    assert lab.run(main) == ([["web"], ["web"]], False)


def test_nobody_answers_at_the_url():
    async def main():
        with pytest.raises(Unreachable, match="start one with `glasscloud up`"):
            async with lab.Cloud.connect("http://127.0.0.1:9"):
                pass

    asyncio.run(main())


@pytest.mark.parametrize(
    ("datacenter", "text"), [
        ({"rows": 2}, "a datacenter has no rows; known: racks"), ({"racks": 1, "hosts_per_rack": 1}, None),
        ({"racks": "five"}, "racks of a datacenter is 'five'; give a whole number"), ("big", "a datacenter is 'big'; give its fields"),
        ({"hosts_per_rack": 0}, "hosts_per_rack of a datacenter is 0"),
    ],
)  # fmt: skip
def test_an_unknown_part_of_a_datacenter_lists_the_known_ones(datacenter, text):
    async def main():
        async with lab.Cloud.simulated(1, datacenter=datacenter):
            pass

    if text is None:
        lab.run(main)
    else:
        with pytest.raises(LabError, match=text):
            lab.run(main)


def test_a_call_that_is_written_as_elsewhere_is_told_how_it_is_written_here():
    async def main(**options):
        async with lab.Cloud.simulated(1, **options):
            pass

    with pytest.raises(LabError, match=r"lab\.run\(main\), not lab\.run\(main\(\)\)"):
        lab.run(main())
    with pytest.raises(LabError, match=r"has no option hosts; known: seed, config.*datacenter=\{'racks': 5"):
        lab.run(lambda: main(hosts=50))


def test_a_refused_request_and_a_state_that_never_comes_are_told_in_words():
    async def main():
        async with lab.Cloud.simulated(3, datacenter=SMALL) as cloud:
            with pytest.raises(ApiError, match=r"compute answered 404: .*could not be found"):
                await cloud.compute.servers.get("nothing")
            volume = await cloud.volume.volumes.create(1, name="data")
            with pytest.raises(WaitFailed, match="volume data is available after 20 s, not in-use"):
                await volume.wait_for("in-use", timeout=20)

    lab.run(main)


@pytest.mark.parametrize("fails", [False, True])
def test_on_a_foreign_loop_errors_are_not_lost_and_the_world_is_closed(fails):
    closed = []

    async def main():
        async with lab.Cloud.simulated(3, datacenter=SMALL) as cloud:
            close = cloud.wires.store.close

            async def closing():
                closed.append(True)
                await close()

            cloud.wires.store.close = closing
            if fails:
                raise ZeroDivisionError("the program's own")

            async def boom():
                raise LookupError("lost")

            async def begin():
                cloud.wires.processes["client@client"].spawn(boom(), "boom")

            await cloud.within(begin)
            await cloud.sleep(1)

    with pytest.raises(ZeroDivisionError if fails else LookupError):
        asyncio.run(main())
    assert closed == [True]


@pytest.mark.parametrize(("options", "words"), [
    ({"config": {"max_attempts": 1}}, r"config of a simulated cloud is \{'max_attempts': 1\}; give Config\(\)\.but"),
    ({"epoch": "yesterday"}, "epoch of a simulated cloud is 'yesterday'; give a datetime"),
])  # fmt: skip
def test_an_option_of_another_kind_says_what_to_give(options: dict[str, object], words: str) -> None:
    async def main() -> None:
        async with lab.Cloud.simulated(**options):
            pass

    with pytest.raises(LabError, match=words):
        lab.run(main)


def test_a_name_that_nothing_has_is_answered_with_those_that_there_are() -> None:
    async def main() -> None:
        async with lab.Cloud.simulated(datacenter=SMALL) as cloud:
            with pytest.raises(NotFound, match="none of the flavors is named 'm1'; there are: none"):
                await cloud.compute.flavors.find("m1")
            await cloud.compute.flavors.create("m1.tiny", vcpus=1, ram=512, disk=1)
            with pytest.raises(NotFound, match=r"none of the flavors is named 'm1'; there are: m1\.tiny"):
                await cloud.compute.flavors.find("m1")

    lab.run(main)
