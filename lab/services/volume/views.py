"""How cinder shows its records, per microversion. Source: cinder's API reference and its version history."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lab.services.volume.model import Volume, VolumeAttachment, VolumeSnapshot, VolumeType

Json = dict[str, Any]
Version = tuple[int, int]


class Views:
    """Views under one public URL; `admin` shows what only operators may see."""

    def __init__(self, url: str) -> None:
        self.url = url

    def _links(self, project_id: str, noun: str, resource_id: str) -> list[dict[str, str]]:
        path = f"{project_id}/{noun}/{resource_id}" if project_id else f"{noun}/{resource_id}"
        return [
            {"rel": "self", "href": f"{self.url}/v3/{path}"},
            {"rel": "bookmark", "href": f"{self.url}/{path}"},
        ]

    def volume_summary(self, volume: Volume) -> Json:
        """Return what the plain list shows."""
        return {"id": volume.id, "name": volume.name, "links": self._links(volume.project_id, "volumes", volume.id)}

    def volume(
        self,
        volume: Volume,
        attachments: Sequence[VolumeAttachment],
        type_name: str | None,
        version: Version,
        admin: bool,
    ) -> Json:
        """Return a volume in full."""
        body: Json = {
            "id": volume.id,
            "status": volume.status,
            "size": volume.size,
            "availability_zone": volume.availability_zone,
            "created_at": volume.created_at,
            "updated_at": volume.updated_at,
            "name": volume.name,
            "description": volume.description,
            "volume_type": type_name,
            "snapshot_id": volume.snapshot_id,
            "source_volid": volume.source_volid,
            "metadata": volume.metadata_,
            "links": self._links(volume.project_id, "volumes", volume.id),
            "user_id": volume.user_id,
            "bootable": "true" if volume.bootable else "false",
            "encrypted": False,
            "replication_status": None,
            "consistencygroup_id": None,
            "multiattach": volume.multiattach,
            "attachments": [_in_volume(a) for a in attachments if a.attach_status in ("attached", "error_detaching")],
            "migration_status": volume.migration_status if admin else None,
            "os-vol-tenant-attr:tenant_id": volume.project_id,
        }
        if volume.image_metadata:
            body["volume_image_metadata"] = volume.image_metadata
        if admin:
            body["os-vol-host-attr:host"] = volume.host
            body["os-vol-mig-status-attr:migstat"] = volume.migration_status
            body["os-vol-mig-status-attr:name_id"] = None
        body.update(_since(version, admin, volume))
        return body

    def snapshot(self, snapshot: VolumeSnapshot, version: Version, detail: bool) -> Json:
        """Return a snapshot; the detailed form adds the project and the progress."""
        body: Json = {
            "id": snapshot.id,
            "name": snapshot.name,
            "description": snapshot.description,
            "volume_id": snapshot.volume_id,
            "status": snapshot.status,
            "size": snapshot.volume_size,
            "created_at": snapshot.created_at,
            "updated_at": snapshot.updated_at,
            "metadata": snapshot.metadata_,
        }
        if detail:
            body["os-extended-snapshot-attributes:progress"] = snapshot.progress
            body["os-extended-snapshot-attributes:project_id"] = snapshot.project_id
        if version >= (3, 14):
            body["group_snapshot_id"] = None
        if version >= (3, 41):
            body["user_id"] = snapshot.user_id
        if version >= (3, 65):
            body["consumes_quota"] = True
        return body

    def volume_type(self, volume_type: VolumeType, admin: bool) -> Json:
        """Return a type; extra specs that speak to the backend are for operators."""
        specs = volume_type.extra_specs
        body: Json = {
            "id": volume_type.id,
            "name": volume_type.name,
            "is_public": volume_type.is_public,
            "description": volume_type.description,
            "os-volume-type-access:is_public": volume_type.is_public,
            # Source: cinder/api/api_utils.py (user_visible_extra_specs): what users may see.
            "extra_specs": specs if admin else {k: v for k, v in specs.items() if k in USER_VISIBLE_SPECS},
        }
        if admin:
            body["qos_specs_id"] = None
        return body

    def attachment(self, attachment: VolumeAttachment) -> Json:
        """Return an attachment in full; its connection info is flat."""
        return {
            "id": attachment.id,
            "status": attachment.attach_status,
            "instance": attachment.instance_uuid,
            "volume_id": attachment.volume_id,
            "attached_at": attachment.attach_time or "",
            "detached_at": "",
            "attach_mode": attachment.attach_mode,
            "connection_info": attachment.connection_info or {},
        }


USER_VISIBLE_SPECS = ("multiattach", "RESKEY:availability_zones", "replication_enabled")


def attachment_summary(attachment: VolumeAttachment) -> Json:
    """Return what the plain list of attachments shows."""
    return {
        "id": attachment.id,
        "status": attachment.attach_status,
        "instance": attachment.instance_uuid,
        "volume_id": attachment.volume_id,
    }


def _in_volume(attachment: VolumeAttachment) -> Json:
    return {
        "id": attachment.volume_id,
        "attachment_id": attachment.id,
        "volume_id": attachment.volume_id,
        "server_id": attachment.instance_uuid,
        "host_name": attachment.attached_host,
        "device": attachment.mountpoint,
        "attached_at": attachment.attach_time,
    }


def _since(version: Version, admin: bool, volume: Volume) -> Json:
    """Return the fields that came with microversions after 3.0."""
    body: Json = {}
    if version >= (3, 13):
        body["group_id"] = None
    if version >= (3, 21) and admin:
        body["provider_id"] = None
    if version >= (3, 48):
        body["service_uuid"] = None
        # From 3.69 on null says that the backend locks by itself.
        body["shared_targets"] = None if version >= (3, 69) else False
    if version >= (3, 61) and admin:
        body["cluster_name"] = None
    if version >= (3, 63):
        body["volume_type_id"] = volume.volume_type_id
    if version >= (3, 64):
        body["encryption_key_id"] = None
    if version >= (3, 65):
        body["consumes_quota"] = True
    if version >= (3, 47):
        body["backup_id"] = None
    return body
