"""Stories of HTTP requests about providers, inventories, traits, aggregates and names."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.placement.rig import World

UNKNOWN = "deadbeef-0000-4000-8000-000000000000"
AGGREGATE = "a99a0000-0000-4000-8000-000000000000"
CONSUMER = "c0c00000-0000-4000-8000-000000000000"


def fault(response: Any) -> dict[str, Any]:
    """The one error of a fault."""
    error: dict[str, Any] = response.json()["errors"][0]
    assert set(error) >= {"status", "title", "detail", "request_id", "code"}
    assert error["status"] == response.status
    return error


@pytest.fixture
def world() -> World:
    """Placement without providers."""
    return World()


def test_the_root_says_which_versions_there_are(world: World) -> None:
    (version,) = world.call("GET", "/", token="").json()["versions"]
    assert (version["id"], version["min_version"], version["max_version"]) == ("v1.0", "1.0", "1.39")
    refused = world.call("GET", "/resource_providers", version=(1, 99))
    assert refused.status == 406
    assert fault(refused)["detail"] == "Unacceptable version header: 1.99"
    assert (fault(refused)["min_version"], fault(refused)["max_version"]) == ("1.0", "1.39")


def test_only_services_and_administrators_may_look(world: World) -> None:
    assert world.call("GET", "/resource_providers", token="").status == 401
    assert world.call("GET", "/resource_providers", token="bad").status == 401
    assert world.call("GET", "/resource_providers", token="member").status == 403
    assert world.call("GET", "/resource_providers", token="service").status == 200
    assert world.call("GET", "/usages?project_id=project", token="reader").status == 200
    assert world.call("GET", "/usages?project_id=other", token="reader").status == 403


def test_a_provider_is_made_renamed_and_removed(world: World) -> None:
    made = world.call("POST", "/resource_providers", {"name": "host"})
    uuid = made.json()["uuid"]
    assert made.status == 200
    assert made.headers["Location"].endswith(f"/placement/resource_providers/{uuid}")
    assert made.json()["root_provider_uuid"] == uuid
    assert made.headers["cache-control"] == "no-cache"
    old = world.call("POST", "/resource_providers", {"name": "old"}, version=(1, 0))
    assert (old.status, old.body) == (201, b"")
    twice = world.call("POST", "/resource_providers", {"name": "host"})
    assert (twice.status, fault(twice)["code"]) == (409, "placement.duplicate_name")
    assert world.ok("PUT", f"/resource_providers/{uuid}", {"name": "renamed"})["name"] == "renamed"
    assert world.call("DELETE", f"/resource_providers/{uuid}").status == 204
    assert world.call("GET", f"/resource_providers/{uuid}").status == 404
    assert [p["name"] for p in world.ok("GET", "/resource_providers")["resource_providers"]] == ["old"]


def test_answers_grow_with_the_version(world: World) -> None:
    uuid = world.provider("host")
    plain = world.ok("GET", f"/resource_providers/{uuid}", version=(1, 0))
    assert sorted(plain) == ["generation", "links", "name", "uuid"]
    assert [link["rel"] for link in plain["links"]] == ["self", "inventories", "usages"]
    assert "last-modified" not in world.call("GET", f"/resource_providers/{uuid}", version=(1, 14)).headers
    assert len(world.ok("GET", f"/resource_providers/{uuid}", version=(1, 11))["links"]) == 6
    assert world.call("GET", "/traits", version=(1, 5)).status == 404
    assert world.call("DELETE", f"/resource_providers/{uuid}/inventories", version=(1, 4)).status == 405


def test_trees(world: World) -> None:
    root = world.provider("root")
    child = world.provider("child", parent=root)
    assert world.ok("GET", f"/resource_providers/{child}")["root_provider_uuid"] == root
    assert fault(world.call("DELETE", f"/resource_providers/{root}"))["code"] == "placement.resource_provider.cannot_delete_parent"
    listed = world.ok("GET", f"/resource_providers?in_tree={child}")["resource_providers"]
    assert [provider["name"] for provider in listed] == ["root", "child"]
    other = world.provider("other")
    move = {"name": "child", "parent_provider_uuid": other}
    assert world.call("PUT", f"/resource_providers/{child}", move, version=(1, 36)).status == 400
    assert world.ok("PUT", f"/resource_providers/{child}", move)["root_provider_uuid"] == other
    loop = world.call("PUT", f"/resource_providers/{other}", {"name": "other", "parent_provider_uuid": child})
    assert "creating loop" in fault(loop)["detail"]
    alone = world.ok("PUT", f"/resource_providers/{child}", {"name": "child", "parent_provider_uuid": None})
    assert alone["root_provider_uuid"] == child


def test_inventories_are_guarded_by_the_generation(world: World) -> None:
    uuid = world.provider("host", VCPU=4)
    path = f"/resource_providers/{uuid}/inventories"
    assert world.ok("GET", f"{path}/VCPU") == {
        "total": 4,
        "reserved": 0,
        "min_unit": 1,
        "max_unit": 2147483647,
        "step_size": 1,
        "allocation_ratio": 1.0,
        "resource_provider_generation": 1,
    }
    stale = world.call("PUT", path, {"resource_provider_generation": 0, "inventories": {}})
    assert (stale.status, fault(stale)["code"]) == (409, "placement.concurrent_update")
    added = world.call("POST", path, {"resource_class": "DISK_GB", "total": 10})
    assert (added.status, added.json()["resource_provider_generation"]) == (201, 2)
    changed = world.ok("PUT", f"{path}/DISK_GB", {"total": 20, "resource_provider_generation": 2})
    assert (changed["total"], changed["resource_provider_generation"]) == (20, 3)
    assert world.call("DELETE", f"{path}/DISK_GB").status == 204
    assert list(world.ok("GET", path)["inventories"]) == ["VCPU"]
    full = {"total": 4, "reserved": 4, "resource_provider_generation": 4}
    assert "greater than or equal to total" in fault(world.call("PUT", f"{path}/VCPU", full, version=(1, 25)))["detail"]
    assert world.call("PUT", f"{path}/VCPU", full, version=(1, 26)).status == 200


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "'total' is a required property"),
        ({"total": 0}, "0 is less than the minimum of 1"),
        ({"total": "many"}, "'many' is not of type 'integer'"),
        ({"total": 2**31}, "2147483648 is greater than the maximum of 2147483647"),
        ({"total": 4, "colour": "red"}, "Additional properties are not allowed ('colour' was unexpected)"),
    ],
)
def test_bad_inventories_are_refused_in_the_words_of_a_schema(world: World, body: dict[str, Any], words: str) -> None:
    uuid = world.provider("host")
    response = world.call("POST", f"/resource_providers/{uuid}/inventories", {"resource_class": "VCPU", **body})
    assert response.status == 400
    assert fault(response)["detail"].startswith(f"JSON does not validate: {words}")


def test_bad_requests_have_their_own_status(world: World) -> None:
    uuid = world.provider("host")
    assert world.call("POST", "/resource_providers", b"{", headers={"content-type": "application/json"}).status == 400
    assert world.call("POST", "/resource_providers", b"{}", headers={"content-type": "text/plain"}).status == 415
    assert world.call("PATCH", f"/resource_providers/{uuid}").headers["Allow"] == "DELETE, GET, PUT"
    assert world.call("GET", "/resource_providers", headers={"accept": "text/html"}).status == 406
    assert world.call("GET", "/nothing").status == 404
    assert world.call("GET", f"/resource_providers/{UNKNOWN}/inventories").status == 404
    assert world.call("GET", "/resource_providers?colour=red").status == 400
    unknown = world.call(
        "PUT",
        f"/resource_providers/{uuid}/inventories",
        {
            "resource_provider_generation": 0,
            "inventories": {"CUSTOM_NOTHING": {"total": 1}},
        },
    )
    assert "No such resource class CUSTOM_NOTHING" in fault(unknown)["detail"]


def test_traits(world: World) -> None:
    uuid = world.provider("host")
    assert world.call("PUT", "/traits/CUSTOM_FAST").status == 201
    assert world.call("PUT", "/traits/CUSTOM_FAST").status == 204
    assert world.call("PUT", "/traits/FAST").status == 400
    path = f"/resource_providers/{uuid}/traits"
    body = {"resource_provider_generation": 0, "traits": ["CUSTOM_FAST", "HW_CPU_X86_AVX2"]}
    assert world.ok("PUT", path, body) == {"traits": ["HW_CPU_X86_AVX2", "CUSTOM_FAST"], "resource_provider_generation": 1}
    assert fault(world.call("PUT", path, body))["code"] == "placement.concurrent_update"
    assert fault(world.call("PUT", path, {**body, "resource_provider_generation": 1, "traits": ["CUSTOM_NO"]}))["detail"] == (
        "No such trait CUSTOM_NO"
    )
    assert world.call("DELETE", "/traits/CUSTOM_FAST").status == 409
    assert world.call("DELETE", "/traits/HW_CPU_X86_AVX2").status == 400
    assert world.ok("GET", "/traits?name=in:CUSTOM_FAST,CUSTOM_NO")["traits"] == ["CUSTOM_FAST"]
    assert world.ok("GET", "/traits?associated=true")["traits"] == ["HW_CPU_X86_AVX2", "CUSTOM_FAST"]
    assert world.call("DELETE", path).status == 204
    assert world.call("DELETE", "/traits/CUSTOM_FAST").status == 204


def test_resource_classes(world: World) -> None:
    names = [each["name"] for each in world.ok("GET", "/resource_classes")["resource_classes"]]
    assert names[:3] == ["VCPU", "MEMORY_MB", "DISK_GB"]
    assert world.call("PUT", "/resource_classes/CUSTOM_GOLD").status == 201
    assert world.call("PUT", "/resource_classes/CUSTOM_GOLD").status == 204
    assert world.call("POST", "/resource_classes", {"name": "CUSTOM_GOLD"}).status == 409
    world.provider("mine", CUSTOM_GOLD=7)
    assert world.call("DELETE", "/resource_classes/CUSTOM_GOLD").status == 409
    assert world.call("DELETE", "/resource_classes/VCPU").status == 400


def test_aggregates(world: World) -> None:
    uuid = world.provider("host")
    path = f"/resource_providers/{uuid}/aggregates"
    assert world.ok("PUT", path, [AGGREGATE], version=(1, 1)) == {"aggregates": [AGGREGATE]}
    assert world.ok("GET", path) == {"aggregates": [AGGREGATE], "resource_provider_generation": 0}
    body = {"aggregates": [], "resource_provider_generation": 0}
    assert world.ok("PUT", path, body)["resource_provider_generation"] == 1
    assert world.call("PUT", path, body).status == 409


def test_providers_are_found_by_what_they_are(world: World) -> None:
    big, small = world.provider("big", VCPU=8), world.provider("small", VCPU=2)
    world.ok("PUT", f"/resource_providers/{big}/traits", {"resource_provider_generation": 1, "traits": ["HW_CPU_X86_AVX2"]})
    world.ok("PUT", f"/resource_providers/{small}/aggregates", {"resource_provider_generation": 1, "aggregates": [AGGREGATE]})

    def found(query: str) -> list[str]:
        return [each["name"] for each in world.ok("GET", f"/resource_providers?{query}")["resource_providers"]]

    assert found("resources=VCPU:4") == ["big"]
    assert found("required=HW_CPU_X86_AVX2") == ["big"]
    assert found("required=!HW_CPU_X86_AVX2") == ["small"]
    assert found("required=in:HW_CPU_X86_AVX2,HW_CPU_X86_AVX") == ["big"]
    assert found(f"member_of={AGGREGATE}") == ["small"]
    assert found(f"member_of=!{AGGREGATE}") == ["big"]
    assert found(f"uuid={big}&name=big") == ["big"]
    assert fault(world.call("GET", "/resource_providers?required=CUSTOM_NO"))["detail"].startswith('Invalid trait(s) in "required"')


def test_what_is_stored_survives_the_process(world: World) -> None:
    uuid = world.provider("host", VCPU=4)
    world.claim(CONSUMER, uuid, VCPU=1)
    world.restart()
    assert world.ok("GET", f"/resource_providers/{uuid}/usages")["usages"] == {"VCPU": 1}
    (summary,) = world.ok("GET", "/allocation_candidates?resources=VCPU:3")["provider_summaries"].values()
    assert summary["resources"] == {"VCPU": {"capacity": 4, "used": 1}}
