"""Which providers could hold something: searches over columns, trees, and answers that are written later."""

from __future__ import annotations

from typing import Any

import pytest

from lab.services.placement.query import parse_candidates
from lab.services.placement.table import HISTORY, ProviderTable
from tests.unit.placement.rig import World
from tests.unit.placement.test_providers import AGGREGATE, CONSUMER, fault

SERVER = "resources=VCPU:1,MEMORY_MB:512,DISK_GB:1"


@pytest.fixture
def world() -> World:
    """Placement without providers."""
    return World()


def hosts(world: World, count: int = 3) -> list[str]:
    """Hosts that are alike."""
    return [world.provider(f"host-{i}", VCPU=4, MEMORY_MB=4096, DISK_GB=100) for i in range(count)]


def traits(world: World, uuid: str, *names: str) -> None:
    """Set a provider's traits."""
    generation = world.ok("GET", f"/resource_providers/{uuid}")["generation"]
    world.ok("PUT", f"/resource_providers/{uuid}/traits", {"resource_provider_generation": generation, "traits": list(names)})


def aggregates(world: World, uuid: str, *uuids: str) -> None:
    """Set a provider's aggregates."""
    generation = world.ok("GET", f"/resource_providers/{uuid}")["generation"]
    body = {"resource_provider_generation": generation, "aggregates": list(uuids)}
    world.ok("PUT", f"/resource_providers/{uuid}/aggregates", body)


def found(world: World, query: str) -> list[str]:
    """The providers of single-provider candidates, in the order of the answer."""
    requests = world.ok("GET", f"/allocation_candidates?{query}")["allocation_requests"]
    return [uuid for request in requests for uuid in request["allocations"]]


def test_candidates_come_in_order_of_creation_and_no_more_than_the_limit(world: World) -> None:
    uuids = hosts(world)
    assert found(world, SERVER) == uuids
    assert found(world, f"{SERVER}&limit=2") == uuids[:2]
    world.claim(CONSUMER, uuids[1], VCPU=4)
    assert found(world, SERVER) == [uuids[0], uuids[2]]
    assert found(world, "resources=VCPU:5") == []
    assert found(world, "resources=VGPU:1") == []


def test_the_answer_by_version(world: World) -> None:
    (uuid,) = hosts(world, 1)

    def answer(version: tuple[int, int]) -> Any:
        return world.ok("GET", "/allocation_candidates?resources=VCPU:1", version=version)

    listed = [{"allocations": [{"resource_provider": {"uuid": uuid}, "resources": {"VCPU": 1}}]}]
    assert answer((1, 10))["allocation_requests"] == listed
    assert answer((1, 12))["allocation_requests"] == [{"allocations": {uuid: {"resources": {"VCPU": 1}}}}]
    assert answer((1, 34))["allocation_requests"][0]["mappings"] == {"": [uuid]}
    assert answer((1, 16))["provider_summaries"] == {uuid: {"resources": {"VCPU": {"capacity": 4, "used": 0}}}}
    assert answer((1, 17))["provider_summaries"][uuid]["traits"] == []
    assert sorted(answer((1, 27))["provider_summaries"][uuid]["resources"]) == ["DISK_GB", "MEMORY_MB", "VCPU"]
    assert answer((1, 29))["provider_summaries"][uuid]["root_provider_uuid"] == uuid


