"""What placement's answers look like, by microversion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lab.services.placement.allocations import Held
from lab.services.placement.model import Allocation, Consumer, ResourceProvider, Resources
from lab.services.placement.query import Version

NESTED: Version = (1, 14)
OWNERS: Version = (1, 12)
CONSUMER_GENERATION: Version = (1, 28)
CONSUMER_TYPE: Version = (1, 38)
AGGREGATE_GENERATION: Version = (1, 19)
_RELATIONS: Sequence[tuple[str, Version]] = (
    ("inventories", (1, 0)),
    ("usages", (1, 0)),
    ("aggregates", (1, 1)),
    ("traits", (1, 6)),
    ("allocations", (1, 11)),
)


def provider(record: ResourceProvider, version: Version) -> dict[str, Any]:
    """One provider; its links begin at the service's own root."""
    url = f"/resource_providers/{record.uuid}"
    links = [{"rel": "self", "href": url}]
    links += [{"rel": name, "href": f"{url}/{name}"} for name, since in _RELATIONS if version >= since]
    shown: dict[str, Any] = {"uuid": record.uuid, "name": record.name, "generation": record.revision, "links": links}
    if version >= NESTED:
        shown["parent_provider_uuid"] = record.parent_provider_uuid
        shown["root_provider_uuid"] = record.root_provider_uuid
    return shown


def inventories(record: ResourceProvider) -> dict[str, Any]:
    """All inventories of a provider."""
    return {"resource_provider_generation": record.revision, "inventories": record.inventories}


def inventory(record: ResourceProvider, resource_class: str) -> dict[str, Any]:
    """One inventory of a provider."""
    shown = dict(record.inventories[resource_class])
    if record.revision:
        shown["resource_provider_generation"] = record.revision
    return shown


def aggregates(record: ResourceProvider, version: Version) -> dict[str, Any]:
    """The aggregates that a provider is in."""
    shown: dict[str, Any] = {"aggregates": record.aggregates}
    if version >= AGGREGATE_GENERATION:
        shown["resource_provider_generation"] = record.revision
    return shown


def usages(record: ResourceProvider) -> dict[str, Any]:
    """What is used of each inventory of a provider."""
    used = {name: record.used.get(name, 0) for name in record.inventories}
    return {"resource_provider_generation": record.revision, "usages": used}


def held(found: Held, version: Version) -> dict[str, Any]:
    """What a consumer holds."""
    shown: dict[str, Any] = {
        "allocations": {
            allocation.provider_uuid: {"resources": allocation.resources, "generation": record.revision}
            for allocation, record in found.parts
        }
    }
    if found.parts and found.consumer is not None and version >= OWNERS:
        shown["project_id"] = found.consumer.project_id
        shown["user_id"] = found.consumer.user_id
        if version >= CONSUMER_GENERATION:
            shown["consumer_generation"] = found.consumer.revision
        if version >= CONSUMER_TYPE:
            shown["consumer_type"] = found.consumer.consumer_type or "unknown"
    return shown


def held_on(record: ResourceProvider, parts: Sequence[tuple[Allocation, Consumer]], version: Version) -> dict[str, Any]:
    """What is held on a provider, by consumer."""
    shown: dict[str, dict[str, Any]] = {}
    for allocation, consumer in parts:
        shown[consumer.uuid] = {"resources": allocation.resources}
        if version >= CONSUMER_GENERATION:
            shown[consumer.uuid]["consumer_generation"] = consumer.revision
    return {"allocations": shown, "resource_provider_generation": record.revision}


def total_usages(by_type: Mapping[str, tuple[int, Resources]], wanted: str | None, version: Version) -> dict[str, Any]:
    """A project's use: plain sums before 1.38, then by type of consumer; 'all' sums the types up."""
    if version >= CONSUMER_TYPE and wanted != "all":
        return {
            "usages": {
                kind: {**resources, "consumer_count": count}
                for kind, (count, resources) in by_type.items()
                if wanted is None or kind == wanted
            }
        }
    total: dict[str, int] = {}
    for _, resources in by_type.values():
        for name, amount in resources.items():
            total[name] = total.get(name, 0) + amount
    if version < CONSUMER_TYPE:
        return {"usages": total}
    count = sum(number for number, _ in by_type.values())
    return {"usages": {"all": {**total, "consumer_count": count}} if count else {}}
