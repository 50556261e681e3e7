"""How lists are narrowed: `?name=x`, `?enabled=true`, `?name__contains=x`, and cut into pages by limit and marker."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from lab.errors import BadRequest
from lab.rest.numbers import number
from lab.store import Record

R = TypeVar("R", bound=Record)

# keystone takes 0 and false in any writing as false, and everything else as true.
FALSE = frozenset({"0", "false", "f", "no", "off", "n"})

# The comparators of keystone's lists (`?name__icontains=dev`).
COMPARE: dict[str, Callable[[str, str], bool]] = {
    "contains": lambda text, wanted: wanted in text,
    "icontains": lambda text, wanted: wanted.lower() in text.lower(),
    "startswith": lambda text, wanted: text.startswith(wanted),
    "istartswith": lambda text, wanted: text.lower().startswith(wanted.lower()),
    "endswith": lambda text, wanted: text.endswith(wanted),
    "iendswith": lambda text, wanted: text.lower().endswith(wanted.lower()),
}


def truth(text: str) -> bool:
    """Read a boolean of the query string as keystone does."""
    return text.lower() not in FALSE


def narrow(records: Iterable[R], names: Sequence[str], query: Mapping[str, Sequence[str]]) -> list[R]:
    """Keep the records that the query asks for.

    Args:
        records: what there is.
        names: the fields that this list can be filtered by; other query parameters are ignored, as keystone does.
        query: the request's query, name to values.
    """
    kept = list(records)
    for key, values in query.items():
        name, _, comparator = key.partition("__")
        if name not in names or not values:
            continue
        kept = [record for record in kept if _fits(getattr(record, name), comparator, values[0])]
    return kept


def _fits(value: Any, comparator: str, wanted: str) -> bool:
    if isinstance(value, bool):
        return value is truth(wanted)
    if isinstance(value, list):
        return all(item in value for item in wanted.split(","))
    text = "" if value is None else str(value)
    if not comparator:
        return text == wanted
    compare = COMPARE.get(comparator)
    return compare is None or compare(text, wanted)


def page(records: Sequence[R], limit: str | None, marker: str | None, ids: Sequence[str]) -> tuple[list[R], str | None]:
    """Cut one page out of a list.

    Args:
        records: the whole list, in its order.
        limit: how many at most, as the query says it.
        marker: the id after which the page starts.
        ids: the id of each record.

    Returns:
        The page, and the marker of the next one (None at the end).

    Raises:
        BadRequest: the limit is no positive number, or nothing has the marker's id.
    """
    start, end = 0, len(records)
    if marker is not None:
        if marker not in ids:
            raise BadRequest(f"Marker {marker} could not be found.")
        start = ids.index(marker) + 1
    if limit is not None:
        most = number(limit)
        if not most:
            raise BadRequest("limit must be a positive integer.")
        end = min(end, start + most)
    rest = end < len(records) and end > start
    return list(records[start:end]), ids[end - 1] if rest else None
