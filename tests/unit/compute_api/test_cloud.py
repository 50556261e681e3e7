"""What administrators see: hypervisors, services, zones, aggregates, quotas, usage; and discovery."""

from __future__ import annotations

import pytest

from lab.services.compute.api import application
from tests.unit.compute_api.nova import ADMIN, ALICE, BOB, HOST, NODE, Nova

OTHER = "bbbbbbbb-bbbb-cccc-dddd-eeeeeeeeeeee"


@pytest.fixture
def nova() -> Nova:
    world = Nova()
    world.flavor(id="1")
    return world


def test_no_two_nouns_define_the_same_name() -> None:
    seen: dict[str, type] = {}
    for part in application.ComputeApi.__mro__[1:]:
        if not part.__name__.endswith("Part") or part.__name__ == "ComputePart":
            continue
        for name in vars(part):
            if not name.startswith("__"):
                assert seen.setdefault(name, part) is part, name


def test_discovery_needs_no_token(nova: Nova) -> None:
    versions = nova.ok("GET", "/", token="")["versions"]
    assert [version["id"] for version in versions] == ["v2.0", "v2.1"]
    version = nova.ok("GET", "/v2.1/", token="")["version"]
    assert (version["version"], version["min_version"]) == ("2.104", "2.1")
    assert version["links"][0] == versions[1]["links"][0]
    assert nova.ok("GET", "/v2/", token="")["version"]["links"][0] == versions[0]["links"][0]
    too_new = nova.call("GET", "/v2.1/servers", version=(2, 105))
    assert (too_new.status, too_new.json()["computeFault"]["code"]) == (406, 406), "nova has no name of its own for it"
    assert nova.call("GET", "/v2.1/servers", version=None).headers["X-OpenStack-Nova-API-Version"] == "2.1"
    assert nova.ok("GET", "/v2.1/extensions/os-keypairs")["extension"]["alias"] == "os-keypairs"
    assert nova.fault("GET", "/v2.1/extensions/nope")[0] == 404
    assert nova.fault("GET", "/v2.1/nope")[0] == 404
    assert nova.call("PATCH", "/v2.1/servers").status == 405


def test_hypervisors_by_microversion(nova: Nova) -> None:
    nova.host()
    server = nova.server()
    nova.activate(server)
    path = "/v2.1/os-hypervisors"
    (new,) = nova.ok("GET", f"{path}/detail", token=ADMIN, version=(2, 88))["hypervisors"]
    assert set(new) == {
        "id",
        "hypervisor_hostname",
        "state",
        "status",
        "hypervisor_type",
        "hypervisor_version",
        "host_ip",
        "service",
        "uptime",
    }
    assert (new["id"], new["state"], new["status"], new["uptime"]) == (NODE, "up", "enabled", "up 3 days")
    (old,) = nova.ok("GET", f"{path}/detail", token=ADMIN, version=(2, 1))["hypervisors"]
    assert (old["id"], old["vcpus"], old["cpu_info"]) == (1, 16, "{}")
    assert nova.ok("GET", f"{path}/{NODE}", token=ADMIN)["hypervisor"]["service"]["host"] == HOST
    shown = nova.ok("GET", f"{path}/{NODE}?with_servers=true", token=ADMIN)["hypervisor"]
    assert shown["servers"] == [{"name": "instance-00000001", "uuid": server}]
    assert nova.ok("GET", f"{path}/1/uptime", token=ADMIN, version=(2, 1))["hypervisor"]["uptime"] == "up 3 days"
    assert nova.fault("GET", f"{path}/{NODE}/uptime", token=ADMIN)[0] == 404
    assert nova.ok("GET", f"{path}/statistics", token=ADMIN, version=(2, 87))["hypervisor_statistics"]["count"] == 1
    assert nova.fault("GET", f"{path}/statistics", token=ADMIN)[0] == 404
    assert len(nova.ok("GET", f"{path}/comp/search", token=ADMIN, version=(2, 52))["hypervisors"]) == 1
    assert nova.ok("GET", f"{path}/comp/servers", token=ADMIN, version=(2, 52))["hypervisors"][0]["servers"]
    assert len(nova.ok("GET", f"{path}?hypervisor_hostname_pattern=COMP", token=ADMIN)["hypervisors"]) == 1
    assert nova.fault("GET", f"{path}?hypervisor_hostname_pattern=x", token=ADMIN)[2] == ("No hypervisor matching 'x' could be found.")
    assert nova.fault("GET", f"{path}/{OTHER}", token=ADMIN) == (404, "itemNotFound", f"Hypervisor with ID '{OTHER}' could not be found.")
    assert nova.fault("GET", f"{path}/7", token=ADMIN)[2] == "Invalid uuid 7"
    assert nova.fault("GET", path, token=ALICE)[0] == 403


