"""Logging in: for which scopes, with what in the catalog, and how little a refusal tells."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.identity.keystone import DEFAULT, Cloud, run


def test_the_catalog_has_the_seven_services_with_three_endpoints_each() -> None:
    async def main(cloud: Cloud) -> Any:
        return (await cloud.login()).json()["token"]

    token = run(main, public_url="http://127.0.0.1:8774")
    project_id = token["project"]["id"]
    urls = {}
    for service in token["catalog"]:
        assert [endpoint["interface"] for endpoint in service["endpoints"]] == ["public", "internal", "admin"]
        for endpoint in service["endpoints"]:
            assert set(endpoint) == {"id", "interface", "region", "region_id", "url"}
            assert endpoint["region"] == endpoint["region_id"] == "RegionOne"
        urls[service["type"]] = {endpoint["url"] for endpoint in service["endpoints"]}
    root = "http://127.0.0.1:8774"
    assert urls == {
        "identity": {f"{root}/identity/v3"},
        "compute": {f"{root}/compute/v2.1"},
        "image": {f"{root}/image"},
        "network": {f"{root}/network"},
        "block-storage": {f"{root}/volume/v3/{project_id}"},
        "placement": {f"{root}/placement"},
        "object-store": {f"{root}/object/v1/AUTH_{project_id}"},
    }


@pytest.mark.parametrize(
    ("scope", "keys"),
    [
        ("unscoped", set()),
        ({"unscoped": {}}, set()),
        ("none", set()),
        ({"system": {"all": True}}, {"system", "roles", "catalog"}),
        ({"project": {"name": "admin", "domain": {"name": "Default"}}}, {"project", "is_domain", "roles", "catalog"}),
    ],
)
def test_scopes(scope: Any, keys: set[str]) -> None:
    async def main(cloud: Cloud) -> Any:
        return await cloud.login("admin", scope)

    response = run(main)
    assert response.status == 201
    assert set(response.json()["token"]) == {"methods", "user", "audit_ids", "expires_at", "issued_at"} | keys


def test_a_system_token_leaves_out_endpoints_that_need_a_project() -> None:
    async def main(cloud: Cloud) -> Any:
        return (await cloud.login("admin", {"system": {"all": True}})).json()["token"]["catalog"]

    catalog = {service["type"]: service["endpoints"] for service in run(main)}
    assert catalog["block-storage"] == catalog["object-store"] == []
    assert len(catalog["compute"]) == 3


@pytest.mark.parametrize(
    ("user", "scope", "password"),
    [
        ("admin", None, "wrong"),
        ("nobody", None, "glasscloud"),
        ("demo", {"project": {"name": "admin", "domain": DEFAULT}}, "glasscloud"),
        ("demo", {"project": {"name": "nowhere", "domain": DEFAULT}}, "glasscloud"),
        ("demo", {"project": {"id": "0" * 32}}, "glasscloud"),
        ("demo", {"domain": DEFAULT}, "glasscloud"),
        ("demo", {"system": {"all": True}}, "glasscloud"),
    ],
)
def test_what_is_wrong_with_a_login_is_never_told(user: str, scope: Any, password: str) -> None:
    async def main(cloud: Cloud) -> Any:
        return await cloud.login(user, scope, password)

    response = run(main)
    assert response.status == 401
    assert response.json() == {
        "error": {
            "code": 401,
            "title": "Unauthorized",
            "message": "The request you have made requires authentication.",
        }
    }


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"auth": []},
        {"auth": {}},
        {"auth": {"identity": {}}},
        {"auth": {"identity": {"methods": "password"}}},
        {"auth": {"identity": {"methods": ["password"]}}},
        {"auth": {"identity": {"methods": ["password"], "password": {"user": {"name": "admin", "password": "x"}}}}},
        {"auth": {"identity": {"methods": ["password"], "password": {"user": {"id": 7, "password": "x"}}}}},
        {"auth": {"identity": {"methods": ["token"], "token": {}}}},
        {"auth": {"identity": {"methods": ["token"], "token": {"id": "x"}}, "scope": "everything"}},
        {"auth": {"identity": {"methods": ["token"], "token": {"id": "x"}}, "scope": {}}},
        {"auth": {"identity": {"methods": ["token"], "token": {"id": "x"}}, "scope": {"project": {}, "domain": {}}}},
    ],
)
def test_malformed_logins_are_bad_requests(body: Any) -> None:
    async def main(cloud: Cloud) -> Any:
        return await cloud.call("POST", "/v3/auth/tokens", body)

    response = run(main)
    assert (response.status, response.json()["error"]["code"]) == (400, 400)


@pytest.mark.parametrize("methods", [["totp"], ["password", "oauth1"], []])
def test_unknown_methods_are_refused(methods: list[str]) -> None:
    async def main(cloud: Cloud) -> Any:
        return await cloud.call("POST", "/v3/auth/tokens", {"auth": {"identity": {"methods": methods}}})

    response = run(main)
    assert response.status == 401
    assert response.json()["error"]["message"] == "Attempted to authenticate with an unsupported method."


def test_the_default_project_is_the_scope_that_is_not_named() -> None:
    async def main(cloud: Cloud) -> None:
        admin = await cloud.token()
        project = (await cloud.call("GET", "/v3/projects?name=demo", token=admin)).json()["projects"][0]
        user = (await cloud.call("GET", "/v3/users?name=demo", token=admin)).json()["users"][0]
        change = {"user": {"default_project_id": project["id"]}}
        assert (await cloud.call("PATCH", f"/v3/users/{user['id']}", change, admin)).status == 200
        assert (await cloud.login("demo", "none")).json()["token"]["project"]["id"] == project["id"]
        assert "project" not in (await cloud.login("demo", "unscoped")).json()["token"]

    run(main)


def test_what_a_tokens_owner_may_reach() -> None:
    async def main(cloud: Cloud) -> None:
        unscoped = await cloud.token("admin", "unscoped")
        projects = (await cloud.call("GET", "/v3/auth/projects", token=unscoped)).json()
        assert {project["name"] for project in projects["projects"]} == {"admin", "demo"}
        assert set(projects["links"]) == {"self", "previous", "next"}
        assert (await cloud.call("GET", "/v3/auth/domains", token=unscoped)).json()["domains"] == []
        assert (await cloud.call("GET", "/v3/auth/system", token=unscoped)).json()["system"] == [{"all": True}]
        assert (await cloud.call("GET", "/v3/auth/catalog", token=unscoped)).status == 403
        scoped = await cloud.token("admin")
        assert len((await cloud.call("GET", "/v3/auth/catalog", token=scoped)).json()["catalog"]) == 7

    run(main)
