"""Bodies of requests: examples that services take, bodies made after a schema, and changes that break them."""

from __future__ import annotations

import functools
from typing import Any

from hypothesis import strategies as st
from pydantic import BaseModel

# `{name}` stands for something that is there; see tests.conformance.twins.
INTERESTING = st.sampled_from(
    [
        *("", "x", "a" * 300, "1", "-1", "none", "auto", "true", "10.0.0.0/24", "10.0.0.7", "fa:16:3e:00:00:01", "tcp", "é", "\x00", "😀"),
        *("{image_id}", "{flavor_id}", "{network_id}", "{network_id#1}", "{server_id}", "{volume_id}", "{project_id}", "{port_id}"),
    ]
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 70_000),
    st.sampled_from([2**31, 2**63, 10**30, -(2**70)]),
    st.floats(allow_nan=False, allow_infinity=False),
    INTERESTING,
    st.text(max_size=6),
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3), max_leaves=6
)


# -- after a schema -------------------------------------------------------------------------------


@functools.cache
def like(model: type[BaseModel]) -> st.SearchStrategy[Any]:
    """Bodies that have the model's shape, often ones that it takes."""
    whole = model.model_json_schema()
    return _of(whole, whole.get("$defs", {}), 0)


def _of(schema: dict[str, Any], known: dict[str, Any], depth: int) -> st.SearchStrategy[Any]:
    if depth > 8:
        return st.none()
    if "$ref" in schema:
        return _of(known[schema["$ref"].rsplit("/", 1)[1]], known, depth + 1)
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    several = schema.get("anyOf") or schema.get("oneOf")
    if several:
        return st.one_of([_of(part, known, depth + 1) for part in several])
    return _TYPES.get(schema.get("type", ""), lambda *_: VALUES)(schema, known, depth)


def _object(schema: dict[str, Any], known: dict[str, Any], depth: int) -> st.SearchStrategy[Any]:
    fields = {name: _of(part, known, depth + 1) for name, part in schema.get("properties", {}).items()}
    needed = set(schema.get("required", ()))
    fixed = st.fixed_dictionaries(
        {n: s for n, s in fields.items() if n in needed}, optional={n: s for n, s in fields.items() if n not in needed}
    )
    more = schema.get("additionalProperties")
    if not isinstance(more, dict):
        return fixed
    free = st.dictionaries(st.text(max_size=6), _of(more, known, depth + 1), max_size=2)
    return st.tuples(fixed, free).map(lambda both: {**both[1], **both[0]})


def _array(schema: dict[str, Any], known: dict[str, Any], depth: int) -> st.SearchStrategy[Any]:
    return st.lists(_of(schema.get("items", {}), known, depth + 1), min_size=schema.get("minItems", 0), max_size=2)


def _string(schema: dict[str, Any], known: dict[str, Any], depth: int) -> st.SearchStrategy[Any]:
    return INTERESTING | st.text(max_size=8)


def _integer(schema: dict[str, Any], known: dict[str, Any], depth: int) -> st.SearchStrategy[Any]:
    low = int(schema.get("minimum", schema.get("exclusiveMinimum", -1)))
    return st.integers(low, low + 5) | st.integers(-1, 100)


_TYPES = {
    "object": _object,
    "array": _array,
    "string": _string,
    "integer": _integer,
    "number": _integer,
    "boolean": lambda *_: st.booleans(),
    "null": lambda *_: st.none(),
}


# -- broken in one place --------------------------------------------------------------------------


@st.composite
def mutated(draw: st.DrawFn, whole: Any) -> Any:
    """The same with one thing in it replaced, left out, doubled or added."""
    if isinstance(whole, dict) and whole and draw(st.integers(0, 4)):
        name = draw(st.sampled_from(sorted(whole)))
        return {**whole, name: draw(mutated(whole[name]))}
    if isinstance(whole, list) and whole and draw(st.booleans()):
        return [draw(mutated(whole[0])), *whole[1:]]
    if isinstance(whole, dict) and whole and draw(st.booleans()):
        gone = draw(st.sampled_from(sorted(whole)))
        return {n: v for n, v in whole.items() if n != gone}
    if isinstance(whole, dict):
        return {**whole, draw(st.text(max_size=5)): draw(SCALARS)}
    if isinstance(whole, list):
        return [*whole, *whole]
    return draw(VALUES)


# -- examples -------------------------------------------------------------------------------------

