"""Combines providers into candidates where trees, sharing providers or several groups are in play.

Every candidate has an *anchor*: the root of the tree it is found for. A group with a suffix is satisfied
by one provider; the group without one may take each resource class from another provider of the tree, or
from a provider that shares its resources with the tree. Small clouds of special hardware need this; it is
plain Python, one provider at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from lab.services.placement.model import SHARING_TRAIT, ResourceProvider, Resources, capacity
from lab.services.placement.query import CandidateQuery, Group, Traits, Version
from lab.services.placement.table import ProviderTable

NESTED: Version = (1, 29)
"""Before it, no candidate takes from two providers of one tree."""


@dataclass(frozen=True, slots=True)
class Combination:
    """One candidate: what to take from whom, and which group each provider satisfies."""

    claims: tuple[tuple[str, Resources], ...]
    mappings: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class _Part:
    """How one group can be satisfied under one anchor: claims (provider, class, amount), and the providers."""

    claims: tuple[tuple[str, str, int], ...]
    providers: tuple[str, ...]


def combine(table: ProviderTable, query: CandidateQuery) -> list[Combination]:
    """All candidates of a query in order of their anchors, at most as many as its limit."""
    return _Search(table, query).run()


class _Search:
    def __init__(self, table: ProviderTable, query: CandidateQuery) -> None:
        self.table, self.query = table, query
        self.providers = [p for p in table.records if p is not None]
        self.of_uuid = {p.uuid: p for p in self.providers}
        self.sharing = [p for p in self.providers if SHARING_TRAIT in p.traits]
        self.anchors = {p.uuid for p in self.providers if not p.parent_provider_uuid and _has(p.traits, query.root)}
        self.served = {p.uuid: self._served_roots(p) for p in self.sharing}

    def run(self) -> list[Combination]:
        parts: dict[str, dict[str, list[_Part]]] = {}
        for group in self.query.groups:
            alone = bool(group.suffix) or not (self.table.nested or self.sharing)
            for anchor, part in self._alone(group) if alone else self._spread(group):
                if anchor in self.anchors:
                    parts.setdefault(anchor, {}).setdefault(group.suffix, []).append(part)
        found: dict[str, Combination] = {}
        suffixes = [group.suffix for group in self.query.groups]
        for anchor in (p.uuid for p in self.providers if p.uuid in parts):
            choices = parts[anchor]
            if len(choices) < len(suffixes):
                continue
            for chosen in product(*(choices[suffix] for suffix in suffixes)):
                combination = self._merge(suffixes, chosen)
                if combination is not None:
                    found.setdefault(repr((sorted(combination.claims, key=str), combination.mappings)), combination)
        return list(found.values())[: self.query.limit]

    def _served_roots(self, sharer: ResourceProvider) -> list[str]:
        """The roots of the trees that a sharing provider serves, its own included."""
        roots = (p.root_provider_uuid for p in self.providers if any(uuid in sharer.aggregates for uuid in p.aggregates))
        return list(dict.fromkeys((*roots, sharer.root_provider_uuid)))

    def _alone(self, group: Group) -> Iterator[tuple[str, _Part]]:
        """The single providers that hold the whole group, under each anchor that they can serve."""
        root = self._root_of(group.in_tree)
        for provider in self.providers:
            if group.in_tree is not None and provider.root_provider_uuid != root:
                continue
            if not all(_fits(provider, name, amount) for name, amount in group.resources.items()):
                continue
            if not _has(provider.traits, group.traits) or not _member(provider.aggregates, group):
                continue
            claims = tuple((provider.uuid, name, amount) for name, amount in group.resources.items())
            part = _Part(claims, (provider.uuid,))
            yield provider.root_provider_uuid, part
            for anchor in self.served.get(provider.uuid, ()):
                if anchor != provider.root_provider_uuid:
                    yield anchor, part

    def _spread(self, group: Group) -> Iterator[tuple[str, _Part]]:
        """The ways to take each resource class of the group from some provider in reach of an anchor."""
        choices: dict[str, dict[str, list[ResourceProvider]]] = {}
        root = self._root_of(group.in_tree)
        for name, amount in group.resources.items():
            for provider in self.providers:
                if not _fits(provider, name, amount) or not self._in_aggregates(provider, group):
                    continue
                if any(trait in provider.traits for trait in group.traits.forbidden):
                    continue
                anchors = [provider.root_provider_uuid]
                if group.in_tree is None:
                    anchors += [a for a in self.served.get(provider.uuid, ()) if a != provider.root_provider_uuid]
                elif provider.root_provider_uuid != root:
                    continue
                for anchor in anchors:
                    choices.setdefault(anchor, {}).setdefault(name, []).append(provider)
        wanted = Traits(group.traits.required)
        for anchor, by_class in choices.items():
            if len(by_class) < len(group.resources):
                continue
            for chosen in product(*(by_class[name] for name in group.resources)):
                if _has([trait for provider in chosen for trait in provider.traits], wanted):
                    claims = tuple((p.uuid, name, amount) for p, (name, amount) in zip(chosen, group.resources.items(), strict=True))
                    yield anchor, _Part(claims, tuple(dict.fromkeys(p.uuid for p in chosen)))

    def _in_aggregates(self, provider: ResourceProvider, group: Group) -> bool:
        """An aggregate of a root spans its whole tree: the provider itself or its root may be the member."""
        root = self.of_uuid.get(provider.root_provider_uuid, provider)
        if any(uuid in provider.aggregates or uuid in root.aggregates for uuid in group.not_member_of):
            return False
        return all(
            any(uuid in provider.aggregates for uuid in any_of) or any(uuid in root.aggregates for uuid in any_of)
            for any_of in group.member_of
        )

    def _root_of(self, uuid: str | None) -> str | None:
        provider = self.of_uuid.get(uuid) if uuid is not None else None
        return provider.root_provider_uuid if provider is not None else None

    def _merge(self, suffixes: Sequence[str], chosen: Sequence[_Part]) -> Combination | None:
        """Fold the groups' parts together, or None when they do not go together."""
        named = [part.providers[0] for suffix, part in zip(suffixes, chosen, strict=True) if suffix]
        if self.query.group_policy == "isolate" and len(set(named)) < len(named):
            return None
        mappings = tuple((suffix, part.providers) for suffix, part in zip(suffixes, chosen, strict=True))
        if not all(self._one_subtree(dict(mappings), group) for group in self.query.same_subtree):
            return None
        claims: dict[str, Resources] = {}
        for part in chosen:
            for uuid, name, amount in part.claims:
                resources = claims.setdefault(uuid, {})
                resources[name] = resources.get(name, 0) + amount
        for uuid, resources in claims.items():
            for name, amount in resources.items():
                inventory = self.of_uuid[uuid].inventories[name]
                # Each part fits alone; together they may not.
                if amount > int(capacity(inventory)) - self.of_uuid[uuid].used.get(name, 0) or amount > inventory["max_unit"]:
                    return None
        if self.query.version < NESTED:
            roots = [self.of_uuid[uuid].root_provider_uuid for uuid in claims]
            if len(set(roots)) < len(roots):
                return None
        return Combination(tuple(claims.items()), mappings)

    def _one_subtree(self, mappings: dict[str, tuple[str, ...]], suffixes: Sequence[str]) -> bool:
        """Whether one of the providers of these groups is the ancestor of all of them."""
        uuids = [uuid for suffix in suffixes for uuid in mappings.get(suffix, ())]
        return any(all(top in self._lineage(uuid) for uuid in uuids) for top in uuids)

    def _lineage(self, uuid: str | None) -> list[str]:
        line: list[str] = []
        while uuid is not None and uuid in self.of_uuid:
            line.append(uuid)
            uuid = self.of_uuid[uuid].parent_provider_uuid
        return line


def _fits(provider: ResourceProvider, resource_class: str, amount: int) -> bool:
    inventory = provider.inventories.get(resource_class)
    if inventory is None or amount % inventory["step_size"]:
        return False
    if not inventory["min_unit"] <= amount <= inventory["max_unit"]:
        return False
    return provider.used.get(resource_class, 0) + amount <= capacity(inventory)


def _has(traits: Sequence[str], wanted: Traits) -> bool:
    if any(name in traits for name in wanted.forbidden):
        return False
    return all(any(name in traits for name in any_of) for any_of in wanted.required)


def _member(aggregates: Sequence[str], group: Group) -> bool:
    if any(uuid in aggregates for uuid in group.not_member_of):
        return False
    return all(any(uuid in aggregates for uuid in any_of) for any_of in group.member_of)
