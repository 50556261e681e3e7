"""The bodies of placement's requests, one class for each change of their shape. Source: placement/schemas."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, RootModel, StringConstraints, TypeAdapter, ValidationError

from lab.errors import BadRequest
from lab.rest import per_version
from lab.rest.body import Body, Schema
from lab.services.placement.model import MAX_INT
from lab.services.placement.wording import schema_words


def _unique(items: list[str]) -> list[str]:
    if len(set(items)) < len(items):
        raise ValueError(f"{items} has non-unique elements")
    return items


Uuid = Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}$")]
UuidKey = Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F-]{36}$")]
ClassName = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9_]+$")]
CustomName = Annotated[str, StringConstraints(pattern=r"^CUSTOM_[A-Z0-9_]+$", max_length=255)]
TraitName = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9_]+$", min_length=1, max_length=255)]
OwnerId = Annotated[str, StringConstraints(min_length=1, max_length=255)]
Suffix = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_-]{0,64}$")]
Integer = Annotated[int, Field(strict=True)]
Amount = Annotated[int, Field(strict=True, ge=1)]
Unit = Annotated[int, Field(strict=True, ge=1, le=MAX_INT)]
Reserved = Annotated[int, Field(strict=True, ge=0, le=MAX_INT)]
Ratio = Annotated[float, Field(strict=True, le=3.40282e38)]
Resources = Annotated[dict[ClassName, Amount], Field(min_length=1)]


class CreateProvider(Body):
    """POST /resource_providers."""

    name: Annotated[str, StringConstraints(max_length=200)]
    uuid: Uuid | None = None


class CreateNestedProvider(CreateProvider):
    """The same from 1.14 on."""

    parent_provider_uuid: Uuid | None = None


class UpdateProvider(Body):
    """PUT /resource_providers/{uuid}."""

    name: Annotated[str, StringConstraints(max_length=200)]


class UpdateNestedProvider(UpdateProvider):
    """The same from 1.14 on."""

    parent_provider_uuid: Uuid | None = None


class InventoryRecord(Body):
    """One inventory inside PUT …/inventories."""

    total: Unit
    reserved: Reserved = 0
    min_unit: Unit = 1
    max_unit: Unit = MAX_INT
    step_size: Unit = 1
    allocation_ratio: Ratio = 1.0
    resource_provider_generation: Integer | None = None


class PutInventory(InventoryRecord):
    """PUT …/inventories/{class}."""

    resource_provider_generation: Integer


class PostInventory(InventoryRecord):
    """POST …/inventories."""

    resource_class: ClassName


class PutInventories(Body):
    """PUT …/inventories."""

    resource_provider_generation: Integer
    inventories: dict[str, InventoryRecord]


class ClassBody(Body):
    """POST /resource_classes, and PUT before 1.7."""

    name: CustomName


class SetTraits(Body):
    """PUT …/traits."""

    resource_provider_generation: Integer
    traits: Annotated[list[TraitName], AfterValidator(_unique)]


class SetAggregates(Body):
    """PUT …/aggregates from 1.19 on."""

    resource_provider_generation: Integer
    aggregates: Annotated[list[Uuid], AfterValidator(_unique)]


class AggregateList(Schema, RootModel[Annotated[list[Uuid], AfterValidator(_unique)]]):
    """PUT …/aggregates before 1.19: a bare list."""


class ProviderRef(Body):
    """Which provider, in the allocations before 1.12."""

    uuid: Uuid


class ListedAllocation(Body):
    """One provider's part of the allocations before 1.12."""

    resource_provider: ProviderRef
    resources: Resources


class Allocations10(Body):
    """PUT /allocations/{consumer}, 1.0 to 1.7."""

    allocations: Annotated[list[ListedAllocation], Field(min_length=1)]


class Allocations18(Allocations10):
    """The same, 1.8 to 1.11."""

    project_id: OwnerId
    user_id: OwnerId


class ProviderPart(Body):
    """One provider's part of the allocations from 1.12 on; the generation is accepted and ignored."""

    resources: Resources
    generation: Integer | None = None


class OwnedAllocations(Body):
    """What a consumer of a project and user shall hold, by provider; nothing gives all back."""

    allocations: dict[UuidKey, ProviderPart]
    project_id: OwnerId
    user_id: OwnerId


class Allocations112(OwnedAllocations):
    """PUT /allocations/{consumer}, 1.12 to 1.27: something must be held."""

    allocations: Annotated[dict[UuidKey, ProviderPart], Field(min_length=1)]


class Allocations128(OwnedAllocations):
    """1.28 to 1.33: with the generation that the caller believes; null for a new consumer."""

    consumer_generation: Integer | None


class Allocations134(Allocations128):
    """1.34 to 1.37: the mappings of a candidate may come along; they are ignored."""

    mappings: Annotated[dict[Suffix, list[Uuid]], Field(min_length=1)] | None = None


class Allocations138(Allocations134):
    """From 1.38 on: with the consumer's type."""

    consumer_type: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9_]+$", min_length=1, max_length=255)]


class Several113(Schema, RootModel[Annotated[dict[UuidKey, OwnedAllocations], Field(min_length=1)]]):
    """POST /allocations, 1.13 to 1.27."""


class Several128(Schema, RootModel[Annotated[dict[UuidKey, Allocations128], Field(min_length=1)]]):
    """1.28 to 1.33."""


class Several134(Schema, RootModel[Annotated[dict[UuidKey, Allocations134], Field(min_length=1)]]):
    """1.34 to 1.37."""


class Several138(Schema, RootModel[Annotated[dict[UuidKey, Allocations138], Field(min_length=1)]]):
    """From 1.38 on."""


CREATE_PROVIDER = per_version(((1, 0), CreateProvider), ((1, 14), CreateNestedProvider))
UPDATE_PROVIDER = per_version(((1, 0), UpdateProvider), ((1, 14), UpdateNestedProvider))
PUT_ALLOCATIONS = per_version(
    ((1, 0), Allocations10),
    ((1, 8), Allocations18),
    ((1, 12), Allocations112),
    ((1, 28), Allocations128),
    ((1, 34), Allocations134),
    ((1, 38), Allocations138),
)
POST_ALLOCATIONS = per_version(((1, 13), Several113), ((1, 28), Several128), ((1, 34), Several134), ((1, 38), Several138))


class Reshaper130(Body):
    """POST /reshaper, 1.30 to 1.33."""

    inventories: Annotated[dict[UuidKey, PutInventories], Field(min_length=1)]
    allocations: dict[UuidKey, Allocations128]


class Reshaper134(Body):
    """1.34 to 1.37."""

    inventories: Annotated[dict[UuidKey, PutInventories], Field(min_length=1)]
    allocations: dict[UuidKey, Allocations134]


class Reshaper138(Body):
    """From 1.38 on."""

    inventories: Annotated[dict[UuidKey, PutInventories], Field(min_length=1)]
    allocations: dict[UuidKey, Allocations138]


RESHAPER = per_version(((1, 30), Reshaper130), ((1, 34), Reshaper134), ((1, 38), Reshaper138))

_CUSTOM_NAME: TypeAdapter[str] = TypeAdapter(CustomName)


def ensure_custom(name: str) -> None:
    """Raise BadRequest when a name in a path is not one that operators may add."""
    try:
        _CUSTOM_NAME.validate_python(name)
    except ValidationError as error:
        raise BadRequest(f"JSON does not validate: {schema_words(error)}") from None
