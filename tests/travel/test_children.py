"""Travel between processes: a branch of one `glasscloud up` in a second one, and clouds that cannot travel."""

from __future__ import annotations

from pathlib import Path

import lab
from sim.loop import SimLoop
from sim.world import SimWorld
from tests.conformance.child import Up
from tests.determinism.story import calm, first_difference, journal_of, lines


def test_a_branch_in_a_second_process_has_the_same_past(tmp_path: Path) -> None:
    homes = [tmp_path / name for name in ("one", "two")]
    for home in homes:
        home.mkdir()
    with Up(homes[0]) as one, Up(homes[1], "--paused", "--seed", "5", password="other") as two:
        one.get("/compute/v2.1/servers")
        flavor = {"flavor": {"name": "x", "vcpus": 1, "ram": 64, "disk": 1}}
        assert one.http.post("/compute/v2.1/flavors", json=flavor, headers={"x-auth-token": one.token}).status_code == 200
        one.set_clock(paused=True)
        history = one.get("/glasscloud/history").json()
        assert two.http.post("/glasscloud/login", json={"password": "wrong"}).status_code == 401
        assert two.http.post("/glasscloud/login", json={"user": "wrong"}).status_code == 400
        two._token = two.http.post("/glasscloud/login", json={"password": "other"}).json()["token"]
        answer = two.http.post(
            "/glasscloud/travel", json={"to": history["seq"], "history": history}, headers={"x-auth-token": two.token}
        )
        assert answer.json() | {"seq": history["seq"], "same": True} == answer.json()
        ours, theirs = (up.get("/glasscloud/journal").content.splitlines() for up in (one, two))
        assert ours == theirs, first_difference(ours, theirs)
        assert one.end() == 0
        assert two.end() == 0
    assert (one.stderr.read_text(), two.stderr.read_text()) == ("", "")


def test_a_kept_cloud_says_why_it_cannot_go_back(tmp_path: Path) -> None:
    with Up(tmp_path, "--db", f"sqlite:///{tmp_path}/cloud.db") as up:
        going = up.http.post("/glasscloud/travel", json={"to": 5}, headers={"x-auth-token": up.token})
        for answer in (up.get("/glasscloud/history"), going):
            assert answer.status_code == 409
            assert "a kept cloud (--db) cannot go back in time" in answer.json()["error"]["message"]


def test_a_journal_begins_with_its_world() -> None:
    async def main() -> list[object]:
        async with lab.Cloud.simulated(seed=7, datacenter={"racks": 1}) as cloud:
            return [cloud.journal.get(1), cloud.journal.get(1).json()]

    entry, body = lab.run(main, seed=7)
    assert (entry.seq, entry.t, entry.kind, entry.name, entry.where) == (1, 0, "world", "epoch", "2026-01-01T00:00:00+00:00")
    datacenter = body.pop("datacenter")
    assert (datacenter["racks"], datacenter["hosts_per_rack"], datacenter["vcpus"]) == (1, 2, 32)
    assert body == {
        "format": 1, "version": lab.__version__, "seed": 7, "boot": 0, "epoch": "2026-01-01T00:00:00+00:00", "scenario": None,
        "world": "simulated",
    }  # fmt: skip


def test_callback_by_callback_is_the_same_run() -> None:
    loop = SimLoop(7)
    into: list[bytes] = []

    async def main() -> None:
        async with lab.Cloud.simulated(seed=7) as cloud:
            await calm(cloud)
            into.extend(lines(cloud.journal))

    task = loop.create_task(main())
    with loop._as_running():
        while not task.done():
            loop.step(1)
    loop.close()
    known = journal_of(calm)
    assert into == known, first_difference(into, known)


def test_another_seed_draws_otherwise_from_then_on() -> None:
    def draws(seed: int, reseeded: int | None = None) -> list[float]:
        world = SimWorld(SimLoop(seed), seed, datacenter={"racks": 1})
        stream = world.runtime.random("a process", "a purpose")
        found = [stream.random()]
        if reseeded is not None:
            world.runtime.reseed(reseeded)
        return [*found, stream.random(), world.runtime.random("a process", "another").random()]

    assert draws(1) == draws(1)
    assert draws(1, 2)[0] == draws(1)[0]
    assert draws(1, 2)[1:] == [draws(2)[0], draws(2)[2]]
