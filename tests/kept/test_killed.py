"""`glasscloud up --db`, killed with SIGKILL at random moments while clients work on it over HTTP, and started again."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import IO

import httpx
import pytest

from lab.client.session import ApiError
from lab.cloud import Cloud
from lab.config import Config
from lab.errors import Unreachable
from tests.kept.life import Seen, Worker, looked_at

ROOT = Path(__file__).parents[2]
SEEDS, KILLS = 4, 5
PASSWORD = Config().admin_password


class Served:
    """One life of the program."""

    def __init__(self, folder: Path) -> None:
        arguments = ["--port", "0", "--db", f"sqlite:///{folder}/cloud.db", "--seed", "7", "--speed", "max"]
        arguments += ["--admin-password", PASSWORD, "--clouds", str(folder / "clouds.yaml")]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lab.cli.main", "up", *arguments],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.url = ready(self.process.stdout)

    def kill(self) -> str:
        """End it as a power cut does; answer what it said after it was ready."""
        assert self.process.poll() is None, "it had ended by itself"
        self.process.send_signal(signal.SIGKILL)
        said, _ = self.process.communicate()
        return said


def ready(output: IO[str]) -> str:
    """Wait for the line that says where it listens."""
    said = []
    for line in output:
        said.append(line)
        if line.startswith("Glasscloud is ready at "):
            return line.split()[4]
    raise AssertionError("".join(said))


async def watch(url: str, seen: Seen) -> None:
    """Look at the cloud's clock and health all the time."""
    async with httpx.AsyncClient() as client:
        while True:
            health = (await client.get(f"{url}/glasscloud/health")).json()
            assert health["ready"], health
            assert not health["errors"], health["errors"]
            seen.tick(health["clock"]["utc"].removesuffix("Z"))
            await asyncio.sleep(0.02)


async def work(served: Served, seed: str, seen: Seen, kill_after_s: float) -> None:
    """Clients at work until, at its moment, the program is killed under them."""
    async with Cloud.connect(served.url, password=PASSWORD) as cloud:
        crew = [Worker(cloud, f"{seed}/{number}", seen, pause_s=0.05) for number in range(3)]
        tasks = [asyncio.create_task(each.prepared_work(crew[0])) for each in crew]
        tasks.append(asyncio.create_task(watch(served.url, seen)))
        await asyncio.sleep(kill_after_s)
        said = served.kill()
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if not isinstance(result, (asyncio.CancelledError, Unreachable, httpx.TransportError)):
                raise AssertionError(said) from result
    assert "Traceback" not in said, said


def kill_and_look(folder: Path, seed: int, kills: int) -> None:
    dice, seen = Random(seed), Seen()
    for number in range(kills):
        served = Served(folder)
        try:
            with suppress(ApiError):
                asyncio.run(work(served, f"{seed}/{number}", seen, dice.random() * 2))
        finally:
            served.process.kill()
            served.process.wait()
    looked_at(folder / "cloud.db", seen)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(SEEDS))
def test_nothing_is_lost_or_doubled_by_kill_9(tmp_path: Path, seed: int) -> None:
    kill_and_look(tmp_path, seed, KILLS)
