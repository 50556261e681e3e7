"""The unmodified `openstack` client against `glasscloud up`: every command exits 0 with what it should print."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.conformance.child import Up

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(300)]

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
IMAGE = b"QFI\xfb" + bytes(range(256)) * 400
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJKiLmdFFzEWmaWl1j/sXNsd6C9zTiWHRLkBfmgk21Yd me@here"
COMPUTES = ["compute-1", "compute-2", "compute-3", "compute-4"]
Osc = Callable[..., Any]


@pytest.fixture(scope="module")
def osc(up: Up) -> Osc:
    return up.osc


@pytest.fixture(scope="module")
def made(up: Up) -> dict[str, Any]:
    """An image, a flavor, a network with a subnet and a keypair, as the client makes them."""
    (up.home / "img.bin").write_bytes(IMAGE)
    (up.home / "k.pub").write_text(KEY)
    image = ("image", "create", "--disk-format", "qcow2", "--container-format", "bare", "--file", "img.bin", "--public", "cirros")
    return {
        "image": up.osc(*image),
        "flavor": up.osc("flavor", "create", "--ram", "512", "--disk", "1", "--vcpus", "1", "m1.tiny"),
        "network": up.osc("network", "create", "net1"),
        "subnet": up.osc("subnet", "create", "--network", "net1", "--subnet-range", "10.0.0.0/24", "sub1"),
        "key": up.osc("keypair", "create", "--public-key", "k.pub", "key1"),
    }


def the(rows: list[dict[str, Any]], **wanted: Any) -> dict[str, Any]:
    """The one row with these values."""
    found = [row for row in rows if all(row[name] == value for name, value in wanted.items())]
    assert len(found) == 1, f"{wanted} in {rows}"
    return found[0]


# -- identity -------------------------------------------------------------------------------------


def test_token_issue(osc: Osc, up: Up) -> None:
    token = osc("token", "issue")
    assert set(token) == {"expires", "id", "project_id", "user_id"}
    assert up.http.get("/compute/v2.1/servers", headers={"x-auth-token": token["id"]}).status_code == 200


def test_catalog_list(osc: Osc, up: Up) -> None:
    catalog = {row["Type"]: row for row in osc("catalog", "list")}
    assert set(catalog) == {"identity", "image", "compute", "network", "block-storage", "placement", "object-store"}
    for kind, path in (("identity", "/identity/v3"), ("compute", "/compute/v2.1"), ("image", "/image"), ("network", "/network")):
        endpoints = {e["interface"]: e["url"] for e in catalog[kind]["Endpoints"]}
        assert endpoints == dict.fromkeys(("public", "internal", "admin"), up.url + path)


def test_versions_show(osc: Osc) -> None:
    rows = osc("versions", "show")
    compute = the(rows, **{"Service Type": "compute", "Version": "2.1"})
    assert (compute["Status"], compute["Min Microversion"], compute["Max Microversion"]) == ("CURRENT", "2.1", "2.104")
    found = {row["Service Type"] for row in rows}
    assert found == {"identity", "image", "compute", "network", "block-storage", "placement", "object-store"}


def test_project_and_user_list(osc: Osc) -> None:
    assert {"admin", "demo", "service"} <= {row["Name"] for row in osc("project", "list")}
    assert {"admin", "demo", "nova", "neutron"} <= {row["Name"] for row in osc("user", "list")}
    project = osc("project", "create", "p1")
    assert (project["name"], project["enabled"], project["domain_id"]) == ("p1", True, "default")
    assignments = osc("role", "assignment", "list", "--names")
    the(assignments, Role="admin", User="admin@Default", Project="admin@Default")


# -- image, flavor, key ---------------------------------------------------------------------------


def test_image(osc: Osc, made: dict[str, Any]) -> None:
    image = made["image"]
    assert UUID.fullmatch(image["id"])
    assert (image["name"], image["status"], image["visibility"], image["disk_format"]) == ("cirros", "active", "public", "qcow2")
    assert image["size"] == len(IMAGE)
    assert image["checksum"] == hashlib.md5(IMAGE).hexdigest()
    assert image["properties"]["os_hash_value"] == hashlib.sha512(IMAGE).hexdigest()
    assert the(osc("image", "list"), Name="cirros") == {"ID": image["id"], "Name": "cirros", "Status": "active"}
    assert osc("image", "show", "cirros") == image


def test_flavor(osc: Osc, made: dict[str, Any]) -> None:
    flavor = made["flavor"]
    assert (flavor["ram"], flavor["disk"], flavor["vcpus"], flavor["swap"]) == (512, 1, 1, 0)
    assert UUID.fullmatch(flavor["id"])
    row = the(osc("flavor", "list"), Name="m1.tiny")
    assert row == {"ID": flavor["id"], "Name": "m1.tiny", "RAM": 512, "Disk": 1, "Ephemeral": 0, "VCPUs": 1, "Is Public": True}
    assert osc("flavor", "show", "m1.tiny")["id"] == flavor["id"]


def test_keypair(osc: Osc, up: Up, made: dict[str, Any]) -> None:
    assert made["key"]["name"] == "key1"
    assert re.fullmatch(r"([0-9a-f]{2}:){15}[0-9a-f]{2}", made["key"]["fingerprint"])
    assert "OPENSSH PRIVATE KEY" in up.openstack("keypair", "create", "key2")
    assert {row["Name"] for row in osc("keypair", "list")} == {"key1", "key2"}


# -- network --------------------------------------------------------------------------------------


def test_network(osc: Osc, made: dict[str, Any]) -> None:
    network, subnet = made["network"], made["subnet"]
    assert (network["name"], network["status"], network["admin_state_up"], network["shared"]) == ("net1", "ACTIVE", True, False)
    assert (network["mtu"], network["provider:network_type"]) == (1500, "vlan")
    assert subnet["cidr"] == "10.0.0.0/24"
    assert subnet["gateway_ip"] == "10.0.0.1"
    assert subnet["allocation_pools"] == [{"start": "10.0.0.2", "end": "10.0.0.254"}]
    assert (subnet["ip_version"], subnet["enable_dhcp"], subnet["network_id"]) == (4, True, network["id"])
    assert the(osc("network", "list"), Name="net1") == {"ID": network["id"], "Name": "net1", "Subnets": [subnet["id"]]}
    shown = osc("network", "show", "net1")
    assert (shown["id"], shown["subnets"]) == (network["id"], [subnet["id"]])


def test_port_list(osc: Osc, made: dict[str, Any]) -> None:
    ports = osc("port", "list", "--network", "net1")
    assert ports
    for port in ports:
        assert set(port) == {"ID", "Name", "MAC Address", "Fixed IP Addresses", "Status"}
        assert re.fullmatch(r"fa:16:3e(:[0-9a-f]{2}){3}", port["MAC Address"])
        assert [ip["subnet_id"] for ip in port["Fixed IP Addresses"]] == [made["subnet"]["id"]]


def test_security_group_rule_create(osc: Osc) -> None:
    rule = osc("security", "group", "rule", "create", "--protocol", "tcp", "--dst-port", "22", "default")
    assert (rule["direction"], rule["ether_type"], rule["protocol"]) == ("ingress", "IPv4", "tcp")
    assert (rule["port_range_min"], rule["port_range_max"], rule["remote_ip_prefix"]) == (22, 22, "0.0.0.0/0")
    the(osc("security", "group", "rule", "list", "default"), ID=rule["id"])


def test_extension_list(osc: Osc) -> None:
    assert {"agent", "security-group", "port-security"} <= {row["Alias"] for row in osc("extension", "list", "--network")}


# -- server ---------------------------------------------------------------------------------------


def test_a_server_from_create_to_delete(osc: Osc, up: Up, made: dict[str, Any]) -> None:
    wanted = ("--image", "cirros", "--flavor", "m1.tiny", "--network", "net1", "--key-name", "key1", "--wait")
    server = osc("server", "create", *wanted, "s1")
    assert (server["status"], server["name"], server["key_name"]) == ("ACTIVE", "s1", "key1")
    assert server["OS-EXT-SRV-ATTR:host"] in COMPUTES
    address = server["addresses"]["net1"][0]
    assert address.startswith("10.0.0.")
    row = the(osc("server", "list"), Name="s1")
    assert row == {
        "ID": server["id"],
        "Name": "s1",
        "Status": "ACTIVE",
        "Networks": {"net1": [address]},
        "Image": "cirros",
        "Flavor": "m1.tiny",
    }
    shown = osc("server", "show", "s1")
    assert (shown["id"], shown["OS-EXT-STS:vm_state"], shown["OS-EXT-STS:power_state"]) == (server["id"], "active", 1)
    assert made["image"]["id"] in shown["image"]
    assert shown["flavor"]["name"] == "m1.tiny"
    assert f"lease of {address} obtained" in wait_for_console(up, "s1", "s1 login:")

    assert up.openstack("server", "stop", "s1") == ""
    wait_for(osc, "s1", "SHUTOFF")
    assert up.openstack("server", "start", "s1") == ""
    wait_for(osc, "s1", "ACTIVE")
    assert up.openstack("server", "pause", "s1") == ""
    wait_for(osc, "s1", "PAUSED")
    assert up.openstack("server", "unpause", "s1") == ""
    wait_for(osc, "s1", "ACTIVE")
    assert up.openstack("server", "reboot", "--wait", "s1").strip() == "Complete"
    events = osc("server", "event", "list", "s1")
    assert [event["Action"] for event in events] == ["reboot", "unpause", "pause", "start", "stop", "create"]
    assert all(event["Server ID"] == server["id"] and event["Request ID"].startswith("req-") for event in events)

    osc("volume", "create", "--size", "1", "data")
    attached = osc("server", "add", "volume", "s1", "data")
    assert (attached["Server ID"], attached["Device"]) == (server["id"], "/dev/vdb")
    assert the(osc("volume", "list"), Name="data")["Attached to"][0]["server_id"] == server["id"]

    old = osc("--os-compute-api-version", "2.1", "server", "list")
    assert the(old, Name="s1")["Image"] == "cirros"
    assert the(osc("--os-compute-api-version", "2.latest", "server", "list"), Name="s1")["Status"] == "ACTIVE"
    up.openstack("server", "delete", "--wait", "s1")
    assert osc("server", "list") == []
    assert the(osc("volume", "list"), Name="data")["Status"] == "available"


def wait_for(osc: Osc, server: str, status: str) -> None:
    """Ask until the server is in the state; the cloud runs as fast as possible only while it is asked."""
    for _ in range(10):
        if osc("server", "show", server)["status"] == status:
            return
    raise AssertionError(f"{server} is not {status}")


def wait_for_console(up: Up, server: str, text: str) -> str:
    """Read the console until the guest has printed the text: it goes on booting after its server is ACTIVE."""
    log = ""
    for _ in range(20):
        log = up.openstack("console", "log", "show", server)
        if text in log:
            return log
    raise AssertionError(f"{text!r} is not on the console of {server}:\n{log}")


def test_a_server_by_the_oldest_microversion(osc: Osc, up: Up, made: dict[str, Any]) -> None:
    wanted = ("--image", "cirros", "--flavor", "m1.tiny", "--network", "net1", "--wait", "s2")
    server = osc("--os-compute-api-version", "2.1", "server", "create", *wanted)
    assert server["status"] == "ACTIVE"
    up.openstack("server", "delete", "--wait", "s2")


def test_a_server_that_fits_nowhere_says_so(up: Up, made: dict[str, Any]) -> None:
    up.openstack("flavor", "create", "--ram", "50000", "--disk", "99999", "--vcpus", "1", "huge")
    with pytest.raises(AssertionError, match="Error creating server"):
        up.openstack("server", "create", "--image", "cirros", "--flavor", "huge", "--network", "net1", "--wait", "s3")
    shown = up.osc("server", "show", "s3")
    assert shown["status"] == "ERROR"
    assert shown["fault"]["message"].startswith("No valid host was found.")
    up.openstack("server", "delete", "--wait", "s3")


# -- volume ---------------------------------------------------------------------------------------


def test_volume(osc: Osc, up: Up) -> None:
    volume = osc("volume", "create", "--size", "1", "vol1")
    assert (volume["status"], volume["size"], volume["name"], volume["type"]) == ("creating", 1, "vol1", "__DEFAULT__")
    row = the(osc("volume", "list"), Name="vol1")
    assert row == {"ID": volume["id"], "Name": "vol1", "Status": "available", "Size": 1, "Attached to": []}
    snapshot = osc("volume", "snapshot", "create", "--volume", "vol1", "snap1")
    assert (snapshot["volume_id"], snapshot["size"], snapshot["name"]) == (volume["id"], 1, "snap1")
    assert the(osc("volume", "snapshot", "list"), Name="snap1")["Status"] == "available"
    kind = osc("volume", "type", "create", "lvm2")
    assert (kind["name"], kind["is_public"]) == ("lvm2", True)
    up.openstack("volume", "snapshot", "delete", "snap1")
    osc("volume", "snapshot", "list")
    up.openstack("volume", "delete", "vol1")


# -- what runs the cloud --------------------------------------------------------------------------


def test_hypervisor_and_provider_list(osc: Osc) -> None:
    hypervisors = osc("hypervisor", "list")
    assert sorted(row["Hypervisor Hostname"] for row in hypervisors) == COMPUTES
    assert {(row["State"], row["Hypervisor Type"]) for row in hypervisors} == {("up", "QEMU")}
    providers = osc("resource", "provider", "list")
    assert {row["uuid"] for row in providers} == {row["ID"] for row in hypervisors}
    assert set(providers[0]) == {"uuid", "name", "generation", "root_provider_uuid", "parent_provider_uuid"}


def test_service_and_agent_lists(osc: Osc) -> None:
    compute = osc("compute", "service", "list")
    assert sorted(row["Host"] for row in compute if row["Binary"] == "nova-compute") == COMPUTES
    assert {row["Binary"] for row in compute} == {"nova-compute", "nova-conductor", "nova-scheduler"}
    assert {(row["Status"], row["State"]) for row in compute} == {("enabled", "up")}
    agents = osc("network", "agent", "list")
    assert sorted(row["Host"] for row in agents if row["Agent Type"] == "Open vSwitch agent") == [*COMPUTES, "controller-1"]
    assert {row["Alive"] for row in agents} == {True}
    volume = osc("volume", "service", "list")
    assert {row["Binary"] for row in volume} == {"cinder-scheduler", "cinder-volume"}
    assert {(row["Status"], row["State"]) for row in volume} == {("enabled", "up")}


def test_availability_zone_and_aggregate(osc: Osc) -> None:
    rows = osc("availability", "zone", "list")
    assert {(row["Zone Name"], row["Zone Status"]) for row in rows} == {("internal", "available"), ("nova", "available")}
    assert osc("aggregate", "create", "agg1")["name"] == "agg1"


def test_quota_limits_usage(osc: Osc, up: Up) -> None:
    quota = {row["Resource"]: row["Limit"] for row in osc("quota", "show")}
    assert (quota["instances"], quota["cores"], quota["volumes"], quota["networks"]) == (10, 20, 10, 100)
    up.openstack("quota", "set", "--instances", "20", "--volumes", "15", "--networks", "30", "admin")
    limits = {row["Name"]: row["Value"] for row in osc("limits", "show", "--absolute")}
    assert (limits["instances"], limits["max_total_volumes"]) == (20, 15)
    rows = osc("usage", "list")
    assert isinstance(rows, list)
    assert set(osc("usage", "show")) >= {"Servers", "CPU Hours", "RAM MB-Hours", "Disk GB-Hours"}


# -- object ---------------------------------------------------------------------------------------


def test_object(osc: Osc, up: Up) -> None:
    (up.home / "o.bin").write_bytes(IMAGE)
    container = the(osc("container", "create", "c1"), container="c1")
    assert container["account"].startswith("AUTH_")
    assert container["x-trans-id"].startswith("tx")
    stored = the(osc("object", "create", "c1", "o.bin"), object="o.bin")
    assert stored["etag"] == hashlib.md5(IMAGE).hexdigest()
    assert osc("object", "list", "c1") == [{"Name": "o.bin"}]
    the(osc("container", "list"), Name="c1")
    up.openstack("object", "save", "c1", "o.bin", "--file", "back.bin")
    assert (up.home / "back.bin").read_bytes() == IMAGE
    up.openstack("object", "delete", "c1", "o.bin")
    up.openstack("container", "delete", "c1")


@pytest.mark.parametrize("noun", ["server", "image", "flavor", "network", "volume"])
def test_a_missing_thing_is_answered_in_the_clients_words(up: Up, noun: str) -> None:
    with pytest.raises(AssertionError, match=r": 1\n.*No.*nowhere"):
        up.openstack(noun, "show", "nowhere")


def test_the_cloud_had_no_errors(up: Up) -> None:
    """Last in the file: whatever the client did, nothing unexpected happened inside."""
    health = up.health()
    assert health["errors"] == []
    assert health["stopped"] is None
    assert health["clock"]["busy"] == 0, "something is still in flight"
    before = up.cpu_s()
    time.sleep(3)
    assert up.cpu_s() - before < 0.15, "a cloud that was used does not idle"
