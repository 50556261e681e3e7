"""Records the journal that the tests of the face replay: `python -m tests.tui.record tests/tui/web.jsonl.gz`."""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

from lab.cloud import Cloud, run
from lab.teach.stage import Stage


def record(seed: int = 7) -> bytes:
    """One server on one of two hosts, and a ping to its own gateway's neighbour: the lines of the whole journal."""

    async def story() -> bytes:
        async with Cloud.simulated(seed, datacenter={"racks": 1, "hosts_per_rack": 2}) as cloud:
            stage = Stage(cloud)
            await cloud.sleep(5)
            await stage.image("cirros", size_mib=20)
            await stage.flavor("m1.tiny")
            await stage.network("blue")
            await stage.server("web", "m1.tiny", "blue", image="cirros")
            await cloud.sleep(5)
            return b"".join(entry.line() + b"\n" for entry in cloud.journal.since())

    return run(story, seed=seed)


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(gzip.compress(record(), mtime=0))
