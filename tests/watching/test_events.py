"""The journal's event stream through a real socket: nothing missed, nothing doubled, nobody slowed."""

from __future__ import annotations

import asyncio
import json
import random
import socket
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from httpx_sse import ServerSentEvent, aconnect_sse

from lab.journal import LazyBody
from lab.rest import events, pages
from tests.watching.serving import Serving, serve


async def follow(here: Serving, query: str = "", **headers: str) -> AsyncIterator[ServerSentEvent]:
    """The stream's events."""
    async with aconnect_sse(here.http, "GET", f"/glasscloud/events{query}", headers=headers) as source:
        async for event in source.aiter_sse():
            yield event


def rows(event: ServerSentEvent) -> list[dict[str, Any]]:
    """The journal lines of an event."""
    return [json.loads(line) for line in event.data.split("\n")]


async def seqs(here: Serving, end: int, query: str = "", **headers: str) -> list[int]:
    """The sequence numbers that the stream brings up to `end`."""
    found: list[int] = []
    async with aclosing(follow(here, query, **headers)) as stream:
        async for event in stream:
            if event.event == "entries":
                found += [row["seq"] for row in rows(event)]
                assert int(event.id) == found[-1]
                if found[-1] >= end:
                    return found
    raise AssertionError("the stream ended")


async def entries(here: Serving, since: int, count: int) -> list[dict[str, Any]]:
    """So many entries after one, as the stream brings them."""
    found: list[dict[str, Any]] = []
    async with aclosing(follow(here, f"?since={since}")) as stream:
        async for event in stream:
            if event.event == "entries":
                found += rows(event)
                if len(found) >= count:
                    return found
    raise AssertionError("the stream ended")


async def first(here: Serving, kind: str, query: str = "", **headers: str) -> dict[str, Any]:
    """The data of the first event of a kind."""
    async with aclosing(follow(here, query, **headers)) as stream:
        async for event in stream:
            if event.event == kind:
                data: dict[str, Any] = json.loads(event.data)
                return data
    raise AssertionError("the stream ended")


def test_it_brings_every_entry_as_the_journal_has_it_and_goes_on_with_new_ones() -> None:
    async def main(here: Serving) -> None:
        old = here.journal.seq
        lines: list[bytes] = []
        async with aclosing(follow(here)) as stream:
            async for event in stream:
                if event.event == "entries":
                    lines += event.data.encode().split(b"\n")
                    if len(lines) == old:
                        here.write(3)
                    if len(lines) >= old + 3:
                        break
        assert lines == [entry.line() for entry in here.journal.since()]

    serve(main)


def test_the_clock_is_told_first_when_it_is_ordered_and_each_second() -> None:
    async def main(here: Serving) -> None:
        loop = asyncio.get_running_loop()
        told: list[tuple[float, dict[str, Any]]] = []
        async with aclosing(follow(here, f"?since={here.journal.seq}")) as stream:
            async for event in stream:
                if event.event != "clock":
                    continue
                told.append((loop.time(), json.loads(event.data)))
                if len(told) == 1:
                    await here.http.put("/glasscloud/clock", json={"step_events": 2})
                elif len(told) == 2:
                    await here.http.put("/glasscloud/clock", json={"speed": 5, "paused": False})
                elif len(told) == 4:
                    break
        at, clocks = [at for at, _ in told], [clock for _, clock in told]
        assert (clocks[0]["paused"], clocks[0]["speed"], clocks[0]["run"]) == (True, "max", 0)
        assert clocks[1]["steps"] > clocks[0]["steps"]
        assert (clocks[2]["paused"], clocks[2]["speed"]) == (False, 5)
        assert clocks[3]["t_s"] > clocks[2]["t_s"]
        assert at[2] - at[0] < 0.9 <= at[3] - at[2]

    serve(main)


