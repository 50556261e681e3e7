"""The records of block storage, and the table of what each status of a volume may become.

Times are ISO strings of the runtime without a zone (`2026-01-01T00:00:12.123456`), sizes GiB, as cinder has them.
A volume's `host` is `<host>@<backend>#<pool>`.
"""

from __future__ import annotations

from typing import Any, ClassVar

from lab.errors import BadRequest, Conflict, NotFound, NoValidHost, QuotaExceeded
from lab.store import Field, Record

Json = dict[str, Any]

NAME_LENGTH = 255  # cinder/db/sqlalchemy/models.py: String(255)
DEFAULT_TYPE = "__DEFAULT__"  # cinder's name for the type of volumes that ask for none

# Source: cinder/objects/fields.py (VolumeStatus) for the names, the flows of cinder/volume for the moves.
# `gone` stands for the end of the record. An administrator's reset_status may set any status at any time.
GONE = "gone"
VOLUME_MOVES: dict[str, tuple[str, ...]] = {
    "creating": ("available", "downloading", "error", "deleting"),
    "downloading": ("available", "creating", "error", "deleting"),
    "available": ("reserved", "attaching", "in-use", "deleting", "extending", "maintenance", GONE),
    "reserved": ("available", "attaching", "in-use", "deleting"),
    "attaching": ("available", "reserved", "in-use", "deleting"),
    "in-use": ("detaching", "reserved", "attaching", "available", "extending"),
    "detaching": ("available", "reserved", "attaching", "in-use", "deleting"),
    "extending": ("available", "in-use", "error_extending", "deleting"),
    "deleting": ("error_deleting", GONE),
    "error": ("deleting", GONE),
    "error_deleting": ("deleting",),
    "error_extending": ("deleting",),
    "maintenance": ("available", "deleting"),
    # Statuses of features that this cloud does not have; only reset_status leads here, only deletion out.
    "error_restoring": ("deleting",),
    "error_backing-up": ("deleting",),
    "error_managing": ("deleting",),
    "managing": ("deleting",),
    "retyping": ("deleting",),
    "uploading": ("deleting",),
    "backing-up": ("deleting",),
    "restoring-backup": ("deleting",),
    "awaiting-transfer": ("deleting",),
}
ATTACH_STATUSES = ("reserved", "attaching", "attached", "detached", "error_attaching", "error_detaching", "deleted")
# What an attachment makes of its volume, the strongest first; one in error holds what it held before.
STRENGTH = (
    ("attached", "in-use"),
    ("error_detaching", "in-use"),
    ("attaching", "attaching"),
    ("reserved", "reserved"),
    ("error_attaching", "reserved"),
)
MIGRATION_STATUSES = ("none", "migrating", "starting", "completing", "success", "error")
# Source: cinder/objects/fields.py (SnapshotStatus).
SNAPSHOT_MOVES: dict[str, tuple[str, ...]] = {
    "creating": ("available", "error", "deleting"),
    "available": ("deleting",),
    "deleting": ("error_deleting", GONE),
    "error": ("deleting", GONE),
    "error_deleting": ("deleting",),
    "updating": ("deleting",),
    "backing-up": ("deleting",),
    "restoring": ("deleting",),
    "unmanaging": ("deleting",),
}
# What DELETE accepts. Source: cinder/volume/api.py (delete, delete_snapshot).
DELETABLE = ("available", "error", "error_restoring", "error_extending", "error_managing")
SNAPSHOT_DELETABLE = ("available", "error")


class Volume(Record):
    """A block device of a project."""

    __key__ = "id"
    __index__ = ("project_id", "host", "volume_type_id", "source_volid", "snapshot_id")

    id: str
    project_id: str
    user_id: str
    size: int
    created_at: str
    name: str | None = Field(default=None, max_length=NAME_LENGTH)
    description: str | None = Field(default=None, max_length=NAME_LENGTH)
    status: str = "creating"
    attach_status: str = "detached"
    previous_status: str | None = None
    migration_status: str | None = None
    host: str | None = None
    availability_zone: str = "nova"
    volume_type_id: str | None = None
    snapshot_id: str | None = None
    source_volid: str | None = None
    image_id: str | None = None
    bootable: bool = False
    multiattach: bool = False
    readonly: bool = False
    metadata_: dict[str, str] = Field(default_factory=dict)
    image_metadata: dict[str, str] = Field(default_factory=dict)
    extending_to: int | None = None  # the size reserved in the quota while it grows
    attempt: int = 0  # how often it was given to a backend; a repeated message shows an old number
    updated_at: str | None = None
    scheduled_at: str | None = None
    launched_at: str | None = None

    @property
    def quota_size(self) -> int:
        """GiB that count against the project's quota."""
        return max(self.size, self.extending_to or 0)


