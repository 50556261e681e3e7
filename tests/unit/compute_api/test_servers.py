"""Servers over the dispatcher: what is accepted, what is answered in which microversion, who sees what."""

from __future__ import annotations

from itertools import pairwise
from time import perf_counter

import pytest

from tests.unit.compute_api.nova import ADMIN, ALICE, BOB, HOST, IMAGE, NETWORK, READ_ONLY, VOLUME, Nova

FIXED = "66666666-7777-8888-9999-000000000000"


@pytest.fixture
def nova() -> Nova:
    world = Nova()
    world.flavor(id="1")
    return world


def body(**values: object) -> dict[str, object]:
    return {"server": {"name": "web", "imageRef": IMAGE, "flavorRef": "1", "networks": "none", **values}}


def test_the_answer_of_create_has_id_password_links_and_location(nova: Nova) -> None:
    response = nova.call("POST", "/v2.1/servers", body(security_groups=[{"name": "default"}]))
    assert response.status == 202
    server = response.json()["server"]
    assert set(server) == {"id", "links", "adminPass", "OS-DCF:diskConfig", "security_groups"}
    assert len(server["adminPass"]) == 12
    assert response.headers["Location"] == server["links"][0]["href"]
    assert response.headers["Location"].endswith(f"/compute/v2.1/servers/{server['id']}")
    assert response.headers["OpenStack-API-Version"] == "compute 2.104"
    assert response.headers["X-OpenStack-Nova-API-Version"] == "2.104"


def test_every_body_of_create_by_microversion(nova: Nova) -> None:
    plain = {"name": "web", "imageRef": IMAGE, "flavorRef": "1"}
    networks = [{"uuid": NETWORK}]
    accepted = {
        (2, 1): {"personality": [{"path": "/a", "contents": "aGk="}]},
        (2, 19): {"description": "d"},
        (2, 32): {"networks": [{"uuid": NETWORK, "tag": "nic"}]},
        (2, 37): {"networks": "auto"},
        (2, 42): {"networks": [{"uuid": NETWORK, "tag": "nic"}]},
        (2, 52): {"networks": networks, "tags": ["a", "b"]},
        (2, 63): {"networks": networks, "trusted_image_certificates": ["c"]},
        (2, 90): {"networks": networks, "hostname": "web-1"},
        (2, 94): {"networks": networks, "hostname": "web.example.org"},
    }
    for version, extra in accepted.items():
        assert nova.call("POST", "/v2.1/servers", {"server": {**plain, **extra}}, version=version).status == 202, version
    refused = {
        (2, 18): {"description": "d"},
        (2, 36): {"networks": "auto"},
        (2, 37): {},
        (2, 41): {"networks": [{"uuid": NETWORK, "tag": "nic"}]},
        (2, 51): {"networks": networks, "tags": ["a"]},
        (2, 57): {"networks": networks, "personality": [{"path": "/a", "contents": "aGk="}]},
        (2, 73): {"networks": networks, "host": HOST},
        (2, 93): {"networks": networks, "hostname": "web.example.org"},
    }
    for version, extra in refused.items():
        assert nova.fault("POST", "/v2.1/servers", {"server": {**plain, **extra}}, version=version)[0] == 400, version


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"flavorRef": "nope"}, "Flavor nope could not be found."),
        ({"key_name": "nope"}, "Invalid key_name provided."),
        ({"imageRef": ""}, "Missing imageRef attribute"),
        ({"min_count": 3, "max_count": 2}, "min_count must be <= max_count"),
        ({"networks": [{}]}, "Bad network format: missing 'uuid'"),
        (
            {"networks": [{"port": FIXED}, {"port": FIXED}]},
            f"Port ID '{FIXED}' was specified twice: you cannot attach a port multiple times.",
        ),
        (
            {"networks": [{"port": FIXED, "fixed_ip": "10.0.0.4"}]},
            f"Specified Fixed IP '10.0.0.4' cannot be used with port '{FIXED}': the two cannot be specified together.",
        ),
        (
            {"block_device_mapping_v2": [{"source_type": "volume", "destination_type": "volume"}]},
            "Block Device Mapping is Invalid: Missing device UUID.",
        ),
        (
            {
                "block_device_mapping": [{"volume_id": VOLUME}],
                "block_device_mapping_v2": [{"source_type": "volume", "uuid": VOLUME}],
            },
            "Using different block_device_mapping syntaxes is not allowed in the same request.",
        ),
        (
            {
                "imageRef": "",
                "block_device_mapping_v2": [{"source_type": "image", "uuid": IMAGE, "destination_type": "local", "boot_index": 0}],
            },
            "Block Device Mapping is Invalid: Mapping image to local is not supported.",
        ),
        ({"hostname": "one", "max_count": 2}, "Unable to allocate a single hostname to multiple instances"),
    ],
)
def test_what_create_refuses(nova: Nova, change: dict[str, object], message: str) -> None:
    assert nova.fault("POST", "/v2.1/servers", body(**change)) == (400, "badRequest", message)


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"name": " web"},
        {"name": "x" * 256},
        {"name": 5},
        {"flavorRef": None},
        {"imageRef": "no-uuid"},
        {"metadata": {"": "v"}},
        {"metadata": {"k": "v" * 256}},
        {"metadata": {"k" * 256: "v"}},
        {"min_count": 0},
        {"min_count": "x"},
        {"user_data": "not base64!"},
        {"accessIPv4": "1.2.3"},
        {"accessIPv6": "fe80::1%eth0"},
        {"config_drive": "maybe"},
        {"OS-DCF:diskConfig": "auto"},
        {"unknown": 1},
        {"networks": "some"},
        {"tags": ["a,b"]},
        {"tags": ["t"] * 51},
        {"networks": [{"uuid": "no-uuid"}]},
    ],
)
def test_what_the_schema_refuses(nova: Nova, change: dict[str, object]) -> None:
    status, name, _ = nova.fault("POST", "/v2.1/servers", body(**change))
    assert (status, name) == (400, "badRequest")


