"""Conditional and partial reads: If-* headers and Range, as RFC 9110 has them."""

from __future__ import annotations

from datetime import datetime

from lab.services.object.model import PreconditionFailed, RangeNotSatisfiable
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


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Return first and last byte of a Range header; None sends all: no range, several, or one that makes no sense.

    Raises RangeNotSatisfiable when it lies behind the end.

    >>> byte_range("bytes=-2", 10)
    (8, 9)
    """
    unit, equals, spec = (header or "").partition("=")
    first_text, dash, last_text = spec.strip().partition("-")
    if unit.strip() != "bytes" or not equals or not dash or "," in spec:
        return None
    if not all(part == "" or (part.isascii() and part.isdigit()) for part in (first_text, last_text)):
        return None
    if first_text == "":
        if last_text == "":
            return None
        if int(last_text) == 0 or size == 0:
            raise RangeNotSatisfiable(size)
        return max(0, size - int(last_text)), size - 1
    first = int(first_text)
    last = min(int(last_text), size - 1) if last_text else size - 1
    if first >= size:
        raise RangeNotSatisfiable(size)
    return (first, last) if first <= last else None