def test_services_and_their_states(nova: Nova) -> None:
    service = nova.host()
    path = "/v2.1/os-services"
    (shown,) = nova.ok("GET", path, token=ADMIN, version=(2, 69))["services"]
    assert (shown["id"], shown["binary"], shown["zone"], shown["status"], shown["state"]) == (
        service,
        "nova-compute",
        "nova",
        "enabled",
        "up",
    )
    changed = nova.ok("PUT", f"{path}/{service}", {"status": "disabled", "disabled_reason": "broken"}, ADMIN)["service"]
    assert (changed["status"], changed["disabled_reason"]) == ("disabled", "broken")
    assert nova.ok("GET", "/v2.1/os-availability-zone")["availabilityZoneInfo"] == [
        {"zoneName": "nova", "zoneState": {"available": False}, "hosts": None}
    ]
    assert nova.ok("PUT", f"{path}/{service}", {"status": "enabled"}, ADMIN)["service"]["disabled_reason"] is None
    assert nova.ok("PUT", f"{path}/{service}", {"forced_down": True}, ADMIN)["service"]["state"] == "down"
    old = nova.ok("PUT", f"{path}/disable", {"host": HOST, "binary": "nova-compute"}, ADMIN, (2, 52))
    assert old == {"service": {"host": HOST, "binary": "nova-compute", "status": "disabled"}}
    why = {"host": HOST, "binary": "nova-compute", "disabled_reason": "why"}
    assert nova.ok("PUT", f"{path}/disable-log-reason", why, ADMIN, (2, 1))["service"]["disabled_reason"] == "why"
    for body in ({}, {"status": "up"}, {"status": "enabled", "disabled_reason": "x"}):
        assert nova.fault("PUT", f"{path}/{service}", body, ADMIN)[0] == 400
    assert nova.fault("PUT", f"{path}/{OTHER}", {"status": "enabled"}, ADMIN)[0] == 404
    assert nova.fault("PUT", f"{path}/x", {"status": "enabled"}, ADMIN)[2] == "Invalid uuid x"
    assert nova.ok("GET", f"{path}?binary=nova-conductor", token=ADMIN)["services"] == []
    nova.run(nova.client.sleep(61))
    nova.ok("PUT", f"{path}/{service}", {"forced_down": False}, ADMIN)
    assert nova.ok("GET", path, token=ADMIN)["services"][0]["state"] == "down"


