"""Placement's records, its errors with their codes, and the pure rules of capacity.

Vocabulary:
    provider     something that has resources: a compute node, a shared disk pool
    inventory    how much of one resource class a provider has, and how it may be handed out
    trait        what a provider can do, a name without an amount
    aggregate    a group of providers, known by a UUID only
    consumer     who holds resources: a server, or a migration
    allocation   what one consumer holds on one provider, amounts by resource class
    generation   a counter on providers and consumers; who writes with an old one is refused

An inventory is `{total, reserved, min_unit, max_unit, step_size, allocation_ratio}` and lies inside its
provider's record, like the sum of the provider's allocations (`used`): a claim reads and writes one row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lab.errors import BadRequest, Conflict, NotFound
from lab.store import Field, Record

MAX_INT = 2_147_483_647
"""The largest number of an inventory. Source: placement/db/constants.py."""

INVENTORY_DEFAULTS: Mapping[str, int | float] = {
    "reserved": 0,
    "min_unit": 1,
    "max_unit": MAX_INT,
    "step_size": 1,
    "allocation_ratio": 1.0,
}
INVENTORY_FIELDS = ("total", "reserved", "min_unit", "max_unit", "step_size", "allocation_ratio")

SHARING_TRAIT = "MISC_SHARES_VIA_AGGREGATE"
"""A provider with it serves the whole trees that share one of its aggregates."""

UNKNOWN_TYPE = "unknown"
"""The type of a consumer that was made before types existed (1.38)."""

Resources = dict[str, int]
Inventory = dict[str, Any]


class ResourceProvider(Record):
    """Something that has resources."""

    __followed__ = True
    __key__ = "uuid"
    __unique__ = (("name",),)
    __index__ = ("root_provider_uuid", "parent_provider_uuid")

    uuid: str
    name: str = Field(max_length=200)
    parent_provider_uuid: str | None = None
    root_provider_uuid: str
    revision: int = 0
    """The provider's generation. Not named so: the store would count every write, placement counts its own."""
    inventories: dict[str, Inventory] = Field(default_factory=dict)
    used: dict[str, int] = Field(default_factory=dict)
    traits: list[str] = Field(default_factory=list)
    aggregates: list[str] = Field(default_factory=list)
    updated_ns: int = 0


class Consumer(Record):
    """Who holds resources; it lives as long as it holds any."""

    __key__ = "uuid"
    __index__ = (("project_id",),)

    uuid: str
    project_id: str
    user_id: str
    consumer_type: str | None = None
    revision: int = 0


class Allocation(Record):
    """What one consumer holds on one provider."""

    __key__ = ("consumer_uuid", "provider_uuid")
    __index__ = ("consumer_uuid", "provider_uuid")

    consumer_uuid: str
    provider_uuid: str
    resources: dict[str, int]
    created_ns: int = 0


class ResourceClass(Record):
    """A resource class that an operator added; the standard ones need no record."""

    __key__ = "name"

    name: str = Field(max_length=255)


class Trait(Record):
    """A trait that an operator added; the standard ones need no record."""

    __key__ = "name"

    name: str = Field(max_length=255)
    created_ns: int = 0


class ConcurrentUpdate(Conflict):
    """Another thread concurrently updated the data. Please retry your update"""

    code = "placement.concurrent_update"


class InventoryInUse(Conflict):
    """The inventory is in use."""

    code = "placement.inventory.inuse"


class DuplicateName(Conflict):
    """A provider with this name or UUID exists."""

    code = "placement.duplicate_name"


class ProviderInUse(Conflict):
    """Resource provider has allocations."""

    code = "placement.resource_provider.inuse"


class ParentInUse(Conflict):
    """The provider has child providers."""

    code = "placement.resource_provider.cannot_delete_parent"


class BadQuery(BadRequest):
    """The value of a query parameter is not right."""

    code = "placement.query.bad_value"


class MissingQuery(BadRequest):
    """A query parameter is missing."""

    code = "placement.query.missing_value"


class DuplicateQuery(BadRequest):
    """A query parameter was given twice."""

    code = "placement.query.duplicate_key"


class UnknownClass(NotFound):
    """No such resource class."""


class UnknownTrait(NotFound):
    """No such trait(s)."""


class ClaimRefused(Conflict):
    """The provider cannot give what is asked."""


def capacity(inventory: Mapping[str, Any]) -> float:
    """How much of the class may be handed out in all: (total - reserved) x ratio."""
    return float((inventory["total"] - inventory["reserved"]) * inventory["allocation_ratio"])


def whole_inventory(given: Mapping[str, Any]) -> Inventory:
    """Complete what the caller gave with the defaults, in the order in which it is shown."""
    return {name: given.get(name, INVENTORY_DEFAULTS.get(name)) for name in INVENTORY_FIELDS}


def check_claim(provider: ResourceProvider, wanted: Mapping[str, int], used: Mapping[str, int]) -> None:
    """Refuse resources that the provider does not have or may not hand out so.

    Args:
        provider: with its inventories and its use before the whole change.
        wanted: the amounts of all the claims of this change on the provider.
        used: the use that remains when the claims that are replaced are gone.

    Raises:
        ClaimRefused: with the words of the real placement. More than the capacity is allowed when it is
            not more than before, so that an overfull provider can be emptied step by step.
    """
    for resource_class, amount in wanted.items():
        if resource_class not in provider.inventories:
            raise ClaimRefused(
                f"Unable to allocate inventory: Inventory for '{resource_class}' on resource provider '{provider.uuid}' invalid."
            )
        total = used.get(resource_class, 0) + amount
        if total > capacity(provider.inventories[resource_class]) and total > provider.used.get(resource_class, 0):
            raise ClaimRefused(
                f"Unable to allocate inventory: Unable to create allocation for '{resource_class}' on resource "
                f"provider '{provider.uuid}'. The requested amount would exceed the capacity."
            )


def check_units(provider: ResourceProvider, wanted: Mapping[str, int]) -> None:
    """Refuse one claim's amounts that break the inventory's min_unit, max_unit or step_size."""
    for resource_class, amount in wanted.items():
        inventory = provider.inventories.get(resource_class)
        if inventory is None:
            continue
        if not inventory["min_unit"] <= amount <= inventory["max_unit"] or amount % inventory["step_size"]:
            raise ClaimRefused(
                f"Unable to allocate inventory: Unable to create allocation for '{resource_class}' on resource "
                f"provider '{provider.uuid}'. The requested amount would violate inventory constraints."
            )


def without(amounts: Mapping[str, int], gone: Mapping[str, int]) -> Resources:
    """Subtract amounts by class; what falls to nothing is left out."""
    left = dict(amounts)
    for resource_class, amount in gone.items():
        rest = left.get(resource_class, 0) - amount
        if rest > 0:
            left[resource_class] = rest
        else:
            left.pop(resource_class, None)
    return left


def plus(amounts: Mapping[str, int], more: Mapping[str, int]) -> Resources:
    """Add amounts by class."""
    total = dict(amounts)
    for resource_class, amount in more.items():
        total[resource_class] = total.get(resource_class, 0) + amount
    return total
