"""Changes of an image as clients send them: a JSON patch, limited to the image's own attributes and properties.

Source: the section "HTTP PATCH media types" of the Image service API v2 reference.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

from lab.errors import BadRequest, Conflict, Forbidden
from lab.services.image.model import (
    READ_ONLY,
    RESERVED,
    RESERVED_PREFIX,
    SETTABLE,
    Image,
    NoData,
)
from lab.services.image.schemas import PROPERTY_NAME_MAX, check_attributes
from lab.values import value

OPERATIONS = ("add", "remove", "replace")
V20 = "application/openstack-images-v2.0-json-patch"
V21 = "application/openstack-images-v2.1-json-patch"

# Attributes that `remove` sets back to what a new image has; the others cannot be removed.
REMOVABLE: dict[str, Any] = {"name": None, "tags": ()}


@value
class Change:
    """One operation: what is done to one attribute or property."""

    operation: str
    name: str
    value: Any = None


def refuse_unsettable(name: str) -> None:
    """Raise Forbidden for an attribute that clients may not set."""
    if name in READ_ONLY:
        raise Forbidden(f"Attribute '{name}' is read-only.")
    if name in RESERVED or name.startswith(RESERVED_PREFIX):
        raise Forbidden(f"Attribute '{name}' is reserved.")
    if len(name) > PROPERTY_NAME_MAX:
        raise BadRequest("Custom property should not be greater than 255 characters.")


def read_patch(content_type: str, body: bytes) -> list[Change]:
    """Take the body of a PATCH apart.

    Raises:
        NoData: another media type than the two of glance.
        BadRequest: not a list of operations that images know.
        Forbidden: an attribute that only glance sets.
    """
    media_type = content_type.partition(";")[0].strip()
    if media_type not in (V20, V21):
        raise NoData(f"Image PATCH expects Content-Type one of: {V20}, {V21}")
    try:
        operations = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest("Malformed JSON in request body.") from error
    if not isinstance(operations, list):
        raise BadRequest("Request body must be a JSON array of operation objects.")
    return [_read_change(item, media_type) for item in operations]


def _read_change(item: Any, media_type: str) -> Change:
    if not isinstance(item, dict):
        raise BadRequest("Operations must be JSON objects.")
    if media_type == V21:
        operation, path = item.get("op"), item.get("path")
    else:
        named = [name for name in OPERATIONS if name in item]
        if len(named) != 1:
            raise BadRequest('Operation objects must contain exactly one member named "add", "remove", or "replace".')
        operation, path = named[0], item[named[0]]
    known = ", ".join(OPERATIONS)
    if operation is None:
        raise BadRequest(f"Unable to find `op` in JSON Schema change. It must be one of the following: {known}.")
    if operation not in OPERATIONS:
        raise BadRequest(f"Invalid operation: `{operation}`. It must be one of the following: {known}.")
    if not isinstance(path, str):
        raise BadRequest("Unable to find 'path' in JSON Schema change")
    name = _read_pointer(path)
    refuse_unsettable(name)
    if operation == "remove":
        return Change(operation, name)
    if "value" not in item:
        raise BadRequest(f'Operation "{operation}" requires a member named "value".')
    check_attributes({name: item["value"]})
    return Change(operation, name, item["value"])


def _read_pointer(pointer: str) -> str:
    """The one name in a JSON pointer: attributes have no inside that clients may reach."""
    if not pointer.startswith("/"):
        raise BadRequest(f'Pointer `{pointer}` does not start with "/".')
    if re.search(r"/\s*?/", pointer[1:]):
        raise BadRequest(f'Pointer `{pointer}` contains adjacent "/".')
    if len(pointer) > 1 and pointer.endswith("/"):
        raise BadRequest(f'Pointer `{pointer}` end with "/".')
    if re.search(r"~[^01]", pointer) or pointer.endswith("~"):
        raise BadRequest(f'Pointer `{pointer}` contains "~" not part of a recognized escape sequence.')
    parts = [part.replace("~1", "/").replace("~0", "~").strip() for part in pointer[1:].split("/")]
    # The locations are read-only here whatever part of them is meant.
    if len(parts) != 1 and parts[0] not in READ_ONLY:
        raise BadRequest(f"Invalid JSON pointer for this resource: '/{'/'.join(parts)}'")
    return parts[0]


def apply(image: Image, changes: list[Change]) -> dict[str, Any]:
    """Work out what the changes make of an image.

    Returns:
        The record's changed fields.

    Raises:
        Conflict: a property that is replaced or removed does not exist.
        Forbidden: an attribute that cannot be removed, or not be changed in this state.
    """
    fields: dict[str, Any] = {}
    properties = dict(image.properties)
    for change in changes:
        name = change.name
        if name in SETTABLE:
            fields[name] = _attribute(image, change)
        elif change.operation == "remove":
            if name not in properties:
                raise Conflict(f"Property {name} does not exist.")
            del properties[name]
        elif change.operation == "replace" and name not in properties:
            raise Conflict(f"Property {name} does not exist.")
        else:
            properties[name] = change.value
    if properties != image.properties:
        fields["properties"] = properties
    return fields


def _attribute(image: Image, change: Change) -> Any:
    """The new value of one of the image's own attributes."""
    name = change.name
    if change.operation == "remove":
        if name not in REMOVABLE:
            raise Forbidden(f"Property {name} may not be removed.")
        return list(REMOVABLE[name]) if name == "tags" else REMOVABLE[name]
    if name in ("container_format", "disk_format") and image.status != "queued":
        raise Forbidden(f"Attribute {name} can be only replaced for a queued image.")
    return list(dict.fromkeys(change.value)) if name == "tags" else change.value
