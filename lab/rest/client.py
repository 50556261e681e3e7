"""A process's handle on the REST APIs of the other components."""

from __future__ import annotations

import asyncio
from functools import cache
from typing import TYPE_CHECKING, Any

import orjson

from lab.body import encode
from lab.context import Context
from lab.errors import ProcessKilled, RemoteFault
from lab.rest.message import Request, Response, Stream
from lab.runtime import NANOSECOND

if TYPE_CHECKING:
    from lab.process import Process

VERSION_KINDS = {"compute": "compute", "volume": "volume", "placement": "placement"}
REFRESH_S = 120
"""A service's own token is renewed this long before it expires."""


@cache
def version_header(kind: str, version: tuple[int, int]) -> str:
    """How a request asks for a microversion."""
    return f"{kind} {version[0]}.{version[1]}"


class RestClient:
    """REST calls of one life of one process."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._token = ""
        self._token_until = 0
        self._fetching: asyncio.Task[str] | None = None

    async def call(
        self,
        ctx: Context,
        service: str,
        method: str,
        target: str,
        *,
        body: Any = None,
        version: tuple[int, int] | None = None,
        auth: str = "user",
        headers: dict[str, str] | None = None,
        stream: Stream | None = None,
    ) -> Response:
        """Send a request and answer what comes back, faults too. Raises RestTimeout or Unreachable.

        auth: 'user' sends the context's token, 'service' the process's own, 'both' both, 'none' none.
        """
        process = self._process
        if not process.alive:
            raise ProcessKilled(process.name)
        sent: dict[str, str] = {}
        if auth == "service":
            sent["x-auth-token"] = self._token if process.runtime.now_ns() < self._token_until else await self._renewed(ctx)
        elif auth != "none":
            sent["x-auth-token"] = ctx.token
            if auth == "both":
                sent["x-service-token"] = await self.own_token(ctx)
        if version is not None:
            sent["openstack-api-version"] = version_header(VERSION_KINDS[service], version)
        data = b""
        if body is not None:
            data = body if isinstance(body, bytes) else encode(body)
            sent["content-type"] = "application/json"
        if headers:
            sent.update((name.lower(), value) for name, value in headers.items())
        while True:
            request = Request(method, target, sent, data, process.name, stream)
            response = await process.wires.router.call(process, ctx, service, request)
            if not process.alive:
                raise ProcessKilled(process.name)
            if response.status != 401 or auth != "service" or stream is not None:
                return response
            # Its own token was revoked: it gets another, as keystoneauth does, and asks once more.
            auth = "service anew"
            if self._token == sent["x-auth-token"]:
                self._token_until = 0
            sent["x-auth-token"] = await self.own_token(ctx)

    async def json(self, ctx: Context, service: str, method: str, target: str, **options: Any) -> Any:
        """The answer's JSON; options are those of `call`. Raises RemoteFault for a status of 400 or more."""
        response = await self.call(ctx, service, method, target, **options)
        if response.status >= 400:
            raise fault_of(service, response)
        return response.json()

    async def own_token(self, ctx: Context) -> str:
        """A token of the process's service user, fetched from keystone when needed."""
        return self._token if self._process.runtime.now_ns() < self._token_until else await self._renewed(ctx)

    async def _renewed(self, ctx: Context) -> str:
        fetching = self._fetching
        if fetching is None or fetching.done():
            fetching = self._fetching = self._process.spawn(self._fetch(ctx), "service token")
        return await asyncio.shield(fetching)

    async def _fetch(self, ctx: Context) -> str:
        config = self._process.config
        user = self._process.binary.partition("-")[0]
        domain = {"id": "default"}
        body = {
            "auth": {
                "identity": {
                    "methods": ["password"],
                    "password": {"user": {"name": user, "domain": domain, "password": config.service_password}},
                },
                "scope": {"project": {"name": "service", "domain": domain}},
            }
        }
        own = Context(request_id=ctx.request_id, cause=ctx.cause, periodic=ctx.periodic)
        response = await self.call(own, "identity", "POST", "/v3/auth/tokens?nocatalog", body=body, auth="none")
        if response.status != 201:
            raise fault_of("identity", response)
        self._token = response.headers["X-Subject-Token"]
        lasts = round((config.token_expiration_s - REFRESH_S) * NANOSECOND)
        self._token_until = self._process.runtime.now_ns() + lasts
        return self._token


def fault_of(service: str, response: Response) -> RemoteFault:
    """The error that a fault answer stands for."""
    text, code = response.content().decode("utf-8", "replace"), ""
    try:
        body = orjson.loads(text)
    except orjson.JSONDecodeError:
        body = None
    if isinstance(body, dict) and body:
        if body.get("errors"):
            text, code = body["errors"][0].get("detail", text), body["errors"][0].get("code", "")
        else:
            name, inner = next(iter(body.items()))
            if isinstance(inner, dict):
                text, code = str(inner.get("message", text)), str(inner.get("type", name))
    return RemoteFault(service, response.status, text, code)
