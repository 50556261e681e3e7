"""The HTTP edge: all APIs on one port, bytes in and bytes out.

FastAPI publishes the OpenAPI page from the route tables, its own validation off; the one dispatcher of
`lab.rest.api` serves every request, on HTTP as in process. `/glasscloud/*` never waits for the clock.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Protocol

import orjson
from fastapi import FastAPI
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import Response as HttpResponse
from starlette.responses import StreamingResponse
from starlette.routing import Route as HttpRoute
from starlette.types import Receive, Scope, Send

from lab.context import Context
from lab.errors import LabError, TransportError
from lab.journal import Journal
from lab.journal.export import trace
from lab.rest.api import Api, trie_of
from lab.rest.message import Response, Stream

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "COPY"]
UPLOAD_LIMIT = 5 * 2**30
"""Bytes of one upload. Source: swift's max_file_size."""
JOURNAL_PAGE = 50_000
"""Entries of one answer; the caller goes on with `since`."""


class World(Protocol):
    """What the edge needs of a running cloud."""

    journal: Journal
    apis: dict[str, type[Api]]

    async def request(
        self, service: str, method: str, target: str, headers: dict[str, str], body: bytes, streaming: bool
    ) -> Response: ...

    async def pull(self, work: Callable[[], Awaitable[Any]]) -> Any: ...

    def who(self, token: str) -> Context | None: ...

    def health(self) -> dict[str, Any]: ...

    def clock(self, change: dict[str, Any]) -> dict[str, Any]: ...


class Edge:
    """One cloud's HTTP face."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.prefixes = {api.prefix or service: service for service, api in world.apis.items()}

    def app(self) -> FastAPI:
        """The ASGI application."""
        app = FastAPI(
            title="Glasscloud", docs_url="/glasscloud/docs", openapi_url="/glasscloud/openapi.json", redoc_url=None
        )
        app.openapi = lambda: openapi(self.world.apis)  # type: ignore[method-assign]
        app.router.routes.insert(0, HttpRoute("/glasscloud/{what}", self.control, methods=["GET", "PUT"]))
        app.router.routes[0:0] = []
        app.router.routes.append(HttpRoute("/", self.index, methods=["GET"]))
        app.router.default = self.serve
        _docs_first(app)
        return app

    async def index(self, request: HttpRequest) -> HttpResponse:
        """Say what is served where."""
        found = {service: f"/{prefix}" for prefix, service in self.prefixes.items()}
        return _json(200, {"glasscloud": found, "docs": "/glasscloud/docs", "health": "/glasscloud/health"})

    # -- OpenStack APIs -----------------------------------------------------------------------

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Carry one request to its service and the answer back."""
        if scope["type"] != "http":
            return
        request = HttpRequest(scope, receive)
        answer = await self._answer(request)
        await answer(scope, receive, send)

    async def _answer(self, request: HttpRequest) -> HttpResponse:
        raw: bytes = request.scope.get("raw_path") or request.url.path.encode()
        prefix, _, rest = raw.decode("latin-1").lstrip("/").partition("/")
        service = self.prefixes.get(prefix)
        if service is None:
            return _json(
                404,
                {
                    "error": {
                        "code": 404,
                        "message": f"nothing is served under /{prefix}; known: /" + ", /".join(self.prefixes),
                    }
                },
            )
        query = request.scope["query_string"].decode("latin-1")
        target = f"/{rest}?{query}" if query else f"/{rest}"
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in request.scope["headers"]}
        streaming = _streams(self.world.apis[service], request.method, f"/{rest}")
        try:
            body = await _read(request, headers, UPLOAD_LIMIT if streaming else 2**21)
        except ClientDisconnect:
            return HttpResponse(status_code=400)
        try:
            response = await self.world.request(service, request.method, target, headers, body, streaming)
        except TransportError as error:
            return _json(503, {"error": {"code": 503, "title": "Service Unavailable", "message": str(error)}})
        except (LabError, RuntimeError) as error:
            return _json(500, {"error": {"code": 500, "title": "Internal Server Error", "message": str(error)}})
        if isinstance(response.body, Stream):
            return StreamingResponse(self._chunks(response.body), response.status, response.headers)
        return _plain(response, request.method)

    async def _chunks(self, stream: Stream) -> AsyncIterator[bytes]:
        chunks = stream.open()
        while True:
            try:
                yield await self.world.pull(chunks.__anext__)
            except StopAsyncIteration:
                return
            except RuntimeError as error:
                if isinstance(error.__cause__, StopAsyncIteration):
                    return
                raise

    # -- /glasscloud --------------------------------------------------------------------------

    async def control(self, request: HttpRequest) -> HttpResponse:
        """Health without a token; journal and clock for administrators."""
        what = request.path_params["what"]
        if what == "health":
            health = self.world.health()
            return _json(200 if health["ready"] else 503, health)
        ctx = self.world.who(request.headers.get("x-auth-token", ""))
        if ctx is None:
            return _json(401, {"error": {"code": 401, "message": "a valid token is needed in X-Auth-Token"}})
        if not ctx.is_admin:
            return _json(403, {"error": {"code": 403, "message": "only an administrator may look into the cloud"}})
        if what == "journal" and request.method == "GET":
            return self._journal(request)
        if what == "clock":
            return await self._clock(request)
        return _json(
            404,
            {
                "error": {
                    "code": 404,
                    "message": f"no /glasscloud/{what}; known: health, journal, clock, docs, openapi.json",
                }
            },
        )

    def _journal(self, request: HttpRequest) -> HttpResponse:
        text = request.query_params.get("since", "0")
        form = request.query_params.get("format", "native")
        if not text.isdecimal() or form not in ("native", "trace"):
            return _json(
                400, {"error": {"code": 400, "message": "since is a sequence number, format is native or trace"}}
            )
        since = int(text)
        journal = self.world.journal
        if form == "trace":
            lines = [orjson.dumps(row) for row in trace(journal.since(since), polls=True)]
        else:
            lines = []
            for entry in journal.since(since):
                lines.append(entry.line())
                if len(lines) >= JOURNAL_PAGE:
                    break
        data = b"\n".join(lines) + (b"\n" if lines else b"")
        return HttpResponse(data, 200, {"X-Glasscloud-Seq": str(journal.seq)}, "application/jsonl")

    async def _clock(self, request: HttpRequest) -> HttpResponse:
        change: dict[str, Any] = {}
        if request.method == "PUT":
            try:
                change = orjson.loads(await request.body())
                speed = change.get("speed")
                if speed is not None:
                    change["speed"] = math.inf if speed == "max" else float(speed)
            except (ValueError, TypeError, AttributeError):
                return _json(
                    400,
                    {
                        "error": {
                            "code": 400,
                            "message": 'send {"paused": bool, "speed": number or "max", "step": messages}',
                        }
                    },
                )
        try:
            return _json(200, self.world.clock(change))
        except ValueError as error:
            return _json(400, {"error": {"code": 400, "message": str(error)}})


