"""Pages and query values: limit and marker, truth values, names that are not known, links to the next page."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode

from lab.errors import BadRequest

if TYPE_CHECKING:
    from lab.rest import Request

T = TypeVar("T")

# Source: nova.conf [api] max_limit.
PAGE_MAX = 1000
_YES = frozenset(("1", "t", "true", "on", "y", "yes"))
_NO = frozenset(("0", "f", "false", "off", "n", "no"))


def bad_query(name: str, value: object, reason: str) -> BadRequest:
    """Return the error of a malformed query value, in nova's words."""
    return BadRequest(f"Invalid input for query parameters {name}. Value: {value}. {reason}")


def refuse_unknown(req: Request, known: Collection[str]) -> None:
    """Raise BadRequest when the query has a name that is not known here."""
    for name in req.query:
        if name not in known:
            raise BadRequest(
                f"Invalid input for query parameters {name}. Value: {req.query[name]}. "
                f"Additional properties are not allowed ('{name}' was unexpected)"
            )


def whole(req: Request, name: str, default: int) -> int:
    """Return a whole number of the query that is not negative, or raise BadRequest."""
    text = req.arg(name)
    if text is None or text == "":
        return default
    if not re.fullmatch(r"[0-9]{1,19}", text):
        raise bad_query(name, text, f"{text!r} does not match '^[0-9]*$'")
    return int(text)


def page_of(req: Request) -> tuple[int, str | None]:
    """Return limit (at most 1000) and marker of the query."""
    return min(PAGE_MAX, whole(req, "limit", PAGE_MAX)), req.arg("marker")


def truth(text: str, name: str, *, lax: bool = False) -> bool:
    """Return the truth value of a text; other texts are a BadRequest, or False when lax."""
    value = text.strip().lower()
    if value in _YES or value in _NO or lax:
        return value in _YES
    raise BadRequest(
        f"Unrecognized value '{text}', acceptable values are: '0', '1', 'f', 'false', 'n', 'no', 'off', 'on', 't', 'true', 'y', 'yes'"
    )


def cut(items: Sequence[T], limit: int, marker: str | None, key: Any) -> list[T]:
    """Return one page of a list that is in order; `key` takes the marker's value of an item."""
    start = 0
    if marker is not None:
        places = [place for place, item in enumerate(items) if str(key(item)) == marker]
        if not places:
            raise BadRequest(f"marker [{marker}] not found")
        start = places[0] + 1
    return list(items[start : start + limit])


def next_link(req: Request, url: str, last: str) -> list[dict[str, str]]:
    """Return the links to the next page: the same request with another marker."""
    query = [(name, value) for name, values in req.query.items() for value in values if name != "marker"]
    return [{"rel": "next", "href": f"{url}?{urlencode([*query, ('marker', last)])}"}]


def is_full(req: Request, count: int) -> bool:
    """Say whether the page is full, so that there may be a next one. Source: nova's _get_collection_links."""
    return count > 0 and count == min(PAGE_MAX, whole(req, "limit", PAGE_MAX))
