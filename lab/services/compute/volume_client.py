"""Nova's view of cinder: volumes, and attachments in the flow of microversion 3.44 (create, update, complete, delete)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from lab.errors import RemoteFault
from lab.services.compute.own_token import auth_of

if TYPE_CHECKING:
    from lab.context import Context
    from lab.process import Process
    from lab.services.compute.model import BlockDevice

Json = dict[str, Any]

VERSION = (3, 44)
"""The first microversion in which an attachment is completed by its caller. Source: cinder's rest_api_version_history."""
_WAITING = ("creating", "downloading")


def volume_name(device: BlockDevice) -> str:
    """The name of a volume that nova makes for a device, by which it is found again.

    Upstream names only blank volumes so, and loses the others when an answer is lost.
    """
    return f"{device.server_id}-{device.source_type}-vol"


class VolumeNotCreated(RemoteFault):
    """The volume did not become available in time."""


class Volumes:
    """Calls of one process to cinder, with the user's token and its own beside it."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def _json(self, ctx: Context, method: str, path: str, body: Json | None = None, version: tuple[int, int] | None = None) -> Any:
        return await self._process.rest.json(ctx, "volume", method, path, body=body, version=version, auth=auth_of(ctx))

    async def discover(self, ctx: Context) -> None:
        """Ask which API versions there are, as nova does before it uses attachments."""
        await self._process.rest.call(ctx, "volume", "GET", "/", auth="none")

    async def get(self, ctx: Context, volume_id: str) -> Json:
        """Read a volume. Raises RemoteFault 404."""
        answer: Json = await self._json(ctx, "GET", f"/v3/volumes/{quote(volume_id, safe='')}")
        return dict(answer["volume"])

    async def snapshot(self, ctx: Context, snapshot_id: str) -> Json:
        """Read a snapshot. Raises RemoteFault 404."""
        answer: Json = await self._json(ctx, "GET", f"/v3/snapshots/{quote(snapshot_id, safe='')}")
        return dict(answer["snapshot"])

    async def types(self, ctx: Context) -> list[Json]:
        """The volume types that the user may choose, private ones too."""
        answer: Json = await self._json(ctx, "GET", "/v3/types?is_public=None")
        return list(answer["volume_types"])

    async def create(self, ctx: Context, request: Json) -> Json:
        """Ask for a new volume; it is `creating` when this returns."""
        answer: Json = await self._json(ctx, "POST", "/v3/volumes", {"volume": request})
        return dict(answer["volume"])

    async def delete_strays(self, ctx: Context, device: BlockDevice, devices: list[BlockDevice]) -> None:
        """Delete volumes that were made for a device and are none of the server's: a repeated or unanswered request's."""
        known = {each.volume_id for each in devices}
        answer: Json = await self._json(ctx, "GET", f"/v3/volumes?all_tenants=1&name={volume_name(device)}")
        for volume in answer["volumes"]:
            if volume["id"] not in known:
                await self.delete(ctx, volume["id"])

    async def delete(self, ctx: Context, volume_id: str) -> None:
        """Ask for the end of a volume; gone or going is no error.

        One that cinder refuses to delete as it stands, for its snapshots or because it was never made, is left to its owner
        with a line in the journal. Source: `_cleanup_volumes` of nova/compute/manager.py.
        """
        try:
            await self._unless_gone(ctx, "DELETE", f"/v3/volumes/{volume_id}")
        except RemoteFault as fault:
            if fault.status != 400:
                raise
            if not await self._going(ctx, volume_id):
                self._process.log(ctx, f"volume {volume_id} is left behind: {fault}", "warning")

    async def _going(self, ctx: Context, volume_id: str) -> bool:
        """Whether somebody else has asked for a volume's end: a build that found its server deleted, for one."""
        try:
            return str((await self.get(ctx, volume_id))["status"]) == "deleting"
        except RemoteFault as fault:
            if fault.status != 404:
                raise
            return True

    async def begin_detaching(self, ctx: Context, volume_id: str) -> None:
        """Mark an in-use volume as detaching."""
        await self._json(ctx, "POST", f"/v3/volumes/{volume_id}/action", {"os-begin_detaching": None})

    async def roll_detaching(self, ctx: Context, volume_id: str) -> None:
        """Take `begin_detaching` back."""
        await self._json(ctx, "POST", f"/v3/volumes/{volume_id}/action", {"os-roll_detaching": None})

    async def attachment_create(self, ctx: Context, volume_id: str, server_id: str) -> str:
        """Reserve the volume for the server and return the attachment's id."""
        body = {"attachment": {"volume_uuid": volume_id, "instance_uuid": server_id}}
        answer: Json = await self._json(ctx, "POST", "/v3/attachments", body, VERSION)
        return str(answer["attachment"]["id"])

    async def attachment_update(self, ctx: Context, attachment_id: str, connector: Json, mountpoint: str) -> Json:
        """Export the volume to a host and return what its hypervisor needs to open it."""
        body = {"attachment": {"connector": {**connector, "mountpoint": mountpoint}}}
        answer: Json = await self._json(ctx, "PUT", f"/v3/attachments/{attachment_id}", body, VERSION)
        info = dict(answer["attachment"].get("connection_info") or {})
        if "data" in info:
            return info
        # Cinder answers one flat dict; drivers want the kind apart from the data. Source: nova/volume/cinder.py.
        return {"driver_volume_type": info.pop("driver_volume_type", None), "data": info}

    async def attachment_complete(self, ctx: Context, attachment_id: str) -> None:
        """Say that the guest has the device: the volume is in use from now on."""
        await self._json(ctx, "POST", f"/v3/attachments/{attachment_id}/action", {"os-complete": None}, VERSION)

    async def attachment_delete(self, ctx: Context, attachment_id: str) -> None:
        """End an attachment; gone is no error."""
        await self._unless_gone(ctx, "DELETE", f"/v3/attachments/{attachment_id}", VERSION)

    async def attachments_of(self, ctx: Context, server_id: str) -> list[Json]:
        """List a server's attachments, whoever asks: an administrator, or nova itself, may act on the server of another project."""
        answer: Json = await self._json(ctx, "GET", f"/v3/attachments?all_tenants=1&instance_id={server_id}", version=VERSION)
        return list(answer.get("attachments", []))

    async def release(self, ctx: Context, server_id: str, volume_id: str | None = None) -> None:
        """End what attachments there still are of a server, or of one volume with it: those whose answer was lost."""
        for attachment in await self.attachments_of(ctx, server_id):
            if volume_id is None or attachment.get("volume_id") == volume_id:
                await self.attachment_delete(ctx, attachment["id"])

    async def wait_created(self, ctx: Context, volume_id: str) -> None:
        """Poll a new volume until it is available.

        Raises:
            VolumeNotCreated: it failed, or the attempts are used up; nova's words.
        """
        process, config = self._process, self._process.config
        started = process.runtime.now()
        attempts = config.block_device_allocate_retries + 1
        status = ""
        for attempt in range(1, attempts + 1):
            status = (await self.get(ctx, volume_id))["status"]
            if status == "available":
                return
            if status not in _WAITING or attempt == attempts:
                break
            await process.sleep(config.block_device_allocate_retries_interval_s)
        seconds = int(process.runtime.now() - started)
        text = (
            f"Volume {volume_id} did not finish being created even after we waited {seconds} seconds or {attempt} attempts. "
            f"And its status is {status}."
        )
        raise VolumeNotCreated("volume", 500, text)

    async def _unless_gone(self, ctx: Context, method: str, path: str, version: tuple[int, int] | None = None) -> None:
        try:
            await self._json(ctx, method, path, version=version)
        except RemoteFault as fault:
            if fault.status != 404:
                raise
