"""One API process's dispatcher: match, version, token, policy, schema, handler, fault body."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import cache
from typing import Any, ClassVar, TypeVar

import orjson

from lab.context import Context, set_current
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
from lab.process import Process
from lab.rest.auth import Authenticator
from lab.rest.faults import STYLES, FaultTable
from lab.rest.message import Request, Response, Served, Stream
from lab.rest.numbers import number
from lab.rest.routes import PUBLIC, Found, Route, Trie, Version, VersionRange

Key = TypeVar("Key")
What = TypeVar("What")
Handler = Callable[[Context, Request], Awaitable[Any]]

REMEMBERED_MAX = 512
"""Paths, and ways to serve requests, that an API remembers."""
NO_VERSION: Version = (0, 0)
"""The microversion of what has none."""
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
    ending: ClassVar[str] = ""
    """What a path may end in without meaning another."""
    refusal: ClassVar[str] = "Policy doesn't allow {service}:{handler} to be performed."
    """What the service says when a route's policy refuses the caller."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.config = process.config
        self.trie = trie_of(tuple(self.routes))
        self.table = self.faults or FaultTable(STYLES[self.service])
        self.authenticator = Authenticator(process)
        self._handlers: dict[str, Handler] = {route.handler: getattr(self, route.handler) for route in self.routes}
        self._legacy = self.versions.legacy_header.lower() if self.versions is not None else ""
        self._planned: dict[tuple[str | None, ...], tuple[Found | None, Served]] = {}
        """What lay where the last requests went: the services ask each other for the same over and over."""
        self._served: dict[tuple[str | None, ...], Served] = {}
        """How requests are served by method, path pattern and, where there are versions, those that were asked for."""

    def start(self) -> None:
        """Listen for requests until the process ends."""
        self.process.wires.router.listen(self.process, self)

    def url(self, path: str = "") -> str:
        """The public URL of a path of this service."""
        return f"{self.config.public_url}/{self.prefix or self.service}{path}"

    def plan(self, request: Request) -> Served:
        """How the request will be served. It is noted in the request, with what lies at its path."""
        asked: tuple[str | None, ...]
        if self.versions is None:
            asked = (request.method, request.path)
        else:
            headers = request.headers
            asked = (request.method, request.path, headers.get("openstack-api-version"), headers.get(self._legacy))
        planned = self._planned.get(asked)
        if planned is None:
            found = request.found = self.trie.match(request.path.removesuffix(self.ending))
            pattern = found[2] if found is not None else ""
            alike = (request.method, pattern, *asked[2:])
            served = self._served.get(alike)
            if served is None:
                served = _remember(self._served, alike, self._plan(request, pattern))
            planned = _remember(self._planned, asked, (found, served))
        request.found, request.served = planned
        request.version = planned[1].version
        return planned[1]

    def _plan(self, request: Request, pattern: str) -> Served:
        method, found, version = request.method, request.found, NO_VERSION
        label = f"{method} {pattern}" if pattern else method
        pace = self.process.wires.medium.pace(self.process.binary, label)
        headers: dict[str, str] = {}
        if self.versions is not None:
            try:
                version = self.negotiate(request.headers)
            except LabError:  # `handle` negotiates again, and answers the error
                return Served(label, pace, NO_VERSION, headers, None)
            self._version_headers(version, headers)
        routes = found[0].get(method) or (found[0].get("GET") if method == "HEAD" else None) if found is not None else None
        route = next((route for route in routes or () if self.versions is None or route.serves(version)), None)
        served = Served(label, pace, version, headers, route)
        if route is not None:
            served.handler, served.public = self._handlers[route.handler], route.policy is PUBLIC
            served.schema = route.schema(version)
        return served

    # -- one request --------------------------------------------------------------------------

    async def handle(self, request: Request, sender: Context, cause: int) -> Response:
        """Serve one request that the journal has as entry `cause`.

        Every LabError becomes the service's own fault, another exception a 500 and a kept error.
        """
        ctx = sender
        served = request.served or self.plan(request)
        try:
            if self.versions is not None and served.version is NO_VERSION:
                self.negotiate(request.headers)
            public = served.public
            token = request.headers.get("x-auth-token", "")
            known = self.authenticator.remembered(token)
            if known is not None:
                ctx = known.within(sender, cause)
            else:
                ctx = Context(request_id=sender.request_id, cause=cause, periodic=sender.periodic)
                if token or not public:
                    ctx = await self.authenticator.identify(request, ctx, required=not public)
            route = self._admit(served, request, ctx)
            set_current(ctx)
            handler = served.handler
            result = await handler(ctx, request)
            response = result if isinstance(result, Response) else Response(route.success, result)
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
        return self._finish(request, served, response, ctx)

    def _finish(self, request: Request, served: Served, response: Response, ctx: Context) -> Response:
        """Give an answer the headers that every one has."""
        body = response.body
        streamed = type(body) is Stream
        usual = served.headers_of_json if body and not streamed else served.headers
        headers = response.headers = usual | response.headers
        headers["x-openstack-request-id"] = ctx.request_id
        if streamed or request.method == "HEAD":
            size = body.size if isinstance(body, Stream) else len(response.content())
            if size is not None:
                headers.setdefault("Content-Length", str(size))
            if request.method == "HEAD":
                response.body = b""
        return response

    def _version_headers(self, version: Version, headers: dict[str, str]) -> None:
        """The headers that say in which version a request was served."""
        versions = self.versions
        assert versions is not None
        text = f"{version[0]}.{version[1]}"
        headers["OpenStack-API-Version"] = f"{versions.kind} {text}"
        headers["Vary"] = "OpenStack-API-Version"
        if versions.legacy_header:
            headers[versions.legacy_header] = text
            headers["Vary"] = f"OpenStack-API-Version, {versions.legacy_header}"

    def _admit(self, served: Served, request: Request, ctx: Context) -> Route:
        """The route of a request that may be served. Raises the error of one that may not."""
        found, route = request.found, served.route
        if found is None:
            raise NotFound("The resource could not be found.")
        if route is None:
            raise self._refusal(found[0], request)
        policy = route.policy
        if not policy(ctx):
            raise Forbidden(self.refusal.format(service=self.service, handler=route.handler))
        if found[1]:
            request.params = dict(zip(route.names, found[1]))  # noqa: B905 (as many as the pattern has; saying so costs more than this)
        if request.body or request.method != "GET":
            self._read(served, route, request)
        return route

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
        return self._parse(asked, versions) if asked else versions.default or versions.low

    def _parse(self, asked: str, versions: VersionRange) -> Version:
        if asked == "latest":
            return versions.high
        first, _, second = asked.partition(".")
        major, minor = number(first), number(second)
        if major is None or minor is None or (len(second) > 1 and second[0] == "0"):
            raise BadRequest(f"API Version String {asked} is of invalid format. Must be of format MajorNum.MinorNum.")
        version = (major, minor)
        if not versions.low <= version <= versions.high:
            low, high = (".".join(map(str, v)) for v in (versions.low, versions.high))
            raise NotAcceptable(f"Version {asked} is not supported by the API. Minimum is {low} and maximum is {high}.")
        return version

    def _read(self, served: Served, route: Route, request: Request) -> None:
        """Check and decode the body."""
        if route.streaming:
            return
        if len(request.body) > self.config.max_request_body_bytes:
            raise TooLarge("Request is too large.")
        if request.method not in ("POST", "PUT", "PATCH", "DELETE"):
            return
        schema = served.schema
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
        request.data = schema.read(content)

    async def authenticate(self, token: str) -> Context | None:
        """Check a token without asking keystone; only keystone itself can."""
        raise Unauthorized


def _remember(known: dict[Key, What], key: Key, what: What) -> What:
    """Keep it, and forget all others when they are too many."""
    if len(known) >= REMEMBERED_MAX:
        known.clear()
    known[key] = what
    return what