def test_aggregates_and_zones(nova: Nova) -> None:
    nova.host()
    path = "/v2.1/os-aggregates"
    made = nova.ok("POST", path, {"aggregate": {"name": "agg", "availability_zone": "east"}}, ADMIN, (2, 81))["aggregate"]
    assert set(made) == {"id", "uuid", "name", "availability_zone", "created_at", "updated_at", "deleted", "deleted_at"}
    assert nova.fault("POST", path, {"aggregate": {"name": "agg"}}, ADMIN)[2] == "Aggregate agg already exists."
    one = f"{path}/{made['id']}"
    added = nova.ok("POST", f"{one}/action", {"add_host": {"host": HOST}}, ADMIN)["aggregate"]
    assert (added["hosts"], added["metadata"]) == ([HOST], {"availability_zone": "east"})
    zones = nova.ok("GET", "/v2.1/os-availability-zone/detail", token=ADMIN)["availabilityZoneInfo"]
    assert [(zone["zoneName"], list(zone["hosts"])) for zone in zones] == [("east", [HOST])]
    assert nova.fault("POST", f"{one}/action", {"add_host": {"host": HOST}}, ADMIN)[:2] == (409, "conflictingRequest")
    assert nova.fault("POST", f"{one}/action", {"add_host": {"host": "x"}}, ADMIN)[2] == "Compute host x could not be found."
    assert nova.fault("DELETE", one, token=ADMIN)[0] == 400
    other = nova.ok("POST", path, {"aggregate": {"name": "b", "availability_zone": "west"}}, ADMIN)["aggregate"]["id"]
    assert nova.fault("POST", f"{path}/{other}/action", {"add_host": {"host": HOST}}, ADMIN)[0] == 409
    data = {"set_metadata": {"metadata": {"ssd": "true", "gone": None}}}
    assert nova.ok("POST", f"{one}/action", data, ADMIN)["aggregate"]["metadata"] == {"availability_zone": "east", "ssd": "true"}
    assert nova.ok("PUT", one, {"aggregate": {"name": "new"}}, ADMIN)["aggregate"]["name"] == "new"
    removed = nova.ok("POST", f"{one}/action", {"remove_host": {"host": HOST}}, ADMIN)["aggregate"]
    assert removed["hosts"] == []
    assert nova.fault("POST", f"{one}/action", {"remove_host": {"host": HOST}}, ADMIN)[2] == (
        f"Cannot remove host {HOST} in aggregate {made['id']}"
    )
    assert nova.call("DELETE", one, token=ADMIN).status == 200
    assert nova.fault("GET", one, token=ADMIN)[2] == f"Aggregate {made['id']} could not be found."
    assert nova.fault("GET", f"{path}/x", token=ADMIN)[0] == 400
    assert nova.fault("GET", path)[0] == 403
    assert "uuid" not in nova.ok("GET", path, token=ADMIN, version=(2, 40))["aggregates"][0]


def test_server_groups(nova: Nova) -> None:
    path = "/v2.1/os-server-groups"
    group = nova.ok("POST", path, {"server_group": {"name": "g", "policy": "anti-affinity", "rules": {"max_server_per_host": 2}}})[
        "server_group"
    ]
    assert (group["policy"], group["rules"], group["members"], group["project_id"]) == (
        "anti-affinity",
        {"max_server_per_host": 2},
        [],
        "red",
    )
    server = nova.ok(
        "POST",
        "/v2.1/servers",
        {"server": {"name": "a", "imageRef": NODE, "flavorRef": "1", "networks": "none"}, "os:scheduler_hints": {"group": group["id"]}},
    )["server"]["id"]
    assert nova.ok("GET", f"{path}/{group['id']}")["server_group"]["members"] == [server]
    view = nova.ok("GET", f"/v2.1/servers/{server}")["server"]
    assert (view["server_groups"], view["scheduler_hints"]) == ([group["id"]], {"group": [group["id"]]})
    old = nova.ok("POST", path, {"server_group": {"name": "o", "policies": ["affinity"]}}, version=(2, 1))["server_group"]
    assert set(old) == {"id", "name", "policies", "members", "metadata"}
    assert nova.fault("GET", f"{path}/{group['id']}", token=BOB)[0] == 404
    assert len(nova.ok("GET", f"{path}?all_projects=1", token=ADMIN)["server_groups"]) == 2
    assert nova.ok("GET", path, token=BOB)["server_groups"] == []
    nova.call("DELETE", f"/v2.1/servers/{server}")
    assert nova.ok("GET", f"{path}/{group['id']}")["server_group"]["members"] == []
    assert nova.call("DELETE", f"{path}/{group['id']}").status == 204
    assert nova.fault("DELETE", f"{path}/{group['id']}")[2] == f"Instance group {group['id']} could not be found."
    bad = {"server_group": {"name": "g", "policy": "affinity", "rules": {"max_server_per_host": 2}}}
    assert nova.fault("POST", path, bad)[2] == "Only anti-affinity policy supports rules."
    for values in ({"name": "", "policy": "affinity"}, {"name": "g", "policy": "x"}, {"name": "g"}):
        assert nova.fault("POST", path, {"server_group": values})[0] == 400
    hints = {"server": {"name": "a", "imageRef": NODE, "flavorRef": "1", "networks": "none"}, "os:scheduler_hints": {"group": OTHER}}
    assert nova.fault("POST", "/v2.1/servers", hints)[:2] == (400, "badRequest")


