"""A wrong scenario is answered with file, line, key and the keys that are known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.errors import ScenarioError
from lab.teach.scenario import Scenario, names, numbered, parse
from lab.teach.vocabulary import EXPECTATIONS, FAULTS, STEPS

GOOD = """\
title: {en: Two servers, ko: 서버 두 대}
config:
  max_attempts: 2
  network_vlan_ranges: {physnet1: [100, 102]}
workload:
  - image: {name: cirros, size_mib: 16}
  - flavor: {name: m1.tiny, ram_mib: 512}
  - network: {name: blue}
  - server: {name: web, image: cirros, flavor: m1.tiny, network: blue, count: 2}
  - ping: {from: web-1, to: web-2}
faults:
  - {message: build_and_run_instance, nth: 2, do: drop}
  - step: cirros
    with: {size_mib: 32}
expect:
  - server: {name: web-1, status: ACTIVE}
"""


def refused(text: str) -> str:
    with pytest.raises(ScenarioError) as caught:
        parse(text, "mine.yaml")
    return str(caught.value)


def test_a_good_file_is_read() -> None:
    scenario = parse(GOOD, "mine.yaml")
    assert (scenario.name, scenario.seed, scenario.era) == ("mine", 1, "2026")
    assert [step.kind for step in scenario.workload] == ["image", "flavor", "network", "server", "ping"]
    assert [fault.kind for fault in scenario.faults] == ["message", "step"]
    assert scenario.settings().max_attempts == 2
    assert scenario.settings().network_vlan_ranges == {"physnet1": (100, 102)}


def test_a_wrong_request_is_left_out_without_faults() -> None:
    scenario = parse(GOOD, "mine.yaml")
    assert scenario.steps()[0]["size_mib"] == 32
    assert scenario.steps(without_fault=True)[0]["size_mib"] == 16
    assert [fault.kind for fault in scenario.planted()] == ["message"]


def test_a_count_makes_numbered_names() -> None:
    server = parse(GOOD, "mine.yaml").workload[3]
    assert numbered(server) == ["web-1", "web-2"]


@pytest.mark.parametrize(
    ("old", "new", "place", "hint"),
    [
        ("flavor: m1.tiny,", "flavour: m1.tiny,", "mine.yaml:9: workload[3].server.flavour:", "did you mean 'flavor'?"),
        ("max_attempts", "max_atempts", "mine.yaml:3: config.max_atempts:", "did you mean 'max_attempts'?"),
        ("config:", "config:\n  enabled_filters: [NoFilter]", "mine.yaml:", "unknown filter NoFilter; known: AllHostsFilter"),
        ("config:", "config:\n  weight_multipliers: {nowhere:PACK: 1.0}", "mine.yaml:", "weigher nowhere:PACK: No module named"),
        ("[100, 102]", "[a, 102]", "mine.yaml:4: config.network_vlan_ranges.physnet1[0]:", "whole number"),
        ("network: blue", "network: red", "mine.yaml:9: workload[3].server.network:", "known: blue"),
        ("  - ping:", "  - pong:", "mine.yaml:10: workload[4].pong:", "did you mean 'ping'?"),
        ("to: web-2", "to: web-3", "mine.yaml:10: workload[4].ping.to:", "known: web-1, web-2"),
        ("do: drop", "do: burn", "mine.yaml:12: faults[0].do:", "known: delay, drop, duplicate, lose_reply"),
        ("nth: 2", "nth: 0", "mine.yaml:12: faults[0].nth:", "at least 1"),
        ("nth: 2, do: drop", "do: delay, delay_s: .inf", "mine.yaml:12: faults[0].delay_s:", "at most 1,000,000,000"),
        ("{message:", "{massage:", "mine.yaml:12: faults[0]:", "known: config, driver, link, message"),
        ("step: cirros", "step: fedora", "mine.yaml:13: faults[1]:", "known: blue, cirros, m1.tiny, web"),
        ("with: {size_mib", "with: {size_gib", "mine.yaml:13: faults[1]:", "did you mean 'size_mib'?"),
        ("status: ACTIVE", "state: ACTIVE", "mine.yaml:16: expect[0].server.state:", "did you mean 'status'?"),
        ("name: web-1,", "name: db,", "mine.yaml:16: expect[0].server:", "known: web-1, web-2"),
        ("ko: 서버 두 대", "de: zwei", "mine.yaml:1: title.de:", "known: en, ko"),
        (", ko: 서버 두 대", "", "mine.yaml:1: title:", "the key 'ko' is missing; known: en, ko"),
        ("title: {en: Two servers", "title: Two servers #", "mine.yaml:1: title:", "must be a mapping of keys to values; known: en, ko"),
        ("config:", "workload: []\nconfig:", "mine.yaml:6: workload:", "stands here twice"),
        ("title: {en", "title: {en: [", "mine.yaml:", "is not YAML"),
    ],
)
def test_a_mistake_names_its_place_and_the_way_out(old: str, new: str, place: str, hint: str) -> None:
    assert old in GOOD
    message = refused(GOOD.replace(old, new, 1))
    assert message.startswith(place)
    assert hint in message


def places(text: str) -> list[str]:
    return [line.removeprefix("mine.yaml:").partition(": ")[0] + " " + line.split(": ")[1] for line in refused(text).splitlines()]


def test_all_mistakes_are_named_at_once_in_the_order_of_the_file() -> None:
    text = GOOD.replace(", ko: 서버 두 대", "").replace("max_attempts", "max_atempts").replace("ram_mib: 512", "ram_mib: much")
    text = text.replace("flavor: m1.tiny,", "flavour: m1.tiny,").replace("do: drop", "do: burn").replace("status", "state")
    assert places(text) == [
        "1 title", "3 config.max_atempts", "7 workload[1].flavor.ram_mib", "9 workload[3].server.flavour", "12 faults[0].do",
        "16 expect[0].server.state",
    ]


def test_names_are_looked_at_beside_other_mistakes() -> None:
    text = GOOD.replace("network: blue", "network: red, hots: c-1").replace("step: cirros", "step: fedora")
    text = text.replace("name: web-1,", "name: db,")
    assert places(text) == ["9 workload[3].server.hots", "9 workload[3].server.network", "13 faults[1]", "16 expect[0].server"]


@pytest.mark.parametrize(("old", "new", "place"), [
    ("  - server:", "  - servr:", "9 workload[3].servr"), ("count: 2", "count: two", "9 workload[3].server.count"),
    ("{name: web,", "{", "9 workload[3].server"), ("  - image:", "  - image: 3 #", "6 workload[0].image"),
])  # fmt: skip
def test_what_a_step_that_cannot_be_read_makes_is_not_missed(old: str, new: str, place: str) -> None:
    assert places(GOOD.replace(old, new, 1)) == [place]


@pytest.mark.parametrize(
    "text",
    [
        "", "- a", "title", "title: {}", "workload: 3\ntitle: 1", "a: \x00", "title: {en: 1, ko: 2}", "seed: .nan",
        "seed: 1:30\ntitle: 0x", "title: &a {en: *a}", "title: &a\n  en: x\n  ko: y\nconfig: &b [*b]",
    ],
)
def test_a_file_of_another_form_is_refused_in_words(text: str) -> None:
    assert refused(text).startswith("mine.yaml:")


@given(st.integers(0, len(GOOD) - 1), st.integers(0, len(GOOD)), st.text(max_size=3))
def test_no_mutation_of_a_file_makes_another_error(start: int, end: int, new: str) -> None:
    try:
        scenario = parse(GOOD[:start] + new + GOOD[max(start, end) :], "mine.yaml")
    except ScenarioError as error:
        assert str(error).startswith("mine.yaml:")
    else:
        assert isinstance(scenario, Scenario)


def test_every_word_has_keys() -> None:
    for table in (STEPS, FAULTS, EXPECTATIONS):
        assert all(shape.keys for shape in table.values())


def test_the_scenarios_are_numbered_in_order() -> None:
    numbers = [int(name.partition("-")[0]) for name in names()]
    assert numbers == list(range(1, len(numbers) + 1))
