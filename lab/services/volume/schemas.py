"""The request bodies of block storage. Nulls are legal wherever openstackclient and cinderclient send them.

Source: cinder/api/schemas.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints

from lab.rest.body import Body, Schema

MAX_INT = 0x7FFFFFFF  # cinder's DB_MAX_INT


def _decimal(value: Any) -> Any:
    """Take '10' for 10, as cinder does; true and 1.0 are no sizes."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value)
    if isinstance(value, bool | float):
        raise ValueError("is not of type 'integer', 'string'")
    return value


def _truth(value: Any) -> Any:
    """Take the spellings of true and false that oslo's strict boolean takes."""
    if isinstance(value, str):
        word = value.strip().lower()
        if word in ("1", "t", "true", "on", "y", "yes"):
            return True
        if word in ("0", "f", "false", "off", "n", "no"):
            return False
    if isinstance(value, bool | int) and value in (0, 1):
        return bool(value)
    raise ValueError("is not of type 'boolean'")


Text = Annotated[str, StringConstraints(max_length=255, strict=True)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=255, strip_whitespace=True, strict=True)]
Key = Annotated[str, StringConstraints(min_length=1, max_length=255)]
Size = Annotated[int, BeforeValidator(_decimal), Field(ge=1, le=MAX_INT)]
Limit = Annotated[int, BeforeValidator(lambda v: v if v in (-1, "-1") else _decimal(v)), Field(ge=-1, le=MAX_INT)]
Truth = Annotated[bool, BeforeValidator(_truth)]
Uuid = Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}$")]
Metadata = dict[Key, Text]


class Loose(Schema):
    """A body whose unknown fields are passed over, as cinder's bodies before their schemas were strict."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True, defer_build=True)


class NewVolume(Loose):
    """What a new volume is to be."""

    name: Text | None = None
    display_name: Text | None = None
    description: Text | None = None
    display_description: Text | None = None
    size: Size | None = None
    volume_type: Text | None = None
    metadata: Metadata | None = None
    snapshot_id: Uuid | None = None
    source_volid: Uuid | None = None
    image_id: Text | None = None
    image_ref: Text | None = Field(None, alias="imageRef")
    availability_zone: Text | None = None
    multiattach: Truth | None = None
    consistencygroup_id: Uuid | None = None
    group_id: Uuid | None = None
    backup_id: Uuid | None = None


class NewVolumeStrict(NewVolume):
    """The same from 3.53 on, when unknown fields became errors."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, defer_build=True)


class CreateVolume(Loose):
    """POST /volumes."""

    volume: NewVolume
    hints: dict[str, Any] | None = Field(None, alias="OS-SCH-HNT:scheduler_hints")


class CreateVolumeStrict(Loose):
    """POST /volumes from 3.53 on."""

    volume: NewVolumeStrict
    hints: dict[str, Any] | None = Field(None, alias="OS-SCH-HNT:scheduler_hints")


class ChangedVolume(Loose):
    """The fields of a volume that its project may change."""

    name: Text | None = None
    display_name: Text | None = None
    description: Text | None = None
    display_description: Text | None = None
    metadata: Metadata | None = None


class UpdateVolume(Body):
    """PUT /volumes/{id}."""

    volume: ChangedVolume


class NewSnapshot(Loose):
    """What a new snapshot is to be."""

    volume_id: Uuid
    name: Text | None = None
    display_name: Text | None = None
    description: Text | None = None
    metadata: Metadata | None = None
    force: Truth | None = False


class CreateSnapshot(Body):
    """POST /snapshots."""

    snapshot: NewSnapshot


class ChangedSnapshot(Loose):
    """The fields of a snapshot that its project may change."""

    name: Text | None = None
    display_name: Text | None = None
    description: Text | None = None


class UpdateSnapshot(Body):
    """PUT /snapshots/{id}."""

    snapshot: ChangedSnapshot


class NewType(Loose):
    """What a new volume type is to be."""

    name: Name
    description: Text | None = None
    is_public: Truth = Field(True, alias="os-volume-type-access:is_public")
    extra_specs: dict[Key, Text | None] | None = None


class CreateType(Body):
    """POST /types."""

    volume_type: NewType


class ChangedType(Loose):
    """The fields of a type that an operator may change."""

    name: Name | None = None
    description: Text | None = None
    is_public: Truth | None = None


class UpdateType(Body):
    """PUT /types/{id}."""

    volume_type: ChangedType


class ExtraSpecs(Body):
    """POST /types/{id}/extra_specs."""

    extra_specs: dict[Key, Text]


class MetadataBody(Body):
    """POST and PUT …/metadata."""

    metadata: Metadata


class MetaBody(Body):
    """PUT …/metadata/{key}."""

    meta: Metadata


class NewAttachment(Loose):
    """A server's wish to use a volume."""

    volume_uuid: Uuid
    instance_uuid: Uuid | None = None
    connector: dict[str, Any] | None = None
    mode: Text | None = None


class CreateAttachment(Body):
    """POST /attachments."""

    attachment: NewAttachment


class ChangedAttachment(Loose):
    """Who will reach the volume."""

    connector: dict[str, Any]


class UpdateAttachment(Body):
    """PUT /attachments/{id}."""

    attachment: ChangedAttachment


class QuotaSet(Body):
    """PUT /os-quota-sets/{project_id}."""

    quota_set: dict[Key, Any]


class QuotaClassSet(Body):
    """PUT /os-quota-class-sets/{class}."""

    quota_class_set: dict[Key, Any]


class ServiceChange(Loose):
    """PUT /os-services/{enable,disable,disable-log-reason}."""

    host: Name
    binary: Name | None = None
    disabled_reason: Text | None = None