@pytest.mark.parametrize(
    "hints", [{"build_near_host_ip": "here"}, {"build_near_host_ip": "10.0.0.1", "cidr": "/33"}, {"build_near_host_ip": 7}]
)
def test_a_place_near_no_address_is_refused(nova: Nova, hints: dict[str, object]) -> None:
    status, name, message = nova.fault("POST", "/v2.1/servers", {**body(), "os:scheduler_hints": hints})
    assert (status, name) == (400, "badRequest")
    assert "is no network" in message


def test_strings_may_stand_for_numbers_and_booleans(nova: Nova) -> None:
    nova.server(flavorRef=1, min_count="2", max_count="2", config_drive="True")
    assert len(nova.ok("GET", "/v2.1/servers")["servers"]) == 2


def test_block_devices_reach_the_manager_as_they_were_meant(nova: Nova) -> None:
    devices = [
        {
            "source_type": "image",
            "uuid": IMAGE,
            "destination_type": "volume",
            "boot_index": "0",
            "volume_size": "2",
            "delete_on_termination": "true",
            "volume_type": "fast",
        },
        {"source_type": "blank", "volume_size": 1},
    ]
    nova.server(imageRef="", block_device_mapping_v2=devices)
    request = nova.manager.calls[-1][1]
    root, blank = request.block_devices
    assert (root.boot_index, root.volume_size, root.delete_on_termination, root.volume_type) == (0, 2, True, "fast")
    assert (blank.source_type, blank.destination_type, blank.boot_index) == ("blank", "local", None)
    assert request.image_id == ""
    old = {"name": "old", "flavorRef": "1", "block_device_mapping": [{"volume_id": VOLUME, "device_name": "vda"}]}
    assert nova.call("POST", "/v2.1/servers", {"server": old}, version=(2, 1)).status == 202
    (device,) = nova.manager.calls[-1][1].block_devices
    assert (device.source_type, device.uuid, device.boot_index) == ("volume", VOLUME, 0)


def test_a_host_may_be_named_only_by_administrators(nova: Nova) -> None:
    status, _, message = nova.fault("POST", "/v2.1/servers", body(availability_zone="nova:compute-1"))
    assert (status, message) == (403, "Policy doesn't allow os_compute_api:servers:create:forced_host to be performed.")
    nova.server(token=ADMIN, availability_zone="nova:compute-1")
    request = nova.manager.calls[-1][1]
    assert (request.availability_zone, request.forced_host) == ("nova", "compute-1")
    nova.server(token=ADMIN, host="compute-2")
    assert nova.manager.calls[-1][1].requested_host == "compute-2"


