"""The filters of server lists as predicates over records: some compare, others match a regular expression.

Source: nova/db/main/api.py, `_instance_get_all_by_filters` and `_regex_instance_filter`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from lab.services.compute.api.paging import bad_query, truth
from lab.services.compute.model import Server

Predicate = Callable[[Server], bool]

COMPARED: Mapping[str, str] = {
    "user_id": "user_id",
    "image": "image_id",
    "image_ref": "image_id",
    "vm_state": "vm_state",
    "task_state": "task_state",
    "host": "host",
    "uuid": "id",
    "reservation_id": "reservation_id",
}
MATCHED: Mapping[str, str] = {
    "name": "name",
    "display_name": "name",
    "description": "description",
    "display_description": "description",
    "hostname": "hostname",
    "key_name": "key_name",
    "power_state": "power_state",
    "node": "node",
    "launched_at": "launched_at",
    "terminated_at": "terminated_at",
    "created_at": "created_at",
    "availability_zone": "availability_zone",
    "root_device_name": "root_device_name",
    "config_drive": "config_drive",
    "access_ip_v4": "access_ip_v4",
    "access_ip_v6": "access_ip_v6",
    "progress": "progress",
    "launch_index": "launch_index",
}
TAGS = ("tags", "tags-any", "not-tags", "not-tags-any")


def predicates(asked: Mapping[str, str]) -> Iterator[Predicate]:
    """Return what a server must fulfil, by the filters of a request; a malformed value is a BadRequest."""
    for name, text in asked.items():
        if name in COMPARED:
            yield _equals(COMPARED[name], text)
        elif name in MATCHED:
            yield _matches(MATCHED[name], _regex(name, text))
        elif name == "flavor":
            yield _of_flavor(text)
        elif name in ("ip", "ip6"):
            yield _has_address(_regex(name, text), 4 if name == "ip" else 6)
        elif name == "locked":
            yield _equals("locked", truth(text, "locked"))
        elif name in TAGS:
            yield _tagged(name, text.split(","))


def _equals(attribute: str, value: Any) -> Predicate:
    return lambda server: getattr(server, attribute) == value


def _matches(attribute: str, pattern: re.Pattern[str]) -> Predicate:
    def fits(server: Server) -> bool:
        value = getattr(server, attribute)
        return value is not None and pattern.search(str(value)) is not None

    return fits


def _of_flavor(flavor_id: str) -> Predicate:
    return lambda server: server.flavor.get("id") == flavor_id


def _has_address(pattern: re.Pattern[str], version: int) -> Predicate:
    def fits(server: Server) -> bool:
        return any(
            pattern.search(address["address"])
            for vif in server.network_info
            for fixed in vif["fixed_ips"]
            for address in (fixed, *({"address": ip} for ip in fixed.get("floating_ips", ())))
            if fixed.get("version", 4) == version
        )

    return fits


def _tagged(kind: str, wanted: list[str]) -> Predicate:
    some = any if kind.endswith("any") else all
    if kind.startswith("not"):
        return lambda server: not some(tag in server.tags for tag in wanted)
    return lambda server: some(tag in server.tags for tag in wanted)


def _regex(name: str, text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error:
        raise bad_query(name, text, f"{text!r} is not a 'regex'") from None
