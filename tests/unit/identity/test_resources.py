"""Domains, projects, users, groups, roles and the catalog, through the API."""

from __future__ import annotations

from typing import Any

import pytest

from lab.config import Config
from lab.services.identity.model import Bootstrap
from tests.unit.identity.keystone import Cloud, make, names, run

KINDS: dict[str, dict[str, Any]] = {
    "domain": {"name": "lab", "description": "A domain", "enabled": True},
    "project": {"name": "lab", "description": "A project", "enabled": True},
    "user": {"name": "alice", "password": "s3cret", "email": "alice@example.org", "enabled": True},
    "group": {"name": "team", "description": "A group"},
    "role": {"name": "auditor"},
    "region": {"description": "Another place"},
    "service": {"name": "heat", "type": "orchestration", "enabled": True},
}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_can_be_made_seen_changed_and_removed(kind: str) -> None:
    async def main(cloud: Cloud) -> None:
        admin = await cloud.token()
        made = await make(cloud, admin, kind, **KINDS[kind])
        assert "password" not in made
        assert "password_hash" not in made
        for name, value in KINDS[kind].items():
            assert name == "password" or made[name] == value
        path = f"/v3/{kind}s/{made['id']}"
        assert made["links"]["self"].endswith(f"/identity{path}")
        assert (await cloud.call("GET", path, token=admin)).json()[kind] == made
        listed = (await cloud.call("GET", f"/v3/{kind}s", token=admin)).json()
        assert made in listed[f"{kind}s"]
        assert listed["links"]["self"].endswith(f"/identity/v3/{kind}s")
        changed = await cloud.call("PATCH", path, {kind: {"description": "Other", "colour": "red"}}, admin)
        assert changed.status == 200, changed.content()
        assert (changed.json()[kind]["description"], changed.json()[kind]["colour"]) == ("Other", "red")
        if kind == "domain":
            assert (await cloud.call("DELETE", path, token=admin)).status == 403
            assert (await cloud.call("PATCH", path, {kind: {"enabled": False}}, admin)).status == 200
        assert (await cloud.call("DELETE", path, token=admin)).status == 204
        gone = await cloud.call("GET", path, token=admin)
        assert gone.status == 404
        assert gone.json()["error"]["message"] == f"Could not find {kind}: {made['id']}."
        for method in ("PATCH", "DELETE"):
            body = {kind: {"description": "x"}} if method == "PATCH" else None
            assert (await cloud.call(method, path, body, admin)).status == 404

    run(main)


@pytest.mark.parametrize("kind", ["domain", "project", "user", "group", "role"])
def test_a_name_is_given_once(kind: str) -> None:
    async def main(cloud: Cloud) -> None:
        admin = await cloud.token()
        await make(cloud, admin, kind, **KINDS[kind])
        again = await cloud.call("POST", f"/v3/{kind}s", {kind: KINDS[kind]}, admin)
        assert again.status == 409
        assert again.json()["error"]["message"].startswith(f"Conflict occurred attempting to store {kind} - Duplicate")
        other = await make(cloud, admin, kind, **{**KINDS[kind], "name": "other"})
        taken = {kind: {"name": KINDS[kind]["name"]}}
        assert (await cloud.call("PATCH", f"/v3/{kind}s/{other['id']}", taken, admin)).status == 409
        if kind in ("project", "user", "group"):
            domain = await make(cloud, admin, "domain", name="elsewhere")
            await make(cloud, admin, kind, **KINDS[kind], domain_id=domain["id"])

    run(main)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("project", {"name": ""}),
        ("project", {"name": "x" * 65}),
        ("project", {"name": 7}),
        ("project", {}),
        ("project", {"name": "x", "enabled": "yes"}),
        ("user", {"name": ""}),
        ("user", {"name": "x" * 256}),
        ("domain", {"name": " "}),
        ("role", {"name": None}),
        ("service", {"name": "x"}),
        ("endpoint", {"service_id": "x", "interface": "side", "url": "http://x/"}),
        ("endpoint", {"service_id": "x", "interface": "public", "url": "nowhere"}),
        ("endpoint", {"service_id": "missing", "interface": "public", "url": "http://x/"}),
    ],
)
def test_malformed_things_are_bad_requests(kind: str, values: dict[str, Any]) -> None:
    async def main(cloud: Cloud) -> None:
        admin = await cloud.token()
        response = await cloud.call("POST", f"/v3/{kind}s", {kind: values}, admin)
        assert (response.status, response.json()["error"]["title"]) == (400, "Bad Request")

    run(main)


