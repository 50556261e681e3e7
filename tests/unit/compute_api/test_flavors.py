"""Flavors, their extra specs and access; key pairs."""

from __future__ import annotations

import pytest

from tests.unit.compute_api.nova import ADMIN, ALICE, BOB, Nova

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJKiLmdFFzEWmaWl1j/sXNsd6C9zTiWHRLkBfmgk21Yd alice"
FINGERPRINT = "e9:08:60:df:40:c9:02:8f:1f:81:eb:2f:b7:07:7b:83"  # ssh-keygen -l -E md5


@pytest.fixture
def nova() -> Nova:
    return Nova()


def test_a_flavor_by_microversion(nova: Nova) -> None:
    body = {
        "id": None,
        "name": "m1.tiny",
        "ram": "512",
        "vcpus": 1,
        "disk": 1,
        "swap": 0,
        "description": "small",
        "OS-FLV-EXT-DATA:ephemeral": 0,
        "os-flavor-access:is_public": True,
    }
    flavor = nova.ok("POST", "/v2.1/flavors", {"flavor": body}, ADMIN, (2, 61))["flavor"]
    assert len(flavor["id"]) == 36
    assert (flavor["ram"], flavor["swap"], flavor["rxtx_factor"], flavor["extra_specs"]) == (512, "", 1.0, {})
    path = f"/v2.1/flavors/{flavor['id']}"
    assert nova.ok("GET", path, version=(2, 75))["flavor"]["swap"] == 0
    assert "rxtx_factor" not in nova.ok("GET", path, version=(2, 102))["flavor"]
    assert "description" not in nova.ok("GET", path, version=(2, 54))["flavor"]
    assert nova.ok("PUT", path, {"flavor": {"description": None}}, ADMIN)["flavor"]["description"] is None
    assert nova.call("DELETE", path, token=ADMIN).status == 202
    assert nova.fault("GET", path) == (404, "itemNotFound", f"Flavor {flavor['id']} could not be found.")


def test_what_flavors_refuse(nova: Nova) -> None:
    nova.flavor(id="1")
    same = {"name": "other", "ram": 1, "vcpus": 1, "disk": 0, "id": "1"}
    assert nova.fault("POST", "/v2.1/flavors", {"flavor": same}, ADMIN) == (409, "conflictingRequest", "Flavor with ID 1 already exists.")
    same.update(name="m1.tiny", id="2")
    assert nova.fault("POST", "/v2.1/flavors", {"flavor": same}, ADMIN)[2] == "Flavor with name m1.tiny already exists."
    same.update(name="x")
    for change in (
        {"ram": 0},
        {"vcpus": -1},
        {"disk": -1},
        {"name": ""},
        {"name": "x" * 256},
        {"id": " a"},
        {"ram": True},
        {"swap": "x"},
        {"rxtx_factor": 1.0},
        {"ram": 2**31},
    ):
        assert nova.fault("POST", "/v2.1/flavors", {"flavor": {**same, **change}}, ADMIN)[0] == 400, change
    assert nova.fault("POST", "/v2.1/flavors", {"flavor": {**same, "rxtx_factor": 0}}, ADMIN, (2, 1))[0] == 400
    assert nova.fault("POST", "/v2.1/flavors", {"flavor": same}, ALICE)[0] == 403
    assert nova.fault("PUT", "/v2.1/flavors/1", {"flavor": {"description": "d"}}, ADMIN, (2, 54))[0] == 404


def test_lists_are_sorted_filtered_and_paged(nova: Nova) -> None:
    for number, ram in ((3, 2048), (1, 512), (2, 1024)):
        nova.flavor(f"f{number}", id=str(number), ram=ram)
    assert [flavor["id"] for flavor in nova.ok("GET", "/v2.1/flavors")["flavors"]] == ["1", "2", "3"]
    page = nova.ok("GET", "/v2.1/flavors/detail?limit=2&sort_key=memory_mb&sort_dir=desc")
    assert [flavor["id"] for flavor in page["flavors"]] == ["3", "2"]
    assert "marker=2" in page["flavors_links"][0]["href"]
    assert [flavor["id"] for flavor in nova.ok("GET", "/v2.1/flavors?minRam=1000&marker=2")["flavors"]] == ["3"]
    assert [flavor["id"] for flavor in nova.ok("GET", "/v2.1/flavors?name=f2")["flavors"]] == ["2"]
    for query in ("minRam=x", "marker=nope", "limit=-1", "sort_key=color", "unknown=1"):
        assert nova.fault("GET", f"/v2.1/flavors?{query}")[0] == 400, query
    assert nova.fault("GET", "/v2.1/flavors?is_public=maybe", token=ADMIN)[2] == "Invalid is_public filter [maybe]"