def test_over_quota_is_said_in_novas_words(nova: Nova) -> None:
    for place in range(10):
        nova.server(f"web-{place}")
    status, name, message = nova.fault("POST", "/v2.1/servers", body())
    assert (status, name) == (403, "forbidden")
    assert message == "Quota exceeded for instances: Requested 1, but already used 10 of 10 instances"
    nova.call("DELETE", f"/v2.1/servers/{nova.ok('GET', '/v2.1/servers')['servers'][0]['id']}")
    assert nova.call("POST", "/v2.1/servers", body(min_count=1, max_count=5)).status == 202
    assert nova.fault("POST", "/v2.1/servers", body())[0] == 403
    nova.flavor("big", id="big", vcpus=21)
    message = nova.fault("POST", "/v2.1/servers", body(flavorRef="big"), BOB)[2]
    assert message == "Quota exceeded for cores: Requested 21, but already used 0 of 20 cores"


def test_the_view_grows_with_the_microversions(nova: Nova) -> None:
    nova.host()
    server_id = nova.server(tags=["a"], description="d")
    nova.activate(server_id)
    seen: dict[tuple[int, int], set[str]] = {}
    versions = [(2, 1), (2, 3), (2, 9), (2, 16), (2, 19), (2, 26), (2, 63), (2, 71), (2, 73), (2, 90), (2, 96), (2, 100)]
    for version in versions:
        seen[version] = set(nova.ok("GET", f"/v2.1/servers/{server_id}", token=ADMIN, version=version)["server"])
    new = {now: seen[now] - seen[before] for before, now in pairwise(versions)}
    attributes = ("hostname", "kernel_id", "launch_index", "ramdisk_id", "reservation_id", "root_device_name", "user_data")
    assert new == {
        (2, 3): {f"OS-EXT-SRV-ATTR:{name}" for name in attributes},
        (2, 9): {"locked"},
        (2, 16): {"host_status"},
        (2, 19): {"description"},
        (2, 26): {"tags"},
        (2, 63): {"trusted_image_certificates"},
        (2, 71): {"server_groups"},
        (2, 73): {"locked_reason"},
        (2, 90): set(),
        (2, 96): {"pinned_availability_zone"},
        (2, 100): {"scheduler_hints"},
    }
    user = nova.ok("GET", f"/v2.1/servers/{server_id}", version=(2, 90))["server"]
    assert [key for key in user if key.startswith("OS-EXT-SRV-ATTR")] == ["OS-EXT-SRV-ATTR:hostname"]
    assert "host_status" not in user


def test_the_whole_view_of_a_running_server(nova: Nova) -> None:
    nova.host()
    server_id = nova.server(metadata={"k": "v"})
    nova.activate(server_id)
    nova.store(lambda tx: None)
    view = nova.ok("GET", f"/v2.1/servers/{server_id}", token=ADMIN)["server"]
    assert view["status"] == "ACTIVE"
    assert view["OS-EXT-STS:vm_state"] == "active"
    assert view["OS-EXT-AZ:availability_zone"] == "nova"
    assert view["host_status"] == "UP"
    assert view["flavor"] == {"original_name": "m1.tiny", "vcpus": 1, "ram": 512, "disk": 1, "ephemeral": 0, "swap": 0, "extra_specs": {}}
    assert view["addresses"] == {
        "net1": [
            {"version": 4, "addr": "10.0.0.5", "OS-EXT-IPS:type": "fixed", "OS-EXT-IPS-MAC:mac_addr": "fa:16:3e:00:00:01"},
            {"version": 4, "addr": "203.0.113.9", "OS-EXT-IPS:type": "floating", "OS-EXT-IPS-MAC:mac_addr": "fa:16:3e:00:00:01"},
        ]
    }
    assert view["security_groups"] == [{"name": "default"}]
    assert view["OS-SRV-USG:launched_at"] == "2026-01-01T00:00:00.000000"
    assert view["created"] == "2026-01-01T00:00:00Z"
    assert len(view["hostId"]) == 56
    assert view["progress"] == 0
    assert view["image"]["id"] == IMAGE
    assert nova.neutron.asked == [
        f"/v2.0/ports?fields=security_groups&fields=device_id&device_id={server_id}",
        "/v2.0/security-groups?id=sg-1&fields=id&fields=name",
    ]
    old = nova.ok("GET", f"/v2.1/servers/{server_id}", version=(2, 1))["server"]
    assert set(old["flavor"]) == {"id", "links"}