def test_only_administrators_write_and_others_see_what_is_their_own() -> None:
    async def main(cloud: Cloud) -> None:
        demo, admin = await cloud.login("demo"), await cloud.token()
        token, body = demo.headers["X-Subject-Token"], demo.json()["token"]
        user_id, project_id = body["user"]["id"], body["project"]["id"]
        for path in (
            f"/v3/users/{user_id}",
            f"/v3/projects/{project_id}",
            f"/v3/users/{user_id}/projects",
            f"/v3/users/{user_id}/groups",
            "/v3/domains/default",
            "/v3/regions",
            "/v3/limits",
            "/v3/limits/model",
        ):
            assert (await cloud.call("GET", path, token=token)).status == 200, path
        other = (await cloud.call("GET", "/v3/users?name=admin", token=admin)).json()["users"][0]["id"]
        for path in (
            "/v3/users",
            "/v3/projects",
            "/v3/domains",
            "/v3/roles",
            "/v3/groups",
            "/v3/services",
            "/v3/endpoints",
            "/v3/role_assignments",
            f"/v3/users/{other}",
            f"/v3/users/{other}/projects",
            "/v3/users/missing",
        ):
            assert (await cloud.call("GET", path, token=token)).status == 403, path
        refused = await cloud.call("POST", "/v3/users", {"user": {"name": "x"}}, token)
        assert refused.status == 403
        assert refused.json()["error"]["message"] == ("You are not authorized to perform the requested action: identity:create_user.")
        assert (await cloud.call("GET", "/v3/users")).status == 401

    run(main)


def test_lists_are_filtered_and_cut() -> None:
    async def main(cloud: Cloud) -> None:
        admin = await cloud.token()
        for number in range(4):
            await make(cloud, admin, "project", name=f"p{number}", enabled=number % 2 == 0, tags=[f"t{number}"])
        assert await names(cloud, admin, "/v3/projects?name=p1", "projects") == ["p1"]
        assert await names(cloud, admin, "/v3/projects?name=P1", "projects") == []
        assert await names(cloud, admin, "/v3/projects?name__icontains=P&enabled=false", "projects") == ["p1", "p3"]
        assert await names(cloud, admin, "/v3/projects?tags=t2", "projects") == ["p2"]
        assert await names(cloud, admin, "/v3/projects?domain_id=missing", "projects") == []
        assert await names(cloud, admin, "/v3/projects?colour=red&name=p1", "projects") == ["p1"]
        first = (await cloud.call("GET", "/v3/projects?limit=5", token=admin)).json()
        assert len(first["projects"]) == 5
        following = first["links"]["next"].partition("/identity")[2]
        rest = (await cloud.call("GET", following, token=admin)).json()
        assert [p["name"] for p in first["projects"] + rest["projects"]] == [
            "admin",
            "service",
            "demo",
            "p0",
            "p1",
            "p2",
            "p3",
        ]
        assert rest["links"]["next"] is None
        assert (await cloud.call("GET", "/v3/projects?limit=none", token=admin)).status == 400
        assert (await cloud.call("GET", "/v3/projects?marker=none", token=admin)).status == 400

    run(main)


