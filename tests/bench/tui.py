"""What the face costs with a journal of 100,000 entries: opening it, a key, memory. Printed as JSON.

A key is answered when the last drawing that it caused is done. (`pilot.press` comes back two or more naps of 20 ms later: it waits
until the process is idle.) Keys that change nothing on the screen, and so draw nothing, are left out.
"""

from __future__ import annotations

import asyncio
import gzip
import inspect
import itertools
import json
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

import orjson

ENTRIES = 100_000
SIZE = (120, 40)
KEYS = ("up", "down", "pageup", "pagedown", "home", "end", "left", "right", "f", "p", "g", "up")
ROOMS = "2345786"
"""Each is entered for the first time, and learns the whole film: in slices, so that other keys are answered in between."""


def journal(path: Path) -> None:
    """The recorded creation of a server, again and again, until there are so many entries."""
    rows = [orjson.loads(line) for line in gzip.decompress(Path("tests/tui/web.jsonl.gz").read_bytes()).splitlines()]
    count, span = len(rows), rows[-1]["t"]
    with path.open("wb") as file:
        for round_ in itertools.count():
            for row in rows:
                seq = round_ * count + row["seq"]
                if seq > ENTRIES:
                    return
                parent = row["parent"] and round_ * count + row["parent"]
                line = {**row, "seq": seq, "t": row["t"] + round_ * span, "parent": parent}
                line["request_id"] = row["request_id"] and f"{row['request_id'][:-6]}{round_:06d}"
                line["body"] = line.pop("body")
                file.write(orjson.dumps(line) + b"\n")


async def measure(path: Path) -> dict[str, float]:
    """Open the file, press keys, write a filter."""
    started = time.perf_counter()
    from lab.tui.app import GlassApp
    from lab.watch.recorded import RecordedFeed

    class Watched(GlassApp):
        """Knows when it drew last."""

        CSS_PATH = str(Path(inspect.getfile(GlassApp)).with_name("glass.tcss"))
        drawn = 0.0

        def post_display_hook(self) -> None:
            self.drawn = time.perf_counter()

    app = Watched(RecordedFeed(path))
    async with app.run_test(size=SIZE) as pilot:
        while not app.desk.whole:
            await asyncio.sleep(0.005)
        app.tell()
        await pilot.pause()
        opened = app.drawn - started
        assert len(app.desk.film) == ENTRIES, len(app.desk.film)
        took: dict[str, float] = {}
        learned: dict[str, float] = {}
        for number, key in enumerate((*KEYS, *ROOMS, *KEYS[:8], "1", "slash", *"kind:rest", "enter", *KEYS[:8], "enter", "down", "escape")):
            begun = time.perf_counter()
            await pilot.press(key)
            if app.drawn > begun:
                (learned if key in ROOMS and number < len(KEYS) + len(ROOMS) else took)[f"{number} {key}"] = app.drawn - begun
    worst, last = (max(times, key=lambda name: times[name]) for times in (took, learned))
    print(f"slowest: key {worst.partition(' ')[2]}, room {last.partition(' ')[2]}", file=sys.stderr)
    return {
        "tui_open_s": round(opened, 3),
        "tui_key_ms": round(statistics.median(took.values()) * 1000, 1),
        "tui_key_ms_worst": round(took[worst] * 1000, 1),
        "tui_room_ms_worst": round(learned[last] * 1000, 1),
        "tui_rss_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "journal.jsonl")
        journal(file)
        print(json.dumps(asyncio.run(measure(file))))
