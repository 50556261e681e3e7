"""`glasscloud tui --web` in a real browser: it asks this machine alone, takes keys, and leaves no process behind."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from tests.browser.chromium import PROGRAM, Page, chromium

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(240),
    pytest.mark.skipif(PROGRAM is None, reason="no Chromium here; on Debian: apt-get install chromium"),
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc"),
]
WAIT_S = 60.0
SHOWN = "document.body.classList.contains('-first-byte')"
CLOSED = "document.body.classList.contains('-closed')"


def below(pid: int) -> dict[int, str]:
    """All descendants of a process: pid and command line."""
    parents, lines = dict[int, int](), dict[int, str]()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            lines[int(folder.name)] = (folder / "cmdline").read_text().replace("\0", " ")
        except OSError:
            continue  # gone meanwhile
    found, todo = dict[int, str](), [pid]
    while todo:
        parent = todo.pop()
        for child in [child for child, its in parents.items() if its == parent]:
            found[child] = lines[child]
            todo.append(child)
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def until(true: Callable[[], bool]) -> None:
    for _ in range(int(WAIT_S / 0.1)):
        if true():
            return
        await asyncio.sleep(0.1)
    raise AssertionError("it did not happen")


def begun(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[subprocess.Popen[bytes], str]]:
    """The server and its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "lab.cli.main", "tui", "--web", "--web-port", str(port), "--lang", "ko"]
    server = begun(command)
    url = f"http://127.0.0.1:{port}"
    try:
        async with aiohttp.ClientSession() as session:
            for _ in range(int(WAIT_S / 0.2)):
                try:
                    async with session.get(url) as answer:
                        assert answer.status == 200
                        break
                except aiohttp.ClientConnectionError:
                    assert server.poll() is None
                    await asyncio.sleep(0.2)
        yield server, url
    finally:
        if server.poll() is None:
            server.kill()
        server.wait()
        assert server.stdout is not None
        server.stdout.close()


async def shown(page: Page, url: str) -> None:
    """Open it and wait until the application has drawn."""
    await page.open(url)
    for _ in range(int(WAIT_S / 0.2)):
        if await page.ask(SHOWN):
            return
        await asyncio.sleep(0.2)
    raise AssertionError("nothing was drawn")


def clouds(server: subprocess.Popen[bytes]) -> list[int]:
    return [pid for pid, line in below(server.pid).items() if " up --tied" in line]


def test_it_asks_nobody_else_takes_keys_and_ends_with_its_page(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving() as (server, url):
            async with chromium(tmp_path / "profile") as page:
                await shown(page, url)
                assert {urlsplit(asked).hostname for asked in page.requests if not asked.startswith("data:")} == {"127.0.0.1"}
                await until(lambda: bool(clouds(server)))
                await page.ask("document.querySelector('textarea').focus()")
                await page.send("Input.insertText", text="q")
                await until(lambda: below(server.pid) == {})
                assert await page.ask(CLOSED)
                await shown(page, url)
                assert page.errors == []
                family = list(below(server.pid))
                await page.send("Page.navigate", url="about:blank")
                await until(lambda: not any(map(alive, family)))
                assert server.poll() is None
            server.send_signal(signal.SIGINT)
            await until(lambda: server.poll() is not None)
            assert server.stdout is not None
            said = server.stdout.read().decode()
            assert re.fullmatch(r"브라우저에서 보는 Glasscloud: http://127\.0\.0\.1:\d+   \(Ctrl-C를 누르면 끝납니다\)\n", said)

    asyncio.run(main())


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_when_the_server_ends(tmp_path: Path, how: signal.Signals) -> None:
    async def main() -> None:
        async with serving() as (server, url), chromium(tmp_path / "profile") as page:
            await shown(page, url)
            await until(lambda: bool(clouds(server)))
            family = list(below(server.pid))
            assert len(family) >= 2
            server.send_signal(how)
            await until(lambda: server.poll() is not None and not any(map(alive, family)))

    asyncio.run(main())


def test_a_page_of_somebody_else_starts_nothing() -> None:
    async def main() -> None:
        async with serving() as (server, url), aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
                await session.ws_connect(f"{url}/ws", origin="http://evil.example")
            assert below(server.pid) == {}

    asyncio.run(main())


def test_a_port_in_use_is_said_in_words() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "lab.cli.main", "tui", "--web", "--web-port", str(port)]
        ended = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"LANG": "C.UTF-8"}, check=False)
    assert ended.returncode != 0
    assert f"port {port} cannot be used" in ended.stderr
    assert "Traceback" not in ended.stderr
