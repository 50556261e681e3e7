"""Bad input gets each service's own fault: its status, its body, and nothing about what is not the caller's."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.conformance.twins import UNKNOWN, Ask, Play, Told, body_of, fill, play

LISTS = {
    "identity": "/v3/projects",
    "image": "/v2/images",
    "compute": "/v2.1/servers",
    "network": "/v2.0/networks",
    "volume": "/v3/{project_id}/volumes",
    "placement": "/resource_providers",
    "object": "/v1/{account}",
}
SERVICES = list(LISTS)
JSON_SERVICES = [s for s in SERVICES if s != "object"]
VERSIONED = {"compute": "2.96", "volume": "3.70", "placement": "1.39"}
NAMES = {400: "badRequest", 401: "unauthorized", 403: "forbidden", 404: "itemNotFound", 405: "badMethod", 406: "computeFault"}
NAMES |= {409: "conflictingRequest", 413: "overLimit", 415: "badMediaType"}
NEUTRON = {400: "HTTPBadRequest", 401: "HTTPUnauthorized", 404: "HTTPNotFound", 405: "HTTPMethodNotAllowed"}
NEUTRON |= {413: "HTTPRequestEntityTooLarge", 415: "HTTPUnsupportedMediaType"}
TITLES = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 406: "Not Acceptable"}
TITLES |= {409: "Conflict", 413: "Request Entity Too Large", 415: "Unsupported Media Type"}


EDGE = ("Request is too large.", "The resource could not be found.", "The request you have made requires authentication.")


def put(*asks: Ask) -> Play:
    """Send the requests over HTTP to a new cloud."""
    done = play(asks, http=True)
    assert not done.errors
    return done


def newest(service: str) -> tuple[tuple[str, str], ...]:
    """The header for the microversion that clients use."""
    return (("openstack-api-version", f"{service} {VERSIONED[service]}"),) if service in VERSIONED else ()


def message(service: str, told: Told, status: int) -> str:
    """The fault's text, after its shape was found to be the service's own."""
    assert told.status == status, told
    text = told.body.decode()
    if service == "image":
        assert told.headers["content-type"] == "text/html; charset=UTF-8"
        start = f"<html>\n <head>\n  <title>{status} {TITLES[status]}</title>\n </head>\n <body>\n  <h1>{status} {TITLES[status]}</h1>\n  "
        assert text.startswith(start)
        return text.removeprefix(start).partition("<br />")[0]
    if service == "object":
        assert told.headers["content-type"] == "text/html; charset=UTF-8"
        assert text.startswith(f"<html><h1>{TITLES[status]}</h1><p>")
        assert text.endswith("</p></html>")
        return text.partition("<p>")[2].removesuffix("</p></html>")
    assert told.headers["content-type"] == "application/json"
    return _json_message(service, json.loads(text), status)


def _json_message(service: str, body: dict[str, Any], status: int) -> str:
    if service == "placement":
        (error,) = body["errors"]
        assert (error["status"], error["title"]) == (status, TITLES[status])
        assert error["request_id"].startswith("req-")
        return str(error["detail"])
    ((name, fault),) = body.items()
    if service == "network":
        assert name == "NeutronError"
        assert set(fault) == {"type", "message", "detail"}
        if status in NEUTRON and fault["message"] in EDGE:
            assert fault["type"] == NEUTRON[status]
    elif service == "identity":
        assert (name, fault["code"], fault["title"]) == ("error", status, TITLES[status])
    else:
        assert (name, fault["code"]) == (NAMES[status], status)
    return str(fault["message"])


# -- the same for every service -------------------------------------------------------------------


@pytest.mark.parametrize("service", SERVICES)
def test_without_a_good_token_nothing_is_told(service: str) -> None:
    target = LISTS[service]
    done = put(*(Ask(service, method, target, who) for who in ("nobody", "forged") for method in ("GET", "DELETE", "HEAD")))
    for told in done.told:
        assert told.status == 401
        assert told.headers["www-authenticate"].startswith("Keystone uri=")
    for told in (done.told[0], done.told[3]):
        expected = "The request you have made requires authentication."
        if service == "object":
            expected = "This server could not verify that you are authorized to access the document you requested."
        assert message(service, told, 401) == expected


@pytest.mark.parametrize("service", SERVICES)
def test_a_path_that_nothing_has_and_a_method_that_a_path_has_not(service: str) -> None:
    done = put(Ask(service, "GET", "/no/such/path"), Ask(service, "BREW", LISTS[service]), Ask(service, "PATCH", LISTS[service]))
    assert message(service, done.told[0], 404) == "The resource could not be found."
    for told, method in zip(done.told[1:], ("BREW", "PATCH"), strict=True):
        assert message(service, told, 405) == f"The method {method} is not allowed for this resource."
        assert "GET" in told.headers["allow"]


@pytest.mark.parametrize("service", JSON_SERVICES)
def test_a_body_that_is_none(service: str) -> None:
    bodies = (b"{", b"[]", b"null", b'"text"', b"7", b"\xff", b'{"x": 1}', b"[" * 3000)
    for told in put(*(Ask(service, "POST", LISTS[service], headers=newest(service), body=body) for body in bodies)).told:
        assert message(service, told, 400)


@pytest.mark.parametrize("service", JSON_SERVICES)
def test_an_oversized_body_is_refused_chunked_or_not(service: str) -> None:
    body = body_of({"x" * 114_700: 1})
    done = put(*(Ask(service, "POST", LISTS[service], headers=newest(service), body=body, chunked=chunked) for chunked in (True, False)))
    for told in done.told:
        assert message(service, told, 413) == "Request is too large."


@pytest.mark.parametrize("service", JSON_SERVICES)
def test_a_body_of_another_kind(service: str) -> None:
    ask = Ask(service, "POST", LISTS[service], headers=(*newest(service), ("content-type", "text/plain")), body=b"{}")
    assert "text/plain" in message(service, put(ask).told[0], 415)


@pytest.mark.parametrize(
    ("service", "number", "status", "text"),
    [
        ("compute", "2.105", 406, "Version 2.105 is not supported by the API. Minimum is 2.1 and maximum is 2.104."),
        ("compute", "3.0", 406, "Version 3.0 is not supported by the API. Minimum is 2.1 and maximum is 2.104."),
        ("compute", "two", 400, "API Version String two is of invalid format. Must be of format MajorNum.MinorNum."),
        ("volume", "3.72", 406, "Version 3.72 is not supported by the API. Minimum is 3.0 and maximum is 3.71."),
        ("volume", "2", 400, "API Version String 2 is of invalid format. Must be of format MajorNum.MinorNum."),
        ("placement", "1.40", 406, "Unacceptable version header: 1.40"),
        ("placement", "x", 400, "invalid version string: x"),
    ],
)
def test_a_microversion_that_is_none(service: str, number: str, status: int, text: str) -> None:
    told = put(Ask(service, "GET", LISTS[service], headers=(("openstack-api-version", f"{service} {number}"),))).told[0]
    if service == "placement" and status == 406:
        error = json.loads(told.body)["errors"][0]
        assert (error["min_version"], error["max_version"]) == ("1.0", "1.39")
    assert message(service, told, status) == text


@pytest.mark.parametrize("service", SERVICES)
def test_head_is_get_without_a_body(service: str) -> None:
    get, head = put(Ask(service, "GET", LISTS[service]), Ask(service, "HEAD", LISTS[service])).told
    assert head.body == b""
    assert head.status in (get.status, 204)
    if service != "object":
        assert int(head.headers["content-length"]) == len(get.body)
        assert head.headers["content-type"] == get.headers["content-type"]


# -- things that are not there, or not the caller's -----------------------------------------------

# service, method, target, body; `{…}` is the administrator's or another project's.
FOREIGN: list[tuple[str, str, str, Any]] = [
    ("compute", "GET", "/v2.1/servers/{server_id}", None),
    ("compute", "PUT", "/v2.1/servers/{server_id}", {"server": {"name": "x"}}),
    ("compute", "DELETE", "/v2.1/servers/{server_id}", None),
    ("compute", "POST", "/v2.1/servers/{server_id}/action", {"os-stop": None}),
    ("compute", "POST", "/v2.1/servers/{server_id}/action", {"reboot": {"type": "HARD"}}),
    ("compute", "POST", "/v2.1/servers/{server_id}/action", {"os-getConsoleOutput": {}}),
    ("compute", "GET", "/v2.1/servers/{server_id}/metadata", None),
    ("compute", "GET", "/v2.1/servers/{server_id}/ips", None),
    ("compute", "GET", "/v2.1/servers/{server_id}/tags", None),
    ("compute", "GET", "/v2.1/servers/{server_id}/os-instance-actions", None),
    ("compute", "GET", "/v2.1/servers/{server_id}/os-volume_attachments", None),
    ("compute", "POST", "/v2.1/servers/{server_id}/os-volume_attachments", {"volumeAttachment": {"volumeId": "{volume_id#1}"}}),
    ("compute", "GET", "/v2.1/servers/{server_id}/os-interface", None),
    ("volume", "GET", "/v3/volumes/{volume_id}", None),
    ("volume", "PUT", "/v3/volumes/{volume_id}", {"volume": {"name": "x"}}),
    ("volume", "DELETE", "/v3/volumes/{volume_id}", None),
    ("volume", "POST", "/v3/volumes/{volume_id}/action", {"os-extend": {"new_size": 2}}),
    ("volume", "GET", "/v3/volumes/{volume_id}/metadata", None),
    ("volume", "GET", "/v3/snapshots/{snapshot_id}", None),
    ("volume", "DELETE", "/v3/snapshots/{snapshot_id}", None),
    ("volume", "POST", "/v3/snapshots", {"snapshot": {"volume_id": "{volume_id}"}}),
    ("volume", "POST", "/v3/volumes", {"volume": {"size": 1, "snapshot_id": "{snapshot_id}"}}),
    ("network", "GET", "/v2.0/networks/{network_id}", None),
    ("network", "PUT", "/v2.0/networks/{network_id}", {"network": {"name": "x"}}),
    ("network", "DELETE", "/v2.0/networks/{network_id}", None),
    ("network", "GET", "/v2.0/subnets/{subnet_id}", None),
    ("network", "POST", "/v2.0/subnets", {"subnet": {"network_id": "{network_id}", "cidr": "10.7.0.0/24", "ip_version": 4}}),
    ("network", "GET", "/v2.0/ports/{port_id}", None),
    ("network", "DELETE", "/v2.0/ports/{port_id}", None),
    ("network", "POST", "/v2.0/ports", {"port": {"network_id": "{network_id}"}}),
    ("network", "GET", "/v2.0/security-groups/{group_id}", None),
    ("network", "GET", "/v2.0/networks/{network_id}/tags", None),
    ("image", "GET", "/v2/images/{image_id}", None),
    ("image", "DELETE", "/v2/images/{image_id}", None),
    ("image", "GET", "/v2/images/{image_id}/file", None),
    ("image", "PUT", "/v2/images/{image_id}/tags/x", None),
    ("image", "GET", "/v2/images/{image_id}/members", None),
]


def strange(target: str, body: Any) -> tuple[str, str]:
    """The same request with ids that nothing has."""

    def unknown(text: str) -> str:
        return re.sub(r"\{[a-z_]+_id(#\d+)?\}", UNKNOWN, text)

    return unknown(target), unknown(json.dumps(body))


def test_another_projects_things_are_as_if_they_were_not() -> None:
    """The same status, headers and text for what is another's and for what is nobody's."""
    asks = []
    for service, method, target, body in FOREIGN:
        asks.append(Ask(service, method, target, "demo", newest(service), body_of(body) if body else b""))
        other, text = strange(target, body)
        asks.append(Ask(service, method, other, "demo", newest(service), text.encode() if body else b""))
    done = put(*asks)
    wrong = []
    for mine, ask, foreign, nobodys in zip(asks[::2], asks[1::2], done.told[::2], done.told[1::2], strict=True):
        for told in (foreign, nobodys):
            told.headers.pop("x-openstack-request-id")
            told.headers.pop("content-length", "")
        text = foreign.body.decode()
        for ids in done.things.values():
            for known in ids:
                text = text.replace(known, UNKNOWN) if len(known) == len(UNKNOWN) else text
        if (foreign.status, foreign.headers, text) != (nobodys.status, nobodys.headers, nobodys.body.decode()) or foreign.status != 404:
            wrong.append(f"{mine.method} {mine.target} {ask.body!r}\n    {foreign}\n    {nobodys}")
    assert not wrong, "\n".join(wrong)


# What lists the administrator's things, by ways to ask for more than one's own.
LISTINGS = [
    ("compute", "/v2.1/servers", ("?all_tenants=1", "?project_id={project_id}", "/detail", "/detail?all_tenants=1&tenant_id=x")),
    ("compute", "/v2.1/os-keypairs", ("", "?user_id={user_id}")),
    ("volume", "/v3/volumes", ("", "?all_tenants=1", "/detail?all_tenants=1&project_id={project_id}", "?name=vol1")),
    ("volume", "/v3/snapshots", ("", "?all_tenants=1", "/detail")),
    ("network", "/v2.0/networks", ("", "?project_id={project_id}", "?tenant_id={project_id}", "?id={network_id}", "?name=net1")),
    ("network", "/v2.0/subnets", ("", "?network_id={network_id}", "?cidr=10.0.0.0/24")),
    ("network", "/v2.0/ports", ("", "?device_id={server_id}", "?network_id={network_id}", "?id={port_id}")),
    ("network", "/v2.0/security-groups", ("?project_id={project_id}", "?id={group_id}")),
    ("image", "/v2/images", ("", "?owner={project_id}", "?visibility=shared&member_status=all", "?id=in:{image_id}", "?name=cirros")),
    ("object", "/v1/{account#1}", ("",)),
]


def test_no_list_shows_another_projects_things() -> None:
    asks = [Ask(service, "GET", path + more, "demo", newest(service)) for service, path, ways in LISTINGS for more in ways]
    done = put(*asks)
    things = done.things
    foreign = [things[name][0] for name in ("server_id", "volume_id", "network_id", "subnet_id", "snapshot_id", "image_id")]
    foreign += things["port_id"]
    for ask, told in zip(asks, done.told, strict=True):
        assert told.status in (200, 204, 403), (ask, told)
        asked = fill(ask.target, things)  # links say again what was asked for
        shown = [thing for thing in foreign if thing in told.body.decode() and thing not in asked]
        assert not shown, (ask, told)


def test_object_storage_refuses_another_account_whether_it_has_that_or_not() -> None:
    targets = (
        "/v1/{account}",
        "/v1/{account}/c1",
        "/v1/{account}/none",
        "/v1/{account}/c1/o1",
        "/v1/{account}/c1/none",
        "/v1/AUTH_none/c1",
    )
    for told in put(*(Ask("object", "GET", target, "demo") for target in targets)).told:
        assert message("object", told, 403) == "Access was denied to this resource."


def test_identity_refuses_what_the_caller_may_not_see_whether_it_is_there_or_not() -> None:
    asks = [
        Ask("identity", "GET", f"/v3/{kind}/{thing}", "demo")
        for kind in ("projects", "users", "roles")
        for thing in ("{%s_id}" % kind[:-1], UNKNOWN)
    ]
    answers = put(*asks).told
    for there, gone in zip(answers[::2], answers[1::2], strict=True):
        assert message("identity", there, 403) == message("identity", gone, 403)


GONE = [
    ("identity", "/v3/projects/nope", "Could not find project: nope."),
    ("identity", "/v3/users/nope", "Could not find user: nope."),
    ("image", "/v2/images/nope", "No image found with ID nope"),
    ("compute", "/v2.1/servers/nope", "Instance nope could not be found."),
    ("compute", "/v2.1/flavors/nope", "Flavor nope could not be found."),
    ("compute", "/v2.1/os-keypairs/nope", "Keypair nope not found for user {user}"),
    ("network", "/v2.0/networks/nope", "Network nope could not be found."),
    ("network", "/v2.0/ports/nope", "Port nope could not be found."),
    ("network", "/v2.0/subnets/nope", "Subnet nope could not be found."),
    ("network", "/v2.0/security-groups/nope", "Security group nope does not exist"),
    ("volume", "/v3/volumes/nope", "Volume nope could not be found."),
    ("volume", "/v3/snapshots/nope", "Snapshot nope could not be found."),
    ("volume", "/v3/types/nope", "Volume type nope could not be found."),
    ("placement", "/resource_providers/nope", "No resource provider with uuid nope found"),
    ("object", "/v1/{account}/nope", "The resource could not be found."),
]


def test_an_id_that_nothing_has() -> None:
    done = put(*(Ask(service, "GET", target, headers=newest(service)) for service, target, _ in GONE))
    for (service, _, text), told in zip(GONE, done.told, strict=True):
        found = message(service, told, 404)
        for user in done.things["user_id"]:
            found = found.replace(user, "{user}")
        assert found.rstrip(":. ") == text.rstrip(":. ")


# -- values that cannot be ------------------------------------------------------------------------

SERVER = {"name": "s", "imageRef": "{image_id}", "flavorRef": "{flavor_id}", "networks": [{"uuid": "{network_id}"}]}
SUBNET = {"network_id": "{network_id}", "cidr": "10.7.0.0/24", "ip_version": 4}
RULE = {"security_group_id": "{group_id}", "direction": "ingress", "protocol": "tcp", "port_range_min": 70, "port_range_max": 80}
VALUES: list[tuple[str, str, Any, str]] = [
    ("compute", "/v2.1/servers", {"server": {**SERVER, "flavorRef": "nope"}}, "Flavor nope could not be found."),
    ("compute", "/v2.1/servers", {"server": {**SERVER, "imageRef": UNKNOWN}}, "Can not find requested image"),
    ("compute", "/v2.1/servers", {"server": {**SERVER, "networks": [{"uuid": UNKNOWN}]}}, f"Network {UNKNOWN} could not be found."),
    ("compute", "/v2.1/servers", {"server": {**SERVER, "min_count": -1}}, "min_count"),
    ("compute", "/v2.1/servers", {"server": {**SERVER, "min_count": 3, "max_count": 2}}, "min_count must be <= max_count"),
    ("compute", "/v2.1/servers", {"server": {**SERVER, "name": ""}}, "name"),
    ("compute", "/v2.1/servers", {"server": {**SERVER, "name": 7}}, "name"),
    ("compute", "/v2.1/servers", {"server": {**SERVER, "name": "x" * 256}}, "name"),
    ("compute", "/v2.1/servers", {"server": {**SERVER, "nonsense": 1}}, "Additional properties are not allowed"),
    ("compute", "/v2.1/servers", {"server": {**SERVER, "key_name": "nope"}}, "Invalid key_name provided."),
    ("compute", "/v2.1/flavors", {"flavor": {"name": "f", "ram": -1, "vcpus": 1, "disk": 1}}, "ram"),
    ("compute", "/v2.1/flavors", {"flavor": {"name": "f", "ram": 1, "vcpus": 0, "disk": 1}}, "vcpus"),
    ("compute", "/v2.1/flavors", {"flavor": {"name": "f", "ram": 1, "vcpus": 1, "disk": -5}}, "disk"),
    ("compute", "/v2.1/flavors", {"flavor": {"name": "f", "ram": 10**12, "vcpus": 1, "disk": 1}}, "ram"),
    ("volume", "/v3/volumes", {"volume": {"size": -1}}, "size"),
    ("volume", "/v3/volumes", {"volume": {"size": 0}}, "size"),
    ("volume", "/v3/volumes", {"volume": {"size": "big"}}, "size"),
    ("volume", "/v3/volumes", {"volume": {}}, "size"),
    ("network", "/v2.0/networks", {"network": {"mtu": -1}}, "Invalid input for mtu"),
    ("network", "/v2.0/networks", {"network": {"nonsense": 1}}, "Unrecognized attribute(s) 'nonsense'"),
    ("network", "/v2.0/subnets", {"subnet": {**SUBNET, "cidr": "10.0.0.0/33"}}, "cidr"),
    ("network", "/v2.0/subnets", {"subnet": {**SUBNET, "cidr": "10.0.0.0/24"}}, "overlaps with another subnet"),
    ("network", "/v2.0/ports", {"port": {"network_id": "{network_id}", "fixed_ips": [{"ip_address": "10.9.9.9"}]}}, "10.9.9.9"),
    ("network", "/v2.0/ports", {"port": {"network_id": "{network_id}", "mac_address": "zz"}}, "mac_address"),
    ("network", "/v2.0/security-group-rules", {"security_group_rule": {**RULE, "port_range_min": 90}}, "port_range_min"),
    ("network", "/v2.0/security-group-rules", {"security_group_rule": {**RULE, "protocol": "smoke"}}, "smoke"),
    ("image", "/v2/images", {"name": "i", "disk_format": "floppy"}, "disk_format"),
    ("image", "/v2/images", {"name": "i", "min_disk": -1}, "min_disk"),
    ("image", "/v2/images", {"name": "i", "size": 7}, "size"),
    ("identity", "/v3/projects", {"project": {}}, "name"),
    ("identity", "/v3/projects", {"project": {"name": "x" * 65}}, "name"),
    ("identity", "/v3/users", {"user": {"name": "u", "enabled": "perhaps"}}, "enabled"),
    ("placement", "/resource_providers", {"name": "p", "uuid": "nope"}, "uuid"),
    ("placement", "/resource_providers", {"name": ""}, "name"),
]


@pytest.mark.parametrize("service", ["compute", "volume", "network", "image", "identity", "placement"])
def test_a_value_that_cannot_be(service: str) -> None:
    rows = [row for row in VALUES if row[0] == service]
    done = put(*(Ask(service, "POST", target, headers=newest(service), body=body_of(body)) for _, target, body, _ in rows))
    for (_, _, body, words), told in zip(rows, done.told, strict=True):
        # Glance forbids to set what it keeps itself. Source: glance's images API, its reserved properties.
        assert words in message(service, told, 403 if service == "image" and "size" in body else 400), body


# -- more than the quota --------------------------------------------------------------------------


def test_over_quota_has_each_services_own_status() -> None:
    quota = "/v2.1/os-quota-sets/{project_id}"
    done = put(
        Ask("compute", "PUT", quota, body=body_of({"quota_set": {"instances": 1, "key_pairs": 1, "server_groups": 0}})),
        Ask("compute", "POST", "/v2.1/servers", body=body_of({"server": SERVER})),
        Ask("compute", "POST", "/v2.1/os-keypairs", body=body_of({"keypair": {"name": "k", "public_key": KEY}})),
        Ask("compute", "POST", "/v2.1/os-server-groups", body=body_of({"server_group": {"name": "g", "policies": ["affinity"]}})),
        Ask("volume", "PUT", "/v3/os-quota-sets/{project_id}", body=body_of({"quota_set": {"volumes": 1, "gigabytes": 3, "snapshots": 1}})),
        Ask("volume", "POST", "/v3/volumes", body=body_of({"volume": {"size": 1}})),
        Ask("volume", "POST", "/v3/snapshots", body=body_of({"snapshot": {"volume_id": "{volume_id}"}})),
        Ask("volume", "PUT", "/v3/os-quota-sets/{project_id}", body=body_of({"quota_set": {"volumes": 5}})),
        Ask("volume", "POST", "/v3/volumes", body=body_of({"volume": {"size": 2}})),
        Ask("network", "PUT", "/v2.0/quotas/{project_id}", body=body_of({"quota": {"network": 1, "port": 0, "security_group": 1}})),
        Ask("network", "POST", "/v2.0/networks", body=body_of({"network": {}})),
        Ask("network", "POST", "/v2.0/ports", body=body_of({"port": {"network_id": "{network_id}"}})),
        Ask("network", "POST", "/v2.0/security-groups", body=body_of({"security_group": {"name": "g"}})),
    ).told
    assert [done[i].status for i in (0, 4, 7, 9)] == [200, 200, 200, 200]
    assert message("compute", done[1], 403) == "Quota exceeded for instances: Requested 1, but already used 1 of 1 instances"
    assert message("compute", done[2], 403) == "Quota exceeded, too many key pairs."
    assert message("compute", done[3], 403) == "Quota exceeded, too many server groups."
    assert message("volume", done[5], 413) == "VolumeLimitExceeded: Maximum number of volumes allowed (1) exceeded for quota 'volumes'."
    assert message("volume", done[6], 413) == "SnapshotLimitExceeded: Maximum number of snapshots allowed (1) exceeded"
    assert message("volume", done[8], 413) == (
        "VolumeSizeExceedsAvailableQuota: Requested volume or snapshot exceeds allowed gigabytes quota. "
        "Requested 2G, quota is 3G and 2G has been consumed."
    )
    for told, resource in zip(done[10:], ("network", "port", "security_group"), strict=True):
        assert json.loads(told.body)["NeutronError"]["type"] == "OverQuota"
        assert message("network", told, 409) == f"Quota exceeded for resources: ['{resource}']."


KEY = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAQQC7"


def test_what_a_member_may_not_do_is_refused_in_each_services_words() -> None:
    asks = [
        Ask("compute", "GET", "/v2.1/os-hypervisors", "demo"),
        Ask("compute", "POST", "/v2.1/flavors", "demo", body=body_of({"flavor": {"name": "f", "ram": 1, "vcpus": 1, "disk": 1}})),
        Ask("volume", "GET", "/v3/os-services", "demo"),
        Ask("network", "GET", "/v2.0/quotas", "demo"),
        Ask("identity", "POST", "/v3/projects", "demo", body=body_of({"project": {"name": "p"}})),
        Ask("placement", "GET", "/resource_providers", "demo"),
        Ask("image", "POST", "/v2/images", "demo", body=body_of({"name": "i", "visibility": "public"})),
    ]
    answers = put(*asks).told
    for ask, told in zip(asks, answers, strict=True):
        assert message(ask.service, told, 403)
    assert message("compute", answers[0], 403).startswith("Policy doesn't allow ")
    assert "identity:create_project" in message("identity", answers[4], 403)


def test_fill_leaves_json_alone() -> None:
    assert fill('{"a": {"b": "{server_id}"}}', {"server_id": ["x"]}) == '{"a": {"b": "x"}}'
