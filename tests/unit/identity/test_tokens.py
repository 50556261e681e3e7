"""Tokens: who gets one, what it says, and when it is worth nothing any more."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from lab.services.identity.model import Token
from tests.unit.identity.keystone import DEFAULT, Cloud, run

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
AUDIT_ID = re.compile(r"[\w-]{22}")


def test_a_project_token_has_keystones_shape() -> None:
    async def main(cloud: Cloud) -> Any:
        return await cloud.login("demo")

    response = run(main)
    token = response.json()["token"]
    assert response.status == 201
    assert len(response.headers["X-Subject-Token"]) >= 40
    assert set(token) == {
        "methods",
        "user",
        "audit_ids",
        "expires_at",
        "issued_at",
        "project",
        "is_domain",
        "roles",
        "catalog",
    }
    assert token["methods"] == ["password"]
    assert set(token["user"]) == {"id", "name", "domain", "password_expires_at"}
    assert token["user"]["domain"] == {"id": "default", "name": "Default"}
    assert token["user"]["password_expires_at"] is None
    assert token["project"]["name"] == "demo"
    assert token["project"]["domain"] == {"id": "default", "name": "Default"}
    assert token["is_domain"] is False
    assert [role["name"] for role in token["roles"]] == ["member", "reader"]
    assert INSTANT.fullmatch(token["expires_at"])
    assert INSTANT.fullmatch(token["issued_at"])
    assert AUDIT_ID.fullmatch(token["audit_ids"][0])


def test_a_token_is_checked_by_its_owner_by_services_and_by_administrators_only() -> None:
    async def main(cloud: Cloud) -> None:
        demo, admin = await cloud.token("demo"), await cloud.token("admin")
        nova = await cloud.token("nova", {"project": {"name": "service", "domain": DEFAULT}})
        own = await cloud.validate(demo, demo)
        assert own.status == 200
        assert own.headers["X-Subject-Token"] == demo
        assert own.headers["Vary"] == "X-Auth-Token"
        assert (await cloud.validate(demo, nova)).content() == own.content()
        assert (await cloud.validate(demo, admin)).status == 200
        refused = await cloud.validate(admin, demo)
        assert refused.status == 403
        assert "identity:validate_token" in refused.json()["error"]["message"]
        assert (await cloud.validate("made-up", nova)).status == 404
        assert (await cloud.validate(demo, "made-up")).status == 401
        assert (await cloud.validate("", admin)).status == 400
        head = await cloud.call("HEAD", "/v3/auth/tokens", token=demo, headers={"X-Subject-Token": demo})
        assert (head.status, head.content()) == (200, b"")

    run(main)


def test_nocatalog_leaves_the_catalog_out() -> None:
    async def main(cloud: Cloud) -> None:
        response = await cloud.login("demo", query="?nocatalog")
        assert "catalog" not in response.json()["token"]
        token = response.headers["X-Subject-Token"]
        assert "catalog" in (await cloud.validate(token, token)).json()["token"]
        assert "catalog" not in (await cloud.validate(token, token, "?nocatalog")).json()["token"]

    run(main)


def test_a_token_ends_and_stays_good_for_services_for_two_days() -> None:
    async def main(cloud: Cloud) -> None:
        demo = await cloud.token("demo")
        await asyncio.sleep(3599)
        assert (await cloud.validate(demo, demo)).status == 200
        await asyncio.sleep(2)
        admin = await cloud.token("admin")
        assert (await cloud.validate(demo, admin)).status == 404
        assert (await cloud.validate(demo, demo)).status == 401
        assert (await cloud.validate(demo, admin, "?allow_expired=1")).status == 200
        assert (await cloud.validate(demo, admin, "?allow_expired=0")).status == 404
        await asyncio.sleep(172_800)
        admin = await cloud.token("admin")
        assert (await cloud.validate(demo, admin, "?allow_expired=1")).status == 404

    run(main)


@pytest.mark.parametrize(("factor", "alive_s"), [(10.0, 35_000), (float("inf"), 3_000_000)])
def test_the_edge_can_stretch_the_life_of_tokens(factor: float, alive_s: float) -> None:
    async def main(cloud: Cloud) -> None:
        demo = await cloud.token("demo")
        await asyncio.sleep(alive_s)
        assert (await cloud.validate(demo, demo)).status == 200

    run(main, token_lifetime_factor=factor)


def test_a_revoked_token_is_worth_nothing() -> None:
    async def main(cloud: Cloud) -> None:
        first, second = await cloud.token("demo"), await cloud.token("demo")
        subject = {"X-Subject-Token": first}
        assert (await cloud.call("DELETE", "/v3/auth/tokens", token=second, headers=subject)).status == 204
        assert (await cloud.validate(first, second)).status == 404
        assert (await cloud.call("GET", "/v3/auth/projects", token=first)).status == 401
        assert (await cloud.validate(second, second)).status == 200
        admin = {"X-Subject-Token": await cloud.token("admin")}
        assert (await cloud.call("DELETE", "/v3/auth/tokens", token=second, headers=admin)).status == 403

    run(main)


def test_a_token_buys_another_that_lives_no_longer() -> None:
    async def main(cloud: Cloud) -> None:
        first = await cloud.login("admin", "unscoped")
        await asyncio.sleep(100)
        auth = {
            "identity": {"methods": ["token"], "token": {"id": first.headers["X-Subject-Token"]}},
            "scope": {"project": {"name": "demo", "domain": DEFAULT}},
        }
        second = await cloud.call("POST", "/v3/auth/tokens", {"auth": auth})
        assert second.status == 201
        before, after = first.json()["token"], second.json()["token"]
        assert after["methods"] == ["token", "password"]
        assert after["expires_at"] == before["expires_at"]
        assert after["issued_at"] > before["issued_at"]
        assert after["audit_ids"][1] == before["audit_ids"][0]
        assert after["project"]["name"] == "demo"
        auth["identity"]["token"] = {"id": "made-up"}
        assert (await cloud.call("POST", "/v3/auth/tokens", {"auth": auth})).status == 401

    run(main)


def test_the_store_never_has_a_token_and_the_journal_never_has_a_secret() -> None:
    async def main(cloud: Cloud) -> tuple[str, list[Token], bytes]:
        token = await cloud.token("demo")
        await cloud.validate(token, token)
        stored = await cloud.keystone.store.run(lambda tx: tx.all(Token))
        entries = cloud.wires.journal.since(0)
        return token, stored, b"\n".join(entry.line() for entry in entries)

    token, stored, journal = run(main)
    assert len(stored) == 1
    assert token not in repr(stored)
    assert journal
    assert token.encode() not in journal
    assert b'glasscloud"' not in journal


def test_tokens_survive_a_restart_of_keystone() -> None:
    async def main(cloud: Cloud) -> None:
        token = await cloud.token("demo")
        before = (await cloud.validate(token, token)).content()
        cloud.wires.restart("keystone@controller-1")
        assert (await cloud.validate(token, token)).content() == before

    run(main)


def test_tokens_that_nobody_can_use_are_swept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.services.identity.tokens.SWEEP_EVERY", 3)

    async def main(cloud: Cloud) -> int:
        await cloud.token("demo")
        await asyncio.sleep(3600 + 172_801)
        await cloud.token("demo")
        await cloud.token("demo")
        return await cloud.keystone.store.run(lambda tx: tx.count(Token))

    assert run(main) == 2


def test_the_same_seed_gives_the_same_audit_ids_and_other_tokens() -> None:
    async def main(cloud: Cloud) -> Any:
        return await cloud.login("demo")

    one, two = run(main), run(main)
    assert one.content() == two.content()
    assert one.headers["X-Subject-Token"] != two.headers["X-Subject-Token"]
