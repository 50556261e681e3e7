"""A cloud in a child process ends with the face that started it, however that one goes."""

from __future__ import annotations

import os
import subprocess
import sys
import time

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
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


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