def test_passwords_are_replaced_by_proof_of_the_old_one_and_end_all_tokens() -> None:
    async def main(cloud: Cloud) -> None:
        login = await cloud.login("demo")
        old, user_id = login.headers["X-Subject-Token"], login.json()["token"]["user"]["id"]
        path = f"/v3/users/{user_id}/password"
        wrong = {"user": {"original_password": "no", "password": "new"}}
        assert (await cloud.call("POST", path, wrong)).status == 401
        right = {"user": {"original_password": "glasscloud", "password": "new"}}
        assert (await cloud.call("POST", path, right)).status == 204
        assert (await cloud.validate(old, await cloud.token())).status == 404
        assert (await cloud.login("demo")).status == 401
        assert (await cloud.login("demo", password="new")).status == 201
        assert (await cloud.call("POST", path, {"user": {"password": "x"}})).status == 400
        long = {"user": {"original_password": "new", "password": "x" * 5000}}
        assert (await cloud.call("POST", path, long)).status == 403

    run(main)


def test_removing_a_domain_removes_what_is_in_it_and_never_the_default_one() -> None:
    async def main(cloud: Cloud) -> None:
        admin = await cloud.token()
        domain = await make(cloud, admin, "domain", name="lab")
        inside = {"domain_id": domain["id"]}
        made = {kind: await make(cloud, admin, kind, name="inside", **inside) for kind in ("user", "group", "project", "role")}
        assert (await cloud.call("PATCH", f"/v3/domains/{domain['id']}", {"domain": {"enabled": False}}, admin)).status == 200
        assert (await cloud.call("DELETE", f"/v3/domains/{domain['id']}", token=admin)).status == 204
        for kind, thing in made.items():
            assert (await cloud.call("GET", f"/v3/{kind}s/{thing['id']}", token=admin)).status == 404
        assert (await cloud.call("DELETE", "/v3/domains/default", token=admin)).status == 403

    run(main)


def test_endpoints_and_regions() -> None:
    async def main(cloud: Cloud) -> None:
        admin = await cloud.token()
        service = await make(cloud, admin, "service", type="orchestration", name="heat")
        url = "http://cloud/heat/v1/%(tenant_id)s"
        endpoint = await make(cloud, admin, "endpoint", service_id=service["id"], interface="public", url=url, region_id="RegionTwo")
        assert endpoint["region"] == "RegionTwo"
        login = (await cloud.login()).json()["token"]
        heat = next(one for one in login["catalog"] if one["type"] == "orchestration")
        assert heat["endpoints"][0]["url"] == f"http://cloud/heat/v1/{login['project']['id']}"
        region = await cloud.call("GET", "/v3/regions/RegionTwo", token=admin)
        assert region.json()["region"]["parent_region_id"] is None
        refused = await cloud.call("DELETE", "/v3/regions/RegionTwo", token=admin)
        assert refused.status == 403
        assert "associated endpoints" in refused.json()["error"]["message"]
        found = await cloud.call("GET", f"/v3/endpoints?service_id={service['id']}&interface=public", token=admin)
        assert [one["id"] for one in found.json()["endpoints"]] == [endpoint["id"]]
        moved = await cloud.call("PATCH", f"/v3/endpoints/{endpoint['id']}", {"endpoint": {"enabled": False}}, admin)
        assert moved.json()["endpoint"]["url"] == url
        catalog = (await cloud.login()).json()["token"]["catalog"]
        assert next(one for one in catalog if one["type"] == "orchestration")["endpoints"] == []
        bad = {"endpoint": {"url": "http://cloud/%(secret)s"}}
        assert (await cloud.call("PATCH", f"/v3/endpoints/{endpoint['id']}", bad, admin)).status == 400
        assert (await cloud.call("DELETE", f"/v3/services/{service['id']}", token=admin)).status == 204
        assert (await cloud.call("GET", f"/v3/endpoints/{endpoint['id']}", token=admin)).status == 404
        assert (await cloud.call("DELETE", "/v3/regions/RegionTwo", token=admin)).status == 204
        named = await cloud.call("PUT", "/v3/regions/RegionThree", {"region": {"description": "x"}}, admin)
        assert (named.status, named.json()["region"]["id"]) == (201, "RegionThree")
        circle = {"region": {"parent_region_id": "RegionThree"}}
        assert (await cloud.call("PATCH", "/v3/regions/RegionThree", circle, admin)).status == 400

    run(main)


