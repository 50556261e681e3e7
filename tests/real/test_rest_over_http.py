"""What only a network can do to requests and answers: REST over HTTP on loopback, client and API each with wires of their own."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from lab.errors import Unreachable
from lab.rest.message import Response, Stream
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
            raise Unreachable("the disk went away")

        with pytest.raises(Unreachable, match="the disk went away"):
            await net.ask("PUT", "/v2.1/file", stream=Stream(pieces, None))
        await asyncio.sleep(0.2)
        assert None not in net.seen[1:]
        assert (await net.ask("GET", "/v2.1/things/8")).json() == {"id": "8"}

    run(main)


def test_connections_are_used_again() -> None:
    async def main(net: OverHttp) -> Response:
        for _ in range(5):
            await net.ask("GET", "/v2.1/things/8")
        assert [len(idle) for idle in net.router(0).connections._idle.values()] == [1]
        return await net.ask("GET", "/v2.1/things/8")

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

