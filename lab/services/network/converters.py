"""Converters of values that clients give, with neutron's messages for bad ones.

As in neutron, booleans and numbers may come as text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from ipaddress import ip_address, ip_network
from typing import Any

Convert = Callable[[Any], Any]
"""Turn a given value into the stored one; a ValueError's text is the reason that the client reads."""

UUID = re.compile(r"[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}")
MAC = re.compile(r"[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}")
INVALID_MACS = ("00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff")
"""Source: neutron_lib.constants.INVALID_MAC_ADDRESSES."""
SCOPE = "%"
"""Before the name of an interface (fe80::1%eth0), which means nothing in a cloud; Python would take it."""


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
    if isinstance(value, str) and SCOPE not in value:
        with suppress(ValueError):
            return str(ip_address(value))
    raise ValueError(f"'{value}' is not a valid IP address")


def cidr(value: Any) -> str:
    """Take an address block."""
    if isinstance(value, str) and SCOPE not in value:
        with suppress(ValueError):
            return str(ip_network(value, strict=False))
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
