"""One API process's dispatcher: match, version, token, policy, schema, handler, fault body."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import cache
from typing import Any, ClassVar

import orjson
from pydantic import ValidationError

from lab.context import Context
from lab.errors import (
    BadRequest,
    Forbidden,
    LabError,
    MethodNotAllowed,
    NotAcceptable,
    NotFound,
    TooLarge,
    Unauthorized,
    UnsupportedMedia,
)
from lab.journal import LazyBody
from lab.process import CURRENT, Process
from lab.rest.auth import Authenticator
from lab.rest.faults import STYLES, FaultTable
from lab.rest.message import Request, Response, Stream
from lab.rest.routes import PUBLIC, Found, Route, Trie, Version, VersionRange, explain

Handler = Callable[[Context, Request], Awaitable[Any]]

PATHS_MAX = 512
"""Paths whose routes an API remembers."""
JSON_TYPES = ("application/json", "application/vnd.openstack", "application/openstack-images")


@cache
def trie_of(routes: tuple[Route, ...]) -> Trie:
    """The routes of a service by path; they are data and never change."""
    return Trie(routes)


class Api:
    """Base of each service's API: routes and faults as class data, handlers as methods.

    A handler is `async def name(self, ctx, request)`; it answers a dict or list (JSON, the route's success
    status), None (an empty body) or a Response.
    """

    service: ClassVar[str] = ""
    prefix: ClassVar[str] = ""
    """Where the edge mounts the service; the service's name when empty."""
    routes: ClassVar[Sequence[Route]] = ()
    faults: ClassVar[FaultTable | None] = None
    versions: ClassVar[VersionRange | None] = None
    refusal: ClassVar[str] = "Policy doesn't allow {service}:{handler} to be performed."
    """What the service says when a route's policy refuses the caller."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.config = process.config
        self.trie = trie_of(tuple(self.routes))
        self.table = self.faults or FaultTable(STYLES[self.service])
        self.authenticator = Authenticator(process)
        self._handlers: dict[str, Handler] = {route.handler: getattr(self, route.handler) for route in self.routes}
        self._versions: dict[str, Version] = {}
        self._found: dict[str, Found] = {}
        """What lay at the last paths: the services ask each other for the same ones over and over."""

    def start(self) -> None:
        """Listen for requests until the process ends."""
        self.process.wires.router.listen(self.process, self)

    def url(self, path: str = "") -> str:
        """The public URL of a path of this service."""
        return f"{self.config.public_url}/{self.prefix or self.service}{path}"

    def label(self, request: Request) -> str:
        """How timing tables name a request: its method and route pattern, or its bare method."""
        found = self._found.get(request.path)
        if found is None:
            found = self.trie.match(request.path)
            if found is None:
                return request.method
            if len(self._found) >= PATHS_MAX:
                self._found.clear()
            self._found[request.path] = found
        request.found = found
        return f"{request.method} {found[2]}"

    # -- one request --------------------------------------------------------------------------

    async def handle(self, request: Request, sender: Context, cause: int) -> Response:
        """Serve one request that the journal has as entry `cause`.

        Every LabError becomes the service's own fault, another exception a 500 and a kept error.
        """
        ctx = sender
        try:
            route = self._choose(request)
            public = route is not None and route.policy is PUBLIC
            token = request.headers.get("x-auth-token", "")
            known = self.authenticator.remembered(token)
            if known is not None:
                ctx = known.within(sender, cause)
            else:
                ctx = Context(request_id=sender.request_id, cause=cause, periodic=sender.periodic)
                if token or not public:
                    ctx = await self.authenticator.identify(request, ctx, required=not public)
            handler = self._admit(route, request, ctx)
            CURRENT.set(ctx)
            response = self._answer(request, await handler(ctx, request))
        except LabError as error:
            response = self.table.answer(error, ctx.request_id)
        except Exception as error:
            if not self.process.alive:
                raise
            self.process.failed(ctx, f"{request.method} {request.path}", error)
            self.process.runtime.errors.append(error)
            response = self.table.answer(
                LabError(f"An unexpected error prevented the server from fulfilling your request: {error}"),
                ctx.request_id,
            )
        headers = response.headers
        headers.setdefault("x-openstack-request-id", ctx.request_id)
        if self.versions is not None:
            self._version_headers(request, headers)
        if request.method == "HEAD":
            size = response.body.size if isinstance(response.body, Stream) else len(response.content())
            if size is not None:
                headers.setdefault("Content-Length", str(size))
            response.body = b""
        return response

    def _version_headers(self, request: Request, headers: dict[str, str]) -> None:
        versions = self.versions
        if versions is None or request.version == (0, 0):
            return
        text = f"{request.version[0]}.{request.version[1]}"
        headers.setdefault("OpenStack-API-Version", f"{versions.kind} {text}")
        headers.setdefault("Vary", "OpenStack-API-Version")
        if versions.legacy_header:
            headers.setdefault(versions.legacy_header, text)
            headers["Vary"] = f"OpenStack-API-Version, {versions.legacy_header}"

    def _choose(self, request: Request) -> Route | None:
        """The route of the request's path, method and version; None when there is none."""
        found = request.found = request.found or self.trie.match(request.path)
        versions = self.versions
        if versions is not None:
            request.version = self.negotiate(request.headers)
        if found is None:
            return None
        method = request.method
        for route in found[0].get(method) or (found[0].get("GET") if method == "HEAD" else None) or ():
            if versions is None or route.serves(request.version):
                request.route = route
                return route
        return None

    def _admit(self, route: Route | None, request: Request, ctx: Context) -> Handler:
        """The handler of a request that may be served. Raises the error of one that may not."""
        found = request.found
        if found is None:
            raise NotFound("The resource could not be found.")
        if route is None:
            raise self._refusal(found[0], request)
        if not route.policy(ctx):
            raise Forbidden(self.refusal.format(service=self.service, handler=route.handler))
        if found[1]:
            request.params = dict(zip(route.names, found[1], strict=True))
        if request.body or request.method != "GET":
            self._read(route, request)
        return self._handlers[route.handler]

    def _refusal(self, methods: dict[str, list[Route]], request: Request) -> LabError:
        """No route of that method and version: 404 when another version has it, else 405."""
        if request.method in methods:
            return NotFound("The resource could not be found.")
        allowed = tuple(sorted({*methods, *(["HEAD"] if "GET" in methods else [])}))
        return MethodNotAllowed(f"The method {request.method} is not allowed for this resource.", allowed)

    def negotiate(self, headers: dict[str, str]) -> Version:
        """The microversion that the headers ask for. Raises BadRequest or NotAcceptable."""
        versions = self.versions
        assert versions is not None
        text = headers.get("openstack-api-version", "")
        asked = ""
        if text:
            for part in text.split(","):
                kind, _, number = part.strip().partition(" ")
                if kind == versions.kind:
                    asked = number.strip()
        if not asked and versions.legacy_header:
            asked = headers.get(versions.legacy_header.lower(), "")
        if not asked:
            return versions.default or versions.low
        known = self._versions.get(asked)
        if known is None:
            known = self._versions[asked] = self._parse(asked, versions)
        return known

    def _parse(self, asked: str, versions: VersionRange) -> Version:
        if asked == "latest":
            return versions.high
        major, _, minor = asked.partition(".")
        if not (major.isdecimal() and minor.isdecimal()) or (len(minor) > 1 and minor[0] == "0"):
            raise BadRequest(f"API Version String {asked} is of invalid format. Must be of format MajorNum.MinorNum.")
        version = (int(major), int(minor))
        if not versions.low <= version <= versions.high:
            low, high = (".".join(map(str, v)) for v in (versions.low, versions.high))
            raise NotAcceptable(f"Version {asked} is not supported by the API. Minimum is {low} and maximum is {high}.")
        return version

    def _read(self, route: Route, request: Request) -> None:
        """Check and decode the body."""
        if route.streaming:
            return
        if len(request.body) > self.config.max_request_body_bytes:
            raise TooLarge("Request is too large.")
        if request.method not in ("POST", "PUT", "PATCH", "DELETE"):
            return
        schema = route.schema(request.version)
        if schema is None and not request.body:
            return
        kind = request.headers.get("content-type", "").partition(";")[0].strip()
        if kind and not kind.startswith(JSON_TYPES) and request.body:
            raise UnsupportedMedia(f"Unsupported Content-Type {kind}; send application/json")
        try:
            content = orjson.loads(request.body) if request.body else None
        except orjson.JSONDecodeError:
            raise BadRequest("Malformed request body: it is not valid JSON") from None
        if schema is None:
            request.data = content
            return
        if not isinstance(content, dict):
            raise BadRequest("Malformed request body: a JSON object is needed")
        try:
            request.data = schema.model_validate(content)
        except ValidationError as error:
            raise BadRequest(explain(error)) from None

    def _answer(self, request: Request, result: Any) -> Response:
        if isinstance(result, Response):
            response = result
        else:
            assert request.route is not None
            response = Response(request.route.success, result)
        body = response.body
        if isinstance(body, Stream):
            if body.size is not None:
                response.headers.setdefault("Content-Length", str(body.size))
        elif body or isinstance(body, LazyBody):
            response.headers.setdefault("Content-Type", "application/json")
        return response

    async def authenticate(self, token: str) -> Context | None:
        """Check a token without asking keystone; only keystone itself can."""
        raise Unauthorized