def test_private_flavors_and_access(nova: Nova) -> None:
    nova.flavor("secret", id="9", **{"os-flavor-access:is_public": False})
    nova.flavor("public", id="1")
    assert nova.fault("GET", "/v2.1/flavors/9")[0] == 404
    grant = {"addTenantAccess": {"tenant": "red"}}
    access = nova.ok("POST", "/v2.1/flavors/9/action", grant, ADMIN)["flavor_access"]
    assert access == [{"flavor_id": "9", "tenant_id": "red"}]
    assert nova.ok("GET", "/v2.1/flavors/9", token=ALICE)
    assert nova.fault("GET", "/v2.1/flavors/9", token=BOB)[0] == 404
    assert [flavor["name"] for flavor in nova.ok("GET", "/v2.1/flavors")["flavors"]] == ["public", "secret"]
    everything = nova.ok("GET", "/v2.1/flavors?is_public=None", token=ADMIN)["flavors"]
    assert len(everything) == 2
    assert [f["id"] for f in nova.ok("GET", "/v2.1/flavors?is_public=False", token=ADMIN)["flavors"]] == ["9"]
    assert nova.fault("POST", "/v2.1/flavors/9/action", grant, ADMIN)[0] == 409
    assert nova.fault("POST", "/v2.1/flavors/1/action", grant, ADMIN)[2] == "Can not add access to a public flavor."
    assert nova.fault("GET", "/v2.1/flavors/1/os-flavor-access", token=ADMIN)[0] == 404
    assert nova.ok("GET", "/v2.1/flavors/9/os-flavor-access", token=ADMIN)["flavor_access"] == access
    revoke = {"removeTenantAccess": {"tenant": "red"}}
    assert nova.ok("POST", "/v2.1/flavors/9/action", revoke, ADMIN)["flavor_access"] == []
    assert nova.fault("POST", "/v2.1/flavors/9/action", revoke, ADMIN)[0] == 404


def test_extra_specs(nova: Nova) -> None:
    nova.flavor(id="1")
    path = "/v2.1/flavors/1/os-extra_specs"
    assert nova.ok("POST", path, {"extra_specs": {"hw:x": "1", "y": 2}}, ADMIN) == {"extra_specs": {"hw:x": "1", "y": "2"}}
    assert nova.ok("PUT", f"{path}/y", {"y": "3"}, ADMIN) == {"y": "3"}
    assert nova.ok("GET", path) == {"extra_specs": {"hw:x": "1", "y": "3"}}
    assert nova.ok("GET", f"{path}/y") == {"y": "3"}
    assert nova.call("DELETE", f"{path}/y", token=ADMIN).status == 200
    assert nova.fault("GET", f"{path}/y") == (404, "itemNotFound", "Flavor 1 has no extra specs with key y.")
    assert nova.fault("DELETE", f"{path}/y", token=ADMIN)[0] == 404
    assert nova.fault("PUT", f"{path}/y", {"z": "3"}, ADMIN)[2] == "Request body and URI mismatch"
    assert nova.fault("PUT", f"{path}/y", {"y": "3", "z": "3"}, ADMIN)[0] == 400
    assert nova.fault("POST", path, {"extra_specs": {"ö": "1"}}, ADMIN)[0] == 400
    assert nova.fault("POST", path, {"extra_specs": {"a": "1"}})[0] == 403


