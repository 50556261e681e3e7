"""The JSON schemas that glance publishes, as the bytes that are answered, and the check of attributes against them.

Clients read the schema to learn which attributes of an image are its own and which are properties.
Source of names, types and limits: the Image service API v2 reference.
"""

from __future__ import annotations

from typing import Any

import orjson

from lab.errors import BadRequest
from lab.services.image.model import CONTAINER_FORMATS, DISK_FORMATS, VISIBILITIES

NAME_MAX = 255
NUMBER_MAX = 2**31 - 1  # glance keeps min_disk and min_ram in 32-bit columns
PROPERTY_NAME_MAX = 255
NUMBER_MAX = 2**31 - 1  # glance keeps min_disk and min_ram in 32-bit columns
UUID_PATTERN = "^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$"

STATUSES = (
    "queued",
    "saving",
    "active",
    "killed",
    "deleted",
    "uploading",
    "importing",
    "pending_delete",
    "deactivated",
)


def _attribute(types: str | list[str], text: str, **more: Any) -> dict[str, Any]:
    return {"type": types, "description": text, **more}


TEXT = "string"
MAYBE_TEXT = ["null", "string"]
MAYBE_NUMBER = ["null", "integer"]

IMAGE_ATTRIBUTES: dict[str, dict[str, Any]] = {
    "id": _attribute(TEXT, "The image's identifier", pattern=UUID_PATTERN),
    "name": _attribute(MAYBE_TEXT, "A name for people to read", maxLength=NAME_MAX),
    "status": _attribute(TEXT, "The state of the image", readOnly=True, enum=list(STATUSES)),
    "visibility": _attribute(TEXT, "Who can see and use the image", enum=list(VISIBILITIES)),
    "protected": _attribute("boolean", "True refuses every deletion of the image"),
    "os_hidden": _attribute("boolean", "True leaves the image out of lists that do not ask for hidden ones"),
    "checksum": _attribute(MAYBE_TEXT, "The MD5 digest of the data", readOnly=True, maxLength=32),
    "os_hash_algo": _attribute(MAYBE_TEXT, "The algorithm of os_hash_value", readOnly=True, maxLength=64),
    "os_hash_value": _attribute(MAYBE_TEXT, "The digest of the data by the algorithm os_hash_algo", readOnly=True, maxLength=128),
    "owner": _attribute(MAYBE_TEXT, "The project that owns the image", maxLength=NAME_MAX),
    "size": _attribute(MAYBE_NUMBER, "The size of the data in bytes", readOnly=True),
    "virtual_size": _attribute(MAYBE_NUMBER, "The size in bytes of the disk that the data describes", readOnly=True),
    "container_format": _attribute(MAYBE_TEXT, "What the disk is wrapped in", enum=[None, *CONTAINER_FORMATS]),
    "disk_format": _attribute(MAYBE_TEXT, "The format of the disk", enum=[None, *DISK_FORMATS]),
    "created_at": _attribute(TEXT, "When the image was registered", readOnly=True),
    "updated_at": _attribute(TEXT, "When the image was last changed", readOnly=True),
    "tags": _attribute("array", "Words that mark the image", items={"type": "string", "maxLength": NAME_MAX}),
    "direct_url": _attribute(TEXT, "Where the data lies in the store behind", readOnly=True),
    "min_ram": _attribute("integer", "The memory in MiB that a server of this image needs at least"),
    "min_disk": _attribute("integer", "The disk in GiB that a server of this image needs at least"),
    "self": _attribute(TEXT, "The path of the image", readOnly=True),
    "file": _attribute(TEXT, "The path of the image's data", readOnly=True),
    "stores": _attribute(TEXT, "The stores that have the data, where there are several", readOnly=True),
    "schema": _attribute(TEXT, "The path of this schema", readOnly=True),
    "locations": _attribute(
        "array",
        "Where the data lies in the stores behind",
        items={
            "type": "object",
            "properties": {"url": {"type": "string", "maxLength": NAME_MAX}, "metadata": {"type": "object"}},
            "required": ["url", "metadata"],
        },
    ),
}

MEMBER_ATTRIBUTES: dict[str, dict[str, Any]] = {
    "member_id": _attribute(TEXT, "The project with which the image is shared"),
    "image_id": _attribute(TEXT, "The image that is shared", pattern=UUID_PATTERN),
    "created_at": _attribute(TEXT, "When the image was shared"),
    "updated_at": _attribute(TEXT, "When the member last answered"),
    "status": _attribute(TEXT, "What the member says to it", enum=["pending", "accepted", "rejected"]),
    "schema": _attribute(TEXT, "The path of this schema", readOnly=True),
}

IMAGE: dict[str, Any] = {
    "name": "image",
    "properties": IMAGE_ATTRIBUTES,
    "additionalProperties": {"type": "string"},
    "links": [
        {"rel": "self", "href": "{self}"},
        {"rel": "enclosure", "href": "{file}"},
        {"rel": "describedby", "href": "{schema}"},
    ],
}
MEMBER: dict[str, Any] = {"name": "member", "properties": MEMBER_ATTRIBUTES}


def _collection(name: str, item: dict[str, Any]) -> dict[str, Any]:
    links = {"first": "{first}", "next": "{next}", "describedby": "{schema}"}
    return {
        "name": name,
        "properties": {
            name: {"type": "array", "items": item},
            "first": {"type": "string"},
            "next": {"type": "string"},
            "schema": {"type": "string"},
        },
        "links": [{"rel": rel, "href": href} for rel, href in links.items()],
    }


# The answers of /v2/schemas/<name>.
PUBLISHED: dict[str, bytes] = {
    "image": orjson.dumps(IMAGE),
    "images": orjson.dumps(_collection("images", IMAGE)),
    "member": orjson.dumps(MEMBER),
    "members": orjson.dumps(_collection("members", MEMBER)),
}

# How JSON's types are called in a schema. A boolean is no integer there.
TYPES: dict[type, str] = {
    str: "string",
    int: "integer",
    bool: "boolean",
    list: "array",
    dict: "object",
    type(None): "null",
}


def check_attributes(image: dict[str, Any]) -> None:
    """Check the attributes that a client sends for an image.

    Raises:
        BadRequest: the first that does not fit, with its name and what would fit.
    """
    for name, value in image.items():
        rule = IMAGE_ATTRIBUTES.get(name, {"type": "string"})
        problem = _problem(rule, value)
        if problem:
            raise BadRequest(f"Provided object does not match schema 'image': {value!r} {problem}. Property: {name}")


def _problem(rule: dict[str, Any], value: Any) -> str:
    """What is wrong with a value; '' when nothing is."""
    allowed = rule["type"] if isinstance(rule["type"], list) else [rule["type"]]
    if TYPES.get(type(value)) not in allowed:
        return f"is not of type {', '.join(repr(name) for name in allowed)}"
    if "enum" in rule and value not in rule["enum"]:
        return f"is not one of {rule['enum']}"
    if isinstance(value, str) and len(value) > rule.get("maxLength", len(value)):
        return "is too long"
    if isinstance(value, int) and not 0 <= value <= NUMBER_MAX:
        return f"is not between 0 and {NUMBER_MAX}"
    if isinstance(value, list):
        return next((problem for item in value if (problem := _problem(rule["items"], item))), "")
    return ""
