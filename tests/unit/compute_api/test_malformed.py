"""Whatever is sent to any route: a fault of nova's shape, never an error of ours."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lab.services.compute.api import ComputeApi
from tests.unit.compute_api.nova import ADMIN, ALICE, IMAGE, NETWORK, NODE, VOLUME, Nova

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 2**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from([IMAGE, NETWORK, VOLUME, "1", "none", "auto", "10.0.0.4", "aGk=", "true", "compute-1", "active", "hard"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
NAMES = sorted(
    {
        "server",
        "name",
        "imageRef",
        "flavorRef",
        "networks",
        "metadata",
        "min_count",
        "tags",
        "block_device_mapping_v2",
        "uuid",
        "port",
        "fixed_ip",
        "flavor",
        "ram",
        "vcpus",
        "disk",
        "id",
        "extra_specs",
        "keypair",
        "public_key",
        "type",
        "events",
        "server_uuid",
        "status",
        "tag",
        "aggregate",
        "availability_zone",
        "add_host",
        "host",
        "set_metadata",
        "server_group",
        "policy",
        "policies",
        "rules",
        "quota_set",
        "instances",
        "quota_class_set",
        "volumeAttachment",
        "volumeId",
        "device",
        "interfaceAttachment",
        "net_id",
        "fixed_ips",
        "os-stop",
        "reboot",
        "os-getConsoleOutput",
        "os-resetState",
        "lock",
        "addTenantAccess",
        "tenant",
        "meta",
        "os:scheduler_hints",
        "group",
        "disabled_reason",
        "forced_down",
        "binary",
    }
)
BODIES = st.recursive(
    st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=5), VALUES, max_size=4),
    lambda inner: st.dictionaries(st.sampled_from(NAMES), inner, max_size=3) | st.lists(inner, max_size=2),
    max_leaves=8,
)
SEGMENTS = st.sampled_from([IMAGE, NODE, "1", "nope", "alice", "red", "default", "%2F", "\u00fc", "-1", "disable"])
QUERIES = st.dictionaries(
    st.sampled_from(
        [
            "limit",
            "marker",
            "name",
            "status",
            "deleted",
            "all_tenants",
            "sort_key",
            "sort_dir",
            "changes-since",
            "start",
            "end",
            "with_servers",
            "offset",
            "is_public",
            "minRam",
            "tags",
            "ip",
            "user_id",
            "x",
        ]
    ),
    st.sampled_from(["", "1", "-1", "[", "x", "true", "ACTIVE", "2026-01-01T00:00:00Z", "host", "asc"]),
    max_size=3,
)

VALID: dict[str, Any] = {
    "servers_create": {
        "server": {
            "name": "a",
            "imageRef": IMAGE,
            "flavorRef": "1",
            "networks": [{"uuid": NETWORK, "fixed_ip": "10.0.0.4", "tag": "t"}],
            "metadata": {"k": "v"},
            "min_count": 1,
            "max_count": 1,
            "key_name": "k",
            "user_data": "aGk=",
            "tags": ["x"],
            "block_device_mapping_v2": [{"source_type": "blank", "boot_index": 1, "volume_size": 1, "device_name": "vdb"}],
            "security_groups": [{"name": "default"}],
            "availability_zone": "nova",
            "config_drive": True,
            "description": "d",
            "hostname": "web",
            "OS-DCF:diskConfig": "AUTO",
            "accessIPv4": "1.2.3.4",
            "adminPass": "x",
        },
        "os:scheduler_hints": {"group": NODE},
    },
    "servers_update": {"server": {"name": "a", "description": "d", "hostname": "h1", "pinned_availability_zone": "nova"}},
    "servers_action": {"reboot": {"type": "SOFT"}},
    "metadata_add": {"metadata": {"k": "v"}},
    "tags_replace": {"tags": ["a"]},
    "volumes_attach": {"volumeAttachment": {"volumeId": VOLUME, "device": "/dev/vdb", "tag": "t", "delete_on_termination": True}},
    "volumes_update": {"volumeAttachment": {"volumeId": VOLUME, "delete_on_termination": True}},
    "interfaces_attach": {"interfaceAttachment": {"net_id": NETWORK, "fixed_ips": [{"ip_address": "10.0.0.9"}], "tag": "t"}},
    "flavors_create": {"flavor": {"name": "f", "ram": 1, "vcpus": 1, "disk": 1, "id": "7", "swap": 1, "description": "d"}},
    "flavors_update": {"flavor": {"description": "d"}},
    "flavors_action": {"addTenantAccess": {"tenant": "red"}},
    "extra_specs_add": {"extra_specs": {"a": "b"}},
    "keypairs_create": {"keypair": {"name": "k", "public_key": "ssh-rsa AAAA", "type": "ssh", "user_id": "alice"}},
    "services_update": {"status": "disabled", "disabled_reason": "r", "forced_down": True},
    "aggregates_create": {"aggregate": {"name": "a", "availability_zone": "z"}},
    "aggregates_action": {"set_metadata": {"metadata": {"a": "b"}}},
    "groups_create": {"server_group": {"name": "g", "policy": "anti-affinity", "rules": {"max_server_per_host": 2}}},
    "quotas_update": {"quota_set": {"instances": 5, "force": True}},
    "quota_class_update": {"quota_class_set": {"cores": 5}},
    "events_create": {"events": [{"name": "network-changed", "server_uuid": NODE, "status": "completed", "tag": "t"}]},
}


def mutated(value: Any, data: st.DataObject) -> Any:
    """Return the body with one place changed, lost or doubled under another name."""
    if isinstance(value, dict) and value and data.draw(st.integers(0, 3)):
        key = data.draw(st.sampled_from(sorted(value)))
        change = data.draw(st.sampled_from(["deeper", "deeper", "deeper", "lose", "add"]))
        if change == "lose":
            return {name: item for name, item in value.items() if name != key}
        if change == "add":
            return {**value, data.draw(st.sampled_from(NAMES) | st.text(max_size=5)): data.draw(VALUES)}
        return {**value, key: mutated(value[key], data)}
    if isinstance(value, list) and value and data.draw(st.booleans()):
        return [mutated(value[0], data), *value[1:]]
    return data.draw(VALUES)


@settings(max_examples=300)
@given(
    route=st.sampled_from(ComputeApi.routes),
    data=st.data(),
    body=BODIES | st.sampled_from([b"{", b"[]", b"null", b""]),
    minor=st.integers(1, 104),
    token=st.sampled_from([ADMIN, ALICE]),
    query=QUERIES,
)
def test_no_request_makes_an_error(route: Any, data: st.DataObject, body: Any, minor: int, token: str, query: dict[str, str]) -> None:
    nova = Nova()
    nova.flavor(id="1")
    nova.host()
    server = nova.server(token=ALICE)
    if data.draw(st.booleans()):
        nova.activate(server)
    path = "/".join(
        data.draw(st.just(server) | SEGMENTS) if part.startswith("{server_id") else data.draw(SEGMENTS) if part.startswith("{") else part
        for part in route.path.split("/")
    )
    target = path + ("?" + "&".join(f"{name}={value}" for name, value in query.items()) if query else "")
    if route.handler in VALID and data.draw(st.integers(0, 3)):
        body = mutated(VALID[route.handler], data)
    sent = body if route.method in ("POST", "PUT") else None
    response = nova.call(route.method, target, sent, token, (2, minor))
    assert response.status < 500, (route, target, body, response.content())
    if not response.ok:
        ((name, inner),) = response.json().items()
        assert inner["code"] == response.status
        assert isinstance(inner["message"], str)
        assert name
