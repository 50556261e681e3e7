"""Passwords: what is stored, what is remembered, and what clients cannot slip in."""

from __future__ import annotations

import pytest

from lab.services.identity.passwords import MAX_LENGTH, Passwords
from tests.unit.identity.keystone import Cloud, make, run


@pytest.mark.parametrize("password", ["", "secret", "x" * 73, "ä\u0000ö", "\ud800", "x" * MAX_LENGTH])
def test_a_password_matches_its_hash_and_no_other(password: str) -> None:
    passwords, fresh = Passwords(4, "key"), Passwords(4, "other key")
    hashed = passwords.hash(password)
    assert hashed.startswith("$2b$04$")
    assert password not in hashed or not password
    for one in (passwords, fresh, fresh):
        assert one.verify(password, hashed)
        assert not one.verify(password + "!", hashed)
        assert not one.verify(password, None)
    assert passwords.hash(password) != hashed


def test_long_passwords_that_begin_alike_differ() -> None:
    passwords = Passwords(4, "key")
    assert not Passwords(4, "key").verify("x" * 80 + "a", passwords.hash("x" * 80 + "b"))


def test_a_verified_password_costs_no_second_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    passwords = Passwords(4, "key")
    hashed = Passwords(4, "key").hash("secret")
    assert passwords.verify("secret", hashed)
    with monkeypatch.context() as patch:
        patch.setattr("bcrypt.checkpw", lambda *_: pytest.fail("hashed again"))
        assert passwords.verify("secret", hashed)
        passwords.forget(hashed)
        with pytest.raises(pytest.fail.Exception):
            passwords.verify("secret", hashed)


def test_internal_fields_cannot_be_sent() -> None:
    async def main(cloud: Cloud) -> None:
        admin = await cloud.token()
        hashed = Passwords(4, "key").hash("mine")
        inner = {"password_hash": hashed, "extra": "x", "id": "chosen", "links": {}, "email": "a@b"}
        user = await make(cloud, admin, "user", name="alice", **inner)
        assert user["id"] != "chosen"
        assert (user["email"], user["links"]["self"][-5:] != "") == ("a@b", True)
        assert "password_hash" not in user
        assert (await cloud.login("alice", "unscoped", "mine")).status == 401
        changed = await cloud.call("PATCH", f"/v3/users/{user['id']}", {"user": inner}, admin)
        assert changed.status == 200
        assert (await cloud.login("alice", "unscoped", "mine")).status == 401
        role = await make(cloud, admin, "role", name="auditor")
        odd = {"role": {"domain_id": "default", "id": "chosen"}}
        changed_role = (await cloud.call("PATCH", f"/v3/roles/{role['id']}", odd, admin)).json()["role"]
        assert (changed_role["id"], changed_role["domain_id"]) == (role["id"], None)

    run(main)