def test_key_pairs(nova: Nova) -> None:
    response = nova.call("POST", "/v2.1/os-keypairs", {"keypair": {"name": "k1", "public_key": KEY}}, version=(2, 10))
    assert response.status == 201
    pair = response.json()["keypair"]
    assert pair == {"name": "k1", "public_key": KEY, "type": "ssh", "user_id": "alice", "fingerprint": FINGERPRINT}
    old = nova.call("POST", "/v2.1/os-keypairs", {"keypair": {"name": "k2", "public_key": KEY}}, version=(2, 1))
    assert (old.status, "type" in old.json()["keypair"]) == (200, False)
    listed = nova.ok("GET", "/v2.1/os-keypairs?limit=1")
    assert [item["keypair"]["name"] for item in listed["keypairs"]] == ["k1"]
    assert "marker=k1" in listed["keypairs_links"][0]["href"]
    shown = nova.ok("GET", "/v2.1/os-keypairs/k1")["keypair"]
    assert (shown["id"], shown["deleted"], shown["created_at"]) == (1, False, "2026-01-01T00:00:00.000000")
    assert nova.ok("GET", "/v2.1/os-keypairs", token=BOB)["keypairs"] == []
    assert nova.fault("GET", "/v2.1/os-keypairs?user_id=alice", token=BOB)[0] == 403
    assert len(nova.ok("GET", "/v2.1/os-keypairs?user_id=alice", token=ADMIN)["keypairs"]) == 2
    assert nova.call("DELETE", "/v2.1/os-keypairs/k1").status == 204
    assert nova.call("DELETE", "/v2.1/os-keypairs/k2", version=(2, 1)).status == 202
    assert nova.fault("GET", "/v2.1/os-keypairs/k1") == (404, "itemNotFound", "Keypair k1 not found for user alice")


def test_key_pairs_are_made_for_old_clients(nova: Nova) -> None:
    pair = nova.ok("POST", "/v2.1/os-keypairs", {"keypair": {"name": "k1"}}, version=(2, 2))["keypair"]
    assert pair["private_key"].startswith("-----BEGIN OPENSSH PRIVATE KEY-----")
    assert pair["public_key"].startswith("ssh-ed25519 ")
    certificate = nova.ok("POST", "/v2.1/os-keypairs", {"keypair": {"name": "k2", "type": "x509"}}, version=(2, 2))
    assert certificate["keypair"]["public_key"].startswith("-----BEGIN CERTIFICATE-----")
    assert nova.fault("POST", "/v2.1/os-keypairs", {"keypair": {"name": "k3"}}, version=(2, 92))[0] == 400
    assert not any(b"PRIVATE KEY" in entry.line() for entry in nova.wires.journal.since())


def test_what_key_pairs_refuse(nova: Nova) -> None:
    def body(**values: object) -> dict[str, object]:
        return {"keypair": {"name": "k", "public_key": KEY, **values}}

    nova.ok("POST", "/v2.1/os-keypairs", body())
    assert nova.fault("POST", "/v2.1/os-keypairs", body()) == (409, "conflictingRequest", "Key pair 'k' already exists.")
    bad = nova.fault("POST", "/v2.1/os-keypairs", body(name="j", public_key="ssh-rsa JUNK nova@ubuntu"))
    assert bad == (400, "badRequest", "Keypair data is invalid: failed to generate fingerprint")
    for name in ("", "k" * 256, "key_@", " k"):
        assert nova.fault("POST", "/v2.1/os-keypairs", body(name=name), version=(2, 10))[0] == 400, name
    assert nova.fault("POST", "/v2.1/os-keypairs", body(name="j", user_id="bob"))[0] == 403
    assert nova.ok("POST", "/v2.1/os-keypairs", body(name="a@b.c"))


def test_the_quota_of_key_pairs() -> None:
    nova = Nova(compute_quotas={**Nova().wires.config.compute_quotas, "key_pairs": 1})
    nova.ok("POST", "/v2.1/os-keypairs", {"keypair": {"name": "a", "public_key": KEY}})
    assert nova.fault("POST", "/v2.1/os-keypairs", {"keypair": {"name": "b", "public_key": KEY}}) == (
        403,
        "forbidden",
        "Quota exceeded, too many key pairs.",
    )