@dataclass
class Proxy:
    """Carries bytes between a client and the edge, and cuts the connection after a number of them."""

    port: int
    cut_after: list[int]
    connections: int = 0
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection more."""
        self.tasks.append(asyncio.ensure_future(self.take(reader, writer)))

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until it is cut or an end is closed."""
        left = self.cut_after[self.connections] if self.connections < len(self.cut_after) else 1 << 40
        self.connections += 1
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            far_writer.write(await reader.readuntil(b"\r\n\r\n"))
            while left > 0 and (data := await far_reader.read(min(left, 3000))):
                writer.write(data)
                await writer.drain()
                left -= len(data)
        except ConnectionError:
            pass  # the client has left
        finally:
            for each in (writer, far_writer):
                each.close()
                with suppress(ConnectionError):
                    await each.wait_closed()


@pytest.mark.parametrize("seed", range(6))
def test_cut_anywhere_it_goes_on_with_nothing_missed_and_nothing_doubled(seed: int) -> None:
    """The connection is cut after random numbers of bytes, in headers, lines and between events, while entries go on coming."""
    dice = random.Random(seed)

    async def main(here: Serving) -> None:
        port = here.http.base_url.port
        assert port is not None
        proxy = Proxy(port, [dice.choice((dice.randrange(400), dice.randrange(4000), dice.randrange(150_000))) for _ in range(12)])
        server = await asyncio.start_server(proxy.accept, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/glasscloud/events"
        end = here.journal.seq + 1200
        seen: list[int] = []
        last = ""

        async def write() -> None:
            while here.journal.seq < end:
                here.write(min(dice.randrange(1, 120), end - here.journal.seq), b'{"text":"%b"}' % (b"x" * dice.randrange(200)))
                await asyncio.sleep(dice.random() * 0.02)

        writing = asyncio.ensure_future(write())
        while not seen or seen[-1] < end:
            headers = {**here.http.headers, **({"last-event-id": last} if last else {})}
            try:
                async with (
                    httpx.AsyncClient(trust_env=False, timeout=5.0) as http,
                    aconnect_sse(http, "GET", url, headers=headers) as source,
                ):
                    async for event in source.aiter_sse():
                        last = event.id or last
                        if event.event == "entries":
                            seen += [row["seq"] for row in rows(event)]
                            if seen[-1] >= end:
                                break
            except httpx.TransportError:
                continue
        await writing
        server.close()
        for task in proxy.tasks:
            task.cancel()
        await asyncio.gather(*proxy.tasks, return_exceptions=True)
        assert proxy.connections > 3
        assert seen == list(range(1, end + 1))

    serve(main)


def test_one_that_fell_far_behind_is_told_what_it_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "FAR", 100)

    async def main(here: Serving) -> None:
        start = here.journal.seq
        here.write(500)
        missed: list[tuple[int, int]] = []
        seen: list[int] = []
        async with aclosing(follow(here, f"?since={start}")) as stream:
            async for event in stream:
                if event.event == "missed":
                    data = json.loads(event.data)
                    missed.append((data["from"], data["to"]))
                    assert int(event.id) == data["to"]
                elif event.event == "entries":
                    seen += [row["seq"] for row in rows(event)]
                    if seen[-1] >= here.journal.seq:
                        break
        assert missed == [(start + 1, start + 450)]
        assert seen == list(range(start + 451, start + 501))

    serve(main)


def test_who_comes_from_another_future_is_sent_back_and_begins_anew() -> None:
    async def main(here: Serving) -> None:
        here.write(50)
        end = here.journal.seq
        # It has seen more than there is: another cloud stood here.
        assert await first(here, "travel", f"?since={end + 10}") == {"to": 0, "run": 0}
        assert (await seqs(here, end, f"?since={end + 10}"))[0] == 1
        # The world was gone back to an entry while it watched.
        here.served.travels.append(end - 20)
        assert await first(here, "travel", f"?since={end}&run=0") == {"to": end - 20, "run": 1}
        assert (await seqs(here, end, f"?since={end}&run=0"))[0] == end - 19
        assert (await seqs(here, end, f"?since={end - 5}&run=1"))[0] == end - 4
        assert (await first(here, "clock"))["run"] == 1

    serve(main)


