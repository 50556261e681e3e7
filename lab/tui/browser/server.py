"""textual-serve with a page of our own, that asks nobody but this machine for anything and lets no other page in."""

from __future__ import annotations

import os
from pathlib import Path

from aiohttp import web
from textual_serve.server import Server

HOST = "127.0.0.1"


class Loopback(Server):
    """Serves one command on the loopback; each page that is opened has a process of its own, which ends with the page."""

    def __init__(self, command: str, port: int, ready: str) -> None:
        """`ready` says where it is, with {url}."""
        self._ready = ready
        # Without `exec` a shell would stand between the server and the application.
        command = f"exec {command}" if os.name == "posix" else command
        super().__init__(command, host=HOST, port=port, title="Glasscloud", templates_path=Path(__file__).parent)

    def initialize_logging(self) -> None:
        """What goes wrong is written by the application's own process."""

    async def on_startup(self, app: web.Application) -> None:
        """Say where."""
        print(self._ready.format(url=self.public_url), flush=True)  # noqa: T201

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """Start a process for a page of ours. A browser lets every page of the web open a socket to the loopback, so others are refused."""
        if request.headers.get("origin", self.public_url) not in (self.public_url, f"http://localhost:{self.port}"):
            raise web.HTTPForbidden(text="only the page that this server serves may connect")
        return await super().handle_websocket(request)
