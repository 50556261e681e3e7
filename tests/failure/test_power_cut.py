"""nova-compute loses its power while it undoes a failed build: nothing of what it would have sent or done comes to pass."""

from __future__ import annotations

from functools import cache

import pytest

import lab
from lab.cloud import SimulatedCloud
from lab.journal import Entry
from lab.testing.capacity import miscounted
from lab.testing.leftovers import leftovers
from sim.faults import Match
from tests.failure.flow import SEED, STAGE_S, Flow, Passage, passages, small_cloud

VICTIM = "nova-compute@compute-1"
SPAWN = Match("hypervisor.spawn", kinds=("driver",), source=VICTIM)
STEPS = (
    "hypervisor.destroy",
    "DELETE /v2.0/ports/*",
    "object_action(InstanceInfoCache.save)",
    "object_action(Instance.save)",
    "DELETE /allocations/*",
    "build_instances",
)
"""Steps of the undo, at each of which the power goes: in the driver, in neutron, at the conductor, in placement."""


async def failing_build(cloud: SimulatedCloud) -> tuple[Flow, int]:
    """A cloud in which the next build on the first host fails when its guest is spawned; and where its journal stands."""
    flow = Flow(cloud)
    await flow.prepare()
    cloud.faults.arm("raise", SPAWN)
    return flow, cloud.journal.seq


@cache
def undoing() -> tuple[Passage, ...]:
    """What the first host sends, and has done, from the failure of its build to the end of its undo."""

    async def main() -> list[Passage]:
        async with small_cloud() as cloud:
            flow, mark = await failing_build(cloud)
            await flow.undisturbed("create")
            entries = list(cloud.journal.since(mark))
            struck = next(place for place, entry in enumerate(entries) if entry.kind == "fault")
            before = len([passage for passage in passages("create", entries[:struck]) if passage.source == VICTIM])
            own = [passage for passage in passages("create", entries) if passage.source == VICTIM][before:]
            return [passage for passage in own if passage.name != "external_instance_event"]

    return tuple(lab.run(main, seed=SEED))


def lives_of(entries: list[Entry]) -> tuple[list[Entry], list[Entry]]:
    """What was journaled between the victim's death and its restart, and after."""
    died = next(place for place, entry in enumerate(entries) if (entry.kind, entry.name, entry.source) == ("process", "kill", VICTIM))
    back = next(place for place, entry in enumerate(entries) if place > died and (entry.kind, entry.source) == ("process", VICTIM))
    return entries[died + 1 : back], entries[back:]


@pytest.mark.parametrize("step", STEPS)
def test_nothing_arrives_from_a_process_killed_in_its_undo(step: str) -> None:
    passage = next(passage for passage in undoing() if passage.name == step)

    async def main() -> tuple[list[Entry], list[str]]:
        async with small_cloud() as cloud:
            flow, mark = await failing_build(cloud)
            cloud.faults.arm("call", passage.match, then=lambda: cloud.wires.kill(VICTIM))
            await flow.undisturbed("create")
            dc = cloud.world.datacenter
            still = dict(dc.hypervisor("compute-1").guests)
            await cloud.sleep(STAGE_S)
            assert dict(dc.hypervisor("compute-1").guests) == still, "a dead process went on with its guest"
            cloud.wires.restart(VICTIM)
            await cloud.sleep(STAGE_S)
            entries = list(cloud.journal.since(mark))
            await flow.server.delete()
            await cloud.sleep(2 * STAGE_S)
            return entries, await leftovers(cloud) + await miscounted(cloud)

    entries, left = lab.run(main, seed=SEED)
    dead, alive = lives_of(entries)
    assert [entry for entry in dead if entry.source == VICTIM] == []
    assert any(entry.source == VICTIM for entry in alive), "it came back"
    assert left == []