def _docs_first(app: FastAPI) -> None:
    """Let FastAPI's own pages win over the `/glasscloud/{what}` route."""
    routes = app.router.routes
    own = [r for r in routes if getattr(r, "path", "").startswith(("/glasscloud/docs", "/glasscloud/openapi"))]
    routes[:] = [*own, *(r for r in routes if r not in own)]


def _streams(api: type[Api], method: str, path: str) -> bool:
    found = trie_of(tuple(api.routes)).match(path)
    return bool(found and any(r.streaming for r in found[0].get(method, ())))


async def _read(request: HttpRequest, headers: dict[str, str], limit: int) -> bytes:
    """The whole body, cut one byte above the limit so that the dispatcher refuses it."""
    parts, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= limit:
            parts.append(chunk)
    body = b"".join(parts)
    return body if size <= limit else body + b" " * (limit + 1 - len(body))


def _plain(response: Response, method: str) -> HttpResponse:
    data = response.content()
    answer = HttpResponse(data, response.status)
    del answer.headers["content-length"]
    for name, value in response.headers.items():
        answer.headers[name] = value
    if "content-length" not in answer.headers and response.status not in (204, 304):
        answer.headers["content-length"] = str(len(data))
    return answer


def _json(status: int, body: dict[str, Any]) -> HttpResponse:
    return HttpResponse(orjson.dumps(body), status, media_type="application/json")


def openapi(apis: dict[str, type[Api]]) -> dict[str, Any]:
    """The OpenAPI description of every route table."""
    paths: dict[str, dict[str, Any]] = {}
    for service, api in apis.items():
        for route in api.routes:
            path = f"/{api.prefix or service}{route.path.replace(':path', '')}"
            operation: dict[str, Any] = {
                "tags": [service],
                "operationId": f"{service}_{route.handler}_{route.method.lower()}_{route.since[0]}_{route.since[1]}",
                "summary": route.summary or route.handler.replace("_", " "),
                "parameters": [
                    {"name": n, "in": "path", "required": True, "schema": {"type": "string"}} for n in route.names
                ],
                "responses": {str(route.success): {"description": "success"}},
            }
            schema = route.body[-1][1] if isinstance(route.body, tuple) else route.body
            if schema is not None:
                content = {
                    "application/json": {
                        "schema": schema.model_json_schema(ref_template="#/components/schemas/{model}")
                    }
                }
                operation["requestBody"] = {"content": content, "required": True}
            paths.setdefault(path, {})[route.method.lower()] = operation
    return {"openapi": "3.1.0", "info": {"title": "Glasscloud", "version": "1"}, "paths": paths}
