"""Lists of servers: filters, order, pages, and who may see what."""

from __future__ import annotations

import pytest

from tests.unit.compute_api.nova import ADMIN, ALICE, BOB, HOST, IMAGE, Nova


@pytest.fixture
def nova() -> Nova:
    world = Nova()
    world.flavor(id="1")
    return world


def names(nova: Nova, query: str, token: str = ALICE, version: tuple[int, int] = (2, 104)) -> list[str]:
    return [server["name"] for server in nova.ok("GET", f"/v2.1/servers/detail{query}", token=token, version=version)["servers"]]


def test_newest_first_and_pages_that_link_on(nova: Nova) -> None:
    for name in ("a", "b", "c", "d", "e"):
        nova.server(name)
    first = nova.ok("GET", "/v2.1/servers?limit=2")
    assert [server["name"] for server in first["servers"]] == ["e", "d"]
    ((link),) = first["servers_links"]
    assert link["rel"] == "next"
    second = nova.ok("GET", link["href"].partition("/compute")[2])
    assert [server["name"] for server in second["servers"]] == ["c", "b"]
    last = nova.ok("GET", second["servers_links"][0]["href"].partition("/compute")[2])
    assert [server["name"] for server in last["servers"]] == ["a"]
    assert "servers_links" not in last
    assert nova.ok("GET", "/v2.1/servers?limit=0")["servers"] == []


def test_a_deleted_marker_still_says_where_to_go_on(nova: Nova) -> None:
    ids = {name: nova.server(name) for name in ("a", "b", "c")}
    nova.call("DELETE", f"/v2.1/servers/{ids['b']}")
    assert names(nova, f"?marker={ids['b']}") == ["a"]
    assert names(nova, f"?marker={ids['b']}&deleted=True&all_tenants=1", ADMIN) == []
    assert nova.fault("GET", "/v2.1/servers?marker=nope") == (400, "badRequest", "marker [nope] not found")
    assert nova.fault("GET", f"/v2.1/servers?marker={ids['a']}", token=BOB)[0] == 400


def test_filters_that_everybody_has(nova: Nova) -> None:
    nova.flavor("big", id="2", ram=1024)
    web, db = nova.server("web-1", tags=["x", "y"]), nova.server("db-1", flavorRef="2", tags=["x"])
    nova.activate(web)
    assert names(nova, "?name=web") == ["web-1"]
    assert names(nova, "?name=-1$") == ["db-1", "web-1"]
    assert names(nova, "?status=active") == ["web-1"]
    assert names(nova, "?status=ACTIVE&status=BUILD") == ["db-1", "web-1"]
    assert names(nova, "?flavor=2") == ["db-1"]
    assert names(nova, f"?image={IMAGE}") == ["db-1", "web-1"]
    assert names(nova, "?ip=10.0.0") == ["web-1"]
    assert names(nova, "?ip6=10.0.0") == []
    assert names(nova, "?tags=x,y") == ["web-1"]
    assert names(nova, "?tags-any=y,z") == ["web-1"]
    assert names(nova, "?not-tags=x,y") == ["db-1"]
    assert names(nova, "?not-tags-any=x") == []
    assert names(nova, "?vm_state=building") == ["db-1"]
    assert names(nova, "?vm_state=building", version=(2, 82)) == ["db-1", "web-1"]
    nova.change(db, locked=True)
    assert names(nova, "?locked=true") == ["db-1"]
    assert names(nova, "?locked=true", version=(2, 72)) == ["db-1", "web-1"]


def test_what_filters_refuse(nova: Nova) -> None:
    assert nova.fault("GET", "/v2.1/servers?status=nope")[2] == "Invalid status value"
    assert nova.ok("GET", "/v2.1/servers?status=nope", version=(2, 37))["servers"] == []
    for query in (
        "limit=-1",
        "limit=x",
        "name=[",
        "changes-since=then",
        "unknown=1",
        "sort_key=vcpus",
        "locked=maybe",
        "changes-since=2026-01-02T00:00:00Z&changes-before=2026-01-01T00:00:00Z",
        "sort_dir=up&sort_key=uuid",
    ):
        assert nova.fault("GET", f"/v2.1/servers?{query}")[0] == 400, query
    assert nova.ok("GET", "/v2.1/servers?unknown=1&sort_key=vcpus", version=(2, 74)) == {"servers": []}
    assert nova.fault("GET", "/v2.1/servers?metadata=1", token=ADMIN)[2] == "Invalid filter field: metadata."


def test_all_projects_for_administrators_only(nova: Nova) -> None:
    nova.server("mine")
    nova.server("his", BOB)
    assert names(nova, "") == ["mine"]
    assert names(nova, "?all_tenants=1", ADMIN) == ["his", "mine"]
    assert names(nova, "?all_tenants", ADMIN) == ["his", "mine"]
    assert names(nova, "?all_tenants=False", ADMIN) == []
    assert names(nova, "?all_tenants=1&project_id=blue", ADMIN) == ["his"]
    assert nova.fault("GET", "/v2.1/servers?all_tenants=1") == (
        403,
        "forbidden",
        "Policy doesn't allow os_compute_api:servers:index:get_all_tenants to be performed.",
    )


def test_deleted_servers_for_administrators_and_by_change(nova: Nova) -> None:
    gone, kept = nova.server("gone", ADMIN), nova.server("kept", ADMIN)
    nova.activate(kept)
    nova.call("DELETE", f"/v2.1/servers/{gone}", token=ADMIN)
    assert names(nova, "?deleted=True", ADMIN) == ["gone"]
    assert names(nova, "?deleted=False", ADMIN) == ["kept"]
    assert names(nova, "?status=deleted", ADMIN) == ["gone"]
    assert nova.fault("GET", "/v2.1/servers?status=deleted")[2] == "Only administrators may list deleted instances"
    assert names(nova, "?changes-since=2026-01-01T00:00:00Z", ADMIN) == ["kept", "gone"]
    assert names(nova, "?changes-since=2026-01-01T00:00:00%2B00:00&status=DELETED", ADMIN) == ["gone"]
    assert names(nova, "?changes-since=2026-01-02T00:00:00Z", ADMIN) == []
    assert names(nova, "?changes-before=2025-01-02T00:00:00Z", ADMIN) == []


def test_order(nova: Nova) -> None:
    for name in ("b", "a", "c"):
        nova.server(name)
    assert names(nova, "?sort_key=display_name&sort_dir=asc") == ["a", "b", "c"]
    assert names(nova, "?sort_key=display_name") == ["c", "b", "a"]
    assert names(nova, "?sort_key=created_at&sort_dir=asc") == ["b", "a", "c"]
    assert nova.fault("GET", "/v2.1/servers?sort_key=host")[2] == "Only administrators can sort servers by host"


def test_hosts_are_an_administrators_filter(nova: Nova) -> None:
    server = nova.server("web", ADMIN)
    nova.server("other", ADMIN)
    nova.activate(server)
    assert names(nova, f"?host={HOST}", ADMIN) == ["web"]
    assert names(nova, f"?node={HOST}", ADMIN) == ["web"]
    assert names(nova, f"?uuid={server}", ADMIN) == ["web"]
