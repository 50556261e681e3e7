"""Answers GET /allocation_candidates: which providers could hold this, in order of creation.

Where no provider has a parent and none shares its resources, every candidate is one provider and the
search is a few comparisons of columns. Otherwise `trees` combines providers. The answer stays what it
takes to make it, a version of the table and the query; JSON is written only for who reads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from lab.journal import LazyBody
from lab.services.placement.model import ResourceProvider, Resources, capacity
from lab.services.placement.query import CandidateQuery, Group, Traits, Version
from lab.services.placement.table import Mask, ProviderTable, Rows
from lab.services.placement.trees import Combination, combine

MAPPINGS: Version = (1, 34)
NESTED: Version = (1, 29)
ALL_CLASSES: Version = (1, 27)
SUMMARY_TRAITS: Version = (1, 17)
ALLOCATION_DICTS: Version = (1, 12)
FEW = 32
"""With more changes of providers than that all are looked at again."""
QUERIES = 256
"""Of so many queries the last rows are kept."""


@dataclass(slots=True)
class CandidateView:
    """What a consumer in the same process reads instead of JSON, and never changes.

    Candidate i is the provider `uuids[rows[i]]`, and holds all `resources`. `uuids` only ever grows, and
    `shape` changes whenever it does or a provider is deleted, so that who maps rows to things of its own
    can keep the map.
    """

    uuids: Sequence[str]
    rows: Rows
    shape: int
    resources: Resources


class _Kept:
    """The rows that a query found last."""

    __slots__ = ("mask", "query", "rows", "shape", "version")

    def __init__(self, query: CandidateQuery, table: ProviderTable, mask: Mask) -> None:
        self.query, self.mask = query, mask.copy()
        self.version, self.shape = table.version, table.shape
        self.rows: Rows = mask.nonzero()[0][: query.limit]

    def follow(self, table: ProviderTable) -> bool | None:
        """Look again at the providers that changed; answer whether other rows are found now, None when all must be looked at."""
        changed = table.changed_since(self.version, FEW) if self.shape == table.shape and self.query.local else None
        if changed is None:
            return None
        self.version = table.version
        other = False
        for row in changed:
            fits = _alone(table, row, self.query)
            if self.mask.item(row) is not fits:
                self.mask[row], other = fits, True
        return other


class CandidateSearch:
    """Searches one table; equal answers share one array of rows, so that who asks can keep what it knows of them."""

    def __init__(self, table: ProviderTable) -> None:
        self.table = table
        self._kept: dict[int, _Kept] = {}
        """By the identity of the query, which it holds."""
        self._summaries = Summaries()

    def answer(self, query: CandidateQuery) -> LazyBody:
        """The candidates of a query, as of now."""
        table = self.table
        if query.simple and not table.nested and not table.sharing:
            rows, summaries = self._rows(query), self._summaries
            view = CandidateView(table.uuids, rows, table.shape, query.groups[0].resources)
            version = table.version
            return LazyBody(lambda: _render_rows(table, version, query, rows, summaries), view, len(rows))
        combinations = combine(table, query)
        summed = _summed_providers(table.records, table, combinations, query)
        return LazyBody(lambda: orjson.dumps(_document(combinations, Summaries().of(summed, query), query)), rows=len(combinations))

    def _rows(self, query: CandidateQuery) -> Rows:
        kept, table = self._kept.get(id(query)), self.table
        other = kept.follow(table) if kept is not None else None
        if kept is None or other is None:
            mask = flat_mask(table, query)
            if kept is None and len(self._kept) >= QUERIES:
                self._kept.clear()
            kept = self._kept[id(query)] = _Kept(query, table, np.zeros(len(table), dtype=np.bool_) if mask is None else mask)
        elif other:
            kept.rows = kept.mask.nonzero()[0][: query.limit]
        else:
            return kept.rows
        for each in self._kept.values():
            if each is not kept and len(each.rows) == len(kept.rows) and (each.rows == kept.rows).all():
                kept.rows = each.rows
        return kept.rows


def _alone(table: ProviderTable, row: int, query: CandidateQuery) -> bool:
    """Whether one provider alone holds the only group of a query that is local."""
    provider, group = table.records[row], query.groups[0]
    if provider is None or not (group.traits.met_by(provider.traits) and query.root.met_by(provider.traits)):
        return False
    return all(table.has_room(row, resource_class, amount) for resource_class, amount in group.resources.items())


def flat_mask(table: ProviderTable, query: CandidateQuery) -> Mask | None:
    """The providers that alone hold the query's only group; None when there can be none."""
    mask = group_mask(table, query.groups[0])
    return mask if mask is None or not query.root else _with_traits(table, mask, query.root)


def group_mask(table: ProviderTable, group: Group) -> Mask | None:
    """The providers that alone satisfy a group; None when there can be none."""
    mask = table.alive
    for resource_class, amount in group.resources.items():
        fits = table.fits(resource_class, amount)
        if fits is None:
            return None
        mask = mask & fits
    limited = _with_traits(table, mask, group.traits)
    if limited is None:
        return None
    mask = limited
    for any_of in group.member_of:
        mask = mask & _any(table, [table.in_aggregate(uuid) for uuid in any_of])
    for uuid in group.not_member_of:
        members = table.in_aggregate(uuid)
        if members is not None:
            mask = mask & ~members
    if group.in_tree is not None:
        mask = mask & _tree_mask(table, group.in_tree)
    return mask


