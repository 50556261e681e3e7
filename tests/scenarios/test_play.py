"""Every scenario gives what it expects with any seed, and without its fault the symptom is gone."""

from __future__ import annotations

import pytest

from lab.teach.player import play
from lab.teach.scenario import find, names, parse

QUICK, DEEP = range(2), range(10)


def failures(name: str, seeds: range, *, without_fault: bool) -> list[str]:
    scenario = find(name)
    verdicts = [play(scenario, seed=seed, without_fault=without_fault) for seed in seeds]
    return [verdict.text("en") for verdict in verdicts if not verdict.held]


@pytest.mark.parametrize("without_fault", [False, True], ids=["broken", "healthy"])
@pytest.mark.parametrize("name", names())
def test_it_gives_what_it_expects(name: str, without_fault: bool) -> None:
    assert failures(name, QUICK, without_fault=without_fault) == []


@pytest.mark.slow
@pytest.mark.parametrize("without_fault", [False, True], ids=["broken", "healthy"])
@pytest.mark.parametrize("name", names())
def test_it_gives_what_it_expects_with_ten_seeds(name: str, without_fault: bool) -> None:
    assert failures(name, DEEP, without_fault=without_fault) == []


def test_there_are_six_and_each_has_a_symptom_that_can_go() -> None:
    assert len(names()) == 6
    for name in names()[1:]:
        scenario = find(name)
        healthy = [(item.kind, item.args) for item in scenario.healthy]
        assert scenario.faults, name
        assert [item for item in scenario.expect if (item.kind, item.args) not in healthy], name
        assert any(item.kind == "journal" for item in scenario.expect), name


WORLD = """\
title: {en: a, ko: b}
datacenter: {racks: 1, hosts_per_rack: 1}
workload:
  - image: {name: cirros, size_mib: 1}
  - flavor: {name: m1.tiny}
  - network: {name: blue}
  - server: {name: web, image: cirros, flavor: m1.tiny, network: blue}
"""


def verdict_of(expect: str) -> list[tuple[bool, str]]:
    verdict = play(parse(f"{WORLD}expect:\n  - {expect}\n", "mine.yaml"))
    return [(check.good, check.saw) for check in verdict.checks]


def test_an_expectation_that_does_not_hold_says_what_was_seen() -> None:
    ((good, saw),) = verdict_of("server: {name: web, status: ERROR}")
    assert not good
    assert saw.startswith("status ACTIVE, host compute-1, after ")


@pytest.mark.parametrize(
    ("expect", "held"),
    [
        ("server: {name: web, status: ACTIVE, host: compute-*, within_s: 60}", True),
        ("server: {name: web, within_s: 0.001}", False),
        ("server: {name: web, after_s: 1000}", False),
        ("allocations: {server: web}", True),
        ("allocations: {server: web, none: true}", False),
        ("journal: {kind: rpc_cast, name: build_and_run_instance}", True),
        ("journal: {kind: rpc_cast, name: build_and_run_instance, least: 2}", False),
        ("journal: {kind: error, least: 0}", True),
        ("ping: {from: web, to: web, ok: true}", False),
        ("refused: {step: web}", False),
    ],
)
def test_expectations_are_judged(expect: str, held: bool) -> None:
    assert [good for good, _ in verdict_of(expect)] == [held]


def test_a_refusal_that_nobody_expects_fails_the_play() -> None:
    text = WORLD.replace("cirros, size_mib: 1", "cirros, size_mib: 1, min_ram_mib: 100000")
    verdict = play(parse(f"{text}expect: []\n", "mine.yaml"))
    assert not verdict.held
    assert "web" in verdict.text("en")
    expected = play(parse(f"{text}expect:\n  - refused: {{step: web, text: '*memory is too small*'}}\n", "mine.yaml"))
    assert expected.held


def test_the_verdict_speaks_both_languages() -> None:
    verdict = play(parse(f"{WORLD}expect:\n  - server: {{name: web, status: ACTIVE}}\n", "mine.yaml"), without_fault=True)
    assert "b (seed 1, 고장 없이)" in verdict.text("ko")
    assert "✘ 없어야 할 것: server name web, status ACTIVE" in verdict.text("ko")
    assert "not: server name web, status ACTIVE" in verdict.text("en")
    assert "본 것:" in verdict.text("ko")
    assert verdict.dump()["without_fault"] is True
