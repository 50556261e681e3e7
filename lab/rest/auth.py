"""Who sends this request: tokens, checked with keystone over REST and remembered for a while."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from lab.context import Context, Scope
from lab.errors import RemoteFault, ServiceUnavailable, TransportError, Unauthorized
from lab.process import Process
from lab.rest.message import Request
from lab.runtime import NANOSECOND

UNAUTHORIZED = "The request you have made requires authentication."


class Authenticator:
    """One API process's token cache, as keystonemiddleware has one (token_cache_time 300 s)."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._now = process.runtime.now_ns
        self._cache: dict[str, tuple[int, Context]] = process.memory.setdefault("token cache", {})
        self.local: Any = None
        """Keystone's own check: `async (token) -> Context | None`."""

    def forget(self) -> None:
        """Empty the cache: what a restart does too."""
        self._cache.clear()

    def remembered(self, token: str) -> Context | None:
        """What a token gives, as long as what keystone said of it holds."""
        known, now = self._cache.get(token), self._now
        return known[1] if known is not None and known[0] > now() else None

    async def identify(self, request: Request, ctx: Context, required: bool) -> Context:
        """The caller's context. Raises Unauthorized when a token is needed and none or a bad one was sent."""
        token = request.headers.get("x-auth-token", "")
        if not token:
            if required:
                raise Unauthorized(UNAUTHORIZED)
            return ctx
        known = self.remembered(token)
        if known is None:
            try:
                known = await self._check(token, request, ctx)
            except Unauthorized:
                if required:
                    raise
                return ctx
        return known.within(ctx, ctx.cause)

    async def _beside_a_service(self, request: Request, ctx: Context) -> bool:
        """Whether a service vouches for the request with a good token of its own, so that the user's may have ended."""
        token = request.headers.get("x-service-token", "")
        if not token:
            return False
        alone = Request(request.method, request.path, {"x-auth-token": token}, source=request.source)
        return "service" in (await self.identify(alone, ctx, required=False)).roles

    async def _check(self, token: str, request: Request, ctx: Context) -> Context:
        """Ask keystone. Raises Unauthorized for a token that it does not know, ServiceUnavailable when it cannot say."""
        runtime, config = self._process.runtime, self._process.config
        self._cache.pop(token, None)
        if self.local is not None:
            found = await self.local(token)
            if found is None:
                raise Unauthorized(UNAUTHORIZED)
            return found  # type: ignore[no-any-return]
        query = "?allow_expired=1" if await self._beside_a_service(request, ctx) else ""
        try:
            response = await self._process.rest.call(
                ctx, "identity", "GET", f"/v3/auth/tokens{query}", auth="service", headers={"X-Subject-Token": token}
            )
        except (TransportError, RemoteFault) as error:
            raise ServiceUnavailable(f"The Keystone service is temporarily unavailable: {error}") from error
        if response.status == 404:
            raise Unauthorized(UNAUTHORIZED)
        if response.status != 200:
            # Source: keystonemiddleware.auth_token raises 503 for every answer but 200 and 404.
            raise ServiceUnavailable(f"The Keystone service is temporarily unavailable: it answered {response.status}")
        body = response.json()["token"]
        found = context_of(body, token)
        ends = round((datetime.fromisoformat(body["expires_at"]) - runtime.utc()).total_seconds() * NANOSECOND)
        keep = runtime.now_ns() + min(round(config.token_cache_s * NANOSECOND), max(0, ends))
        if len(self._cache) > 20_000:
            self._cache.clear()
        self._cache[token] = (keep, found)
        return found


def context_of(body: dict[str, Any], token: str) -> Context:
    """The context that a token's body describes."""
    user, project, domain = body.get("user", {}), body.get("project") or {}, body.get("domain") or {}
    return Context(
        user_id=user.get("id", ""),
        project_id=project.get("id", ""),
        roles=tuple(role["name"] for role in body.get("roles", ())),
        token=token,
        scope=Scope(
            user_name=user.get("name", ""),
            user_domain_id=user.get("domain", {}).get("id", ""),
            project_name=project.get("name", ""),
            project_domain_id=project.get("domain", {}).get("id", ""),
            domain_id=domain.get("id", ""),
            system=bool(body.get("system")),
        ),
    )