def test_a_building_server_hides_its_addresses_and_an_error_shows_its_fault(nova: Nova) -> None:
    server_id = nova.server()
    view = nova.ok("GET", f"/v2.1/servers/{server_id}")["server"]
    assert (view["status"], view["addresses"], view["hostId"]) == ("BUILD", {}, "")
    assert "security_groups" not in view
    fault = {"code": 500, "created": "2026-01-01T00:00:01Z", "message": "No valid host was found. ", "details": "trace"}
    nova.change(server_id, vm_state="error", fault=fault)
    view = nova.ok("GET", f"/v2.1/servers/{server_id}")["server"]
    assert view["fault"] == {name: fault[name] for name in ("code", "created", "message")}
    assert "progress" not in view
    assert nova.ok("GET", f"/v2.1/servers/{server_id}", token=ADMIN)["server"]["fault"]["details"] == "trace"


def test_other_projects_servers_are_not_found(nova: Nova) -> None:
    server_id = nova.server()
    missing = (404, "itemNotFound", f"Instance {server_id} could not be found.")
    assert nova.fault("GET", f"/v2.1/servers/{server_id}", token=BOB) == missing
    assert nova.fault("DELETE", f"/v2.1/servers/{server_id}", token=BOB) == missing
    assert nova.fault("POST", f"/v2.1/servers/{server_id}/action", {"os-stop": None}, BOB) == missing
    assert nova.ok("GET", f"/v2.1/servers/{server_id}", token=ADMIN)
    assert nova.ok("GET", f"/v2.1/servers/{server_id}", token=READ_ONLY)
    assert nova.fault("DELETE", f"/v2.1/servers/{server_id}", token=READ_ONLY)[0] == 403
    assert nova.call("GET", f"/v2.1/servers/{server_id}", token="").status == 401
    assert nova.call("HEAD", f"/v2.1/servers/{server_id}").status == 200


def test_change_and_delete(nova: Nova) -> None:
    server_id = nova.server()
    change = {"server": {"name": "db", "accessIPv4": "1.2.3.4", "description": None, "OS-DCF:diskConfig": "AUTO"}}
    view = nova.ok("PUT", f"/v2.1/servers/{server_id}", change)["server"]
    assert (view["name"], view["accessIPv4"], view["description"], view["OS-DCF:diskConfig"]) == ("db", "1.2.3.4", None, "AUTO")
    assert "OS-EXT-STS:vm_state" in view
    old = nova.ok("PUT", f"/v2.1/servers/{server_id}", {"server": {"name": "old"}}, version=(2, 74))["server"]
    assert "OS-EXT-STS:vm_state" not in old
    assert nova.fault("PUT", f"/v2.1/servers/{server_id}", {"server": {"description": "d"}}, version=(2, 18))[0] == 400
    assert nova.call("DELETE", f"/v2.1/servers/{server_id}").status == 204
    assert nova.fault("GET", f"/v2.1/servers/{server_id}")[0] == 404


def test_a_server_is_pinned_and_unpinned(nova: Nova) -> None:
    server_id = nova.server(availability_zone="nova")
    nova.activate(server_id)
    path = f"/v2.1/servers/{server_id}"
    assert nova.fault("PUT", path, {"server": {"pinned_availability_zone": "east"}})[0] == 409
    assert nova.ok("PUT", path, {"server": {"pinned_availability_zone": None}})["server"]["pinned_availability_zone"] is None
    assert nova.fault("PUT", path, {"server": {"pinned_availability_zone": "east"}})[0] == 409
    view = nova.ok("PUT", path, {"server": {"pinned_availability_zone": "nova"}})["server"]
    assert view["pinned_availability_zone"] == "nova"


def test_fifty_servers_are_listed_quickly_with_two_requests_to_neutron() -> None:
    nova = Nova(compute_quotas={**Nova().wires.config.compute_quotas, "instances": -1, "cores": -1, "ram": -1})
    nova.flavor(id="1")
    for place in range(60):
        nova.activate(nova.server(f"web-{place}"))
    nova.neutron.asked.clear()
    best = 1.0
    for _ in range(5):
        started = perf_counter()
        servers = nova.ok("GET", "/v2.1/servers/detail?limit=50", token=ALICE)["servers"]
        best = min(best, perf_counter() - started)
    assert len(servers) == 50
    assert len(nova.neutron.asked) == 10
    assert best < 0.040  # seconds; 0.020 is wanted on a quiet machine
