"""Feeds: damaged and foreign files, lost connections, refused tokens; and what the face says then."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from pathlib import Path

import httpx
import orjson
import pytest
from textual.pilot import Pilot

from lab.cli.demo import Lang
from lab.cli.tui import ThemeName, show
from lab.errors import LabError
from lab.journal import Entry, Journal, LazyBody
from lab.journal.formats.flow import Flow
from lab.journal.formats.lines import jsonl, read
from lab.tui.desk import MANY, Desk
from lab.tui.trouble import lost_words
from lab.watch import remote
from lab.watch.feed import ClockNow, Entries, Feed, Lost, Missed, Seen, Travelled, Unable, Unheard
from lab.watch.film import Film, Filter, View
from lab.watch.line import entry_of, left_out
from lab.watch.query import UnknownWord, parse
from lab.watch.recorded import RecordedFeed
from lab.watch.remote import RemoteFeed
from sim.loop import SimLoop
from tests.tui.conftest import StubFeed, app_of, play


def seen_of(feed: Feed, most: int = 1_000) -> list[Seen]:
    """What a feed gives until it ends, or the first of it."""

    async def watch() -> list[Seen]:
        found: list[Seen] = []
        async for seen in feed.watch():
            found.append(seen)
            if len(found) >= most:
                break
        await feed.close()
        return found

    return asyncio.run(watch())


def entries_of(found: list[Seen]) -> list[Entry]:
    return [entry for seen in found if isinstance(seen, Entries) for entry in seen.entries]


# -- files --------------------------------------------------------------------------------------


def test_lines_are_read_as_the_journal_wrote_them(recording: Path) -> None:
    lines = recording.read_bytes().splitlines()
    assert [entry.line() for entry in map(entry_of, lines)] == lines


def test_a_body_is_read_wherever_it_stands(recording: Path) -> None:
    for line in recording.read_bytes().splitlines()[:50]:
        row = orjson.loads(line)
        turned = orjson.dumps({"body": row.pop("body"), **row})
        row = orjson.loads(line)
        note = row.pop("note")
        middle = orjson.dumps({**row, "note": note})
        assert [entry_of(other) for other in (turned, middle)] == [entry_of(orjson.dumps(orjson.loads(line)))] * 2


def test_what_was_exported_is_watched_like_what_was_recorded(recording: Path, tmp_path: Path) -> None:
    exported = tmp_path / "exported.jsonl"
    exported.write_text("".join(jsonl(Flow(read(recording)))), encoding="utf-8")
    there, here = entries_of(seen_of(RecordedFeed(recording))), entries_of(seen_of(RecordedFeed(exported)))
    assert [entry[:11] for entry in here] == [entry[:11] for entry in there]
    assert [type(entry.json()) for entry in here] == [type(entry.json()) for entry in there]


def test_of_a_list_that_is_left_out_the_length_is_read() -> None:
    journal = Journal(SimLoop().runtime)
    journal.add("decision", "a", "b", "select", body=LazyBody(lambda: b"[...]", rows=9))
    entry = entry_of(journal.get(1).line(8))
    assert (entry.body, left_out(entry)) == (None, 9)


@pytest.mark.parametrize("line", [b"", b"{}", b"[]", b"no json", b'{"seq": 1}', b"\xff\xfe", b"null", b'{"seq":1,"t":0,"body":null}'])
def test_a_foreign_line_is_refused(line: bytes) -> None:
    with pytest.raises(LabError, match="no line of a journal"):
        entry_of(line)


@pytest.mark.parametrize(("text", "words"), [(b"", "is empty"), (b"PNG\r\n", "not a recorded journal"), (b'{"method": 1}\n', "not a rec")])
def test_a_foreign_file_is_named(tmp_path: Path, text: bytes, words: str) -> None:
    path = tmp_path / "other.jsonl"
    path.write_bytes(text)
    with pytest.raises(LabError, match=words):
        RecordedFeed(path)


@pytest.mark.parametrize("part", [0.5, 0.999])
def test_of_a_cut_file_everything_before_the_cut_is_shown(recording: Path, tmp_path: Path, part: float) -> None:
    whole = recording.read_bytes()
    path = tmp_path / "cut.jsonl"
    path.write_bytes(whole[: int(len(whole) * part)])
    found = seen_of(RecordedFeed(path))
    good = path.read_bytes().count(b"\n")
    assert len(entries_of(found)) == good
    assert found[-1] == Lost("cut", str(good + 1))

    async def story(pilot: Pilot[None]) -> None:
        await pilot.pause()
        assert any(f"Line {good + 1} " in note.message for note in pilot.app._notifications)
        await pilot.press("up", "enter", "escape")

    play(app_of(path), story)


# -- running clouds -----------------------------------------------------------------------------


def served(answer: Callable[[httpx.Request], httpx.Response], monkeypatch: pytest.MonkeyPatch) -> RemoteFeed:
    """A feed whose cloud is a function."""
    monkeypatch.setattr(remote, "RETRIES_S", (0.0,))
    feed = RemoteFeed("http://cloud:1", token="token")
    feed._surface.http = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    return feed


def test_a_lost_connection_is_taken_up_where_it_ended(recording: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = recording.read_bytes().splitlines()
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.params["since"])
        if len(asked) == 2:
            raise httpx.ConnectError("nobody there")
        start = int(asked[-1])
        data = b"".join(b"data: " + line + b"\n" for line in lines[start : start + 3])
        return httpx.Response(200, content=b": keep-alive\r\n\r\nevent: entries\r\nid: 3\r\n" + data + b"\n")

    found = seen_of(served(answer, monkeypatch), most=4)
    assert asked == ["0", "3", "3"]
    assert [type(seen) for seen in found] == [Entries, Lost, Lost, Entries]
    assert found[2] == Lost("nobody", "nobody there", 0.0)
    assert [entry.seq for entry in entries_of(found)] == [1, 2, 3, 4, 5, 6]


def test_all_events_are_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = (
        b'event: clock\ndata: {"t_s": 1.5, "paused": true}\n\n'
        b'event: travel\nid: 7\ndata: {"to": 7, "run": 1}\n\n'
        b'event: missed\ndata: {"from": 8, "to": 90}\n\n'
        b'event: later\ndata: {}\n\n'
    )
    found = seen_of(served(lambda request: httpx.Response(200, content=stream), monkeypatch), most=3)
    assert found == [ClockNow({"t_s": 1.5, "paused": True}), Travelled(7, 1), Missed(8, 90)]


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token_ends_the_watching_with_the_reason(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    body = {"error": {"code": status, "message": "a valid token is needed"}}
    feed = served(lambda request: httpx.Response(status, json=body), monkeypatch)
    assert seen_of(feed) == [Lost("refused", "a valid token is needed")]
    other = served(lambda request: httpx.Response(status, json=body), monkeypatch)
    with pytest.raises(Unheard) as caught:
        asyncio.run(other.connect())
    assert caught.value.reason == "refused"


@pytest.mark.parametrize(
    ("happens", "reason"),
    [
        (httpx.ConnectError("[Errno 111] Connection refused"), "nobody"), (httpx.ReadTimeout("slow"), "silent"),
        (httpx.ReadError("cut"), "closed"), (httpx.Response(200, html="<p>hello</p>"), "foreign"), (httpx.Response(404), "foreign"),
        (httpx.Response(200, content=b"event: entries\ndata: {}\n\n"), "foreign"), (httpx.Response(503, text="later"), "failing"),
        (httpx.Response(200, content=b"event: clock\ndata: no json\n\n"), "foreign"), (httpx.Response(200, content=b""), "closed"),
    ],
)  # fmt: skip
def test_what_happened_is_told_apart_and_said_in_both_languages(
    monkeypatch: pytest.MonkeyPatch, happens: httpx.Response | Exception, reason: str
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if isinstance(happens, Exception):
            raise happens
        return happens

    (lost,) = seen_of(served(answer, monkeypatch), most=1)
    assert isinstance(lost, Lost)
    assert (lost.reason, lost.retry_in_s) == (reason, 0.0)
    feed = served(answer, monkeypatch)
    for lang, words in (("ko", "다시 시도"), ("en", "next try")):
        said = lost_words(Desk(feed, lang), lost)
        assert "cloud:1" in said
        assert words in said
        assert "Errno" not in said


@pytest.mark.parametrize("lang", ["ko", "en"])
@pytest.mark.parametrize("happens", [httpx.ConnectError("[Errno 111]"), httpx.Response(401, json={}), httpx.Response(200, html="<p>")])
def test_an_application_that_cannot_begin_says_why(
    monkeypatch: pytest.MonkeyPatch, happens: httpx.Response | Exception, lang: str
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if isinstance(happens, Exception):
            raise happens
        return happens

    feed = served(answer, monkeypatch)

    async def opened() -> Feed:
        await feed.connect()
        return feed

    with pytest.raises(LabError) as caught:
        asyncio.run(show(opened, Lang(lang), ThemeName.dark))
    words = str(caught.value)
    assert "http://cloud:1" in words
    assert "Errno" not in words
    assert any("가" <= letter <= "힣" for letter in words) == (lang == "ko")


def test_a_cloud_without_a_clock_says_that_it_is_real(monkeypatch: pytest.MonkeyPatch) -> None:
    feed = served(lambda request: httpx.Response(404, json={}), monkeypatch)

    async def try_it() -> None:
        await feed.connect()
        assert feed.unable["back"] == "real"
        with pytest.raises(Unable):
            await feed.travel(3)

    asyncio.run(try_it())


# -- film, filters, sizes -------------------------------------------------------------------------


def test_a_view_grows_with_its_film_and_is_cut_with_it(recording: Path) -> None:
    entries = [entry_of(line) for line in recording.read_bytes().splitlines()]
    film = Film(entries[:200])
    view = View(film, parse("kind:rest service:keystone", quiet=False))
    while not view.advance(37):
        pass
    before = len(view)
    film.extend(entries[150:])
    assert len(film) == len(entries)
    view.advance()
    assert len(view) > before > 0
    film.cut(200)
    view.advance()
    assert len(view) == before
    assert film.tally("rest", 0, len(film)) == sum(e.kind == "rest" for e in entries[:200])


def test_filters_by_service_kind_request_and_text(recording: Path) -> None:
    film = Film(entry_of(line) for line in recording.read_bytes().splitlines())

    def shown(text: str) -> list[Entry]:
        view = View(film, parse(text, quiet=False))
        view.advance()
        return [view[i] for i in range(len(view))]

    cast = shown("build_and_run_instance kind:cast")
    assert [entry.name for entry in cast] == ["build_and_run_instance"]
    assert shown("FA:16:3E")  # in bodies, in any case
    assert {entry.kind for entry in shown("종류:driver")} == {"driver", "driver_reply"}
    assert {entry.request_id for entry in shown(f"req:{cast[0].request_id}")} == {cast[0].request_id}
    with pytest.raises(UnknownWord):
        parse("service:nowhere", quiet=False)
    quiet = View(film, Filter(quiet=True))
    quiet.advance()
    assert not any(quiet[i].kind == "notify" or quiet[i].name == "report_state" for i in range(len(quiet)))


@pytest.mark.parametrize("room", ["flow", "timeline"])
def test_a_tiny_terminal_and_back(recording: Path, room: str) -> None:
    app = app_of(recording, "ko", room)

    async def story(pilot: Pilot[None]) -> None:
        whole = app.screen
        for size in ((20, 5), (1, 1), (200, 60), (80, 24)):
            await pilot.resize_terminal(*size)
            await pilot.press("up", "pageup", "enter", "down", "escape")
        await pilot.pause()
        assert app.screen is whole

    play(app, story)


def test_the_collector_need_not_walk_a_long_film(recording: Path) -> None:
    desk = Desk(StubFeed(recording))
    gc.collect()
    known = gc.get_freeze_count()
    try:
        for first in range(1, MANY + 1, 500):
            numbers = range(first, first + 500)
            desk.take(Entries([Entry(seq, seq, "log", "a@b", "a@b", "x", "", "", 0, "", 0, None, None) for seq in numbers]))
        assert gc.get_freeze_count() >= known + MANY
    finally:
        gc.unfreeze()
