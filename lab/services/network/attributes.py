"""What a request may say of each noun, as data: one converter an attribute, neutron's messages for bad values.

As in neutron, an attribute can be given at creation, at update, or by administrators only; booleans and
numbers may come as text; what is not given has a default, or is an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from types import MappingProxyType
from typing import Any

from lab.context import Context
from lab.services.network.errors import HTTPBadRequest, PolicyNotAuthorized

Convert = Callable[[Any], Any]
"""Turn a given value into the stored one; a ValueError's text is the reason that the client reads."""

UUID = re.compile(r"[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}")
MAC = re.compile(r"[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}")
INVALID_MACS = ("00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff")
"""Source: neutron_lib.constants.INVALID_MAC_ADDRESSES."""
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


# -- converters -------------------------------------------------------------------------------


def text(limit: int = 255) -> Convert:
    """Take a string of at most `limit` characters; null is the empty one."""

    def convert(value: Any) -> str:
        if value is None:
            return ""
        if not isinstance(value, str):
            raise ValueError(f"'{value}' is not a valid string")
        if len(value) > limit:
            raise ValueError(f"'{value}' exceeds maximum length of {limit}")
        return value

    return convert


def boolean(value: Any) -> bool:
    """Take true and false, also as text or number."""
    if value is True or value is False:
        return value
    key = str(value).lower()
    if key in ("true", "1"):
        return True
    if key in ("false", "0"):
        return False
    raise ValueError(f"'{value}' cannot be converted to boolean")


def integer(low: int | None = None, high: int | None = None) -> Convert:
    """Take a whole number between bounds, also as text; null stays null."""

    def convert(value: Any) -> int | None:
        if value is None:
            return None
        try:
            number = int(value)
        except (TypeError, ValueError):
            raise ValueError(f"'{value}' is not an integer") from None
        if isinstance(value, (bool, float)):
            raise ValueError(f"'{value}' is not an integer")
        if low is not None and number < low:
            raise ValueError(f"'{value}' is too small - must be at least '{low}'")
        if high is not None and number > high:
            raise ValueError(f"'{value}' is too large - must be no larger than '{high}'")
        return number

    return convert


def choice(*allowed: Any, null: bool = False) -> Convert:
    """Take one of some values."""

    def convert(value: Any) -> Any:
        if value in allowed or (null and value is None):
            return value
        raise ValueError(f"'{value}' is not in {list(allowed)}")

    return convert


def uuid(value: Any) -> str:
    """Take an id."""
    if isinstance(value, str) and UUID.fullmatch(value):
        return value
    raise ValueError(f"'{value}' is not a valid UUID")


def nullable(convert: Convert) -> Convert:
    """Let null through."""
    return lambda value: None if value is None else convert(value)


def many(convert: Convert, unique: bool = True) -> Convert:
    """Take a list; null is the empty one."""

    def convert_all(value: Any) -> list[Any]:
        if value is None:
            return []
        if not isinstance(value, list):
            raise ValueError(f"'{value}' is not a list")
        found = [convert(item) for item in value]
        if unique and any(item in found[:i] for i, item in enumerate(found)):
            raise ValueError(f"Duplicate items in the list: '{', '.join(map(str, found))}'")
        return found

    return convert_all


def address(value: Any) -> str:
    """Take an IP address, in its usual spelling."""
    try:
        return str(ip_address(value)) if isinstance(value, str) else _bad_address(value)
    except ValueError:
        return _bad_address(value)


def _bad_address(value: Any) -> str:
    raise ValueError(f"'{value}' is not a valid IP address")


def cidr(value: Any) -> str:
    """Take an address block."""
    try:
        return str(ip_network(value, strict=False)) if isinstance(value, str) else _bad_cidr(value)
    except ValueError:
        return _bad_cidr(value)


def _bad_cidr(value: Any) -> str:
    raise ValueError(f"'{value}' is not a valid IP subnet")


def mac(value: Any) -> str:
    """Take a MAC address, lower case with colons."""
    if isinstance(value, str) and MAC.fullmatch(value):
        found = value.lower().replace("-", ":")
        if found not in INVALID_MACS:
            return found
    raise ValueError(f"'{value}' is not a valid MAC address")


def fixed_ips(value: Any) -> list[dict[str, Any]]:
    """Take the addresses of a port: no address twice, but several of one subnet. Source: neutron_lib's validate_fixed_ips."""
    found: list[dict[str, Any]] = many(record({"subnet_id": uuid, "ip_address": address}), unique=False)(value)
    asked = [item["ip_address"] for item in found if "ip_address" in item]
    for item in asked:
        if asked.count(item) > 1:
            raise ValueError(f"Duplicate IP address '{item}'")
    return found


def mapping(value: Any) -> dict[str, Any]:
    """Take an object; null is the empty one."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError(f"'{value}' is not a dictionary")
    return value


def record(fields: Mapping[str, Convert], required: Sequence[str] = ()) -> Convert:
    """Take an object with known keys."""

    def convert(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ValueError(f"'{value}' is not a dictionary")
        unknown = [key for key in value if key not in fields]
        missing = [key for key in required if key not in value]
        if unknown or missing:
            raise ValueError(
                f"Validation of dictionary's keys failed. Expected keys: {sorted(required or fields)} Provided keys: {sorted(value)}"
            )
        return {key: fields[key](item) for key, item in value.items()}

    return convert
