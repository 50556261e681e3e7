"""The types of fields that compute's request bodies share, each as strict and as lax as nova's schema of it.

Source: nova/api/validation/parameter_types.py.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
import unicodedata
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StrictInt, StrictStr

UUID = re.compile(r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}")
_METADATA_KEY = re.compile(r"[a-zA-Z0-9-_:. ]{1,255}")
_TRUE = frozenset({"True", "TRUE", "true", "1", "ON", "On", "on", "YES", "Yes", "yes"})
_FALSE = frozenset({"False", "FALSE", "false", "0", "OFF", "Off", "off", "NO", "No", "no"})
INT_MAX = 0x7FFFFFFF


def is_uuid(value: str) -> bool:
    """Say whether the text is a UUID, with or without dashes."""
    return UUID.fullmatch(value) is not None


def _printable(value: str) -> bool:
    if value.isascii():
        return value.isprintable()
    return all(not (kind := unicodedata.category(char)).startswith("C") and kind not in ("Zl", "Zp") for char in value)


def _check_name(value: str) -> str:
    if not _printable(value) or value[:1].isspace() or value[-1:].isspace():
        raise ValueError(
            "An invalid 'name' value was provided. The name must be: printable characters. Can not start or end with whitespace."
        )
    return value


def _check_loose_name(value: str) -> str:
    if not _printable(value) or not value.strip():
        raise ValueError(
            "An invalid 'name' value was provided. The name must be: printable characters with at least one non space character"
        )
    return value


def _check_description(value: str | None) -> str | None:
    if value is not None and not _printable(value):
        raise ValueError("the description must be printable characters")
    return value


def _check_zone(value: str) -> str:
    if ":" in value:
        raise ValueError(
            "An invalid 'name' value was provided. The name must be: printable characters except :.Can not start or end with whitespace."
        )
    return _check_name(value)


def _check_uuid(value: str) -> str:
    if not is_uuid(value):
        raise ValueError(f"{value!r} is not a 'uuid'")
    return value


def _check_boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value in _TRUE | _FALSE:
        return value in _TRUE
    raise ValueError(f"{value!r} is not one of [True, 'True', 'true', '1', 'on', 'yes', False, 'False', …]")


def check_integer(value: Any) -> int:
    """Return a whole number that may come as its text; used before a field's own bounds."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,19}", value):
        return int(value)
    raise ValueError(f"{value!r} is not of type 'integer', 'string'")


def _check_number(value: Any) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str) and re.fullmatch(r"[0-9]+(\.[0-9]+)?", value):
        return float(value)
    raise ValueError(f"{value!r} is not of type 'number', 'string'")


def _check_metadata_key(value: str) -> str:
    if not _METADATA_KEY.fullmatch(value):
        raise ValueError(f"{value!r} does not match any of the regexes: '^[a-zA-Z0-9-_:. ]{{1,255}}$'")
    return value


def _check_ipv4(value: str) -> str:
    try:
        return str(ipaddress.IPv4Address(value))
    except ValueError:
        raise ValueError(f"{value!r} is not a 'ipv4'") from None


def _unscoped(value: str) -> str:
    """Refuse the name of an interface behind an address (fe80::1%eth0), which means nothing in a cloud."""
    if "%" in value:
        raise ValueError
    return value


def _check_ipv6(value: str) -> str:
    try:
        return str(ipaddress.IPv6Address(_unscoped(value)))
    except ValueError:
        raise ValueError(f"{value!r} is not a 'ipv6'") from None


def _check_ip(value: str) -> str:
    try:
        return str(ipaddress.ip_address(_unscoped(value)))
    except ValueError:
        raise ValueError(f"{value!r} is not valid under any of the given schemas") from None


def _check_base64(value: str) -> str:
    try:
        base64.b64decode("".join(value.split()), validate=True)
    except binascii.Error:
        raise ValueError(f"{value!r} is not a 'base64'") from None
    return value


Name = Annotated[StrictStr, Field(min_length=1, max_length=255), AfterValidator(_check_name)]
LooseName = Annotated[StrictStr, Field(min_length=1, max_length=255), AfterValidator(_check_loose_name)]
ZoneName = Annotated[StrictStr, Field(min_length=1, max_length=255), AfterValidator(_check_zone)]
Text = Annotated[StrictStr, Field(max_length=255)]
Description = Annotated[Annotated[StrictStr, Field(max_length=255)] | None, AfterValidator(_check_description)]
Hostname = Annotated[StrictStr, Field(min_length=2, max_length=63, pattern=r"^[a-zA-Z0-9]+[a-zA-Z0-9-]*[a-zA-Z0-9]+$")]
HostFqdn = Annotated[StrictStr, Field(min_length=1, max_length=255, pattern=r"^[a-zA-Z0-9\-._]*$")]
Uuid = Annotated[StrictStr, AfterValidator(_check_uuid)]
Boolean = Annotated[bool, BeforeValidator(_check_boolean)]
Integer = Annotated[int, BeforeValidator(check_integer)]
Positive = Annotated[int, BeforeValidator(check_integer), Field(ge=1)]
NonNegative = Annotated[int, BeforeValidator(check_integer), Field(ge=0)]
Size = Annotated[int, BeforeValidator(check_integer), Field(ge=1, le=INT_MAX)]
SizeOrZero = Annotated[int, BeforeValidator(check_integer), Field(ge=0, le=INT_MAX)]
Number = Annotated[float, BeforeValidator(_check_number)]
Tag = Annotated[StrictStr, Field(min_length=1, max_length=60, pattern=r"^[^,/]*$")]
Metadata = dict[Annotated[StrictStr, AfterValidator(_check_metadata_key)], Text]
MetadataOrNull = dict[Annotated[StrictStr, AfterValidator(_check_metadata_key)], Text | None]
Ipv4 = Annotated[StrictStr, AfterValidator(_check_ipv4)]
Ipv6 = Annotated[StrictStr, AfterValidator(_check_ipv6)]
IpAddress = Annotated[StrictStr, AfterValidator(_check_ip)]
Base64 = Annotated[StrictStr, AfterValidator(_check_base64)]
Reference = Annotated[StrictStr, Field(min_length=1)] | StrictInt
