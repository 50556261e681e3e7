"""Conditional reads: the If-* headers, as RFC 9110 has them."""

from __future__ import annotations

from datetime import datetime

from lab.services.object.model import PreconditionFailed
from lab.services.object.times import parse_date


def not_modified(headers: dict[str, str], etag: str, modified: datetime) -> bool:
    """Say whether the client has the newest version already (304). Raises PreconditionFailed when it wants another one."""
    match, none_match = headers.get("if-match"), headers.get("if-none-match")
    if match is not None and not _names(match, etag):
        raise PreconditionFailed
    unmodified = parse_date(headers.get("if-unmodified-since", ""))
    if match is None and unmodified is not None and modified > unmodified:
        raise PreconditionFailed
    if none_match is not None:
        return _names(none_match, etag)
    since = parse_date(headers.get("if-modified-since", ""))
    return since is not None and modified <= since


def _names(header: str, etag: str) -> bool:
    tags = [tag.strip().removeprefix("W/").strip('"') for tag in header.split(",")]
    return "*" in tags or etag in tags
