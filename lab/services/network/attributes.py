"""What a request may say of each noun, as data: one converter an attribute.

As in neutron, an attribute can be given at creation, at update, or by administrators only; what is not given has a
default, or is an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from lab.context import Context
from lab.services.network.converters import Convert
from lab.services.network.errors import HTTPBadRequest, PolicyNotAuthorized

REQUIRED = object()
UNSET: Any = object()
"""An attribute without it is left out of a new resource's columns; the record or the manager knows its default."""


@dataclass(frozen=True, slots=True)
class Attr:
    """How one attribute may be given."""

    convert: Convert
    default: Any = UNSET
    post: bool = True
    put: bool = True
    privileged: bool = False
    """Only administrators and services may give it."""
    column: str = ""


@dataclass(frozen=True, slots=True)
class Noun:
    """One kind of resource in the API."""

    name: str
    plural: str
    attributes: Mapping[str, Attr]
    columns: Mapping[str, str]
    defaults: Mapping[str, Any]
    required: tuple[str, ...]


def noun(name: str, plural: str, attributes: dict[str, Attr]) -> Noun:
    """Work out the look-ups of a noun once."""
    columns = {key: attr.column or key.replace(":", "_") for key, attr in attributes.items()}
    postable = {key: attr for key, attr in attributes.items() if attr.post}
    return Noun(
        name,
        plural,
        MappingProxyType(attributes),
        MappingProxyType(columns),
        MappingProxyType({columns[k]: a.default for k, a in postable.items() if a.default not in (REQUIRED, UNSET)}),
        tuple(key for key, attr in postable.items() if attr.default is REQUIRED),
    )


def privileged(ctx: Context) -> bool:
    """Whether the caller may use what is for administrators and other services."""
    return "admin" in ctx.roles or "service" in ctx.roles


# -- reading a body ---------------------------------------------------------------------------


def items_of(noun: Noun, data: Any) -> tuple[list[dict[str, Any]], bool]:
    """Return the resources that a body holds, and whether it is a bulk request."""
    if not isinstance(data, dict):
        raise HTTPBadRequest("Resource body required")
    if noun.name in data:
        one = data[noun.name]
        if not isinstance(one, dict):
            raise HTTPBadRequest(f"Unable to find '{noun.name}' in request body")
        return [one], False
    many = data.get(noun.plural)
    if not isinstance(many, list) or not many:
        raise HTTPBadRequest(f"Unable to find '{noun.name}' in request body")
    found = []
    for item in many:
        inner = item.get(noun.name, item) if isinstance(item, dict) else None
        if not isinstance(inner, dict):
            raise HTTPBadRequest("Resource body required")
        found.append(inner)
    return found, True


def item_of(noun: Noun, data: Any) -> dict[str, Any]:
    """Return the one resource that a body holds."""
    if not isinstance(data, dict) or not isinstance(data.get(noun.name), dict):
        raise HTTPBadRequest(f"Unable to find '{noun.name}' in request body")
    item: dict[str, Any] = data[noun.name]
    return item


def for_create(noun: Noun, given: dict[str, Any], ctx: Context) -> dict[str, Any]:
    """Return the columns of a new resource, converted, with defaults, `project_id` included."""
    values = dict(noun.defaults)
    values["project_id"] = ctx.project_id
    for key, value in given.items():
        attr = noun.attributes.get(key)
        if attr is None:
            if key in ("project_id", "tenant_id"):
                values["project_id"] = _project(value, ctx)
                continue
            raise HTTPBadRequest(f"Unrecognized attribute(s) '{key}'")
        if not attr.post:
            raise HTTPBadRequest(f"Attribute '{key}' not allowed in POST")
        if attr.privileged and not privileged(ctx) and value != attr.default:
            _refuse("create", noun, key)
        values[noun.columns[key]] = _converted(attr, key, value)
    for key in noun.required:
        if key not in given:
            raise HTTPBadRequest(f"Failed to parse request. Required attribute '{key}' not specified")
    return values


def for_update(noun: Noun, given: dict[str, Any], ctx: Context) -> dict[str, Any]:
    """Return the columns that an update changes."""
    values = {}
    for key, value in given.items():
        attr = noun.attributes.get(key)
        if attr is None:
            if key in ("project_id", "tenant_id"):
                raise HTTPBadRequest(f"Cannot update read-only attribute {key}")
            raise HTTPBadRequest(f"Unrecognized attribute(s) '{key}'")
        if not attr.put:
            raise HTTPBadRequest(f"Cannot update read-only attribute {key}")
        if attr.privileged and not privileged(ctx):
            _refuse("update", noun, key)
        values[noun.columns[key]] = _converted(attr, key, value)
    return values


def _project(value: Any, ctx: Context) -> str:
    if not isinstance(value, str):
        raise HTTPBadRequest(f"Invalid input for project_id. Reason: '{value}' is not a valid string.")
    if value != ctx.project_id and not privileged(ctx):
        raise HTTPBadRequest(
            "Specifying 'project_id' or 'tenant_id' other than the authenticated project in request requires admin privileges"
        )
    return value


def _refuse(verb: str, noun: Noun, key: str) -> None:
    action = f"{verb}_{noun.name}"
    raise PolicyNotAuthorized(action=f"(rule:{action} and (rule:{action}:{key}))")


def _converted(attr: Attr, key: str, value: Any) -> Any:
    try:
        return attr.convert(value)
    except ValueError as error:
        raise HTTPBadRequest(f"Invalid input for {key}. Reason: {error}.") from None