def test_discovery() -> None:
    async def main(cloud: Cloud) -> None:
        top, version = await cloud.call("GET", "/"), await cloud.call("GET", "/v3/")
        assert top.status == 300
        (value,) = top.json()["versions"]["values"]
        assert version.status == 200
        assert value == version.json()["version"]
        assert value["id"].startswith("v3.")
        assert value["status"] == "stable"
        assert value["links"] == [{"rel": "self", "href": "http://glasscloud.local/identity/v3/"}]

    run(main)


def test_a_kept_cloud_follows_its_configuration_and_keeps_what_users_did() -> None:
    async def main(cloud: Cloud) -> None:
        admin = await cloud.token()
        for path, kind in (("/v3/users?name=demo", "users"), ("/v3/projects?name=demo", "projects")):
            doomed = (await cloud.call("GET", path, token=admin)).json()[kind][0]["id"]
            assert (await cloud.call("DELETE", f"/v3/{kind}/{doomed}", token=admin)).status == 204
        mine = await make(cloud, admin, "service", type="dns", name="mine")
        await make(cloud, admin, "endpoint", service_id=mine["id"], interface="public", url="http://elsewhere/dns")
        user = (await cloud.call("GET", "/v3/users?name=admin", token=admin)).json()["users"][0]["id"]
        await cloud.call("PATCH", f"/v3/users/{user}", {"user": {"password": "changed"}}, admin)

        cloud.wires.restart("keystone@controller-1")
        token = (await cloud.login(password="changed")).json()["token"]
        assert await names(cloud, await cloud.token(password="changed"), "/v3/projects", "projects") == ["admin", "service"]
        assert token["catalog"][0]["endpoints"][0]["url"] == "http://glasscloud.local/identity/v3"

        cloud.wires.config = Config().but(public_url="http://127.0.0.1:1", admin_password="other")
        for _ in range(2):
            cloud.wires.restart("keystone@controller-1")
            token = (await cloud.login(password="other")).json()["token"]
        urls = {one["type"]: one["endpoints"][0]["url"] for one in token["catalog"]}
        assert urls["identity"] == "http://127.0.0.1:1/identity/v3"
        stored = await cloud.manager.read(lambda tx: tx.all(Bootstrap))
        assert [one.public_url for one in stored] == ["http://127.0.0.1:1"]
        assert urls["dns"] == "http://elsewhere/dns"
        assert (await cloud.login("nova", {"project": {"name": "service", "domain": {"id": "default"}}})).status == 201
        assert await names(cloud, await cloud.token(password="other"), "/v3/projects", "projects") == ["admin", "service"]

    run(main)


def test_tags_of_a_project_one_by_one_and_together() -> None:
    async def main(cloud: Cloud) -> None:
        admin = await cloud.token()
        project = await make(cloud, admin, "project", name="tagged", tags=["a"])
        path = f"/v3/projects/{project['id']}/tags"

        async def tags() -> list[str]:
            return list((await cloud.call("GET", path, token=admin)).json()["tags"])

        assert await tags() == ["a"]
        for _ in range(2):
            assert (await cloud.call("PUT", f"{path}/b", token=admin)).status == 201
        assert await tags() == ["a", "b"]
        assert (await cloud.call("GET", f"{path}/b", token=admin)).status == 204
        assert (await cloud.call("DELETE", f"{path}/a", token=admin)).status == 204
        assert (await cloud.call("GET", f"{path}/a", token=admin)).status == 404
        assert (await cloud.call("DELETE", f"{path}/a", token=admin)).status == 404
        replaced = await cloud.call("PUT", path, {"tags": ["x", "y"]}, admin)
        assert (replaced.status, replaced.json()["tags"]) == (200, ["x", "y"])
        for bad in (["x", "x"], ["a/b"], ["a,b"], [""], [str(n) for n in range(81)]):
            assert (await cloud.call("PUT", path, {"tags": bad}, admin)).status == 400
        assert (await cloud.call("PUT", f"{path}/{'n' * 256}", token=admin)).status == 400
        assert (await cloud.call("DELETE", path, token=admin)).status == 204
        assert await tags() == []
        assert (await cloud.call("GET", "/v3/projects/nope/tags", token=admin)).status == 404

    run(main)