def test_the_header_of_a_reconnect_weighs_more_than_the_address() -> None:
    async def main(here: Serving) -> None:
        end = here.journal.seq
        assert (await seqs(here, end, "?since=1", **{"Last-Event-ID": str(end - 3)})) == [end - 2, end - 1, end]

    serve(main)


def test_a_refused_token_and_a_wrong_place_are_told_before_the_stream_begins() -> None:
    async def main(here: Serving) -> None:
        for token, status in (("", 401), ("forged", 401)):
            answer = await here.http.get("/glasscloud/events", headers={"x-auth-token": token})
            assert (answer.status_code, answer.json()["error"]["code"]) == (status, status)
        for query in ("since=-1", "since=x", "run=x", "since=%C2%B2", "since=" + "9" * 30):
            answer = await here.http.get(f"/glasscloud/events?{query}")
            assert (answer.status_code, answer.json()["error"]["message"]) == (400, events.USAGE)

    serve(main)


def test_a_quiet_stream_says_that_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "KEEP_ALIVE_S", 0.05)

    async def main(here: Serving) -> None:
        stream = here.http.stream("GET", f"/glasscloud/events?since={here.journal.seq}")
        async with stream as answer, aclosing(answer.aiter_lines()) as lines:
            async for line in lines:
                if line == ": keep-alive":
                    return
        raise AssertionError("the stream ended and never said that it was there")

    serve(main)


def test_what_a_client_sent_never_breaks_a_line() -> None:
    bodies = (b'{\n "a":\r\n 1}', b"{broken", b"\xff\xfe", b'"\xe2\x80\xa8 \xc2\x85"', b"two\nlines\n", b"[1, 2]", b"NaN")

    async def main(here: Serving) -> None:
        start = here.journal.seq
        for body in bodies:
            here.journal.add("rest", "client@client", "swift-proxy@controller-1", "PUT", "/v1/a\u2028b", body=body)
        found = await entries(here, start, len(bodies))
        assert [row["body"] for row in found] == [entry.json() for entry in here.journal.since(start)]

    serve(main)


def test_a_big_table_is_left_out_and_can_be_asked_for() -> None:
    async def main(here: Serving) -> None:
        start = here.journal.seq
        for count in (pages.ROWS_MAX, pages.ROWS_MAX + 1):
            rows_of = json.dumps(list(range(count))).encode()
            here.journal.add("decision", "a", "b", "select", body=LazyBody(lambda rows_of=rows_of: rows_of, rows=count))
        found = await entries(here, start, 2)
        assert [(len(row["body"] or ()), row.get("left_out")) for row in found] == [(pages.ROWS_MAX, None), (0, pages.ROWS_MAX + 1)]
        whole = await here.http.get(f"/glasscloud/journal?since={start + 1}&limit=1")
        assert len(json.loads(whole.text)["body"]) == pages.ROWS_MAX + 1

    serve(main)


def test_a_watcher_that_does_not_read_is_not_written_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream whose client takes nothing stops at what the sockets hold, and nothing is kept for it; others go on."""
    watchers: list[events.Watcher] = []

    class Known(events.Watcher):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            watchers.append(self)

    monkeypatch.setattr(events, "Watcher", Known)

    async def main(here: Serving) -> None:
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.connect(("127.0.0.1", here.http.base_url.port))
            token = here.http.headers["x-auth-token"]
            deaf.sendall(f"GET /glasscloud/events HTTP/1.1\r\nhost: x\r\nx-auth-token: {token}\r\n\r\n".encode())
            for _ in range(60):
                here.write(500, b'{"text":"%b"}' % (b"x" * 1000))
                await asyncio.sleep(0.01)
            (watcher,) = watchers
            place = watcher.seq
            assert place < here.journal.seq - 10_000
            here.write(5000)
            await asyncio.sleep(0.2)
            assert watcher.seq == place
            assert len(await seqs(here, here.journal.seq, f"?since={here.journal.seq - 10}")) == 10

    serve(main)