_NETWORK = {
    "networks": {"network": {"name": "n", "admin_state_up": True, "mtu": 1400, "shared": False, "port_security_enabled": True}},
    "subnets": {
        "subnet": {
            "network_id": "{network_id}",
            "cidr": "10.9.0.0/24",
            "ip_version": 4,
            "gateway_ip": "10.9.0.1",
            "allocation_pools": [{"start": "10.9.0.5", "end": "10.9.0.9"}],
            "dns_nameservers": ["10.9.0.2"],
            "host_routes": [{"destination": "10.8.0.0/16", "nexthop": "10.9.0.3"}],
            "enable_dhcp": True,
        }
    },
    "ports": {
        "port": {
            "network_id": "{network_id}",
            "fixed_ips": [{"subnet_id": "{subnet_id}", "ip_address": "10.0.0.77"}],
            "mac_address": "fa:16:3e:11:22:33",
            "security_groups": ["{group_id}"],
            "allowed_address_pairs": [{"ip_address": "10.0.0.9", "mac_address": "fa:16:3e:11:22:34"}],
            "binding:vnic_type": "normal",
            "binding:host_id": "compute-1",
            "device_id": "x",
        }
    },
    "security-groups": {"security_group": {"name": "g", "description": ""}},
    "security-group-rules": {
        "security_group_rule": {
            "security_group_id": "{group_id}",
            "direction": "ingress",
            "protocol": "tcp",
            "port_range_min": 80,
            "port_range_max": 90,
            "remote_ip_prefix": "10.0.0.0/8",
            "ethertype": "IPv4",
        }
    },
    "routers": {"router": {"name": "r", "admin_state_up": True}},
}
_SINGLE = {
    "networks": ("network_id", "network"),
    "subnets": ("subnet_id", "subnet"),
    "ports": ("port_id", "port"),
    "security-groups": ("group_id", "security_group"),
    "security-group-rules": ("rule_id", "security_group_rule"),
    "routers": ("router_id", "router"),
}
_ACTIONS = (
    {"os-stop": None},
    {"os-start": None},
    {"reboot": {"type": "HARD"}},
    {"os-getConsoleOutput": {"length": 5}},
    {"os-resetState": {"state": "active"}},
    {"lock": {"locked_reason": "x"}},
    {"unlock": None},
    {"pause": None},
    {"rebuild": {"imageRef": "{image_id}"}},
    {"resize": {"flavorRef": "{flavor_id}"}},
    {"addSecurityGroup": {"name": "default"}},
)
_VOLUME_ACTIONS = (
    {"os-extend": {"new_size": 2}},
    {"os-reset_status": {"status": "available"}},
    {"os-set_bootable": {"bootable": True}},
    {"os-update_readonly_flag": {"readonly": True}},
    {"os-attach": {"instance_uuid": "{server_id}", "mountpoint": "/dev/vdc"}},
    {"os-detach": {}},
    {"os-reserve": {}},
    {"os-unreserve": {}},
    {"os-begin_detaching": {}},
    {"os-roll_detaching": {}},
    {"os-initialize_connection": {"connector": {"host": "compute-1"}}},
    {"os-terminate_connection": {"connector": {"host": "compute-1"}}},
    {"os-retype": {"new_type": "__DEFAULT__", "migration_policy": "never"}},
    {"os-volume_upload_image": {"image_name": "x"}},
    {"os-force_delete": {}},
    {"revert": {"snapshot_id": "{snapshot_id}"}},
)
_LOGIN = {
    "auth": {
        "identity": {
            "methods": ["password"],
            "password": {"user": {"name": "demo", "domain": {"id": "default"}, "password": "glasscloud"}},
        },
        "scope": {"project": {"name": "demo", "domain": {"id": "default"}}},
    }
}
_SERVER = {
    "server": {
        "name": "s",
        "imageRef": "{image_id}",
        "flavorRef": "{flavor_id}",
        "networks": [{"uuid": "{network_id}"}],
        "metadata": {"a": "b"},
        "min_count": 1,
        "security_groups": [{"name": "default"}],
        "block_device_mapping_v2": [
            {"uuid": "{image_id}", "boot_index": 0, "source_type": "image", "destination_type": "local", "delete_on_termination": True}
        ],
    }
}
_PATCH = [{"op": "replace", "path": "/name", "value": "x"}, {"op": "add", "path": "/color", "value": "red"}]

_VOLUME = ("/v3", "/v3/{project_id}")
Examples = tuple[tuple[tuple[str, str], Any], ...]
BODIES: dict[str, Examples] = {
    "identity": ((("POST", "/v3/auth/tokens"), _LOGIN),),
    "image": (
        (("POST", "/v2/images"), {"name": "i", "disk_format": "qcow2", "container_format": "bare", "tags": ["a"], "min_disk": 1}),
        (("PATCH", "/v2/images/{image_id}"), _PATCH),
        (("POST", "/v2/images/{image_id}/members"), {"member": "{project_id#2}"}),
        (("PUT", "/v2/images/{image_id}/members/{member_id}"), {"status": "accepted"}),
    ),
    "compute": (
        (("POST", "/v2.1/servers"), _SERVER),
        *((("POST", "/v2.1/servers/{server_id}/action"), action) for action in _ACTIONS),
        (("POST", "/v2.1/servers/{server_id}/os-volume_attachments"), {"volumeAttachment": {"volumeId": "{volume_id}"}}),
        (("POST", "/v2.1/servers/{server_id}/os-interface"), {"interfaceAttachment": {"net_id": "{network_id}"}}),
    ),
    "network": (
        *((("POST", f"/v2.0/{plural}"), body) for plural, body in _NETWORK.items()),
        *((("PUT", f"/v2.0/{plural}/{{{name}}}"), {noun: {"name": "y"}}) for plural, (name, noun) in _SINGLE.items()),
        *((("PUT", f"/v2.0/{plural}/{{{name}}}"), _NETWORK[plural]) for plural, (name, noun) in _SINGLE.items()),
        (("PUT", "/v2.0/routers/{router_id}/add_router_interface"), {"subnet_id": "{subnet_id}"}),
        (("PUT", "/v2.0/quotas/{project_id}"), {"quota": {"network": 5, "port": -1}}),
        (("PUT", "/v2.0/agents/{agent_id}"), {"agent": {"admin_state_up": False}}),
        (("POST", "/v2.0/agents/{agent_id}/dhcp-networks"), {"network_id": "{network_id}"}),
        (("PUT", "/v2.0/{plural}/{resource_id}/tags"), {"tags": ["a", "b"]}),
    ),
    "volume": (
        *((("POST", f"{prefix}/volumes/{{volume_id}}/action"), action) for action in _VOLUME_ACTIONS for prefix in _VOLUME),
        *((("POST", f"{prefix}/snapshots/{{snapshot_id}}/action"), {"os-reset_status": {"status": "error"}}) for prefix in _VOLUME),
        *((("POST", f"{prefix}/types/{{type_id}}/action"), {"addProjectAccess": {"project": "x"}}) for prefix in _VOLUME),
    ),
}
