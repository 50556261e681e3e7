"""Snapshots of a volume that a guest has open, for backends that cannot take them alone: the hypervisor helps.

Source: create_snapshot of cinder/volume/drivers/remotefs.py, which asks nova's os-assisted-volume-snapshots.
"""

from __future__ import annotations

from lab.context import Context
from lab.errors import LabError
from lab.services.volume.host import VolumeHost
from lab.services.volume.model import VolumeSnapshot


async def take(host: VolumeHost, ctx: Context, snapshot: VolumeSnapshot) -> None:
    """Take a snapshot, by the hypervisor where a guest has the volume open. Raises LabError; nothing is left then."""
    attachments = await host.ledger.attachments(snapshot.volume_id)
    open_now = any(each.instance_uuid is not None and each.attach_status == "attached" for each in attachments)
    new_file = await host.driver.begin_assisted_snapshot(snapshot.volume_id, snapshot.id) if open_now else None
    if new_file is None:
        await host.driver.snapshot(snapshot.volume_id, snapshot.id)
        return
    info = {"snapshot_id": snapshot.id, "type": "qcow2", "new_file": new_file}
    body = {"snapshot": {"volume_id": snapshot.volume_id, "create_info": info}}
    try:
        await host.process.rest.json(ctx, "compute", "POST", "/v2.1/os-assisted-volume-snapshots", body=body, auth="service")
        await host.driver.end_assisted_snapshot(snapshot.id)
    except LabError:
        await host.driver.delete_snapshot(snapshot.id)
        raise
