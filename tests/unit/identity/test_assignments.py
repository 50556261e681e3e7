"""Who has which role where, and what that makes of tokens."""

from __future__ import annotations

import pytest

from tests.unit.identity.keystone import DEFAULT, Cloud, make, names, run


def test_readers_of_the_system_see_everything_and_change_nothing() -> None:
    async def main(cloud: Cloud) -> None:
        admin = await cloud.token()
        user = await make(cloud, admin, "user", name="eye", password="open")
        role = (await cloud.call("GET", "/v3/roles?name=reader", token=admin)).json()["roles"][0]
        assert (await cloud.call("PUT", f"/v3/system/users/{user['id']}/roles/{role['id']}", token=admin)).status == 204
        eye = await cloud.token("eye", {"system": {"all": True}}, "open")
        for path in ("/v3/users", "/v3/projects", "/v3/roles", "/v3/endpoints", "/v3/role_assignments"):
            assert (await cloud.call("GET", path, token=eye)).status == 200, path
        assert (await cloud.call("DELETE", f"/v3/users/{user['id']}", token=eye)).status == 403

    run(main)


def test_readers_of_a_domain_see_what_is_in_it() -> None:
    async def main(cloud: Cloud) -> None:
        admin = await cloud.token()
        domain = await make(cloud, admin, "domain", name="lab")
        user = await make(cloud, admin, "user", name="alice", password="pw", domain_id=domain["id"])
        await make(cloud, admin, "project", name="inside", domain_id=domain["id"])
        role = (await cloud.call("GET", "/v3/roles?name=reader", token=admin)).json()["roles"][0]
        grant = f"/v3/domains/{domain['id']}/users/{user['id']}/roles/{role['id']}"
        assert (await cloud.call("PUT", grant, token=admin)).status == 204
        auth = {
            "identity": {"methods": ["password"], "password": {"user": {"id": user["id"], "password": "pw"}}},
            "scope": {"domain": {"name": "lab"}},
        }
        login = await cloud.call("POST", "/v3/auth/tokens", {"auth": auth})
        token = login.headers["X-Subject-Token"]
        assert login.json()["token"]["domain"] == {"id": domain["id"], "name": "lab"}
        assert await names(cloud, token, "/v3/projects", "projects") == ["inside"]
        assert await names(cloud, token, "/v3/users", "users") == ["alice"]
        assert await names(cloud, token, "/v3/domains", "domains") == ["lab"]
        seen = (await cloud.call("GET", "/v3/role_assignments", token=token)).json()["role_assignments"]
        assert [one["user"]["id"] for one in seen] == [user["id"]]

    run(main)


def test_disabling_a_user_or_what_it_works_in_ends_the_worth_of_tokens() -> None:
    async def main(cloud: Cloud) -> None:
        login, admin = await cloud.login("demo"), await cloud.token()
        demo, body = login.headers["X-Subject-Token"], login.json()["token"]
        project = f"/v3/projects/{body['project']['id']}"
        assert (await cloud.call("PATCH", project, {"project": {"enabled": False}}, admin)).status == 200
        assert (await cloud.validate(demo, admin)).status == 404
        assert (await cloud.login("demo")).status == 401
        assert (await cloud.call("PATCH", project, {"project": {"enabled": True}}, admin)).status == 200
        assert (await cloud.validate(demo, admin)).status == 200
        user = f"/v3/users/{body['user']['id']}"
        for enabled in (False, True):
            assert (await cloud.call("PATCH", user, {"user": {"enabled": enabled}}, admin)).status == 200
            assert (await cloud.validate(demo, admin)).status == 404, "a user's tokens do not come back"

    run(main)


@pytest.mark.parametrize("what", ["role", "project", "user", "grant"])
def test_removing_what_a_token_speaks_of_ends_it(what: str) -> None:
    async def main(cloud: Cloud) -> None:
        admin = await cloud.token()
        user = await make(cloud, admin, "user", name="alice", password="pw")
        project = await make(cloud, admin, "project", name="lab")
        role = await make(cloud, admin, "role", name="auditor")
        grant = f"/v3/projects/{project['id']}/users/{user['id']}/roles/{role['id']}"
        assert (await cloud.call("GET", grant, token=admin)).status == 404
        assert (await cloud.call("PUT", grant, token=admin)).status == 204
        assert (await cloud.call("PUT", grant, token=admin)).status == 204
        assert (await cloud.call("GET", grant, token=admin)).status == 204
        assert (await cloud.call("HEAD", grant, token=admin)).status == 204
        token = await cloud.token("alice", {"project": {"id": project["id"]}}, "pw")
        assert (await cloud.validate(token, token)).json()["token"]["roles"] == [{"id": role["id"], "name": "auditor"}]
        doomed = {
            "role": f"/v3/roles/{role['id']}",
            "project": f"/v3/projects/{project['id']}",
            "user": f"/v3/users/{user['id']}",
            "grant": grant,
        }[what]
        assert (await cloud.call("DELETE", doomed, token=admin)).status == 204
        assert (await cloud.validate(token, admin)).status == 404
        left = (await cloud.call("GET", "/v3/role_assignments", token=admin)).json()["role_assignments"]
        assert all(one["role"]["id"] != role["id"] for one in left)

    run(main)


