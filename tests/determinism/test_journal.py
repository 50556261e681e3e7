"""Same story and seed: the same journal, byte for byte, whatever goes on beside it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import lab
from lab.journal import Entry
from sim.loop import SimLoop
from sim.runner import Runner
from tests.determinism.story import STORIES, Story, calm, faulty, first_difference, journal_of, lines, noted, told

ROOT = Path(__file__).parents[2]
each_story = pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)


@pytest.fixture(scope="module")
def known() -> dict[Story, list[bytes]]:
    """The journals of the stories, each told once, alone."""
    return {story: journal_of(story) for story in STORIES.values()}


def same(one: list[bytes], other: list[bytes]) -> None:
    assert one == other, first_difference(one, other)


def test_stories_tell_something(known: dict[Story, list[bytes]]) -> None:
    text = {story: b"\n".join(journal) for story, journal in known.items()}
    for kind in (b"rest", b"rpc_call", b"rpc_cast", b"notify", b"driver", b"state", b"decision", b"frame"):
        assert b'"kind":"%s"' % kind in text[calm], kind
    for sign in (b"drop ", b"delay ", b"raise l2.", b"duplicate ", b'"name":"kill"'):
        assert sign in text[faulty], sign


def test_another_seed_is_another_journal(known: dict[Story, list[bytes]]) -> None:
    assert journal_of(calm, seed=8) != known[calm]


@each_story
def test_again_after_another_cloud_in_the_same_program(story: Story, known: dict[Story, list[bytes]]) -> None:
    async def main() -> list[bytes]:
        await told(faulty, seed=99)
        await asyncio.sleep(1.2345)
        return await told(story, seed=7)

    same(lab.run(main, seed=7), known[story])


@each_story
def test_beside_another_cloud_on_the_same_loop(story: Story, known: dict[Story, list[bytes]]) -> None:
    async def main() -> list[bytes]:
        other = asyncio.create_task(told(faulty, seed=99))
        await asyncio.sleep(0.777)
        journal = await told(story, seed=7)
        await other
        return journal

    same(lab.run(main, seed=7), known[story])


def test_beside_another_cloud_on_another_loop(known: dict[Story, list[bytes]]) -> None:
    loops = [SimLoop(7), SimLoop(99)]
    tasks = [loops[0].create_task(told(calm, 7)), loops[1].create_task(told(faulty, 99))]
    steps = (997, 1009)
    while not all(task.done() for task in tasks):
        for loop, task, count in zip(loops, tasks, steps, strict=True):
            with loop._as_running():
                for _ in range(count):
                    if not task.done():
                        loop.step()
    same(tasks[0].result(), known[calm])
    same(tasks[1].result(), journal_of(faulty, 99))
    for loop in loops:
        loop.close()


@each_story
def test_in_processes_with_other_hashes(story: Story, known: dict[Story, list[bytes]]) -> None:
    name = next(name for name, each in STORIES.items() if each is story)
    for hash_seed in ("1", "4242"):
        run = subprocess.run(
            [sys.executable, "-m", "tests.determinism.story", name], cwd=ROOT, capture_output=True, check=True,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
        )  # fmt: skip
        same(run.stdout.split(b"\n"), known[story])


@each_story
@pytest.mark.parametrize("speed", [2000.0, float("inf")])
def test_paced(story: Story, speed: float, known: dict[Story, list[bytes]]) -> None:
    async def main() -> list[bytes]:
        world = SimLoop(7)
        async with lab.Cloud.simulated(seed=7) as unrelated:
            runner = Runner(world, unrelated.journal, speed=speed)
            runner.start()
            try:
                return await runner.call(lambda: told(story, seed=7))
            finally:
                runner.stop()
                world.close()

    same(asyncio.run(main()), known[story])


@each_story
def test_watched(story: Story, known: dict[Story, list[bytes]]) -> None:
    seen: list[bytes] = []

    def watch(entry: Entry) -> None:
        entry.body_bytes()
        seen.append(entry.line())

    async def main() -> list[bytes]:
        into: list[bytes] = []
        async with noted(7, into) as cloud:
            cloud.journal.subscribe(watch)
            missed = cloud.journal.seq
            await story(cloud)
        same(seen, into[missed : missed + len(seen)])
        return into

    same(lab.run(main, seed=7), known[story])


def test_packed_and_read_back(known: dict[Story, list[bytes]]) -> None:
    """Segments in the file give the bytes that memory gives."""

    async def main() -> list[bytes]:
        into: list[bytes] = []
        async with noted(7, into) as cloud:
            await calm(cloud)
            cloud.journal._keep = 0
            cloud.journal._close_chunk()
            assert cloud.journal.packed_bytes
            same(lines(cloud.journal), known[calm])
        return into

    same(lab.run(main, seed=7), known[calm])


def test_garbage_collected_at_any_time(known: dict[Story, list[bytes]]) -> None:
    import gc

    thresholds = gc.get_threshold()

    def often(_: Any) -> None:
        gc.collect(0)

    async def main() -> list[bytes]:
        into: list[bytes] = []
        async with noted(7, into) as cloud:
            cloud.journal.subscribe(often)
            await faulty(cloud)
        return into

    try:
        same(lab.run(main, seed=7), known[faulty])
    finally:
        gc.set_threshold(*thresholds)
