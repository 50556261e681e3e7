"""Going to other points of a cloud's time: there and back, the same future and other ones, and what is refused."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from lab.cloud import Cloud
from lab.errors import Conflict
from lab.journal.export import TRACED
from tests.determinism.story import first_difference
from tests.travel.edge import Face, furnish, lines, one_server, run, seq_of, until


def same(one: list[bytes], other: list[bytes]) -> None:
    assert one == other, first_difference(one, other)


def test_one_goes_back_to_the_last_moment_before_an_entry_and_forward_again() -> None:
    async def main(at: Face) -> None:
        end = await one_server(at)
        before, cast = at.lines, seq_of(at, kind="rpc_cast", name="build_and_run_instance")
        points = [cast, cast - 1, 2, end // 2, end]
        for number, to in enumerate(points, 1):
            answer = await at.travel(to)
            seq = answer["seq"]
            assert answer == answer | {"run": number, "same": True, "differs_at": None}
            assert seq <= to
            same(at.lines, before[:seq])
            clock = await at.ask("GET", "clock")
            assert (clock["paused"], clock["t_s"], clock["run"]) == (True, answer["t_s"], number)
            while at.served.journal.seq == seq:
                await at.clock(step_events=1)
            assert seq == to or at.served.journal.seq > to, "it could have gone further"
            most = min(end, at.served.journal.seq)
            same(at.lines[:most], before[:most])

    run(main)


def test_what_came_in_comes_in_again_when_the_clock_moves() -> None:
    async def main(at: Face) -> None:
        end = await one_server(at)
        before = at.lines
        await at.travel(end // 2)
        await at.clock(step=7)
        await at.clock(speed=3000)
        await until(at, end)
        same(at.lines[:end], before)
        assert (await at.travel(end // 2))["same"]
        assert (await at.travel(end))["seq"] == end
        same(at.lines, before)

    run(main)


def test_a_step_is_as_many_messages_as_were_asked_for() -> None:
    async def main(at: Face) -> None:
        end = await one_server(at)
        await at.travel(end // 2)
        for count in (1, 1, 1, 10, 1, 5):
            seq, steps = at.served.journal.seq, at.served.runner.world.steps
            clock = await at.clock(step=count)
            new = [e for e in at.served.journal.since(seq) if e.kind in TRACED]
            assert (clock["paused"], clock["steps"] > steps) == (True, True)
            # One callback of the world may send several messages; no callback more than was needed has run.
            assert len(new) >= count
            assert {e.t for e in new[count - 1 :]} == {at.served.runner.world.env.now}

    run(main)


def test_something_new_makes_another_future() -> None:
    async def main(at: Face) -> None:
        end = await one_server(at)
        before, inputs = at.lines, at.served.history()["inputs"]
        back = inputs[4]["seq"]
        assert (await at.travel(back))["same"]
        await at.clock(paused=False)
        await at.http.get("/compute/v2.1/flavors", headers={"x-auth-token": at.token})
        here = await at.paused_at()
        history = await at.ask("GET", "history")
        assert 5 <= len(history["inputs"]) < len(inputs)
        assert history["inputs"][-1]["target"] == "/v2.1/flavors"
        assert history["seq"] == here
        now = at.lines
        assert now[:back] == before[:back]
        assert now != before[:here]
        assert here < end
        await at.ask("POST", "travel", {"to": here + 1}, status=400)
        assert (await at.travel(here))["same"]
        same(at.lines, now)

    run(main)


@pytest.mark.parametrize("then", [{"seed": 99}, {"fault": {"act": "drop", "match": {"name": "build_and_run_instance"}}}], ids=str)
def test_another_future_can_be_asked_for_and_repeated(then: dict[str, Any]) -> None:
    async def main(at: Face) -> None:
        end = await one_server(at)
        before, cast = at.lines, seq_of(at, kind="rpc_cast", name="build_and_run_instance")
        seq = (await at.travel(cast - 1, then=then))["seq"]
        entry = at.served.journal.get(seq + 1)
        assert (entry.kind, entry.name.partition(" ")[0]) == ("input", *then)
        while at.served.journal.seq < end:
            await at.clock(step=50)
        end = at.served.journal.seq
        branch = at.lines
        same(branch[:seq], before[:seq])
        assert branch[seq + 1 :] != before[seq:]
        spawned = [e for e in at.served.journal.since(cast) if e.name.endswith("spawn") and e.kind == "driver"]
        assert bool(spawned) == ("seed" in then)
        assert (await at.travel(end))["same"]
        same(at.lines, branch)

    run(main)


def test_tokens_are_good_again_and_who_looks_is_not_locked_out() -> None:
    async def main(at: Face) -> None:
        async def flavors(token: str) -> int:
            return (await at.http.get("/compute/v2.1/flavors", headers={"x-auth-token": token})).status_code

        async with Cloud.connect(at.url, password="a password") as cloud:
            await flavors(cloud.session.token)
            middle = at.served.journal.seq
            later = await cloud.session.authenticate()
            assert await flavors(later) == 200
        first, at.token = at.token, later
        await at.travel(middle)
        await at.ask("GET", "clock")
        at.token = "forged"
        await at.ask("GET", "clock", status=401)
        at.token = later
        asking = asyncio.ensure_future(flavors(first))
        while not at.served.runner._callers.answers:
            await asyncio.sleep(0.005)
        await at.clock(paused=False)
        assert await asking == 200
        assert await flavors(later) == 401, "it is of a future that was left"

    run(main)


def test_who_waits_for_an_answer_is_told() -> None:
    async def main(at: Face) -> None:
        await at.clock(paused=True)
        asking = asyncio.ensure_future(at.http.get("/compute/v2.1/flavors", headers={"x-auth-token": at.token}))
        while not at.served.runner._callers.answers:
            await asyncio.sleep(0.005)
        await at.travel(at.served.journal.seq)
        answer = await asking
        assert answer.status_code == 503
        assert "went to another point of its time" in answer.json()["error"]["message"]

    run(main)


def test_what_is_ordered_on_the_way_is_done_where_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.serve.travel.SLICE", 10)

    async def main(at: Face) -> None:
        end = await one_server(at)
        drop = {"act": "drop", "match": {"name": "build_and_run_instance"}}
        for change in ({"step": 1}, {"speed": 5.0}):
            run = at.served.run
            going = asyncio.ensure_future(at.travel(end // 2))
            await asyncio.wait_for(on_the_way(at), 5)
            clock, fault = await asyncio.gather(at.clock(**change), at.ask("POST", "faults", drop, 201))
            there = await going
            assert clock["run"] == there["run"] == run + 1
            assert clock["paused"]
            assert (await at.ask("GET", "clock")).items() >= ({"speed": 5.0} if "speed" in change else {"run": run + 1}).items()
            assert at.served.journal.seq > there["seq"]
            assert [armed["number"] for armed in (await at.ask("GET", "faults"))["armed"]] == [fault["number"]]

    run(main)


def test_steps_that_a_travel_cuts_short_are_told() -> None:
    async def main(at: Face) -> None:
        await one_server(at)
        stepping = asyncio.ensure_future(at.ask("PUT", "clock", {"step": 10**9}, status=409))
        while not at.served.runner._messages_left:
            await asyncio.sleep(0.001)
        await at.travel(at.served.journal.seq // 2)
        assert "order them anew from there" in (await stepping)["error"]["message"]
        assert (await at.clock(step=1))["run"] == 1

    run(main)


async def on_the_way(at: Face) -> None:
    """Wait until a travel has begun."""
    while at.served.traveller._there.is_set():
        await asyncio.sleep(0)


def test_watchers_are_told() -> None:
    async def main(at: Face) -> None:
        end = await one_server(at)
        seen: list[str] = []
        async with at.http.stream("GET", f"/glasscloud/events?since={end}", headers={"x-auth-token": at.token}) as stream:

            async def watch() -> None:
                async for line in stream.aiter_lines():
                    seen.append(line)
                    if seen[-3:-2] == ["event: travel"]:
                        return

            watching = asyncio.ensure_future(watch())
            seq = (await at.travel(end // 2))["seq"]
            await asyncio.wait_for(watching, 5)
        assert seen[-1] == f'data: {{"to":{seq},"run":1}}'

    run(main)


def test_another_cloud_repeats_a_history_with_its_own_address_and_passwords() -> None:
    async def main(at: Face, told: dict[str, Any], before: list[bytes], there: str) -> None:
        end = told["seq"]
        answer = await at.travel(end, history=told)
        assert answer == answer | {"seq": end, "same": True, "differs_at": None}
        same(at.lines, before)
        await at.clock(paused=False)
        async with Cloud.connect(at.url, password="another password") as cloud:
            server = (await cloud.compute.servers.list())[0]
            assert server.name == "web"
            texts = [(await at.http.get(path, headers={"x-auth-token": cloud.session.token})).text for path in
                     ("/compute/v2.1/servers/detail", "/identity/v3/auth/catalog")]  # fmt: skip
        assert not any(there in text for text in texts)
        assert all(at.url in text for text in texts)
        end = await at.paused_at()
        assert (await at.travel(end // 2))["same"]
        assert (await at.travel(end))["same"]

    async def first(at: Face) -> tuple[dict[str, Any], list[bytes], str]:
        await one_server(at)
        return await at.ask("GET", "history"), at.lines, at.url

    told, before, url = run(first)
    text = str(told)
    assert "a password" not in text
    assert told["secrets"]["mark"] in text
    run(main, told, before, url, seed=99, password="another password", cpu_allocation_ratio=2.0)


def test_a_scenario_is_part_of_a_history() -> None:
    async def main(at: Face) -> None:
        await at.served.perform("01-default")
        end, before = await at.paused_at(), at.lines
        assert (await at.travel(end // 2))["same"]
        assert (await at.travel(end))["same"]
        same(at.lines, before)

    run(main)


WRONG: list[tuple[Any, str]] = [
    ({}, "this is no travel"),
    ([], "this is no travel"),
    ({"to": 0}, "0 is no sequence number"),
    ({"to": True}, "True is no sequence number"),
    ({"to": 10**9}, "there is no entry 1000000000 to go to"),
    ({"to": 5, "when": 1}, "this is no travel"),
    ({"to": 5, "history": []}, "history is no object"),
    ({"to": 5, "history": {"format": 1}}, "this is no history"),
    ({"to": 5, "history": {"format": 2}}, "format 2"),
    ({"to": 5, "then": {"weather": 1}}, "then has a seed or a fault"),
    ({"to": 5, "then": {"seed": 1.5}}, "1.5 is no seed"),
    ({"to": 5, "then": {"fault": {}}}, "this is no fault"),
    ({"to": 5, "then": {"fault": {"act": "burn"}}}, "no fault 'burn'"),
]


def test_what_is_wrong_is_told_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.serve.travel.SLICE", 10)

    async def main(at: Face) -> None:
        await at.clock(paused=True)
        end = at.served.journal.seq
        for order, words in WRONG:
            answer = await at.ask("POST", "travel", order, status=400)
            assert words in answer["error"]["message"], (order, answer)
        broken = await at.http.post("/glasscloud/travel", content=b"{", headers={"x-auth-token": at.token})
        assert broken.status_code == 400
        assert (at.served.journal.seq, at.served.travels) == (end, [])
        _, second = await asyncio.gather(at.served.travel(end), at.served.travel(end), return_exceptions=True)
        assert isinstance(second, Conflict)

    run(main)


def test_a_run_with_more_than_is_kept_cannot_be_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.inputs.ROOM", 3_000_000)

    async def main(at: Face) -> None:
        async with Cloud.connect(at.url, password="a password") as cloud:
            await furnish(cloud)
            image = await cloud.image.images.create("big")
            assert await at.ask("GET", "history")
            await image.upload(bytes(2_500_000))
        for method, path, body in (("GET", "history", None), ("POST", "travel", {"to": 5})):
            answer = await at.ask(method, path, body, status=409)
            assert "2 MiB of requests came in" in answer["error"]["message"]
        assert not at.served.runner.course.inputs.given

    run(main)


def test_going_back_and_forth_does_not_fill_the_memory() -> None:
    import gc
    import weakref

    async def main(at: Face) -> None:
        end = await one_server(at)
        worlds = []
        for _ in range(3):
            await at.travel(end)
            worlds.append(weakref.ref(at.served.cloud.world.datacenter))
        gc.collect()
        assert [world() is not None for world in worlds[:-1]].count(True) <= 1

    run(main)


def test_the_journal_of_a_repeated_run_that_differs_is_not_called_the_same() -> None:
    async def main(at: Face) -> None:
        end = await one_server(at)
        upload = next(i for i in at.served.runner.course.inputs.given if i.what.get("method") == "PUT")
        upload.what["body"] += b"!"
        answer = await at.travel(end)
        assert answer["same"] is False
        assert at.lines[: answer["differs_at"] - 1] == lines(at.served.journal)[: answer["differs_at"] - 1]
        assert 0 < answer["differs_at"] <= end

    run(main)
