"""cloud.image, cloud.volume and cloud.object."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

from lab.client.resource import Collection, Resource
from lab.client.session import Session

OBJECTS_A_PAGE = 10_000
"""How many objects swift lists at once when it is not told. Source: container_listing_limit of swift.conf."""


class Image(Resource):
    """An image."""

    async def upload(self, data: bytes) -> Image:
        """Give it its bytes."""
        headers = {"content-type": "application/octet-stream"}
        await self.collection.session.send("image", "PUT", f"/v2/images/{self.id}/file", data, headers)
        return await self.refresh()

    async def upload_sparse(self, size: int) -> Image:
        """Give it `size` bytes of made-up content: a big image that costs the simulator nothing."""
        headers = {"content-type": "application/octet-stream", "x-glasscloud-sparse-size": str(size)}
        await self.collection.session.send("image", "PUT", f"/v2/images/{self.id}/file", b"", headers)
        return await self.refresh()

    async def download(self) -> bytes:
        """Read its bytes."""
        response = await self.collection.session.send("image", "GET", f"/v2/images/{self.id}/file")
        return response.content()


class Images(Collection[Image]):
    """cloud.image.images"""

    service, path, key, plural, kind = "image", "/v2/images", "image", "images", Image

    async def create(
        self,
        name: str,
        *,
        disk_format: str = "qcow2",
        container_format: str = "bare",
        visibility: str = "shared",
        **properties: Any,
    ) -> Image:
        """Make an image without bytes; `upload` gives it some. Other keywords become its properties."""
        body = {
            "name": name,
            "disk_format": disk_format,
            "container_format": container_format,
            "visibility": visibility,
            **properties,
        }
        return self.make(await self.session.json("image", "POST", self.path, body))

    async def get(self, resource_id: str) -> Image:
        return self.make(await self.session.json("image", "GET", f"{self.path}/{resource_id}"))


class Volume(Resource):
    """A volume."""

    wrong = ("error", "error_deleting", "error_extending")


class Volumes(Collection[Volume]):
    """cloud.volume.volumes"""

    service, path, key, plural, kind, detail = "volume", "/v3/volumes", "volume", "volumes", Volume, "/detail"

    async def create(
        self, size: int, *, name: str = "", image: str | None = None, snapshot: str | None = None, **more: Any
    ) -> Volume:
        """Make a volume of `size` GiB: empty, or filled from an image or a snapshot."""
        return await self._create({"size": size, "name": name, "imageRef": image, "snapshot_id": snapshot, **more})


class Snapshot(Resource):
    """A volume as it was."""

    wrong = ("error", "error_deleting")


class Snapshots(Collection[Snapshot]):
    """cloud.volume.snapshots"""

    service, path, key, plural, kind, detail = "volume", "/v3/snapshots", "snapshot", "snapshots", Snapshot, "/detail"

    async def create(self, volume_id: str, *, name: str = "", force: bool = False) -> Snapshot:
        """Keep the volume as it is now."""
        return await self._create({"volume_id": volume_id, "name": name, **({"force": True} if force else {})})


class VolumeType(Resource):
    """A kind of volumes."""


class VolumeTypes(Collection[VolumeType]):
    """cloud.volume.types"""

    service, path, key, plural, kind = "volume", "/v3/types", "volume_type", "volume_types", VolumeType

    async def create(self, name: str, **more: Any) -> VolumeType:
        """Make a volume type."""
        return await self._create({"name": name, **more})


class ImageService:
    """cloud.image"""

    def __init__(self, session: Session) -> None:
        self.images = Images(session)


class VolumeService:
    """cloud.volume"""

    def __init__(self, session: Session) -> None:
        self.volumes = Volumes(session)
        self.snapshots = Snapshots(session)
        self.types = VolumeTypes(session)


class ObjectService:
    """cloud.object: containers and objects of the project's account."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def _path(self, container: str, name: str = "") -> str:
        if not self._session.token:
            await self._session.authenticate()
        path = f"/v1/AUTH_{self._session.project_id}/{quote(container, safe='')}"
        return f"{path}/{quote(name)}" if name else path

    async def create_container(self, container: str) -> None:
        """Make a container; there already is no error."""
        await self._session.send("object", "PUT", await self._path(container))

    async def put(self, container: str, name: str, data: bytes) -> str:
        """Store an object and answer its ETag."""
        headers = {"content-type": "application/octet-stream"}
        response = await self._session.send("object", "PUT", await self._path(container, name), data, headers)
        return next(v for k, v in response.headers.items() if k.lower() == "etag")

    async def get(self, container: str, name: str) -> bytes:
        """Read an object."""
        return (await self._session.send("object", "GET", await self._path(container, name))).content()

    async def list(self, container: str) -> list[dict[str, Any]]:
        """The objects of a container, however many pages they are."""
        found: list[dict[str, Any]] = []
        while True:
            query = urlencode({"format": "json", **({"marker": found[-1]["name"]} if found else {})})
            page = await self._session.json("object", "GET", f"{await self._path(container)}?{query}") or []
            found += page
            if len(page) < OBJECTS_A_PAGE:
                return found

    async def delete(self, container: str, name: str = "") -> None:
        """Remove an object, or an empty container."""
        await self._session.send("object", "DELETE", await self._path(container, name))
