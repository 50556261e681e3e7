"""A simulated cloud in a child process: `glasscloud up` on a free port, watched like any other cloud."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from lab.errors import LabError
from lab.watch.feed import Lost, Seen
from lab.watch.remote import RemoteFeed

READY = re.compile(rb"ready at (http://\S+)")
BOOT_S = 60.0
"""How long a child may take until it serves."""
END_S = 5.0
"""How long it may take to end before it is killed."""


class ChildFeed(RemoteFeed):
    """The cloud of a child process that ends with the feed."""

    own = True

    def __init__(self, url: str, password: str, process: asyncio.subprocess.Process, folder: tempfile.TemporaryDirectory[str]) -> None:
        super().__init__(url, password=password)
        self.process, self._folder = process, folder
        self._drain = asyncio.get_running_loop().create_task(_drained(process))

    async def watch(self, since: int = 0) -> AsyncIterator[Seen]:
        """As of any remote cloud; a child that ended is not waited for."""
        async for seen in super().watch(since):
            if isinstance(seen, Lost) and self.process.returncode is not None:
                yield Lost("ended", f"{self.process.returncode}")
                return
            yield seen

    async def close(self) -> None:
        """End the child, close the connections and remove its files."""
        await super().close()
        await _end(self.process)
        self._drain.cancel()
        self._folder.cleanup()


async def start(*options: str) -> ChildFeed:
    """Start `glasscloud up` with these options, wait until it serves, and answer its feed, connected.

    Raises LabError with the child's own words when it does not start.
    """
    folder = tempfile.TemporaryDirectory(prefix="glasscloud-")
    password = secrets.token_urlsafe(12)
    clouds = str(Path(folder.name, "clouds.yaml"))
    command = [sys.executable, "-m", "lab.cli.main", "up", "--tied", "--port", "0", "--clouds", clouds, *options]
    process = await asyncio.create_subprocess_exec(
        *command, env=os.environ | {"GLASSCLOUD_PASSWORD": password, "PYTHONUNBUFFERED": "1"},
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C in the terminal is for the face, which ends the child itself
    )
    try:
        url = await asyncio.wait_for(_url(process), BOOT_S)
        feed = ChildFeed(url, password, process, folder)
        await feed.connect()
    except BaseException as error:
        await _end(process)
        folder.cleanup()
        if isinstance(error, TimeoutError):
            raise LabError(
                f"the cloud did not serve within {BOOT_S:g} s; try `glasscloud up` to see why",
                ko=f"클라우드가 {BOOT_S:g}초 안에 준비되지 않았습니다. `glasscloud up`으로 까닭을 알아보십시오",
            ) from None
        raise
    return feed


async def _url(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    said = b""
    async for line in process.stdout:
        said += line
        found = READY.search(line)
        if found:
            return found[1].decode()
    words = said.decode("utf-8", "replace").strip().rpartition("\n")[2]
    why = words.removeprefix("glasscloud: ")
    korean = f"클라우드가 시작되지 않았습니다: {why or '아무 말이 없었습니다'}"
    raise LabError(f"the cloud did not start: {why or 'it said nothing'}", ko=korean)


async def _drained(process: asyncio.subprocess.Process) -> None:
    """Read what the child says, so that it never waits for a reader."""
    assert process.stdout is not None
    while await process.stdout.read(65536):
        pass


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), END_S)
        except TimeoutError:
            process.kill()
            await process.wait()
