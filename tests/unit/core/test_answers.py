"""An answer over HTTP is written in one piece, in order, and before its connection is closed."""

from __future__ import annotations

import asyncio
from typing import Any

from lab.rest.answers import Answers, Together


class Wire(asyncio.Transport):
    """Keeps what is done to it."""

    def __init__(self) -> None:
        super().__init__({"peername": ("10.0.0.1", 5)})
        self.done: list[Any] = []

    def write(self, data: Any) -> None:
        self.done.append(bytes(data))

    def is_closing(self) -> bool:
        return "closed" in self.done

    def close(self) -> None:
        self.done.append("closed")


def test_what_one_step_writes_goes_at_once_and_a_closed_connection_takes_no_more() -> None:
    async def main() -> None:
        wire = Wire()
        together = Together(wire)
        assert together.get_extra_info("peername") == ("10.0.0.1", 5)
        together.write(b"head ")
        together.write(b"body")
        assert wire.done == []
        await asyncio.sleep(0)
        together.write(b"next ")
        await asyncio.sleep(0)
        together.write(b"last")
        together.close()
        together.write(b"too late")
        await asyncio.sleep(0)
        assert wire.done == [b"head body", b"next ", b"last", "closed"]

    asyncio.run(main())


def test_uvicorn_is_given_it() -> None:
    import uvicorn

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    async def main() -> None:
        config = uvicorn.Config(app, http=Answers, log_config=None, lifespan="off", server_header=False, date_header=False)
        config.load()
        server, wire = uvicorn.Server(config), Wire()
        protocol = Answers(config, server.server_state, {})
        protocol.connection_made(wire)
        protocol.data_received(b"GET / HTTP/1.1\r\nhost: here\r\n\r\n")
        for _ in range(4):
            await asyncio.sleep(0)
        assert len(wire.done) == 1
        assert wire.done[0].endswith(b"\r\n\r\nok")
        protocol.connection_lost(None)

    asyncio.run(main())
