"""What all handlers of placement need: answers with the headers of their version, and its view of requests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from lab.context import Context
from lab.errors import BadRequest, LabError, MethodNotAllowed, NotAcceptable, NotFound, UnsupportedMedia
from lab.process import Process
from lab.rest import Api, Request, Response, Route, VersionRange
from lab.rest.message import Served
from lab.services.placement.query import Version
from lab.services.placement.wording import schema_words

CACHE_HEADERS: Version = (1, 15)
UNKNOWN_VERSION = "Unacceptable version header: "
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Answers(Api):
    """Base of placement's handlers."""

    refusal = "Policy does not allow {service}:{handler} to be performed."

    def __init__(self, process: Process) -> None:
        super().__init__(process)
        self._epoch_s = int(process.runtime.epoch.timestamp())
        self._day = (-1, "")
        """The day that was last written out, since 1970, and how."""

    def answer(self, request: Request, body: Any, status: int = 200, changed_ns: int | None = None) -> Response:
        """An answer that from 1.15 on says when its subject changed (now, when nobody knows)."""
        response = Response(status, body)
        if request.version >= CACHE_HEADERS:
            response.headers["cache-control"] = "no-cache"
            response.headers["last-modified"] = self._http_date(changed_ns)
        return response

    def _http_date(self, t_ns: int | None) -> str:
        runtime = self.process.runtime
        second = self._epoch_s + (runtime.now_ns() if t_ns is None else t_ns) // 1_000_000_000
        day, second = divmod(second, 86_400)
        if self._day[0] != day:
            date = datetime.fromtimestamp(day * 86_400, UTC)
            # Not by strftime: its names follow the machine's locale.
            self._day = (day, f"{_DAYS[date.weekday()]}, {date.day:02d} {_MONTHS[date.month - 1]} {date.year}")
        return f"{self._day[1]} {second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d} GMT"

    def _version_headers(self, version: Version, headers: dict[str, str]) -> None:
        super()._version_headers(version, headers)
        headers["Vary"] = headers["Vary"].lower()

    def _parse(self, asked: str, versions: VersionRange) -> Version:
        try:
            return super()._parse(asked, versions)
        except NotAcceptable:
            raise NotAcceptable(f"{UNKNOWN_VERSION}{asked}") from None
        except BadRequest:
            raise BadRequest(f"invalid version string: {asked}") from None

    def _refusal(self, methods: dict[str, list[Route]], request: Request) -> LabError:
        if request.method in methods:
            return NotFound("The resource could not be found.")
        return MethodNotAllowed(f"The method {request.method} is not allowed for this resource.", tuple(sorted(methods)))

    def _admit(self, served: Served, request: Request, ctx: Context) -> Route:
        route = super()._admit(served, request, ctx)
        accept = request.headers.get("accept", "")
        if accept and request.method == "GET" and not _accepts_json(accept):
            raise NotAcceptable("Only application/json is provided")
        return route

    def _read(self, served: Served, route: Route, request: Request) -> None:
        """As every API does, in placement's words and with its stricter view of headers."""
        if request.body and not request.headers.get("content-type"):
            raise BadRequest("content-type header required when content-length > 0")
        if route.body is not None and not request.body:
            kind = request.headers.get("content-type") or "None"
            if kind != "application/json":
                raise UnsupportedMedia(f"The media type {kind} is not supported, use application/json")
        try:
            super()._read(served, route, request)
        except UnsupportedMedia:
            kind = request.headers["content-type"]
            raise UnsupportedMedia(f"The media type {kind} is not supported, use application/json") from None
        except BadRequest as error:
            if isinstance(error.__context__, ValidationError):
                raise BadRequest(f"JSON does not validate: {schema_words(error.__context__)}") from None
            if "not valid JSON" in error.message or not request.body:
                raise BadRequest("Malformed JSON: the body cannot be decoded") from None
            raise BadRequest(f"JSON does not validate: {error.message}") from None


def _accepts_json(accept: str) -> bool:
    kinds = [part.partition(";")[0].strip() for part in accept.split(",")]
    return any(kind in ("*/*", "application/*", "application/json") for kind in kinds)
