"""Filters, order and pages of cinder's lists."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

from lab.errors import NotFound
from lab.rest import Request
from lab.services.volume.model import InvalidInput

T = TypeVar("T")

PAGE_MAX = 1000  # cinder.conf osapi_max_limit
TRUE = ("1", "t", "true", "on", "y", "yes")


def truth(text: str | None) -> bool:
    """Return the truth value of a query parameter; none is false."""
    return text is not None and text.strip().lower() in TRUE


def number(req: Request, name: str, default: int) -> int:
    """Return a number of the query that is not negative."""
    text = req.arg(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise InvalidInput(f"{name} param must be an integer" if "-" not in text else f"{name} param must be positive")
    return int(text)


def keep(rows: Sequence[T], req: Request, fields: dict[str, Callable[[T], Any]], like: bool) -> list[T]:
    """Return the rows that match every known filter of the query; `like` adds `name~=part` (from 3.34 on)."""
    left = list(rows)
    for name, take in fields.items():
        for wanted in req.args(name):
            left = [row for row in left if _equal(take(row), wanted)]
        for wanted in req.args(f"{name}~") if like else ():
            left = [row for row in left if wanted in str(take(row) or "")]
    return left


def _equal(value: Any, wanted: str) -> bool:
    if isinstance(value, bool):
        return value == truth(wanted)
    return str(value if value is not None else "") == wanted


def order(rows: Sequence[T], req: Request, fields: dict[str, Callable[[T], Any]]) -> list[T]:
    """Return the rows as `sort=name:asc,…` (or the older sort_key and sort_dir) says; else the newest first.

    `rows` are in order of insertion.
    """
    asked = [part for text in req.args("sort") for part in text.split(",") if part]
    if not asked and req.args("sort_key"):
        directions = req.args("sort_dir") or ["desc"]
        asked = [f"{key}:{directions[min(i, len(directions) - 1)]}" for i, key in enumerate(req.args("sort_key"))]
    ranked = list(reversed(rows))
    for part in reversed(asked):
        key, _, direction = part.strip().partition(":")
        if key not in fields:
            raise InvalidInput(f"Sort key supplied is not valid: {key}; known: {', '.join(sorted(fields))}")
        if direction not in ("", "asc", "desc"):
            raise InvalidInput(f"Unknown sort direction, must be one of: asc, desc; it is {direction}")
        take = fields[key]
        ranked.sort(key=lambda row: _rank(take(row)), reverse=direction != "asc")
    return ranked


def _rank(value: Any) -> tuple[bool, Any]:
    return (value is not None, value if value is not None else 0)


def page(rows: Sequence[T], req: Request, key: Callable[[T], str], url: str) -> tuple[list[T], list[dict[str, str]]]:
    """Return the page that limit, marker and offset ask for, and the link to the next one if there may be one."""
    limit = min(PAGE_MAX, number(req, "limit", PAGE_MAX))
    start = number(req, "offset", 0)
    marker = req.arg("marker")
    if marker is not None:
        places = [place for place, row in enumerate(rows) if key(row) == marker]
        if not places:
            raise NotFound(f"marker {marker} could not be found.")
        start += places[0] + 1
    part = list(rows[start : start + limit])
    if not part or len(part) < limit:
        return part, []
    query = [(name, value) for name, values in req.query.items() for value in values if name not in ("marker", "offset")]
    link = f"{url}?{urlencode([*query, ('marker', key(part[-1]))])}"
    return part, [{"rel": "next", "href": link}]
