"""Handlers of tokens: log in, check, revoke, and what a token's owner may reach."""

from __future__ import annotations

from typing import Any

from lab.context import Context
from lab.errors import BadRequest, Unauthorized
from lab.rest import PUBLIC, TOKEN, Request, Response, Route
from lab.services.identity.api.handlers import IdentityHandlers
from lab.services.identity.auth import read_login
from lab.services.identity.filters import truth
from lab.services.identity.grants import domains_of, has_system, projects_of
from lab.services.identity.model import ActionForbidden, NoSuchToken
from lab.services.identity.policy import system_reader
from lab.services.identity.worth import KnownToken

SUBJECT = "x-subject-token"

# The version that keystone announces and the day from which it is: /v3, 3.14.
VERSION_ID, VERSION_UPDATED = "v3.14", "2020-04-07T00:00:00Z"


class TokenHandlers(IdentityHandlers):
    """Discovery, /v3/auth."""

    token_routes = (
        Route("GET", "/", "discover", PUBLIC, success=300),
        Route("GET", "/v3", "show_version", PUBLIC),
        Route("POST", "/v3/auth/tokens", "authenticate_for_token", PUBLIC),
        Route("GET", "/v3/auth/tokens", "validate_token", TOKEN),
        Route("HEAD", "/v3/auth/tokens", "check_token", TOKEN),
        Route("DELETE", "/v3/auth/tokens", "revoke_token", TOKEN, success=204),
        Route("GET", "/v3/auth/catalog", "get_auth_catalog", TOKEN),
        Route("GET", "/v3/auth/projects", "get_auth_projects", TOKEN),
        Route("GET", "/v3/auth/domains", "get_auth_domains", TOKEN),
        Route("GET", "/v3/auth/system", "get_auth_system", TOKEN),
    )

    async def discover(self, ctx: Context, request: Request) -> dict[str, Any]:
        """The versions of the API."""
        return {"versions": {"values": [self._version()]}}

    async def show_version(self, ctx: Context, request: Request) -> dict[str, Any]:
        """The one version."""
        return {"version": self._version()}

    def _version(self) -> dict[str, Any]:
        return {
            "id": VERSION_ID,
            "status": "stable",
            "updated": VERSION_UPDATED,
            "links": [{"rel": "self", "href": self.url("/v3/")}],
            "media-types": [{"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}],
        }

    async def authenticate_for_token(self, ctx: Context, request: Request) -> Response:
        """Log in; the token itself is in a header only."""
        secret, known = await self.manager.tokens.issue(read_login(request.data))
        body = known.bare_body if "nocatalog" in request.query else known.body
        return Response(201, body, {"X-Subject-Token": secret, "Vary": "X-Auth-Token"})

    async def validate_token(self, ctx: Context, request: Request) -> Response:
        """What a token is worth; the hottest route of all, hence bodies that are made once."""
        known = await self._subject(ctx, request, "validate_token", service="service" in ctx.roles)
        body = known.bare_body if "nocatalog" in request.query else known.body
        return Response(200, body, {"X-Subject-Token": request.headers[SUBJECT], "Vary": "X-Auth-Token"})

    async def check_token(self, ctx: Context, request: Request) -> Response:
        """Whether a token is worth anything."""
        known = await self._subject(ctx, request, "check_token", service=False)
        return Response(200, known.body, {"X-Subject-Token": request.headers[SUBJECT], "Vary": "X-Auth-Token"})

    async def revoke_token(self, ctx: Context, request: Request) -> None:
        """End a token: one's own, or as an administrator any."""
        secret = request.headers.get(SUBJECT, "")
        known = await self._subject(ctx, request, "revoke_token", service=False)
        if not ctx.is_admin and known.token.user_id != ctx.user_id:
            raise ActionForbidden("identity:revoke_token")
        await self.manager.tokens.revoke(secret)

    async def _subject(self, ctx: Context, request: Request, action: str, service: bool) -> KnownToken:
        """The token that the request is about, if the caller may ask about it."""
        secret = request.headers.get(SUBJECT)
        if not secret:
            raise BadRequest("Expecting to find X-Subject-Token in the request's headers.")
        expired = truth(request.query["allow_expired"][0]) if "allow_expired" in request.query else False
        known = await self.manager.tokens.check(secret, expired)
        if service or known.token.user_id == ctx.user_id or system_reader(ctx):
            return known
        raise ActionForbidden(f"identity:{action}")

    async def get_auth_catalog(self, ctx: Context, request: Request) -> dict[str, Any]:
        """The catalog of the caller's own token."""
        known = await self._own(ctx)
        if not known.token.target:
            raise ActionForbidden("identity:get_auth_catalog")
        return {"catalog": known.worth.catalog, "links": {"self": self.url(request.path)}}

    async def _own(self, ctx: Context) -> KnownToken:
        try:
            return await self.manager.tokens.check(ctx.token)
        except NoSuchToken:
            raise Unauthorized from None

    async def get_auth_projects(self, ctx: Context, request: Request) -> dict[str, Any]:
        """The projects for which the caller can have a token."""
        projects = await self.manager.read(lambda tx: projects_of(tx, ctx.user_id))
        return self.collect("projects", projects, request, ("name", "domain_id"))

    async def get_auth_domains(self, ctx: Context, request: Request) -> dict[str, Any]:
        """The domains for which the caller can have a token."""
        domains = await self.manager.read(lambda tx: domains_of(tx, ctx.user_id))
        return self.collect("domains", domains, request, ("name",))

    async def get_auth_system(self, ctx: Context, request: Request) -> dict[str, Any]:
        """Whether the caller can have a token for the whole system."""
        everything = await self.manager.read(lambda tx: has_system(tx, ctx.user_id))
        return {"system": [{"all": True}] if everything else [], "links": {"self": self.url(request.path)}}
