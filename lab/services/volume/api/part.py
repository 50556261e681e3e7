"""What every noun of cinder's API builds on: versions, faults, both forms of its paths, links, and the use cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

from lab.context import Context
from lab.errors import BadRequest, LabError, NoSpace
from lab.process import Process
from lab.rest import Api, FaultTable, Request, Response, Route, VersionRange
from lab.rest.faults import compute_style
from lab.services.volume.attachments import Attachments
from lab.services.volume.listing import truth
from lab.services.volume.manager import VolumeManager
from lab.services.volume.model import OverLimit
from lab.services.volume.snapshots import Snapshots
from lab.services.volume.views import Views
from lab.services.volume.volume_types import VolumeTypes

Json = dict[str, Any]

# Source: cinder/api/openstack/api_version_request.py: _MIN_API_VERSION, _MAX_API_VERSION.
VERSIONS = VersionRange("volume", (3, 0), (3, 71))


def volume_style(status: int, error: LabError, request_id: str) -> Response:
    """Cinder's faults: nova's shape; over quota it says when to come back (cinder/api/openstack/wsgi.py: Fault)."""
    response = compute_style(status, error, request_id)
    if status == 413:
        response = Response(status, {"overLimit": {"code": status, "message": error.message, "retryAfter": "0"}}, response.headers)
        response.headers["Retry-After"] = "0"
    return response


FAULTS = FaultTable(volume_style, {OverLimit: 413, NoSpace: 500})


def both(*routes: Route) -> tuple[Route, ...]:
    """Serve each route under /v3/{project_id} and, as clients may leave the project out, under /v3."""
    return tuple(replace(route, path=f"{root}{route.path}") for route in routes for root in ("/v3/{project_id}", "/v3"))


class VolumePart(Api):
    """Base of the nouns; `VolumeApi` puts them together."""

    service: ClassVar[str] = "volume"
    versions: ClassVar[VersionRange | None] = VERSIONS
    faults: ClassVar[FaultTable | None] = FAULTS
    routes: ClassVar[Sequence[Route]] = ()

    def __init__(self, process: Process) -> None:
        super().__init__(process)
        self.views = Views(self.url())
        self.volumes = VolumeManager(process)
        self.snapshots = Snapshots(process)
        self.attachments = Attachments(process)
        self.types = VolumeTypes(process)
        for name, handler in list(self._handlers.items()):
            self._handlers[name] = _in_own_project(handler)

    def collection(self, ctx: Context, noun: str) -> str:
        """Return the URL of a list, for links to its next page."""
        return self.url(f"/v3/{ctx.project_id}/{noun}")

    @staticmethod
    def whose(ctx: Context, req: Request) -> str | None:
        """Return the project whose things are listed; None is all, which only operators may ask for."""
        return None if ctx.is_admin and truth(req.arg("all_tenants")) else ctx.project_id

    async def sent_by_service(self, ctx: Context, req: Request) -> bool:
        """Say whether the request carries a service's token beside the user's, and that token is good."""
        if "service" in ctx.roles:
            return True
        token = req.headers.get("x-service-token")
        if not token:
            return False
        sender = await self.authenticator.identify(Request("GET", "/", {"x-auth-token": token}), ctx, required=True)
        return "service" in sender.roles or sender.is_admin


def _in_own_project(handler: Any) -> Any:
    """Refuse a path that names another project than the token does. Source: cinder's wsgi.Resource."""

    async def checked(ctx: Context, req: Request) -> Any:
        if req.params.get("project_id", ctx.project_id) != ctx.project_id:
            raise BadRequest("Malformed request url")
        return await handler(ctx, req)

    return checked


def described(body: Any) -> Json:
    """Return name and description of a body, which older clients call display_name and display_description."""
    found: Json = {}
    for field in ("name", "description"):
        for name in (field, f"display_{field}"):
            if name in body.model_fields_set:
                found[field] = getattr(body, name)
                break
    return found