def test_quotas_and_limits(nova: Nova) -> None:
    path = "/v2.1/os-quota-sets/red"
    quota = nova.ok("GET", path)["quota_set"]
    assert quota == {
        "id": "red",
        "cores": 20,
        "instances": 10,
        "key_pairs": 100,
        "metadata_items": 128,
        "ram": 51200,
        "server_group_members": 10,
        "server_groups": 10,
    }
    assert nova.ok("GET", path, version=(2, 1))["quota_set"]["floating_ips"] == -1
    nova.server()
    detail = nova.ok("GET", f"{path}/detail")["quota_set"]
    assert detail["instances"] == {"limit": 10, "in_use": 1, "reserved": 0}
    assert "id" not in nova.ok("PUT", path, {"quota_set": {"instances": "20"}}, ADMIN)["quota_set"]
    assert nova.fault("PUT", path, {"quota_set": {"instances": 0}}, ADMIN)[2] == (
        "Quota limit 0 for instances must be greater than or equal to already used and reserved 1."
    )
    assert nova.ok("PUT", path, {"quota_set": {"instances": 0, "force": True}}, ADMIN)["quota_set"]["instances"] == 0
    for body in ({"instances": -2}, {"instances": "x"}, {"unknown": 1}, {"floating_ips": 1}):
        assert nova.fault("PUT", path, {"quota_set": body}, ADMIN)[0] == 400, body
    assert nova.ok("GET", f"{path}/defaults")["quota_set"]["instances"] == 10
    assert nova.call("DELETE", path, token=ADMIN).status == 202
    assert nova.ok("GET", path)["quota_set"]["instances"] == 10
    assert nova.fault("GET", path, token=BOB)[0] == 403
    classes = "/v2.1/os-quota-class-sets/default"
    assert nova.ok("PUT", classes, {"quota_class_set": {"cores": 5}}, ADMIN)["quota_class_set"]["cores"] == 5
    assert nova.ok("GET", path)["quota_set"]["cores"] == 5
    assert nova.ok("GET", classes, token=ADMIN)["quota_class_set"]["id"] == "default"
    absolute = nova.ok("GET", "/v2.1/limits?reserved=False")["limits"]["absolute"]
    assert (absolute["maxTotalCores"], absolute["totalCoresUsed"], absolute["totalRAMUsed"]) == (5, 1, 512)
    assert "maxImageMeta" not in absolute
    assert "maxSecurityGroups" in nova.ok("GET", "/v2.1/limits", version=(2, 1))["limits"]["absolute"]
    assert nova.fault("GET", "/v2.1/limits?tenant_id=blue")[0] == 403


def test_usage(nova: Nova) -> None:
    server = nova.server()
    nova.activate(server)
    nova.run(nova.client.sleep(3600))
    path = "/v2.1/os-simple-tenant-usage"
    window = "start=2025-12-25T07:10:47.200142&end=2026-11-23T07:10:47.200142"
    (usage,) = nova.ok("GET", f"{path}?detailed=1&{window}", token=ADMIN)["tenant_usages"]
    assert (usage["tenant_id"], usage["total_hours"], usage["total_memory_mb_usage"]) == ("red", 1.0, 512.0)
    assert usage["server_usages"][0]["uptime"] == 3600
    assert nova.ok("GET", f"{path}/red?{window}")["tenant_usage"]["total_vcpus_usage"] == 1.0
    assert nova.ok("GET", f"{path}/empty?{window}", token=ADMIN) == {"tenant_usage": {}}
    assert nova.ok("GET", f"{path}/red")["tenant_usage"]["total_hours"] == 0.0, "as openstacksdk asks: no dates, an empty period"
    assert nova.fault("GET", f"{path}/red?start=x")[0] == 400
    assert nova.fault("GET", f"{path}/red?start=2026-02-01T00:00:00&end=2026-02-01T00:00:00")[0] == 400
    assert nova.fault("GET", f"{path}/red?start=2026-02-01T00:00:00&end=2026-01-01T00:00:00")[0] == 400
    assert nova.fault("GET", f"{path}/red?{window}", token=BOB)[0] == 403
    assert nova.fault("GET", path)[0] == 403
