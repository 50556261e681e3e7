"""The request bodies of flavors; the numbers in the names are microversions.

Source: nova's schemas of flavors, their access and their extra specs, in nova/api/openstack/compute/schemas.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, RootModel, StrictStr, model_validator

from lab.rest import per_version
from lab.rest.body import Body, Schema
from lab.services.compute.api.fields import Boolean, Name, Number, Size, SizeOrZero

_SPEC_KEY = re.compile(r"[a-zA-Z0-9\-_:. ]{1,255}")


def _check_id(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not re.fullmatch(r"(?! )[a-zA-Z0-9. _-]{1,255}(?<! )", value):
        raise ValueError(f"{value!r} does not match '^(?! )[a-zA-Z0-9. _-]+(?<! )$'")
    return value


def _check_spec_key(value: str) -> str:
    if not _SPEC_KEY.fullmatch(value):
        raise ValueError(f"{value!r} does not match any of the regexes: '^[a-zA-Z0-9-_:. ]{{1,255}}$'")
    return value


def _check_spec_value(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"{value!r} is not of type 'string', 'number'")
    return str(value)


SpecKey = Annotated[StrictStr, AfterValidator(_check_spec_key)]
SpecValue = Annotated[str, BeforeValidator(_check_spec_value), Field(max_length=255)]


class FlavorCore(Body):
    """A flavor to create."""

    name: Name
    id: Annotated[str, BeforeValidator(_check_id)] | None = None
    ram: Size
    vcpus: Size
    disk: SizeOrZero
    ephemeral: SizeOrZero = Field(default=0, alias="OS-FLV-EXT-DATA:ephemeral")
    swap: SizeOrZero = 0
    is_public: Boolean = Field(default=True, alias="os-flavor-access:is_public")


class Flavor21(FlavorCore):
    """With the factor that no network driver reads."""

    rxtx_factor: Annotated[Number, Field(gt=0, le=3.40282e38)] = 1.0


class Flavor255(Flavor21):
    """A description."""

    description: Annotated[StrictStr, Field(max_length=65535)] | None = None


class Flavor2102(FlavorCore):
    """No more rxtx_factor."""

    description: Annotated[StrictStr, Field(max_length=65535)] | None = None


class Create21(Body):
    """POST /flavors."""

    flavor: Flavor21


class Create255(Body):
    """POST since 2.55."""

    flavor: Flavor255


class Create2102(Body):
    """POST since 2.102."""

    flavor: Flavor2102


CREATE = per_version(((2, 1), Create21), ((2, 55), Create255), ((2, 102), Create2102))


class Describe(Body):
    """The new description; null removes it."""

    description: Annotated[StrictStr, Field(max_length=65535)] | None


class Update255(Body):
    """PUT /flavors/{id}."""

    flavor: Describe


class ExtraSpecs(Body):
    """Extra specs to add or replace."""

    extra_specs: dict[SpecKey, SpecValue]


class ExtraSpec(Schema, RootModel[dict[SpecKey, SpecValue]]):
    """One extra spec, named by its key alone."""

    @model_validator(mode="after")
    def _check_one(self) -> ExtraSpec:
        if len(self.root) != 1:
            raise ValueError(f"{self.root!r} does not have exactly one property")
        return self


class Tenant(Body):
    """A project."""

    tenant: Annotated[StrictStr, Field(min_length=1, max_length=255, pattern=r"^[a-zA-Z0-9-]*$")]


class AccessAction(Body):
    """Grant or revoke; exactly one of them."""

    add: Tenant | None = Field(default=None, alias="addTenantAccess")
    remove: Tenant | None = Field(default=None, alias="removeTenantAccess")
