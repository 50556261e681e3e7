"""Stories of HTTP requests about who holds what."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.placement.rig import World
from tests.unit.placement.test_providers import CONSUMER, UNKNOWN, fault

OTHER = "c1c10000-0000-4000-8000-000000000000"


@pytest.fixture
def world() -> World:
    """Placement without providers."""
    return World()


def generation(world: World, uuid: str) -> int:
    """A provider's generation."""
    found: int = world.ok("GET", f"/resource_providers/{uuid}")["generation"]
    return found


def test_a_claim_is_booked_on_consumer_and_provider(world: World) -> None:
    uuid = world.provider("host", VCPU=4, MEMORY_MB=1024)
    assert world.claim(CONSUMER, uuid, VCPU=2, MEMORY_MB=512).status == 204
    assert world.ok("GET", f"/allocations/{CONSUMER}") == {
        "allocations": {uuid: {"resources": {"VCPU": 2, "MEMORY_MB": 512}, "generation": 2}},
        "project_id": "project",
        "user_id": "user",
        "consumer_generation": 1,
        "consumer_type": "INSTANCE",
    }
    held = world.ok("GET", f"/resource_providers/{uuid}/allocations")
    assert held["allocations"] == {CONSUMER: {"resources": {"VCPU": 2, "MEMORY_MB": 512}, "consumer_generation": 1}}
    assert world.ok("GET", f"/resource_providers/{uuid}/usages")["usages"] == {"VCPU": 2, "MEMORY_MB": 512}
    assert world.call("DELETE", f"/resource_providers/{uuid}").status == 409
    refused = world.call("DELETE", f"/resource_providers/{uuid}/inventories")
    assert (refused.status, fault(refused)["code"]) == (409, "placement.inventory.inuse")
    assert world.call("DELETE", f"/allocations/{CONSUMER}").status == 204
    assert world.call("DELETE", f"/allocations/{CONSUMER}").status == 404
    assert world.ok("GET", f"/allocations/{CONSUMER}") == {"allocations": {}}
    assert world.ok("GET", f"/resource_providers/{uuid}/usages")["usages"] == {"VCPU": 0, "MEMORY_MB": 0}


def test_the_consumers_generation_guards_its_claims(world: World) -> None:
    uuid = world.provider("host", VCPU=4)
    early = world.claim(CONSUMER, uuid, generation=3, VCPU=1)
    assert fault(early)["detail"] == "consumer generation conflict - expected null but got 3"
    assert world.claim(CONSUMER, uuid, VCPU=1).status == 204
    again = world.claim(CONSUMER, uuid, VCPU=1)
    assert (again.status, fault(again)["code"]) == (409, "placement.concurrent_update")
    assert world.claim(CONSUMER, uuid, generation=1, VCPU=4).status == 204
    assert world.claim(CONSUMER, uuid, generation=2).status == 204
    assert world.claim(CONSUMER, uuid, VCPU=1).status == 204


def test_capacity_is_total_less_reserved_times_ratio(world: World) -> None:
    uuid = world.provider("host", VCPU={"total": 4, "reserved": 1, "allocation_ratio": 1.5})
    assert world.claim(CONSUMER, uuid, VCPU=5).status == 409
    assert world.claim(CONSUMER, uuid, VCPU=4).status == 204
    refused = world.claim(OTHER, uuid, VCPU=1)
    assert refused.status == 409
    assert fault(refused)["detail"] == (
        f"Unable to allocate inventory: Unable to create allocation for 'VCPU' on resource provider '{uuid}'. "
        "The requested amount would exceed the capacity."
    )
    assert not world.ok("GET", f"/allocations/{OTHER}")["allocations"]
    assert generation(world, uuid) == 2


@pytest.mark.parametrize("amount", [1, 3, 10])
def test_units_must_fit(world: World, amount: int) -> None:
    uuid = world.provider("host", DISK_GB={"total": 100, "min_unit": 2, "max_unit": 8, "step_size": 2})
    assert "would violate inventory constraints" in fault(world.claim(CONSUMER, uuid, DISK_GB=amount))["detail"]
    assert not world.ok("GET", f"/allocation_candidates?resources=DISK_GB:{amount}")["allocation_requests"]
    assert world.ok("GET", "/allocation_candidates?resources=DISK_GB:8")["allocation_requests"]


def test_an_overfull_provider_may_be_emptied_but_not_filled(world: World) -> None:
    uuid = world.provider("host", VCPU=8)
    world.claim(CONSUMER, uuid, VCPU=6)
    shrink = {"resource_provider_generation": 2, "inventories": {"VCPU": {"total": 4}}}
    world.ok("PUT", f"/resource_providers/{uuid}/inventories", shrink)
    assert world.claim(CONSUMER, uuid, generation=1, VCPU=5).status == 204
    assert world.claim(CONSUMER, uuid, generation=2, VCPU=6).status == 409


def test_what_does_not_exist_cannot_be_claimed(world: World) -> None:
    uuid = world.provider("host", VCPU=4)
    assert fault(world.claim(CONSUMER, UNKNOWN, VCPU=1))["detail"] == f"Allocation for resource provider '{UNKNOWN}' that does not exist."
    assert world.claim(CONSUMER, uuid, CUSTOM_NO=1).status == 400
    assert world.claim(CONSUMER, uuid, DISK_GB=1).status == 409
    assert world.call("PUT", "/allocations/nobody", {}).status == 400