def test_groups_give_their_roles_to_their_users() -> None:
    async def main(cloud: Cloud) -> None:
        admin = await cloud.token()
        user = await make(cloud, admin, "user", name="alice", password="pw")
        group = await make(cloud, admin, "group", name="team")
        project = await make(cloud, admin, "project", name="lab")
        role = (await cloud.call("GET", "/v3/roles?name=member", token=admin)).json()["roles"][0]
        scope = {"project": {"id": project["id"]}}
        grant = f"/v3/projects/{project['id']}/groups/{group['id']}/roles"
        assert (await cloud.call("PUT", f"{grant}/{role['id']}", token=admin)).status == 204
        assert await names(cloud, admin, grant, "roles") == ["member"]
        assert (await cloud.login("alice", scope, "pw")).status == 401
        member = f"/v3/groups/{group['id']}/users/{user['id']}"
        assert (await cloud.call("HEAD", member, token=admin)).status == 404
        assert (await cloud.call("PUT", member, token=admin)).status == 204
        assert (await cloud.call("HEAD", member, token=admin)).status == 204
        assert await names(cloud, admin, f"/v3/groups/{group['id']}/users", "users") == ["alice"]
        assert await names(cloud, admin, f"/v3/users/{user['id']}/groups", "groups") == ["team"]
        login = await cloud.login("alice", scope, "pw")
        assert [one["name"] for one in login.json()["token"]["roles"]] == ["member", "reader"]
        query = f"/v3/role_assignments?effective&include_names=True&user.id={user['id']}"
        seen = (await cloud.call("GET", query, token=admin)).json()["role_assignments"]
        assert [one["role"]["name"] for one in seen] == ["member", "reader"]
        assert seen[0]["user"]["name"] == "alice"
        assert seen[0]["scope"]["project"]["domain"] == {"id": "default", "name": "Default"}
        assert seen[0]["links"]["membership"].endswith(member)
        assert (await cloud.call("DELETE", member, token=admin)).status == 204
        assert (await cloud.validate(login.headers["X-Subject-Token"], admin)).status == 404

    run(main)


def test_inherited_roles_reach_the_projects_below() -> None:
    async def main(cloud: Cloud) -> None:
        admin = await cloud.token()
        user = await make(cloud, admin, "user", name="alice", password="pw")
        above = await make(cloud, admin, "project", name="above")
        below = await make(cloud, admin, "project", name="below", parent_id=above["id"])
        role = (await cloud.call("GET", "/v3/roles?name=reader", token=admin)).json()["roles"][0]
        grant = f"/v3/OS-INHERIT/projects/{above['id']}/users/{user['id']}/roles/{role['id']}/inherited_to_projects"
        assert (await cloud.call("PUT", grant, token=admin)).status == 204
        assert (await cloud.call("HEAD", grant, token=admin)).status == 204
        assert (await cloud.login("alice", {"project": {"id": above["id"]}}, "pw")).status == 401
        login = await cloud.login("alice", {"project": {"id": below["id"]}}, "pw")
        assert login.status == 201
        assert await names(cloud, login.headers["X-Subject-Token"], "/v3/auth/projects", "projects") == ["below"]
        assert (await cloud.call("DELETE", f"/v3/projects/{above['id']}", token=admin)).status == 403
        assert (await cloud.call("DELETE", grant, token=admin)).status == 204
        assert (await cloud.login("alice", {"project": {"id": below["id"]}}, "pw")).status == 401

    run(main)


def test_roles_imply_others() -> None:
    async def main(cloud: Cloud) -> None:
        admin = await cloud.token()
        prior, implied = [await make(cloud, admin, "role", name=name) for name in ("chief", "clerk")]
        path = f"/v3/roles/{prior['id']}/implies"
        assert (await cloud.call("PUT", f"{path}/{implied['id']}", token=admin)).status == 201
        assert (await cloud.call("HEAD", f"{path}/{implied['id']}", token=admin)).status == 204
        seen = (await cloud.call("GET", path, token=admin)).json()["role_inference"]
        assert (seen["prior_role"]["name"], [one["name"] for one in seen["implies"]]) == ("chief", ["clerk"])
        every = (await cloud.call("GET", "/v3/role_inferences", token=admin)).json()["role_inferences"]
        assert [one["prior_role"]["name"] for one in every] == ["admin", "manager", "member", "chief"]
        chief = (await cloud.call("GET", "/v3/roles?name=admin", token=admin)).json()["roles"][0]
        assert (await cloud.call("PUT", f"{path}/{chief['id']}", token=admin)).status == 403
        assert (await cloud.call("DELETE", f"{path}/{implied['id']}", token=admin)).status == 204
        assert (await cloud.call("GET", f"{path}/{implied['id']}", token=admin)).status == 404

    run(main)


def test_every_service_user_can_log_in() -> None:
    async def main(cloud: Cloud) -> None:
        for user in ("nova", "neutron", "glance", "cinder", "placement", "swift"):
            login = await cloud.login(user, {"project": {"name": "service", "domain": DEFAULT}})
            assert {role["name"] for role in login.json()["token"]["roles"]} >= {"admin", "service"}

    run(main)
