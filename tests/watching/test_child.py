"""A cloud in a child process ends with the face that started it, however that one goes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

FACE = """
import asyncio
from lab.watch.child import start

async def main():
    feed = await start()
    print(feed.process.pid, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""
PATIENCE_S = 30.0


def lives(pid: int) -> bool:
    """Whether the process runs; one that ended and that nobody has asked about yet does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not (state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z")


def test_a_face_that_is_killed_leaves_no_cloud_behind() -> None:
    with subprocess.Popen([sys.executable, "-c", FACE], stdout=subprocess.PIPE) as face:
        assert face.stdout is not None
        cloud = int(face.stdout.readline())
        assert lives(cloud)
        face.kill()
    end = time.monotonic() + PATIENCE_S
    while lives(cloud):
        assert time.monotonic() < end, "the cloud goes on without its face"
        time.sleep(0.05)
