"""The records of images, the table of their states, and who may see which.

    queued       made, no data yet            deactivated  data kept, nobody but administrators may read it
    saving       data is coming in            pending_delete  gone for users; the data is still to be removed
    active       data is there                deleted      gone

Source: the image status transitions of glance's domain model and its user documentation; an upload that fails goes
back from saving to queued, so that it can be tried again.
"""

from __future__ import annotations

import re
from typing import Any

from lab.context import Context
from lab.errors import BadRequest, Conflict, Forbidden, NotFound, UnsupportedMedia
from lab.store import Field, Record

# From each state, the states that may follow.
MOVES: dict[str, tuple[str, ...]] = {
    "queued": ("saving", "active", "pending_delete"),
    "saving": ("active", "queued", "pending_delete"),
    "active": ("deactivated", "pending_delete"),
    "deactivated": ("active", "pending_delete"),
    "pending_delete": ("deleted",),
}

# The states in which the store has the image's data.
WITH_DATA = frozenset({"active", "deactivated"})

VISIBILITIES = ("community", "public", "private", "shared")
MEMBER_STATUSES = ("pending", "accepted", "rejected")

# glance's defaults of [image_format] container_formats and disk_formats.
CONTAINER_FORMATS = ("ami", "ari", "aki", "bare", "ovf", "ova", "docker", "compressed")
DISK_FORMATS = ("ami", "ari", "aki", "vhd", "vhdx", "vmdk", "raw", "qcow2", "vdi", "iso", "ploop", "gpt")

# glance's [DEFAULT] image_property_quota, image_tag_quota, image_member_quota.
PROPERTY_QUOTA = 128
TAG_QUOTA = 128
MEMBER_QUOTA = 128

# glance's [DEFAULT] hashing_algorithm
HASH_ALGORITHM = "sha512"

# Attributes of an image that a client may set; all others that it names are properties.
SETTABLE = (
    "name",
    "visibility",
    "container_format",
    "disk_format",
    "min_disk",
    "min_ram",
    "protected",
    "os_hidden",
    "owner",
    "tags",
)
# … that only glance sets,
READ_ONLY = (
    "created_at",
    "updated_at",
    "status",
    "checksum",
    "size",
    "virtual_size",
    "direct_url",
    "self",
    "file",
    "schema",
    "id",
    "os_hash_algo",
    "os_hash_value",
    "stores",
    "locations",
)
# … and that nobody may name.
RESERVED = ("location", "deleted", "deleted_at")
RESERVED_PREFIX = "os_glance_"

UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class Image(Record):
    """A template of disks. Sizes: `size` in bytes, `min_disk` in GiB, `min_ram` in MiB."""

    __key__ = "id"
    __index__ = ("owner", "name", "status")

    id: str
    status: str
    owner: str | None
    created_ns: int
    updated_ns: int
    name: str | None = Field(default=None, max_length=255)
    visibility: str = "shared"
    container_format: str | None = None
    disk_format: str | None = None
    min_disk: int = 0
    min_ram: int = 0
    protected: bool = False
    os_hidden: bool = False
    size: int | None = None
    virtual_size: int | None = None
    checksum: str | None = None
    os_hash_algo: str | None = None
    os_hash_value: str | None = None
    tags: list[str] = Field(default_factory=list)
    properties: dict[str, Any] = Field(default_factory=dict)


class ImageMember(Record):
    """A project with which a shared image is shared."""

    __key__ = ("image_id", "member_id")
    __index__ = ("image_id", "member_id")

    image_id: str
    member_id: str
    status: str
    created_ns: int
    updated_ns: int


class NoSuchImage(NotFound):
    """There is no such image, or the caller may not see it, which is the same to the caller."""

    def __init__(self, image_id: str) -> None:
        super().__init__(f"No image found with ID {image_id}")


class BadMove(Conflict):
    """The state of the image does not allow this."""

    def __init__(self, old: str, new: str) -> None:
        super().__init__(f"Image status transition from {old} to {new} is not allowed")


class ProtectedImage(Forbidden):
    """The image is protected."""

    def __init__(self, image_id: str) -> None:
        super().__init__(f"Image {image_id} is protected and cannot be deleted.")


class ImageGone(Conflict):
    """The image was deleted while its data came in."""

    def __init__(self, image_id: str) -> None:
        super().__init__(
            f"Image {image_id} could not be found after upload. "
            "The image may have been deleted during the upload, cleaning up the chunks uploaded."
        )


class NoData(UnsupportedMedia):
    """The data is not sent as glance takes it."""


def check_move(old: str, new: str) -> None:
    """Raise BadMove unless the table of states has the move."""
    if new not in MOVES.get(old, ()):
        raise BadMove(old, new)


def check_formats(image: Image) -> None:
    """Raise BadRequest unless the image has what it needs before data can be saved."""
    missing = [name for name in ("disk_format", "container_format") if not getattr(image, name)]
    if missing:
        word = "Property" if len(missing) == 1 else "Properties"
        raise BadRequest(f"{word} {', '.join(missing)} must be set prior to saving data.")


def may_see(ctx: Context, image: Image, is_member: bool) -> bool:
    """Whether the image exists for the caller; community images do for everybody who knows their id."""
    if ctx.is_admin or image.owner == ctx.project_id or image.visibility in ("public", "community"):
        return True
    return image.visibility == "shared" and is_member


def may_change(ctx: Context, image: Image) -> bool:
    """Whether the caller may change, fill and delete the image."""
    return ctx.is_admin or (image.owner == ctx.project_id and ctx.has("member"))
