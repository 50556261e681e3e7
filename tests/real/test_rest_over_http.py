"""What only a network can do to requests and answers: REST over HTTP on loopback, client and API each with wires of their own."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from lab.errors import NotFound, Unreachable
from lab.rest.message import Stream
from tests.contracts.rest import CTX, PIECE
from tests.real.bed.http_net import OverHttp, run

pytestmark = pytest.mark.real


def test_a_stream_that_nobody_reads_makes_its_sender_wait() -> None:
    async def main(net: OverHttp) -> None:
        response = await net.ask("GET", "/v2.1/file?pieces=2000")  # 125 MiB
        assert isinstance(response.body, Stream)
        before = -1
        while before != net.sent:
            before = net.sent
            await asyncio.sleep(0.2)
        assert net.sent < 400
        size = 0
        async for piece in response.body.open():
            size += len(piece)
        assert size == 2000 * len(PIECE)

    run(main)


def test_nobody_listens_at_the_url() -> None:
    async def main(net: OverHttp) -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
        net.router(0).places["image"] = ("127.0.0.1", port, "/image")
        expected = rf"image cannot be reached for GET /v2: 127.0.0.1:{port} takes no connection.*is its program up"
        with pytest.raises(Unreachable, match=expected):
            await net.client.rest.call(CTX, "image", "GET", "/v2", auth="none")
        assert [e.status for e in net.entries() if e.kind == "rest_reply"] == ["unreachable"]

    run(main)


def test_an_upload_that_breaks_off_is_not_taken_for_whole() -> None:
    async def main(net: OverHttp) -> None:
        async def pieces() -> Any:
            yield PIECE
            raise NotFound("the disk went away")

        with pytest.raises(NotFound, match="the disk went away"):
            await net.ask("PUT", "/v2.1/file", stream=Stream(pieces, None))
        await asyncio.sleep(0.2)
        assert None not in net.seen[1:]
        assert (await net.ask("GET", "/v2.1/things/8")).json() == {"id": "8"}

    run(main)


def test_connections_are_used_again() -> None:
    async def main(net: OverHttp) -> None:
        for _ in range(5):
            await net.ask("GET", "/v2.1/things/8")
        async for _ in (await net.ask("GET", "/v2.1/file?pieces=3")).open():
            pass
        await net.ask("PUT", "/v2.1/file", stream=Stream(three_pieces, None))
        assert (await net.ask("HEAD", "/v2.1/nothing")).content() == b""
        assert len(net.callers) == 1
        await asyncio.gather(*(net.ask("GET", "/v2.1/things/8") for _ in range(3)))
        assert len(net.callers) == 3

    run(main)


async def three_pieces() -> AsyncIterator[bytes]:
    for piece in (PIECE, b"", PIECE):
        yield piece


def test_a_stream_that_is_left_in_its_middle_leaves_nothing_to_the_next_answer() -> None:
    async def main(net: OverHttp) -> None:
        response = await net.ask("GET", "/v2.1/file?pieces=2000")
        pieces = response.open()
        await anext(pieces)
        await pieces.aclose()  # type: ignore[attr-defined]
        assert (await net.ask("GET", "/v2.1/things/8")).json() == {"id": "8"}
        assert len(net.callers) == 2

    run(main)


def test_headers_keep_their_bytes() -> None:
    async def main(net: OverHttp) -> None:
        for sent in ("plain", "blü".encode().decode("latin-1")):  # as the edge reads UTF-8
            assert (await net.ask("GET", "/v2.1/things", headers={"x-asked": sent})).json()["asked"] == sent

    run(main)


ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


@pytest.mark.parametrize(
    ("method", "answers", "expected"),
    [
        ("GET", [ANSWER, b"", ANSWER], "used again: asked once more"),
        ("POST", [ANSWER, b"", ANSWER], "the connection was closed without an answer"),
        ("GET", [b"", b"", ANSWER], "the connection was closed without an answer"),
        ("GET", [b"gopher\r\n\r\n"], "the answer is no HTTP"),
        ("GET", [ANSWER.replace(b"2", b"3")], "closed in the middle of the answer"),
        ("GET", [b"HTTP/1.1 102 Wait\r\n\r\n" + ANSWER], "used again: asked once more"),
    ],
)
def test_a_server_that_hangs_up(method: str, answers: list[bytes], expected: str) -> None:
    """One answer a request; an empty one is a connection that is closed, and so is the end of them."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while answers:
            asked.append(await reader.readuntil(b"\r\n\r\n"))
            answer = answers.pop(0)
            writer.write(answer)
            if not answer or not answers:
                break
        writer.close()

    async def main(net: OverHttp) -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        net.router(0).places["image"] = ("127.0.0.1", server.sockets[0].getsockname()[1], "/image")
        whole = len(answers)
        try:
            for _ in range(2 if whole > 2 else 1):
                response = await net.client.rest.call(CTX, "image", method, "/v2", auth="none")
        except Unreachable as error:
            assert expected in str(error)
        else:
            assert (response.json(), expected) == ({}, "used again: asked once more")
        server.close()
        assert all(head.startswith(f"{method} /image/v2 HTTP/1.1\r\n".encode()) for head in asked)
        assert method == "GET" or len(asked) == 2  # what may not be repeated was sent once

    run(main)


def test_an_upload_that_is_refused_early_is_broken_off_and_the_next_request_has_a_connection_of_its_own() -> None:
    async def main(net: OverHttp) -> None:
        read = 0

        async def pieces() -> Any:
            nonlocal read
            for _ in range(2000):  # 125 MiB
                read += 1
                yield PIECE

        response = await net.ask("PUT", "/v2.1/refused", stream=Stream(pieces, None))
        assert (response.status, (await net.ask("GET", "/v2.1/things/8")).json()) == (403, {"id": "8"})
        await asyncio.sleep(0.2)
        assert read < 1000

    run(main)


def test_a_body_that_is_too_long_is_refused_and_not_held() -> None:
    async def main(net: OverHttp) -> None:
        assert (await net.ask("POST", "/v2.1/things", body={"name": "x" * 20_000_000})).status == 413
        assert (await net.ask("GET", "/v2.1/things/8")).json() == {"id": "8"}

    run(main)

