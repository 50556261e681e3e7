"""Snapshots of volumes that servers have open: the volume service asks for the hypervisor's help."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, StrictStr

from lab.rest import SERVICE, Request, Route
from lab.rest.body import Body
from lab.services.compute.api.fields import Uuid
from lab.services.compute.api.part import ComputePart

if TYPE_CHECKING:
    from lab.context import Context

Json = dict[str, Any]


class CreateInfo(Body):
    """What is made: `new_file` lies beside the volume's own file, and is named as the volume's connection names that."""

    snapshot_id: Uuid
    type: Literal["qcow2"]
    new_file: Annotated[StrictStr, Field(min_length=1, max_length=255)]


class Snapshot(Body):
    """Of which volume."""

    volume_id: Uuid
    create_info: CreateInfo


class CreateAssisted(Body):
    """POST."""

    snapshot: Snapshot


ROUTES = (
    Route(
        "POST", "/v2.1/os-assisted-volume-snapshots", "assisted_snapshots_create", SERVICE, 200, CreateAssisted,
        summary="Copy a volume that a server has open, as it is at one instant",
    ),
)  # fmt: skip


class AssistedVolumeSnapshotsPart(ComputePart):
    """The handler of os-assisted-volume-snapshots."""

    async def assisted_snapshots_create(self, ctx: Context, req: Request) -> Json:
        """Have the host of the volume's server copy it; answers when that is done, where upstream answers at once."""
        asked: Snapshot = req.data.snapshot
        await self.manager.copy_volume(ctx, asked.volume_id, asked.create_info.new_file)
        return {"snapshot": {"id": asked.create_info.snapshot_id, "volumeId": asked.volume_id}}
