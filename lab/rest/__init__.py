"""REST: routes as data, one dispatcher under two transports, and each service's own faults."""

from lab.journal import LazyBody
from lab.rest.api import Api
from lab.rest.faults import FaultTable
from lab.rest.message import Request, Response, Stream
from lab.rest.routes import (
    ADMIN,
    MEMBER,
    PUBLIC,
    READER,
    SERVICE,
    TOKEN,
    Policy,
    Route,
    VersionRange,
    per_version,
)

__all__ = [
    "ADMIN",
    "MEMBER",
    "PUBLIC",
    "READER",
    "SERVICE",
    "TOKEN",
    "Api",
    "FaultTable",
    "LazyBody",
    "Policy",
    "Request",
    "Response",
    "Route",
    "Stream",
    "VersionRange",
    "per_version",
]
