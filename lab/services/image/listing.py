"""Lists of images: which of them, in which order, and which page.

Source: the section "List images" of the Image service API v2 reference (filters, the operators `in:` and `gt:` …,
both spellings of the sort order), and glance's limits below.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from lab.context import Context
from lab.errors import BadRequest
from lab.rest.numbers import number
from lab.runtime import Runtime
from lab.services.image.model import VISIBILITIES, Image
from lab.values import value

# glance's [DEFAULT] limit_param_default and api_limit_max.
LIMIT_DEFAULT = 25
LIMIT_MAX = 1000

SORT_KEYS = ("name", "status", "container_format", "disk_format", "size", "id", "created_at", "updated_at")
MEMBER_STATUS_FILTER = ("pending", "accepted", "rejected", "all")

# Query parameters that are no filters.
STEERING = frozenset({"limit", "marker", "sort", "sort_key", "sort_dir", "member_status", "visibility", "tag", "os_hidden"})

# Attributes that are compared as text.
PLAIN_FIELDS = frozenset(Image.fields()) - {"tags", "properties", "created_ns", "updated_ns"}

# Filters whose value may be a list, `in:a,b`, and those that compare an instant, `gte:2026-01-01T00:00:00Z`.
LISTS = frozenset({"id", "name", "status", "container_format", "disk_format"})
INSTANTS = frozenset({"created_at", "updated_at"})
COMPARE: dict[str, Callable[[str, str], bool]] = {
    "gt": lambda mine, wanted: mine > wanted,
    "gte": lambda mine, wanted: mine >= wanted,
    "lt": lambda mine, wanted: mine < wanted,
    "lte": lambda mine, wanted: mine <= wanted,
    "eq": lambda mine, wanted: mine == wanted,
    "neq": lambda mine, wanted: mine != wanted,
}

Query = Mapping[str, Sequence[str]]


@value
class Order:
    """How a list is sorted: pairs of a key and whether it falls, most important first."""

    keys: tuple[tuple[str, bool], ...]


def first(query: Query, name: str, default: str = "") -> str:
    """The first value of a query parameter."""
    values = query.get(name)
    return values[0] if values else default


def read_order(query: Query) -> Order:
    """Read `sort=name:asc,size` or `sort_key=…&sort_dir=…`. Raises BadRequest."""
    if "sort" in query:
        if "sort_key" in query or "sort_dir" in query:
            raise BadRequest("Old and new sorting syntax cannot be combined")
        parts = [part.partition(":") for part in query["sort"][0].split(",")]
        keys = [key.strip() for key, _, _ in parts]
        directions = [direction.strip() or "desc" for _, _, direction in parts]
    else:
        keys = list(query.get("sort_key", ())) or ["created_at"]
        directions = list(query.get("sort_dir", ())) or ["desc"]
        if len(directions) > 1 and len(directions) != len(keys):
            raise BadRequest("Number of sort dirs does not match the number of sort keys")
        if len(directions) == 1:
            directions *= len(keys)
    for key in keys:
        if key not in SORT_KEYS:
            raise BadRequest(f"Invalid sort key: {key}. It must be one of the following: {', '.join(SORT_KEYS)}.")
    for direction in directions:
        if direction not in ("asc", "desc"):
            raise BadRequest(f"Invalid sort direction: {direction}")
    # Ties are broken as glance does: by creation, then by id, in the direction of the first key.
    falls = [direction == "desc" for direction in directions]
    pairs = list(zip(keys, falls, strict=True))
    pairs += [(key, falls[0]) for key in ("created_at", "id") if key not in keys]
    return Order(tuple(pairs))


def in_order(images: list[Image], order: Order) -> list[Image]:
    """Sort images; what has no value comes first when rising."""
    for key, falls in reversed(order.keys):
        name = {"created_at": "created_ns", "updated_at": "updated_ns"}.get(key, key)
        images = sorted(images, key=lambda image, n=name: _rank(getattr(image, n)), reverse=falls)  # type: ignore[misc]
    return images


def _rank(value: Any) -> tuple[bool, Any]:
    return (value is not None, value if value is not None else 0)


def in_sight(ctx: Context, images: Sequence[Image], query: Query, shares: Mapping[str, str]) -> Iterator[Image]:
    """The images that a list shows to the caller.

    Args:
        ctx: who asks.
        images: all that there are.
        query: `visibility`, `member_status` and `os_hidden` steer it.
        shares: what the caller's project said to the images shared with it: image id to member status.
    """
    visibility = first(query, "visibility")
    if visibility and visibility not in (*VISIBILITIES, "all"):
        raise BadRequest(f"Invalid visibility value: {visibility}")
    wanted_status = first(query, "member_status", "accepted")
    if wanted_status not in MEMBER_STATUS_FILTER:
        raise BadRequest(f"Invalid status: {wanted_status}")
    hidden = read_truth("os_hidden", first(query, "os_hidden", "false"))
    for image in images:
        if image.status == "pending_delete" or image.os_hidden is not hidden:
            continue
        if visibility and visibility not in ("all", image.visibility):
            continue
        share = shares.get(image.id) if image.visibility == "shared" else None
        mine = image.owner == ctx.project_id and bool(image.owner)
        open_to_all = image.visibility == "public" or (
            # Community images fill nobody's list who did not ask for them.
            image.visibility == "community" and visibility in ("community", "all")
        )
        shared = share is not None and wanted_status in ("all", share)
        if mine or open_to_all or shared or (ctx.is_admin and image.visibility != "community"):
            yield image


def fitting(images: Iterator[Image], query: Query, runtime: Runtime) -> list[Image]:
    """Keep the images that pass all filters of the query. Raises BadRequest."""
    if "changes-since" in query:
        raise BadRequest('The "changes-since" filter is no longer available on v2.')
    tags = set(query.get("tag", ()))
    tests = [_test(name, values[0], runtime) for name, values in query.items() if name not in STEERING and values]
    return [image for image in images if tags <= set(image.tags) and all(test(image) for test in tests)]


def _test(name: str, value: str, runtime: Runtime) -> Callable[[Image], bool]:
    """The test of one filter."""
    if name in INSTANTS:
        return _instant_test(name, value, runtime)
    if name == "protected":
        wanted = read_truth(name, value)
        return lambda image: image.protected is wanted
    if name in ("size_min", "size_max"):
        bound = _number(name, value)
        if name == "size_min":
            return lambda image: image.size is not None and image.size >= bound
        return lambda image: image.size is not None and image.size <= bound
    if name in LISTS and value.startswith("in:"):
        # Names with commas stand in quotation marks.
        names = [part.strip().strip('"') for part in value.removeprefix("in:").split(",")]
        return lambda image: getattr(image, name) in names
    if name in LISTS and value.startswith("eq:"):
        value = value.removeprefix("eq:")
    if name in PLAIN_FIELDS:
        return lambda image: str(getattr(image, name)) == value
    return lambda image: image.properties.get(name) == value


def _instant_test(name: str, value: str, runtime: Runtime) -> Callable[[Image], bool]:
    operator, colon, instant = value.partition(":")
    if not colon or operator not in COMPARE:
        operator, instant = "eq", value
    compare, field = COMPARE[operator], name.replace("_at", "_ns")
    wanted = instant.rstrip("Z")
    return lambda image: compare(runtime.iso(getattr(image, field)).rstrip("Z"), wanted)


def read_truth(name: str, text: str) -> bool:
    """Read 'true' or 'false'. Raises BadRequest, as glance is strict here."""
    lowered = text.lower()
    if lowered not in ("true", "false"):
        known = "Valid values are case insensitive 'true' or 'false'."
        raise BadRequest(f"Invalid value '{text}' for '{name}' filter. {known}")
    return lowered == "true"


def _number(name: str, text: str) -> int:
    found = number(text.removeprefix("-"))
    if found is None:
        raise BadRequest(f"{name} param must be an integer")
    return -found if text[0] == "-" else found


def page(images: Sequence[Image], query: Query) -> tuple[list[Image], str | None]:
    """Cut the page that the query asks for.

    Returns:
        The page, and the marker of the next one (None when nothing can follow).
    """
    limit = min(_number("limit", first(query, "limit", str(LIMIT_DEFAULT))), LIMIT_MAX)
    if limit < 0:
        raise BadRequest("limit param must be positive")
    start = 0
    marker = first(query, "marker")
    if marker:
        places = [place for place, image in enumerate(images) if image.id == marker]
        if not places:
            raise BadRequest(f"Marker {marker} could not be found.")
        start = places[0] + 1
    cut = list(images[start : start + limit])
    return cut, cut[-1].id if cut and len(cut) == limit else None
