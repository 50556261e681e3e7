"""cinder-api: the block storage API, microversions 3.0 to 3.71."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from lab.context import Context
from lab.process import Process
from lab.rest import PUBLIC, Request, Response, Route
from lab.services.volume.api.actions import ActionsPart
from lab.services.volume.api.attachments import AttachmentsPart
from lab.services.volume.api.extensions import ExtensionsPart
from lab.services.volume.api.operator import OperatorPart
from lab.services.volume.api.part import VERSIONS, Json
from lab.services.volume.api.snapshots import SnapshotsPart
from lab.services.volume.api.types import TypesPart
from lab.services.volume.api.volumes import VolumesPart


class VolumeApi(VolumesPart, ActionsPart, SnapshotsPart, AttachmentsPart, TypesPart, OperatorPart, ExtensionsPart):
    """All nouns, and the documents by which clients find the versions."""

    routes: ClassVar[Sequence[Route]] = (
        Route("GET", "/", "list_versions", PUBLIC, success=300, summary="List the API versions"),
        Route("GET", "/v3", "show_version", PUBLIC, summary="Show version 3"),
        *VolumesPart.routes,
        *ActionsPart.routes,
        *SnapshotsPart.routes,
        *AttachmentsPart.routes,
        *TypesPart.routes,
        *OperatorPart.routes,
        *ExtensionsPart.routes,
    )

    async def list_versions(self, ctx: Context, req: Request) -> Json:
        """List the API versions: there is one."""
        return {"versions": [self._version()]}

    async def show_version(self, ctx: Context, req: Request) -> Response:
        """Show version 3 in the same form."""
        return Response(200, {"versions": [self._version()]})

    def _version(self) -> Json:
        low, high = (".".join(map(str, version)) for version in (VERSIONS.low, VERSIONS.high))
        return {
            "id": "v3.0",
            "status": "CURRENT",
            "version": high,
            "min_version": low,
            "updated": "2023-08-31T00:00:00Z",
            "links": [
                {"rel": "describedby", "type": "text/html", "href": "https://docs.openstack.org/"},
                {"rel": "self", "href": self.url("/v3/")},
            ],
            "media-types": [
                {"base": "application/json", "type": "application/vnd.openstack.volume+json;version=3"},
            ],
        }


def start(process: Process) -> None:
    """Build cinder-api on this process."""
    api = VolumeApi(process)
    api.start()
    process.spawn(api.types.ensure_default(), "default type")
