"""`glasscloud demo`: wall time to its first ACTIVE, with the interpreter's start, and its largest memory."""

from __future__ import annotations

import json
import re
import subprocess
import sys

# The peak of the demo alone: getrusage's ru_maxrss also knows the size of the process that started it.
PROBE = """
import sys
from pathlib import Path
from lab.cli.main import main
try:
    main(["demo", "--json"])
finally:
    status = Path("/proc/self/status")
    print(status.read_text() if status.exists() else "VmHWM: 0 kB", file=sys.stderr)
"""


def run() -> dict[str, float]:
    """Run it twice: once as it is, for the time, and once with a look at its memory."""
    told = subprocess.run([sys.executable, "-m", "lab.cli.main", "demo", "--json"], stdout=subprocess.PIPE, text=True, check=True)
    probed = subprocess.run([sys.executable, "-c", PROBE], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True)
    peak = re.search(r"VmHWM:\s+(\d+)", probed.stderr)
    return {
        "demo_wall_s": json.loads(told.stdout)["timing"]["first_active_wall_s"],
        "demo_rss_mib": int(peak[1]) / 1024 if peak else 0.0,
    }


if __name__ == "__main__":
    print(json.dumps(run()))
