"""Lists: filters by any attribute, chosen fields, sort order and pages, as neutron reads them from the query.

A filter given several times means any of its values; several filters must all hold. Names that are no
attribute are ignored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

from lab.rest import Request
from lab.services.network.errors import HTTPBadRequest
from lab.services.network.model import Json
from lab.store import Record
from lab.values import value

CONTROLS = frozenset({"fields", "sort_key", "sort_dir", "limit", "marker", "page_reverse"})
ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "tenant_id": "project_id",
        "router:external": "external",
        "binding:host_id": "binding_host_id",
        "binding:vif_type": "binding_vif_type",
        "binding:vnic_type": "binding_vnic_type",
        "provider:network_type": "network_type",
        "provider:physical_network": "physical_network",
        "provider:segmentation_id": "segmentation_id",
    }
)
PRIVILEGED = frozenset({"binding_host_id", "binding_vif_type", "network_type", "physical_network", "segmentation_id"})
"""Columns that only administrators see, so only they may filter by them."""


@value
class Query:
    """What a list request asks for."""

    filters: Mapping[str, tuple[str, ...]]
    """Column -> the values of which one must match."""
    fields: frozenset[str] = frozenset()
    sort: tuple[tuple[str, bool], ...] = ()
    """(column, descending), most important first."""
    limit: int | None = None
    marker: str | None = None
    reverse: bool = False
    tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def equals(self, indexed: Sequence[str]) -> dict[str, str]:
        """Return the filters that an index can answer: those with one value."""
        return {name: values[0] for name in indexed if len(values := self.filters.get(name, ())) == 1}

    def matches(self, record: Record) -> bool:
        """Whether a record passes all filters."""
        content = record.__dict__
        for name, wanted in self.filters.items():
            value = content.get(name)
            if name in content and not _matches(value, wanted):
                return False
        return not self.tags or _tagged(content.get("tags") or (), self.tags)

    def check_sort(self, model: type[Record]) -> None:
        """Refuse to sort by what such records do not have. Raises HTTPBadRequest."""
        unknown = [name for name, _ in self.sort if name not in model.fields()]
        if unknown:
            raise HTTPBadRequest(f"{unknown} is invalid attribute for sort_keys")

    def pick(self, view: Json) -> Json:
        """Return only the fields that were asked for."""
        wanted = self.fields
        return {key: value for key, value in view.items() if key in wanted} if wanted else view


NO_QUERY = Query(MappingProxyType({}))
TAG_FILTERS = ("tags", "tags-any", "not-tags", "not-tags-any")


def read(request: Request, seen_by_all: bool = True) -> Query:
    """Read a query; filters by administrators' columns are left out for others."""
    if not request.query_string:
        return NO_QUERY
    query = request.query
    filters: dict[str, tuple[str, ...]] = {}
    tags: dict[str, tuple[str, ...]] = {}
    for name, values in query.items():
        if name in CONTROLS:
            continue
        if name in TAG_FILTERS:
            tags[name] = tuple(tag for value in values for tag in value.split(","))
            continue
        column = ALIASES.get(name, name)
        if seen_by_all or column not in PRIVILEGED:
            filters[column] = tuple(values)
    if not query.keys() & CONTROLS:
        return Query(filters, tags=tags)
    return Query(
        filters,
        fields=frozenset(name for name in query.get("fields", ()) if name),
        sort=_sort(query.get("sort_key", []), query.get("sort_dir", [])),
        limit=_limit(request.arg("limit")),
        marker=request.arg("marker"),
        reverse=(request.arg("page_reverse") or "").lower() in ("true", "1"),
        tags=tags,
    )


def _sort(keys: list[str], directions: list[str]) -> tuple[tuple[str, bool], ...]:
    if directions and len(keys) != len(directions):
        raise HTTPBadRequest("The number of sort_keys and sort_dirs must be same")
    for direction in directions:
        if direction not in ("asc", "desc"):
            raise HTTPBadRequest("The value of sort_dir can only be 'asc' or 'desc'")
    downward = [direction == "desc" for direction in directions] or [False] * len(keys)
    return tuple((ALIASES.get(key, key), down) for key, down in zip(keys, downward, strict=True))


def _limit(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        limit = int(text)
    except ValueError:
        limit = -1
    if limit < 0:
        raise HTTPBadRequest(f"Limit must be an integer 0 or greater and not '{text}'")
    return limit or None


def _matches(value: Any, wanted: tuple[str, ...]) -> bool:
    if isinstance(value, str):
        return value in wanted
    if value is None:
        return any(text in ("", "None", "null") for text in wanted)
    if isinstance(value, bool):
        return any(text.lower() in (("true", "1") if value else ("false", "0")) for text in wanted)
    if isinstance(value, list):
        return any(_holds(value, text) for text in wanted)
    return str(value) in wanted


def _holds(values: list[Any], text: str) -> bool:
    """Whether a list has the value; `ip_address=10.0.0.3` asks for an item's own key."""
    key, _, wanted = text.partition("=")
    if key == "ip_address_substr":
        return any(isinstance(item, dict) and wanted in item.get("ip_address", "") for item in values)
    if wanted:
        return any(isinstance(item, dict) and str(item.get(key, "")) == wanted for item in values)
    return text in values


def _tagged(tags: Sequence[str], wanted: Mapping[str, tuple[str, ...]]) -> bool:
    for kind, names in wanted.items():
        all_there = all(name in tags for name in names)
        any_there = any(name in tags for name in names)
        there = any_there if kind.endswith("any") else all_there
        if there == kind.startswith("not"):
            return False
    return True


def page(records: list[Any], query: Query) -> tuple[list[Any], bool]:
    """Sort records and cut out the page that was asked for; the answer says whether more follow.

    Raises HTTPBadRequest when the marker is no record of the list.
    """
    if not query.sort and query.limit is None and query.marker is None:
        return records, False
    for column, down in reversed((*query.sort, ("id", False))):
        records.sort(key=lambda record: _sortable(record.__dict__.get(column)), reverse=down)
    if query.reverse:
        records.reverse()
    if query.marker is not None:
        at = next((i for i, record in enumerate(records) if record.id == query.marker), None)
        if at is None:
            raise HTTPBadRequest(f"Invalid input for operation: Marker {query.marker} could not be found.")
        records = records[at + 1 :]
    more = query.limit is not None and len(records) > query.limit
    records = records[: query.limit] if query.limit is not None else records
    if query.reverse:
        records.reverse()
    return records, more


def _sortable(value: Any) -> tuple[int, Any]:
    if value is None:
        return (0, 0)
    if isinstance(value, (bool, int, float)):
        return (1, value)
    return (2, str(value))


def links(base: str, request: Request, query: Query, records: list[Any], more: bool) -> list[Json]:
    """Return the links from a page that is not empty to the next and the previous one."""
    kept = [(name, value) for name, values in request.query.items() for value in values]
    kept = [(name, value) for name, value in kept if name not in ("marker", "page_reverse")]
    found = []
    if more or query.reverse:
        found.append({"rel": "next", "href": f"{base}?{urlencode([*kept, ('marker', records[-1].id)])}"})
    if query.marker is not None and (more or not query.reverse):
        back = [*kept, ("marker", records[0].id), ("page_reverse", "True")]
        found.append({"rel": "previous", "href": f"{base}?{urlencode(back)}"})
    return found