def _with_traits(table: ProviderTable, mask: Mask, traits: Traits) -> Mask | None:
    for any_of in traits.required:
        if len(any_of) == 1:
            having = table.with_trait(any_of[0])
            if having is None:
                return None
            mask = mask & having
        else:
            mask = mask & _any(table, [table.with_trait(name) for name in any_of])
    for name in traits.forbidden:
        having = table.with_trait(name)
        if having is not None:
            mask = mask & ~having
    return mask


def _any(table: ProviderTable, masks: Sequence[Mask | None]) -> Mask:
    found = np.zeros(len(table), dtype=np.bool_)
    for mask in masks:
        if mask is not None:
            found |= mask
    return found


def _tree_mask(table: ProviderTable, uuid: str) -> Mask:
    mask = np.zeros(len(table), dtype=np.bool_)
    provider = table.get(uuid)
    if provider is not None:
        for row, other in enumerate(table.records):
            if other is not None and other.root_provider_uuid == provider.root_provider_uuid:
                mask[row] = True
    return mask


def _render_rows(table: ProviderTable, version: int, query: CandidateQuery, rows: Rows, summaries: Summaries) -> bytes:
    """Write the answer as it was: the rows that were found, with the records of that version. A row is never given away again."""
    try:
        records = table.records_at(version)
    except LookupError as error:
        return orjson.dumps({"allocation_requests": [], "provider_summaries": {}, "lost": str(error)})
    found = [provider for row in rows.tolist() if (provider := records[row]) is not None]
    resources = query.groups[0].resources
    combinations = [Combination(((p.uuid, resources),), (("", (p.uuid,)),)) for p in found]
    return orjson.dumps(_document(combinations, summaries.of(found, query), query))


def _summed_providers(
    records: Sequence[ResourceProvider | None],
    table: ProviderTable,
    combinations: Sequence[Combination],
    query: CandidateQuery,
) -> list[ResourceProvider]:
    """The providers to sum up: those that are used, and from 1.29 on their whole trees."""
    used = dict.fromkeys(uuid for combination in combinations for uuid, _ in combination.claims)
    providers = [p for uuid in used if (p := table.get(uuid)) is not None]
    if query.version < NESTED:
        return providers
    roots = {p.root_provider_uuid for p in providers}
    return [p for p in records if p is not None and p.root_provider_uuid in roots]


def _document(combinations: Sequence[Combination], summaries: Mapping[str, orjson.Fragment], query: CandidateQuery) -> dict[str, Any]:
    return {
        "allocation_requests": [_request(combination, query.version) for combination in combinations],
        "provider_summaries": summaries,
    }


def _request(combination: Combination, version: Version) -> dict[str, Any]:
    if version < ALLOCATION_DICTS:
        return {"allocations": [{"resource_provider": {"uuid": uuid}, "resources": resources} for uuid, resources in combination.claims]}
    request: dict[str, Any] = {"allocations": {uuid: {"resources": res} for uuid, res in combination.claims}}
    if version >= MAPPINGS:
        request["mappings"] = {suffix: list(uuids) for suffix, uuids in combination.mappings}
    return request


class Summaries:
    """What is said of providers, as JSON: it is encoded again only for those that changed since it was said last."""

    def __init__(self) -> None:
        self._form: tuple[Version, Sequence[str]] | None = None
        self._told: dict[str, tuple[ResourceProvider, orjson.Fragment]] = {}

    def of(self, providers: Iterable[ResourceProvider], query: CandidateQuery) -> dict[str, orjson.Fragment]:
        """The summaries by UUID in the form that the query wants."""
        version = query.version
        form = (version, () if version >= ALL_CLASSES else [name for group in query.groups for name in group.resources])
        if form != self._form:
            self._form, self._told = form, {}
        found = {}
        for provider in providers:
            known = self._told.get(provider.uuid)
            if known is None or known[0] is not provider:
                told = orjson.Fragment(orjson.dumps(_summary(provider, form[1], version)))
                known = self._told[provider.uuid] = (provider, told)
            found[provider.uuid] = known[1]
        return found


def _summary(provider: ResourceProvider, requested: Sequence[str], version: Version) -> dict[str, Any]:
    shown: Mapping[str, Any] = provider.inventories
    summary: dict[str, Any] = {
        "resources": {
            name: {"capacity": int(capacity(inventory)), "used": provider.used.get(name, 0)}
            for name, inventory in shown.items()
            if version >= ALL_CLASSES or name in requested
        }
    }
    if version >= SUMMARY_TRAITS:
        summary["traits"] = list(provider.traits)
    if version >= NESTED:
        summary["parent_provider_uuid"] = provider.parent_provider_uuid
        summary["root_provider_uuid"] = provider.root_provider_uuid
    return summary
