"""A headless Chromium, spoken to by its DevTools protocol: pages are opened, asked by JavaScript, and given keys."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
START_S = 45.0


class Page:
    """One tab. `requests` are the addresses that it asked for, `errors` what its scripts threw."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.requests: list[str] = []
        self.errors: list[str] = []
        self.events: list[str] = []
        self._number = 0

    async def send(self, method: str, **params: Any) -> dict[str, Any]:
        """Give an order and wait for its answer; events on the way are noted."""
        self._number += 1
        await self.socket.send_json({"id": self._number, "method": method, "params": params})
        while True:
            told = await self.socket.receive_json(timeout=START_S)
            if told.get("id") == self._number:
                assert "error" not in told, told
                answer: dict[str, Any] = told["result"]
                return answer
            self._note(told)

    def _note(self, told: dict[str, Any]) -> None:
        method, params = told.get("method", ""), told.get("params", {})
        self.events.append(method)
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.errors.append(str(params["exceptionDetails"].get("exception", {}).get("description")))
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.errors.append(params["entry"]["text"])

    async def open(self, url: str) -> None:
        """Go to an address and wait until it is loaded."""
        for domain in ("Page", "Runtime", "Network", "Log"):
            await self.send(f"{domain}.enable")
        await self.send("Page.navigate", url=url)
        while await self.ask("document.readyState") != "complete":
            await asyncio.sleep(0.05)

    async def ask(self, expression: str) -> Any:
        """The value of a JavaScript expression, or of what it promises."""
        answer = await self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def click(self, x: float, y: float) -> None:
        """Click with the left button."""
        for kind in ("mousePressed", "mouseReleased"):
            await self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    async def key(self, key: str) -> None:
        """Press and release a key by its DOM name."""
        text = {"text": key} if len(key) == 1 else {}
        await self.send("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
        await self.send("Input.dispatchKeyEvent", type="keyUp", key=key)


@asynccontextmanager
async def chromium(folder: Path, width: int = 1400, height: int = 900) -> AsyncIterator[Page]:
    """A browser with one empty tab; it ends with the block."""
    assert PROGRAM is not None
    process = start(PROGRAM, f"--user-data-dir={folder}", f"--window-size={width},{height}")
    try:
        port = await port_of(folder / "DevToolsActivePort", process)
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                tab = next(tab for tab in await answer.json() if tab["type"] == "page")
            async with session.ws_connect(tab["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                yield Page(socket)
    finally:
        process.terminate()
        process.wait(timeout=20)


def start(program: str, *options: str) -> subprocess.Popen[bytes]:
    """Start the browser."""
    always = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
              "--disable-background-networking", "--remote-debugging-port=0"]
    return subprocess.Popen([program, *always, *options, "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def text_of(file: Path) -> str:
    """What is in a file; nothing while it is not there."""
    return file.read_text() if file.exists() else ""


async def port_of(file: Path, process: subprocess.Popen[bytes]) -> int:
    """The port that the browser writes down when it is ready."""
    for _ in range(int(START_S / 0.1)):
        if words := text_of(file).split():
            return int(words[0])
        assert process.poll() is None, f"chromium left with {process.returncode}"
        await asyncio.sleep(0.1)
    raise AssertionError("chromium did not start")
