"""The API of identity: routes, checks of shape, answers; one file for each group of resources."""

from __future__ import annotations

from lab.context import Context
from lab.process import Process
from lab.rest import Request, Response
from lab.services.identity.api.catalog import CatalogHandlers
from lab.services.identity.api.project_tags import ProjectTagHandlers
from lab.services.identity.api.projects import ProjectHandlers
from lab.services.identity.api.roles import RoleHandlers
from lab.services.identity.api.tokens import TokenHandlers
from lab.services.identity.api.users import UserHandlers
from lab.services.identity.bootstrap import bootstrap
from lab.services.identity.manager import IdentityManager
from lab.services.identity.model import NoSuchToken

__all__ = ["IdentityApi", "start"]


class IdentityApi(TokenHandlers, ProjectHandlers, ProjectTagHandlers, UserHandlers, RoleHandlers, CatalogHandlers):
    """All of keystone's API that there is."""

    routes = (
        *TokenHandlers.token_routes,
        *ProjectHandlers.project_routes,
        *ProjectTagHandlers.project_tag_routes,
        *UserHandlers.user_routes,
        *RoleHandlers.role_routes,
        *CatalogHandlers.catalog_routes,
    )

    def __init__(self, process: Process, manager: IdentityManager) -> None:
        super().__init__(process, manager)
        # keystone need not ask keystone
        self.authenticator.local = self.context_of

    async def handle(self, request: Request, sender: Context, cause: int) -> Response:
        """Serve one request, once the first entities are there."""
        if not self.manager.is_ready.is_set():
            await self.manager.is_ready.wait()
        return await super().handle(request, sender, cause)

    async def context_of(self, token: str) -> Context | None:
        """What a token gives to the request that carries it; None when it is worth nothing."""
        try:
            return (await self.manager.tokens.check(token)).context
        except NoSuchToken:
            return None


def start(process: Process) -> None:
    """Start keystone: it makes the first entities unless they are there, and listens."""
    manager = IdentityManager(process)
    process.memory["identity"] = manager
    IdentityApi(process, manager).start()
    process.spawn(bootstrap(manager), "bootstrap")
