"""Placement's search over columns finds what a look at every provider finds, now and as of any earlier answer."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lab.services.placement.candidates import CandidateSearch, flat_mask
from lab.services.placement.model import ResourceProvider, whole_inventory
from lab.services.placement.query import CandidateQuery, Group, Traits
from lab.services.placement.table import ProviderTable

CLASSES, TRAITS, AGGREGATES = ["VCPU", "MEMORY_MB", "CUSTOM_GOLD"], ["T1", "T2", "T3"], ["A1", "A2"]

inventory = st.fixed_dictionaries(
    {
        "total": st.integers(1, 12),
        "reserved": st.integers(0, 3),
        "min_unit": st.sampled_from([1, 1, 2]),
        "max_unit": st.sampled_from([100, 4]),
        "step_size": st.sampled_from([1, 1, 2]),
        "allocation_ratio": st.sampled_from([1.0, 1.5, 4.0]),
    }
)
content = st.fixed_dictionaries(
    {
        "inventories": st.dictionaries(st.sampled_from(CLASSES), inventory.map(whole_inventory)),
        "used": st.dictionaries(st.sampled_from(CLASSES), st.integers(1, 8)),
        "traits": st.lists(st.sampled_from(TRAITS), unique=True),
        "aggregates": st.lists(st.sampled_from(AGGREGATES), unique=True),
    }
)
step = st.tuples(st.integers(0, 5), st.none() | content)
some_traits = st.builds(
    Traits,
    st.lists(st.lists(st.sampled_from(TRAITS), min_size=1, max_size=2, unique=True).map(tuple), max_size=2).map(tuple),
    st.lists(st.sampled_from(TRAITS), max_size=1).map(tuple),
)
query_strategy = st.builds(
    lambda resources, traits, root, member_of, not_member_of, limit: CandidateQuery(
        (Group("", resources, traits, member_of, not_member_of),), (1, 39), limit, root
    ),
    st.dictionaries(st.sampled_from(CLASSES), st.integers(1, 6), min_size=1),
    some_traits,
    some_traits,
    st.lists(st.lists(st.sampled_from(AGGREGATES), min_size=1, unique=True).map(tuple), max_size=1).map(tuple),
    st.lists(st.sampled_from(AGGREGATES), max_size=1).map(tuple),
    st.none() | st.integers(1, 4),
)


def naive(providers: list[ResourceProvider], query: CandidateQuery) -> list[str]:
    """Look at every provider."""
    (group,) = query.groups

    def holds(provider: ResourceProvider, name: str, amount: int) -> bool:
        has = provider.inventories.get(name)
        if has is None or amount < has["min_unit"] or amount > has["max_unit"] or amount % has["step_size"]:
            return False
        return bool(provider.used.get(name, 0) + amount <= (has["total"] - has["reserved"]) * has["allocation_ratio"])

    def fits(has: list[str], wanted: Traits) -> bool:
        return not set(has) & set(wanted.forbidden) and all(set(has) & set(any_of) for any_of in wanted.required)

    found = [
        provider.uuid
        for provider in providers
        if all(holds(provider, name, amount) for name, amount in group.resources.items())
        and fits(provider.traits, group.traits)
        and fits(provider.traits, query.root)
        and all(set(provider.aggregates) & set(any_of) for any_of in group.member_of)
        and not set(provider.aggregates) & set(group.not_member_of)
    ]
    return found[: query.limit]


def apply(table: ProviderTable, living: dict[str, ResourceProvider], change: Any) -> None:
    """Make, change or delete one provider in the table and in the plain dict."""
    number, values = change
    uuid = f"provider-{number}"
    if values is None:
        living.pop(uuid, None)
        table.drop(uuid)
        return
    record = ResourceProvider.make(uuid=uuid, name=uuid, root_provider_uuid=uuid, **values)
    living[uuid] = record
    table.put(record)


def found(table: ProviderTable, query: CandidateQuery) -> list[str]:
    """What the search over columns finds, at most as many as the query's limit."""
    mask = flat_mask(table, query)
    return [] if mask is None else [table.uuids[row] for row in mask.nonzero()[0][: query.limit]]


@given(st.lists(step, max_size=8), query_strategy, st.lists(step, max_size=6))
@settings(max_examples=125)
def test_the_search_is_the_naive_one_and_its_answer_stays(before: Any, query: CandidateQuery, after: Any) -> None:
    table, living = ProviderTable(), dict[str, ResourceProvider]()
    for change in before:
        apply(table, living, change)
    expected = naive(list(living.values()), query)
    assert found(table, query) == expected
    answer = CandidateSearch(table).answer(query)
    then = answer.render()
    for change in after:
        apply(table, living, change)
    assert answer.render() == then
    assert found(table, query) == naive(list(living.values()), query)