def test_traits_and_aggregates_narrow_the_search(world: World) -> None:
    first, second, third = hosts(world)
    traits(world, first, "OWNER_NOVA", "HW_CPU_X86_AVX")
    traits(world, second, "OWNER_NOVA", "COMPUTE_STATUS_DISABLED")
    aggregates(world, third, AGGREGATE)
    assert found(world, f"{SERVER}&root_required=OWNER_NOVA,!COMPUTE_STATUS_DISABLED") == [first]
    assert found(world, f"{SERVER}&required=OWNER_NOVA") == [first, second]
    assert found(world, f"{SERVER}&required=in:HW_CPU_X86_AVX,COMPUTE_STATUS_DISABLED") == [first, second]
    assert found(world, f"{SERVER}&required=!OWNER_NOVA") == [third]
    assert found(world, f"{SERVER}&required=HW_CPU_X86_SSE") == []
    assert found(world, f"{SERVER}&member_of={AGGREGATE}") == [third]
    assert found(world, f"{SERVER}&member_of=!{AGGREGATE}") == [first, second]
    assert found(world, f"{SERVER}&in_tree={second}") == [second]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("", "There must be at least one resources"),
        ("resources=", "Badly formed resources parameter"),
        ("resources=VCPU", "Badly formed resources parameter"),
        ("resources=VCPU:x", "expected positive integer amount"),
        ("resources=VCPU:0", "requires amount >= 1"),
        ("resources=NOTHING:1", "Invalid resource class in resources parameter"),
        ("resources=VCPU:1&required=CUSTOM_NO", "No such trait(s): CUSTOM_NO."),
        ("resources=VCPU:1&required=HW_CPU_X86_AVX,!HW_CPU_X86_AVX", "Conflicting required and forbidden traits"),
        ("resources=VCPU:1&limit=0", "does not match"),
        ("resources=VCPU:1&member_of=x", "to contain valid UUID(s)"),
        ("resources=VCPU:1&in_tree=x", "format of uuid"),
        ("resources1=VCPU:1&resources2=VCPU:1", '"group_policy" parameter is required'),
        ("resources=VCPU:1&colour=red", "does not match any of the regexes"),
    ],
)
def test_bad_queries(world: World, query: str, words: str) -> None:
    response = world.call("GET", f"/allocation_candidates?{query}")
    assert response.status == 400
    assert words in fault(response)["detail"]


def test_resources_of_a_tree_and_of_a_shared_pool(world: World) -> None:
    (host,) = hosts(world, 1)
    numa = world.provider("numa", parent=host, NUMA_CORE=4)
    pool = world.provider("pool", DISK_GB=1000)
    traits(world, pool, "MISC_SHARES_VIA_AGGREGATE")
    aggregates(world, pool, AGGREGATE)
    aggregates(world, host, AGGREGATE)
    answer = world.ok("GET", "/allocation_candidates?resources=VCPU:1,NUMA_CORE:2,DISK_GB:500")
    assert [request["allocations"] for request in answer["allocation_requests"]] == [
        {host: {"resources": {"VCPU": 1}}, numa: {"resources": {"NUMA_CORE": 2}}, pool: {"resources": {"DISK_GB": 500}}}
    ]
    assert sorted(answer["provider_summaries"]) == sorted([host, numa, pool])
    assert not found(world, f"resources=VCPU:1,DISK_GB:500&in_tree={host}")


def test_groups_are_satisfied_by_one_provider_each(world: World) -> None:
    (host,) = hosts(world, 1)
    cards = [world.provider(f"card-{i}", parent=host, SRIOV_NET_VF=2) for i in range(2)]
    query = "/allocation_candidates?resources=VCPU:1&resources_A=SRIOV_NET_VF:1&resources_B=SRIOV_NET_VF:1&group_policy="
    spread = world.ok("GET", f"{query}isolate")["allocation_requests"]
    assert sorted((r["mappings"]["_A"][0], r["mappings"]["_B"][0]) for r in spread) == sorted([(cards[0], cards[1]), (cards[1], cards[0])])
    assert len(world.ok("GET", f"{query}none")["allocation_requests"]) == 4
    assert not world.ok("GET", "/allocation_candidates?resources_A=SRIOV_NET_VF:3")["allocation_requests"]


def test_an_answer_is_written_as_it_was_when_it_was_given(world: World) -> None:
    uuids = hosts(world)
    query = parse_candidates({"resources": ["VCPU:2"]}, (1, 39))
    answer = world.api.search.answer(query)
    then = answer.render()
    world.claim(CONSUMER, uuids[0], VCPU=4)
    world.call("DELETE", f"/resource_providers/{uuids[2]}")
    hosts_later = world.provider("later", VCPU=8)
    assert answer.render() == then
    assert [answer.view.uuids[row] for row in answer.view.rows] == uuids
    now = world.api.search.answer(query)
    assert [now.view.uuids[row] for row in now.view.rows] == [uuids[1], hosts_later]


def test_the_history_is_bounded_and_says_so() -> None:
    table = ProviderTable()
    assert HISTORY >= 50_000
    with pytest.raises(LookupError, match="no longer kept"):
        table.records_at(-1)
