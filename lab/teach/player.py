"""Plays a scenario: builds its datacenter, plants its faults, does its work, and judges what was seen."""

from __future__ import annotations

from functools import partial
from typing import Any

from lab.client.session import ApiError
from lab.teach.scenario import Scenario
from lab.teach.schema import Item
from lab.teach.stage import Stage
from lab.teach.verdict import Check, Seen, Verdict, judge, words

# Words of Python that cannot name a parameter.
RENAMED = {"from": "source"}


def play(scenario: Scenario, *, seed: int | None = None, without_fault: bool = False) -> Verdict:
    """Play a scenario in virtual time from its beginning to its verdict."""
    from lab.cloud import run

    number = scenario.seed if seed is None else seed
    return run(partial(act, scenario, number, without_fault), seed=number)


async def act(scenario: Scenario, seed: int, without_fault: bool) -> Verdict:
    """Play a scenario inside a running virtual clock."""
    from lab.cloud import Cloud

    config = scenario.settings(without_fault=without_fault)
    async with Cloud.simulated(seed, config=config, datacenter=dict(scenario.datacenter)) as cloud:
        stage = Stage(cloud)
        start = stage.now()
        refused = await work(stage, scenario, without_fault)
        await stage.final()
        seen = Seen(
            stage,
            tuple(cloud.journal.since()),
            {name: await cloud.placement.allocations(server.id) for name, server in stage.servers.items()},
            refused,
        )
        checks = [Check(wanted, *reading(item, seen)) for item, wanted in demands(scenario, without_fault)]
        checks += unexpected(scenario, refused)
        return Verdict(
            scenario.name, scenario.title, seed, without_fault, tuple(checks), stage.now() - start, tuple(stage.notes)
        )


async def work(stage: Stage, scenario: Scenario, without_fault: bool) -> dict[str, str]:
    """Plant the faults and do all steps; answer what was refused, in the cloud's words."""
    if not without_fault:
        for fault in scenario.planted():
            stage.cloud.plant(fault.kind, **parameters(fault))
    refused: dict[str, str] = {}
    for step in scenario.steps(without_fault=without_fault):
        await do(stage, step, refused)
    return refused


async def perform(stage: Stage, scenario: Scenario) -> list[str]:
    """Do a scenario in a cloud that others use too; answer what did not go as usual."""
    refused = await work(stage, scenario, without_fault=False)
    return [*stage.notes, *(f"{name} was refused: {text}" for name, text in refused.items())]


def parameters(item: Item) -> dict[str, Any]:
    """The keys of an item as keyword arguments."""
    return {RENAMED.get(key, key): value for key, value in item.args.items()}


async def do(stage: Stage, step: Item, refused: dict[str, str]) -> None:
    """Do one step; what the cloud refuses is kept in its words, and steps that need it are left out."""
    if any(isinstance(value, str) and value in refused for value in step.args.values()):
        return
    try:
        await getattr(stage, step.kind)(**parameters(step))
    except ApiError as error:
        refused[label(step)] = error.text


def label(step: Item) -> str:
    """How a step is called: by the name of what it makes, or by what it does to whom."""
    return str(step.get("name") or f"{step.kind} {step.get('server') or step.get('from', '')}".strip())


def unexpected(scenario: Scenario, refused: dict[str, str]) -> list[Check]:
    """Refusals that the scenario does not speak of: each of them must not be."""
    known = {item["step"] for item in (*scenario.expect, *scenario.healthy) if item.kind == "refused"}
    return [Check(False, True, f"refused step {name}", text) for name, text in refused.items() if name not in known]


def demands(scenario: Scenario, without_fault: bool) -> list[tuple[Item, bool]]:
    """What must hold (True) and what must not (False): without its fault, the symptom must be gone."""
    if not without_fault:
        return [(item, True) for item in scenario.expect]
    healthy = [(item.kind, item.args) for item in scenario.healthy]
    gone = [(item, False) for item in scenario.expect if (item.kind, item.args) not in healthy]
    return [*((item, True) for item in scenario.healthy), *gone]


def reading(item: Item, seen: Seen) -> tuple[bool, str, str]:
    """Judge one expectation: whether it holds, its words, and what was seen."""
    held, saw = judge(item, seen)
    return held, words(item), saw