def test_several_consumers_change_at_once_or_not_at_all(world: World) -> None:
    a, b = world.provider("a", VCPU=4), world.provider("b", VCPU=4)
    world.claim(CONSUMER, a, VCPU=4)

    def both(amount: int) -> Any:
        owner = {"project_id": "project", "user_id": "user", "consumer_type": "INSTANCE"}
        return world.call(
            "POST",
            "/allocations",
            {
                CONSUMER: {"allocations": {b: {"resources": {"VCPU": 4}}}, "consumer_generation": 1, **owner},
                OTHER: {"allocations": {a: {"resources": {"VCPU": amount}}}, "consumer_generation": None, **owner},
            },
        )

    assert both(5).status == 409
    assert list(world.ok("GET", f"/allocations/{CONSUMER}")["allocations"]) == [a]
    assert both(4).status == 204
    assert list(world.ok("GET", f"/allocations/{CONSUMER}")["allocations"]) == [b]
    assert list(world.ok("GET", f"/allocations/{OTHER}")["allocations"]) == [a]


def test_bodies_by_version(world: World) -> None:
    uuid = world.provider("host", VCPU=40)
    path = f"/allocations/{CONSUMER}"
    listed = {"allocations": [{"resource_provider": {"uuid": uuid}, "resources": {"VCPU": 1}}]}
    owned = {"project_id": "p", "user_id": "u"}
    assert world.call("PUT", path, listed, version=(1, 0)).status == 204
    assert world.call("PUT", path, listed, version=(1, 8)).status == 400
    assert world.call("PUT", path, {**listed, **owned}, version=(1, 11)).status == 204
    assert world.call("PUT", path, {**listed, **owned}, version=(1, 12)).status == 400
    mapped = {"allocations": {uuid: {"resources": {"VCPU": 1}}}, **owned}
    assert world.call("PUT", path, mapped, version=(1, 12)).status == 204
    assert world.call("PUT", path, {**mapped, "allocations": {}}, version=(1, 12)).status == 400
    assert world.call("PUT", path, mapped, version=(1, 28)).status == 400
    current = world.ok("GET", path, version=(1, 28))["consumer_generation"]
    assert world.call("PUT", path, {**mapped, "consumer_generation": current}, version=(1, 28)).status == 204
    typed = {**mapped, "consumer_generation": current + 1, "mappings": {"": [uuid]}, "consumer_type": "INSTANCE"}
    assert world.call("PUT", path, typed, version=(1, 34)).status == 400
    assert world.call("PUT", path, typed).status == 204
    assert "project_id" not in world.ok("GET", path, version=(1, 11))
    assert sorted(world.ok("GET", path, version=(1, 27))) == ["allocations", "project_id", "user_id"]


def test_usages_of_a_project(world: World) -> None:
    uuid = world.provider("host", VCPU=9)
    world.claim(CONSUMER, uuid, VCPU=2)
    world.claim(OTHER, uuid, VCPU=3)
    assert world.ok("GET", "/usages?project_id=project", version=(1, 9)) == {"usages": {"VCPU": 5}}
    assert world.ok("GET", "/usages?project_id=project&user_id=other", version=(1, 9)) == {"usages": {}}
    assert world.ok("GET", "/usages?project_id=project") == {"usages": {"INSTANCE": {"VCPU": 5, "consumer_count": 2}}}
    assert world.ok("GET", "/usages?project_id=project&consumer_type=all") == {"usages": {"all": {"VCPU": 5, "consumer_count": 2}}}
    assert world.call("GET", "/usages").status == 400


def test_inventory_moves_to_a_child_with_its_allocations(world: World) -> None:
    root = world.provider("root", VCPU=8, DISK_GB=10)
    child = world.provider("child", parent=root)
    world.claim(CONSUMER, root, VCPU=2, DISK_GB=1)
    body = {
        "inventories": {
            root: {"resource_provider_generation": 2, "inventories": {"DISK_GB": {"total": 10}}},
            child: {"resource_provider_generation": 0, "inventories": {"VCPU": {"total": 8}}},
        },
        "allocations": {
            CONSUMER: {
                "allocations": {root: {"resources": {"DISK_GB": 1}}, child: {"resources": {"VCPU": 2}}},
                "project_id": "project",
                "user_id": "user",
                "consumer_generation": 1,
                "consumer_type": "INSTANCE",
            }
        },
    }
    assert world.call("POST", "/reshaper", {**body, "allocations": {}}).status == 409
    assert world.ok("GET", f"/resource_providers/{root}/usages")["usages"] == {"VCPU": 2, "DISK_GB": 1}
    assert world.call("POST", "/reshaper", body).status == 204
    assert world.ok("GET", f"/resource_providers/{root}/usages")["usages"] == {"DISK_GB": 1}
    assert world.ok("GET", f"/resource_providers/{child}/usages")["usages"] == {"VCPU": 2}
