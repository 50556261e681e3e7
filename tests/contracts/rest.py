"""What every router promises to those who ask through it: the same bodies within one program and over HTTP.

A test is given `play`, which runs `main(net)` on services and a client of its own.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest

from lab.client.transports import enter
from lab.config import Config
from lab.context import Context
from lab.errors import Forbidden, NotFound, RestTimeout, Unreachable
from lab.journal import Entry, LazyBody
from lab.process import Process
from lab.rest import PUBLIC, Api, Request, Response, Route
from lab.rest.body import Body
from lab.rest.message import Stream
from lab.wires import Wires
from tests.contracts.record import promise

CTX = Context(request_id="req-rest", token="gAAAA-secret-token")
CONFIG = Config(rest_timeout_s=2.0)
Play = Callable[[Callable[["Net"], Coroutine[Any, Any, Any]]], Any]
PIECE = bytes(range(256)) * 256
"""64 KiB."""


class Thing(Body):
    name: str


class ThingApi(Api):
    """Serves things."""

    service = "compute"
    routes = (
        Route("GET", "/v2.1/things", "index", PUBLIC),
        Route("GET", "/v2.1/things/{thing_id}", "show", PUBLIC),
        Route("POST", "/v2.1/things", "create", PUBLIC, 202, body=Thing),
        Route("DELETE", "/v2.1/things/{thing_id}", "delete", PUBLIC, 204),
        Route("GET", "/v2.1/slow", "slow", PUBLIC),
        Route("GET", "/v2.1/file", "download", PUBLIC, streaming=True),
        Route("PUT", "/v2.1/file", "upload", PUBLIC, 204, streaming=True),
        Route("PUT", "/v2.1/refused", "refuse", PUBLIC, streaming=True),
        Route("GET", "/v2.1/mirror/{path:path}", "mirror", PUBLIC),
        Route("GET", "/v2.1/lazy", "lazy", PUBLIC),
    )

    def __init__(self, process: Process, net: Net) -> None:
        super().__init__(process)
        self.net = net

    async def index(self, ctx: Context, request: Request) -> Any:
        return {"things": [], "args": request.args("name"), "asked": request.headers.get("x-asked", "")}

    async def show(self, ctx: Context, request: Request) -> Any:
        if request.params["thing_id"] == "none":
            raise NotFound("Thing none could not be found.")
        self.process.log(ctx, "shown")
        return Response(200, {"id": request.params["thing_id"]}, {"X-Thing-Colour": "blü"})

    async def create(self, ctx: Context, request: Request) -> Any:
        self.net.seen.append(request.data.name)
        return {"id": request.data.name}

    async def delete(self, ctx: Context, request: Request) -> None:
        self.net.seen.append("delete")

    async def slow(self, ctx: Context, request: Request) -> Any:
        self.net.seen.append("slow")
        await self.process.sleep(1000)
        return {}

    async def download(self, ctx: Context, request: Request) -> Any:
        count = int(request.arg("pieces") or 1)

        async def pieces() -> AsyncIterator[bytes]:
            for i in range(count):
                self.net.sent = i
                yield PIECE
                await asyncio.sleep(0)

        return Response(200, Stream(pieces, None if request.arg("unknown") else len(PIECE) * count))

    async def upload(self, ctx: Context, request: Request) -> None:
        assert request.stream is not None
        async for piece in request.stream.open():
            self.net.seen.append(piece)
        self.net.seen.append(request.stream.size)

    async def refuse(self, ctx: Context, request: Request) -> None:
        raise Forbidden("Not you.")

    async def mirror(self, ctx: Context, request: Request) -> Any:
        return {"path": request.path, "query": request.query}

    async def lazy(self, ctx: Context, request: Request) -> Any:
        return Response(200, LazyBody(lambda: b'{"rows": [1, 2]}', rows=2))


class Net(ABC):
    """A client, and an API that may be in another program."""

    def __init__(self) -> None:
        self.seen: list[Any] = []
        self.sent = 0
        self.client: Process
        self.server: Process

    @abstractmethod
    def entries(self) -> list[Entry]:
        """All journals."""

    @abstractmethod
    def server_wires(self) -> Wires:
        """The wires of the API."""

    async def ask(self, method: str, target: str, **options: Any) -> Response:
        """Ask the API."""
        return await self.client.rest.call(CTX, "compute", method, target, auth="none", **options)


class RestContract:
    """Requests, answers, streams and breaks."""

    port = "rest"

    @pytest.mark.parametrize("given", [{}, {"x-openstack-request-id": "none of ours"}])
    @promise("ask", "the id that the edge gives a request reaches the service")
    def test_the_id_that_the_edge_gives_a_request_reaches_the_service(self, play: Play, given: dict[str, str]) -> None:
        async def main(net: Net) -> None:
            response = await enter(net.client, "compute", Request("GET", "/v2.1/things/7", dict(given), b"", net.client.name))
            shown = [(entry.kind, entry.request_id) for entry in net.entries() if entry.kind in ("rest", "log")]
            assert shown == [("rest", shown[0][1]), ("log", shown[0][1])]
            assert shown[0][1].startswith("req-")
            assert response.headers["x-openstack-request-id"] == shown[0][1]

        play(main)

    @promise("ask", "an answer has the status, headers and body that the service gave")
    def test_an_answer_has_the_status_headers_and_body_that_the_service_gave(self, play: Play) -> None:
        async def main(net: Net) -> None:
            response = await net.ask("GET", "/v2.1/things/7")
            assert (response.status, response.json(), response.headers["X-Thing-Colour"]) == (200, {"id": "7"}, "blü")
            assert response.headers["x-openstack-request-id"] == "req-rest"
            response = await net.ask("POST", "/v2.1/things", body={"name": "a"})
            assert (response.status, response.json(), net.seen) == (202, {"id": "a"}, ["a"])
            response = await net.ask("DELETE", "/v2.1/things/a")
            assert (response.status, response.content()) == (204, b"")
            assert (await net.ask("GET", "/v2.1/lazy")).json() == {"rows": [1, 2]}

        play(main)

    @promise("ask", "faults are answers")
    def test_faults_are_answers(self, play: Play) -> None:
        async def main(net: Net) -> None:
            response = await net.ask("GET", "/v2.1/things/none")
            assert (response.status, response.json()["itemNotFound"]["message"]) == (404, "Thing none could not be found.")
            asked = [("POST", "/v2.1/things", {"nome": 1}), ("PATCH", "/v2.1/things", {}), ("GET", "/nothing/here", None)]
            assert [(await net.ask(method, target, body=body)).status for method, target, body in asked] == [400, 401, 401]

        play(main)

    @promise("ask", "query and path come as they were sent")
    def test_query_and_path_come_as_they_were_sent(self, play: Play) -> None:
        async def main(net: Net) -> None:
            found = (await net.ask("GET", "/v2.1/things?name=a%20b&name=%C3%A4&x=1", headers={"X-Asked": "yes"})).json()
            assert (found["args"], found["asked"]) == (["a b", "ä"], "yes")
            assert (await net.ask("GET", "/v2.1/mirror/a%2Fb/c?q=1+2")).json() == {"path": "/v2.1/mirror/a%2Fb/c", "query": {"q": ["1 2"]}}

        play(main)

    @promise("ask", "a HEAD has the size and no body; the next answer is the next one's")
    def test_a_head_has_the_size_and_no_body_and_the_next_answer_is_the_next_ones(self, play: Play) -> None:
        async def main(net: Net) -> None:
            response = await net.ask("HEAD", "/v2.1/things/7")
            assert (response.status, response.content(), response.headers["Content-Length"]) == (200, b"", "10")
            assert (await net.ask("GET", "/v2.1/things/8")).json() == {"id": "8"}

        play(main)

    @promise("ask", "many at once get each its own answer")
    def test_many_at_once_get_each_its_own_answer(self, play: Play) -> None:
        async def main(net: Net) -> None:
            answers = await asyncio.gather(*(net.ask("GET", f"/v2.1/things/{i}") for i in range(50)))
            assert [answer.json()["id"] for answer in answers] == [str(i) for i in range(50)]

        play(main)

    @promise("stream", "a body comes in pieces, both ways")
    def test_streams_come_in_pieces_both_ways(self, play: Play) -> None:
        async def main(net: Net) -> None:
            for query, size in (("", 3 * len(PIECE)), ("&unknown=1", None)):
                response = await net.ask("GET", f"/v2.1/file?pieces=3{query}")
                assert isinstance(response.body, Stream)
                assert response.body.size == size
                assert b"".join([piece async for piece in response.body.open()]) == PIECE * 3

            async def pieces() -> AsyncIterator[bytes]:
                for _ in range(3):
                    yield PIECE

            for size in (3 * len(PIECE), None):
                net.seen.clear()
                assert (await net.ask("PUT", "/v2.1/file", stream=Stream(pieces, size))).status == 204
                assert net.seen.pop() == size
                assert b"".join(net.seen) == PIECE * 3

        play(main)

    @promise("ask", "the journal has request, answer and what came of it")
    def test_the_journal_has_the_request_and_its_answer_and_what_came_of_it(self, play: Play) -> None:
        async def main(net: Net) -> None:
            await net.ask("GET", "/v2.1/things/7")
            found = {e.kind: e for e in net.entries() if e.kind in ("rest", "rest_reply", "log")}
            rest, answer, said = found["rest"], found["rest_reply"], found["log"]
            assert (rest.source, rest.name, rest.where, rest.request_id) == ("client@out", "GET", "/v2.1/things/7", "req-rest")
            assert (answer.source, answer.target, answer.status, answer.parent) == ("nova-api@c1", "client@out", "200", rest.seq)
            assert (said.source, said.parent, said.request_id) == ("nova-api@c1", rest.seq, "req-rest")
            assert 0 <= answer.duration < 2_000_000_000
            assert answer.json() == {"id": "7"}

        play(main)

    @promise("ask", "who does not answer in time is given up")
    def test_who_does_not_answer_in_time_is_given_up(self, play: Play) -> None:
        async def main(net: Net) -> None:
            with pytest.raises(RestTimeout, match=r"compute did not answer GET /v2.1/slow in time"):
                await net.ask("GET", "/v2.1/slow")
            assert (await net.ask("GET", "/v2.1/things/8")).json() == {"id": "8"}

        play(main)

    @promise("kill", "a process that dies closes the connection; started again it answers")
    def test_a_process_that_dies_closes_the_connection_and_is_not_there_any_more(self, play: Play) -> None:
        async def main(net: Net) -> None:
            asked = asyncio.ensure_future(net.ask("GET", "/v2.1/slow"))
            while "slow" not in net.seen:
                await asyncio.sleep(0.01)
            net.server_wires().kill("nova-api@c1")
            with pytest.raises(Unreachable, match=r"closed the connection of GET /v2.1/slow without an answer"):
                await asked
            with pytest.raises(Unreachable, match="no compute API listens; its process is down, restart it"):
                await net.ask("GET", "/v2.1/things/7")
            net.server_wires().restart("nova-api@c1")
            assert (await net.ask("GET", "/v2.1/things/7")).status == 200

        play(main)

    @promise("ask", "a service that nobody knows is Unreachable")
    def test_a_service_that_nobody_knows_is_unreachable(self, play: Play) -> None:
        async def main(net: Net) -> None:
            with pytest.raises(Unreachable, match="no weather API listens"):
                await net.client.rest.call(CTX, "weather", "GET", "/", auth="none")

        play(main)
