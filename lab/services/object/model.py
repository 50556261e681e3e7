"""The records of object storage (which containers and objects there are), its limits, and its errors.

The bytes lie on the disks of the storage nodes; the records are what Swift keeps in its account and container
databases. Timestamps are virtual nanoseconds.
"""

from __future__ import annotations

from typing import Any

from lab.errors import BadRequest, CapacityError, Conflict, Forbidden, LabError, NotFound, RequestError, Unauthorized
from lab.errors import TooLarge as BodyTooLarge
from lab.store import Field, Record

Json = dict[str, Any]

# Source: swift/common/constraints.py.
MAX_FILE_SIZE = 5 * 2**30 + 2
MAX_META_NAME_LENGTH = 128
MAX_META_VALUE_LENGTH = 256
MAX_META_COUNT = 90
MAX_META_OVERALL_SIZE = 4096
MAX_OBJECT_NAME_LENGTH = 1024
MAX_CONTAINER_NAME_LENGTH = 256
LISTING_LIMIT = 10_000
# Source: swift/common/middleware/slo.py.
MAX_MANIFEST_SEGMENTS = 1000
MAX_MANIFEST_SIZE = 8 * 2**20
# Source: swift/common/middleware/bulk.py.
MAX_DELETES = 10_000
DEFAULT_TYPE = "application/octet-stream"


class ObjectAccount(Record):
    """A project's account; made with its first container."""

    __key__ = "account"

    account: str
    created_ns: int
    metadata_: dict[str, str] = Field(default_factory=dict)


class ObjectContainer(Record):
    """A container, and what its objects add up to. `read` and `write` are access lists."""

    __key__ = ("account", "name")
    __index__ = ("account",)

    account: str
    name: str = Field(max_length=MAX_CONTAINER_NAME_LENGTH)
    created_ns: int
    changed_ns: int = 0
    object_count: int = 0
    bytes_used: int = 0
    metadata_: dict[str, str] = Field(default_factory=dict)
    read: str = ""
    write: str = ""


class ObjectEntry(Record):
    """One object in its container's listing."""

    __key__ = ("account", "container", "name")
    __index__ = (("account", "container"),)

    account: str
    container: str
    name: str = Field(max_length=MAX_OBJECT_NAME_LENGTH)
    timestamp_ns: int
    size: int
    etag: str
    content_type: str


# The texts are swob's. Source: swift/common/swob.py (RESPONSE_REASONS).
class NoSuchObject(NotFound):
    """The resource could not be found."""


class ContainerNotEmpty(Conflict):
    """There was a conflict when trying to complete your request."""


class SegmentsGone(Conflict):
    """There was a conflict when trying to complete your request: a segment of this large object is gone, or is another one now."""


class ObjectTooLarge(BodyTooLarge):
    """The body of your request was too large for this server."""


class NotYours(Forbidden):
    """Access was denied to this resource."""


class NoToken(Unauthorized):
    """This server could not verify that you are authorized to access the document you requested."""


class PreconditionFailed(RequestError):
    """A precondition for this request was not met."""


class WrongChecksum(RequestError):
    """Unable to process the contained instructions"""


class ClientDisconnect(RequestError):
    """The client was disconnected during request."""


class BadMetadata(BadRequest):
    """The metadata of the request is too long or too much."""


class NoQuorum(CapacityError):
    """The server is currently unavailable. Please try again at a later time."""


class DiskUnavailable(LabError):
    """There was not enough space to save the resource. Drive: it is dead or full."""
