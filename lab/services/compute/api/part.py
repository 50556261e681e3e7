"""What every noun of compute's API builds on: the use cases, the caller's servers, links and refusals."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lab.errors import Forbidden
from lab.rest import Api, VersionRange
from lab.services.compute.aggregates import Aggregates
from lab.services.compute.api.paging import refuse_unknown
from lab.services.compute.api.server_view import ServerView
from lab.services.compute.flavors import Flavors
from lab.services.compute.keypairs import Keypairs
from lab.services.compute.model import ComputeService, Server, ServerNotFound
from lab.services.compute.quotas import Quotas
from lab.services.compute.server_groups import ServerGroups

if TYPE_CHECKING:
    from collections.abc import Collection

    from lab.context import Context
    from lab.process import Process
    from lab.rest import Request
    from lab.services.compute.manager import ComputeManager

# Source: nova/api/openstack/api_version_request.py: _MIN_API_VERSION, _MAX_API_VERSION.
VERSIONS = VersionRange("compute", (2, 1), (2, 104), "X-OpenStack-Nova-API-Version")
# Since this microversion every API refuses query parameters that it does not know.
STRICT_QUERIES = (2, 102)


class ComputePart(Api):
    """Base of the nouns; `ComputeApi` puts them together."""

    service: ClassVar[str] = "compute"
    versions: ClassVar[VersionRange | None] = VERSIONS

    def __init__(self, process: Process, manager: ComputeManager) -> None:
        super().__init__(process)
        self.manager = manager
        self.flavors = Flavors(process)
        self.keypairs = Keypairs(process)
        self.quotas = Quotas(process)
        self.aggregates = Aggregates(process)
        self.server_groups = ServerGroups(process)
        self.root = self.url()

    async def server(self, ctx: Context, server_id: str, *, deleted: bool = False) -> Server:
        """Return a server that the caller may see; others are not found, nor deleted ones unless asked for."""
        server: Server | None = await self.process.store.run(lambda tx: tx.get(Server, server_id))
        if server is None or (server.deleted and not deleted):
            raise ServerNotFound.of(server_id)
        if server.project_id != ctx.project_id and not ctx.is_admin:
            raise ServerNotFound.of(server_id)
        return server

    def view(self, ctx: Context, req: Request) -> ServerView:
        """Return the renderer of servers for this caller and microversion."""
        return ServerView(ctx, req.version, self.root, self.config.availability_zone)

    def is_up(self, service: ComputeService) -> bool:
        """Say whether a service of compute reported lately."""
        return service.is_up(self.process.runtime.now_ns(), self.config.service_down_time_s)

    def links(self, collection: str, item: str) -> list[dict[str, str]]:
        """Return the self and the bookmark link of a thing."""
        return [
            {"rel": "self", "href": f"{self.root}/v2.1/{collection}/{item}"},
            {"rel": "bookmark", "href": f"{self.root}/{collection}/{item}"},
        ]

    def check_query(self, req: Request, known: Collection[str] = (), since: tuple[int, int] = STRICT_QUERIES) -> None:
        """Refuse unknown query parameters from the microversion on that does so."""
        if req.version >= since and req.query:
            refuse_unknown(req, known)


def only_admin(ctx: Context, policy: str) -> None:
    """Raise Forbidden in nova's words unless the caller is an administrator."""
    if not ctx.is_admin:
        raise Forbidden(f"Policy doesn't allow {policy} to be performed.")
