"""Instants: seconds of a simulated cloud, the world's date and time of a real one."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import httpx
import orjson
import pytest
from textual.pilot import Pilot

from lab.journal import Entry
from lab.tui.rooms import ROOMS
from lab.tui.screens.flow import FlowRoom
from lab.tui.widgets.bars import RoomBar
from lab.watch.dial import SECONDS, Dial, dial_of
from lab.watch.recorded import RecordedFeed
from tests.tui.conftest import StubFeed, app_of, play
from tests.tui.test_feeds import served

CLOCK = {"t_s": 28135420.428196, "utc": "2026-11-22T15:23:40.428196Z", "paused": False, "speed": 1.0, "world": "real"}
NOW = 28135420_428196123
REAL = Dial(datetime(2026, 1, 1, tzinfo=UTC))


def test_a_real_cloud_counts_from_a_date_and_a_simulated_one_does_not() -> None:
    assert dial_of(CLOCK) == REAL
    assert dial_of({"t_s": 3.0, "utc": "2026-03-04T05:06:10Z"}) == SECONDS
    assert (REAL.short(NOW), REAL.instant(NOW), REAL.instant(NOW, 6)) == ("15:23:40.428 ", "15:23:40.428", "15:23:40.428196")
    assert (REAL.now(NOW), REAL.brief(NOW)) == ("2026-11-22 15:23:40 UTC", "15:23:40")
    assert (SECONDS.short(8_963_400_000), SECONDS.now(8_963_400_000)) == ("   8.963 ", "8.963 s")
    assert all(len(dial.short(t)) == dial.columns for dial in (SECONDS, REAL) for t in (0, 8_963_000_000, NOW))


@pytest.mark.parametrize(("clock", "dial"), [(CLOCK, REAL), (CLOCK | {"world": "simulated"}, SECONDS)])
def test_the_feed_learns_it_when_it_connects(monkeypatch: pytest.MonkeyPatch, clock: dict[str, object], dial: Dial) -> None:
    feed = served(lambda request: httpx.Response(200, json=clock), monkeypatch)
    asyncio.run(feed.connect())
    assert feed.dial == dial


@pytest.mark.parametrize(("world", "dial"), [("real", REAL), ("simulated", SECONDS)])
def test_a_recorded_journal_says_it_in_its_first_entry(tmp_path: Path, world: str, dial: Dial) -> None:
    epoch = "2026-01-01T00:00:00+00:00"
    told = orjson.dumps({"epoch": epoch, "world": world})
    path = tmp_path / "journal.jsonl"
    path.write_bytes(Entry(1, NOW, "world", "world", "", "epoch", epoch, "", 0, "", 0, body=told, note=None).line() + b"\n")
    assert RecordedFeed(path).dial == dial


@pytest.mark.parametrize("width", [80, 120, 160])
def test_the_clock_shows_the_date_and_each_line_its_time(recording: Path, width: int) -> None:
    feed = StubFeed(recording)
    feed.dial = REAL
    app = app_of(feed)

    async def story(pilot: Pilot[None]) -> None:
        room = app.screen
        assert isinstance(room, FlowRoom)
        last = app.desk.film[-1].t
        bar = room.query_one(RoomBar).render().plain
        assert (REAL.now(last) if width == 160 else f"· {REAL.brief(last)} ") in bar
        assert all(room.say(f"room.{door.name}.short" if width == 80 else f"room.{door.name}") in bar for door in ROOMS)
        line, heading = room.lanes.render_line(0).text, room.lanes.heading().text
        assert line.startswith(REAL.short(room.lanes.view[room.lanes.scroll_offset.y].t))
        assert len(line) == len(heading)
        middle = REAL.columns + 2 + room.lanes.plan.lane // 2
        assert heading[:REAL.columns].isspace()
        assert line[middle] in "│├┤┼─═┄┈╌╍◀▶◁▷◆●▼", "the rails stand under their names"

    play(app, story, (width, 24))
