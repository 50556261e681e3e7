"""The HTTP edge: all APIs on one port, bytes in and bytes out.

FastAPI publishes the OpenAPI page from the route tables, its own validation off; the one dispatcher of
`lab.rest.api` serves every request, on HTTP as in process. `/glasscloud/*` never waits for the clock.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Protocol

from fastapi import FastAPI
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import Response as HttpResponse
from starlette.responses import StreamingResponse
from starlette.routing import Route as HttpRoute
from starlette.types import Receive, Scope, Send

from lab.errors import LabError, TooLarge, TransportError, Unreachable
from lab.rest.api import Api, trie_of
from lab.rest.control import METHODS, Control
from lab.rest.message import BODY_LIMIT, Response, Stream, headers_of, whole
from lab.rest.numbers import number
from lab.rest.openapi import openapi
from lab.rest.watched import Watched, fault, reply

UPLOAD_LIMIT = 5 * 2**30
"""Bytes of one upload. Source: swift's max_file_size."""



class World(Watched, Protocol):
    """What the edge needs of a running cloud."""

    apis: dict[str, type[Api]]
    streams: bool
    """Whether it takes uploads piece by piece as they come; else they are handed over whole."""

    async def request(
        self, service: str, method: str, target: str, headers: dict[str, str], body: bytes | Stream
    ) -> Response: ...


class Edge:
    """One cloud's HTTP face."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.prefixes = {api.prefix or service: service for service, api in world.apis.items()}

    def app(self) -> FastAPI:
        """The ASGI application."""
        app = FastAPI(
            title="Glasscloud",
            docs_url="/glasscloud/docs",
            openapi_url="/glasscloud/openapi.json",
            redoc_url=None,
            redirect_slashes=False,
        )
        apis = {prefix: self.world.apis[service] for prefix, service in self.prefixes.items()}
        app.openapi = lambda: openapi(apis)  # type: ignore[method-assign]
        # After FastAPI's own pages, which lie under the same path.
        app.router.routes.append(HttpRoute("/glasscloud/{what:path}", Control(self.world).serve, methods=METHODS))
        app.router.routes.append(HttpRoute("/", self.index, methods=["GET"]))
        app.router.default = self.serve
        return app

    async def index(self, request: HttpRequest) -> HttpResponse:
        """Say what is served where."""
        found = {service: f"/{prefix}" for prefix, service in self.prefixes.items()}
        return reply(200, {"glasscloud": found, "docs": "/glasscloud/docs", "health": "/glasscloud/health"})

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Carry one request to its service and the answer back."""
        if scope["type"] != "http":
            return
        try:
            answer = await self._answer(HttpRequest(scope, receive))
        except ClientDisconnect:
            return
        await answer(scope, receive, send)

    async def _answer(self, request: HttpRequest) -> HttpResponse:
        raw: bytes = request.scope.get("raw_path") or request.url.path.encode()
        prefix, _, rest = raw.decode("latin-1").lstrip("/").partition("/")
        service = self.prefixes.get(prefix)
        if service is None:
            return fault(404, f"nothing is served under /{prefix}; known: /" + ", /".join(self.prefixes))
        query = request.scope["query_string"].decode("latin-1")
        target = f"/{rest}?{query}" if query else f"/{rest}"
        upload = _takes_upload(self.world.apis[service], request.method, f"/{rest}")
        body: bytes | Stream
        if upload and self.world.streams:
            body = Stream(partial(_pieces, request), _length(request))
        else:
            body = await whole(request.stream(), UPLOAD_LIMIT if upload else BODY_LIMIT)
        try:
            response = await self.world.request(service, request.method, target, headers_of(request.scope["headers"]), body)
        except TransportError as error:
            return fault(503, str(error))
        except (LabError, RuntimeError) as error:
            return fault(500, str(error))
        if isinstance(response.body, Stream):
            return StreamingResponse(response.body.open(), response.status, response.headers)
        return _plain(response, request.method)


def _takes_upload(api: type[Api], method: str, path: str) -> bool:
    found = trie_of(tuple(api.routes)).match(path)
    return bool(found and any(route.streaming for route in found[0].get(method, ())))


def _length(request: HttpRequest) -> int | None:
    """How long the body will be, if the client says so."""
    return number(request.headers.get("content-length", ""))


async def _pieces(request: HttpRequest) -> AsyncIterator[bytes]:
    """The body as it comes. Raises TooLarge, or Unreachable when the client hangs up."""
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > UPLOAD_LIMIT:
                raise TooLarge(f"an upload has at most {UPLOAD_LIMIT} bytes")
            yield chunk
    except ClientDisconnect:
        raise Unreachable(f"the client hung up after {size} bytes") from None


def _plain(response: Response, method: str) -> HttpResponse:
    data = response.content()
    answer = HttpResponse(data, response.status)
    del answer.headers["content-length"]
    for name, value in response.headers.items():
        answer.headers[name] = value
    if "content-length" not in answer.headers and method != "HEAD" and response.status not in (204, 304):
        answer.headers["content-length"] = str(len(data))
    return answer
