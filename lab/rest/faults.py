"""What an error becomes for a service's clients: a status and a body of that service's own shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from http import HTTPStatus

from lab.body import encode
from lab.errors import (
    BadRequest,
    CapacityError,
    Conflict,
    Forbidden,
    LabError,
    MethodNotAllowed,
    NoFreeAddress,
    NoNetworkAvailable,
    NoSpace,
    NotAcceptable,
    NotFound,
    NoValidHost,
    QuotaExceeded,
    RemoteFault,
    ServiceUnavailable,
    TooLarge,
    TransportError,
    Unauthorized,
    UnsupportedMedia,
)
from lab.rest.message import Response

Style = Callable[[int, LabError, str], Response]
"""(status, error, request id) -> the answer."""

STATUS: Mapping[type[LabError], int] = {
    BadRequest: 400,
    Unauthorized: 401,
    Forbidden: 403,
    NotFound: 404,
    MethodNotAllowed: 405,
    NotAcceptable: 406,
    Conflict: 409,
    TooLarge: 413,
    UnsupportedMedia: 415,
    QuotaExceeded: 403,
    NoValidHost: 400,
    NoFreeAddress: 409,
    NoNetworkAvailable: 503,
    NoSpace: 413,
    CapacityError: 503,
    TransportError: 500,
    ServiceUnavailable: 503,
    RemoteFault: 500,
    LabError: 500,
}
"""Statuses unless a service's own table says otherwise."""

JSON = {"Content-Type": "application/json"}


class FaultTable:
    """A service's errors: its shape of body and its own statuses."""

    def __init__(self, style: Style, table: Mapping[type[LabError], int] | None = None) -> None:
        self._style = style
        self._table = {**STATUS, **(table or {})}

    def status(self, error: LabError) -> int:
        """The status of an error: its class's, or that of its nearest known ancestor.

        A token that another service refuses is refused here too, so that the client gets itself another one; only keystone's
        refusal is of this service's own password. Source: ClientWrapper of nova/network/neutron.py.
        """
        if isinstance(error, RemoteFault) and error.status == 401 and error.service != "identity":
            return 401
        for cls in type(error).__mro__:
            if cls in self._table:
                return self._table[cls]
        return 500

    def answer(self, error: LabError, request_id: str) -> Response:
        """The fault as an answer."""
        response = self._style(self.status(error), error, request_id)
        if isinstance(error, MethodNotAllowed) and error.allowed:
            response.headers["Allow"] = ", ".join(error.allowed)
        if response.status == 401:
            response.headers.setdefault("WWW-Authenticate", 'Keystone uri="/identity"')
        return response


COMPUTE_CODES = {
    400: "badRequest",
    401: "unauthorized",
    403: "forbidden",
    404: "itemNotFound",
    405: "badMethod",
    409: "conflictingRequest",
    413: "overLimit",
    415: "badMediaType",
    429: "overLimit",
    501: "notImplemented",
    503: "serviceUnavailable",
}
"""Names of nova's and cinder's fault bodies by status."""


def compute_style(status: int, error: LabError, request_id: str) -> Response:
    """Nova's and cinder's: one key that names the fault."""
    name = COMPUTE_CODES.get(status, "computeFault")
    return Response(status, {name: {"code": status, "message": error.message}}, dict(JSON))


def network_style(status: int, error: LabError, request_id: str) -> Response:
    """Neutron's: type, message and detail."""
    kind = {
        400: "HTTPBadRequest",
        401: "HTTPUnauthorized",
        403: "PolicyNotAuthorized",
        404: "HTTPNotFound",
        405: "HTTPMethodNotAllowed",
        406: "HTTPNotAcceptable",
        409: "HTTPConflict",
        413: "HTTPRequestEntityTooLarge",
        415: "HTTPUnsupportedMediaType",
    }
    name = type(error).__name__
    if type(error).__module__ == "lab.errors":
        name = kind.get(status, "HTTPInternalServerError" if status >= 500 else name)
    return Response(status, {"NeutronError": {"type": name, "message": error.message, "detail": ""}}, dict(JSON))


def identity_style(status: int, error: LabError, request_id: str) -> Response:
    """Keystone's: code, title and message."""
    return Response(status, {"error": {"code": status, "title": _phrase(status), "message": error.message}}, dict(JSON))


def html_style(status: int, error: LabError, request_id: str) -> Response:
    """Glance's: the page that webob makes of an HTTP error."""
    title = f"{status} {_phrase(status)}"
    page = (
        f"<html>\n <head>\n  <title>{title}</title>\n </head>\n <body>\n  <h1>{title}</h1>\n"
        f"  {escape(error.message)}<br /><br />\n\n\n </body>\n</html>"
    )
    return Response(status, page.encode(), {"Content-Type": "text/html; charset=UTF-8"})


def object_style(status: int, error: LabError, request_id: str) -> Response:
    """Swift's: a short HTML text."""
    page = f"<html><h1>{_phrase(status)}</h1><p>{escape(error.message)}</p></html>"
    return Response(status, page.encode(), {"Content-Type": "text/html; charset=UTF-8"})


def placement_style(status: int, error: LabError, request_id: str) -> Response:
    """Placement's: a list of errors with their codes."""
    body = {
        "status": status,
        "title": _phrase(status),
        "detail": error.message,
        "code": getattr(error, "code", "") or "placement.undefined_code",
        "request_id": request_id,
    }
    return Response(status, encode({"errors": [body]}), dict(JSON))


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


STYLES: Mapping[str, Style] = {
    "compute": compute_style,
    "volume": compute_style,
    "network": network_style,
    "identity": identity_style,
    "image": html_style,
    "placement": placement_style,
    "object": object_style,
}