class VolumeAttachment(Record):
    """One reservation or connection of a volume by a server."""

    __key__ = "id"
    __index__ = ("volume_id", "project_id", "instance_uuid")
    __foreign__: ClassVar[dict[str, type[Record]]] = {"volume_id": Volume}

    id: str
    volume_id: str
    project_id: str
    created_at: str
    instance_uuid: str | None = None
    request_id: str = ""  # who asked: a repeated request for the same volume and server is answered with the same attachment
    attach_status: str = "reserved"
    attach_mode: str = "null"
    attached_host: str | None = None
    mountpoint: str | None = None
    attach_time: str | None = None
    updated_at: str | None = None
    connector: Json | None = None
    connection_info: Json | None = None


class VolumeSnapshot(Record):
    """A volume as it was at one instant."""

    __key__ = "id"
    __index__ = ("project_id", "volume_id")
    __foreign__: ClassVar[dict[str, type[Record]]] = {"volume_id": Volume}

    id: str
    volume_id: str
    project_id: str
    user_id: str
    volume_size: int
    created_at: str
    name: str | None = Field(default=None, max_length=NAME_LENGTH)
    description: str | None = Field(default=None, max_length=NAME_LENGTH)
    status: str = "creating"
    progress: str = "0%"
    host: str | None = None
    volume_type_id: str | None = None
    metadata_: dict[str, str] = Field(default_factory=dict)
    updated_at: str | None = None


class VolumeType(Record):
    """What an operator offers under a name; its extra specs choose the backend."""

    __key__ = "id"
    __unique__ = ("name",)

    id: str
    name: str = Field(max_length=NAME_LENGTH)
    created_at: str
    description: str | None = Field(default=None, max_length=NAME_LENGTH)
    is_public: bool = True
    extra_specs: dict[str, str] = Field(default_factory=dict)
    projects: list[str] = Field(default_factory=list)  # who may use it when it is not public


class VolumeService(Record):
    """A process of block storage and when it was last heard of (virtual ns)."""

    __key__ = ("host", "binary")

    host: str
    binary: str
    availability_zone: str
    created_at: str
    disabled: bool = False
    disabled_reason: str | None = None
    heard_ns: int = 0


class VolumeQuota(Record):
    """A project's own limit for one resource."""

    __key__ = ("project_id", "resource")
    __index__ = ("project_id",)

    project_id: str
    resource: str
    hard_limit: int


class VolumeQuotaClass(Record):
    """The limit for one resource of all projects that have none of their own."""

    __key__ = ("class_name", "resource")
    __index__ = ("class_name",)

    class_name: str
    resource: str
    hard_limit: int


class VolumeNotFound(NotFound):
    """No such volume, or not this project's."""

    def __init__(self, volume_id: str) -> None:
        super().__init__(f"Volume {volume_id} could not be found.")


class SnapshotNotFound(NotFound):
    """No such snapshot, or not this project's."""

    def __init__(self, snapshot_id: str) -> None:
        super().__init__(f"Snapshot {snapshot_id} could not be found.")


class AttachmentNotFound(NotFound):
    """No such attachment, or not this project's."""

    def __init__(self, attachment_id: str) -> None:
        super().__init__(f"Volume attachment could not be found with filter: attachment_id = {attachment_id}.")


class VolumeTypeNotFound(NotFound):
    """No such volume type, or not visible to this project."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Volume type {name} could not be found.")


class InvalidVolume(BadRequest):
    """The volume's state does not allow this."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"Invalid volume: {reason}")


class InvalidSnapshot(BadRequest):
    """The snapshot's state does not allow this."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"Invalid snapshot: {reason}")


class InvalidInput(BadRequest):
    """The values do not fit together."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"Invalid input received: {reason}")


class InvalidAttachment(Conflict):
    """The server that uses the attachment must give it up itself."""


class OverLimit(QuotaExceeded):
    """A quota of the project is used up."""


class NoValidBackend(NoValidHost):
    """No backend can take the volume."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"No valid backend was found. {reason}")


def check_move(moves: dict[str, tuple[str, ...]], old: str, new: str) -> None:
    """Raise InvalidVolume when a thing in status `old` may not become `new`."""
    if new != old and new not in moves[old]:
        raise InvalidVolume(f"a volume or snapshot that is {old} cannot become {new}; it may become: {', '.join(moves[old])}")


def service_host(host: str) -> str:
    """Return '<host>@<backend>' of a volume's host.

    >>> service_host("nas-1@nas#pool-1")
    'nas-1@nas'
    """
    return host.partition("#")[0]


def status_from_attachments(attachments: list[VolumeAttachment]) -> tuple[str, str]:
    """Return status and attach_status that follow from the attachments that are left.

    Source: cinder/db/api.py (volume_update_status_based_on_attachment): the strongest attachment decides.
    """
    left = {attachment.attach_status for attachment in attachments}
    for attach_status, status in STRENGTH:
        if attach_status in left:
            return status, "attached" if status == "in-use" else "detached"
    return "available", "detached"
