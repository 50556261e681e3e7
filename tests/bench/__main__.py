"""`make bench`: all figures in one table, and one number a key in build/bench.json.

    python -m tests.bench [--out FILE] [--servers N] [--quick]

Every figure is measured in child processes; what is quick is measured several times, and medians are shown. Real
OpenStack on the same kind of machine: 3.5 s of CPU a create, 4.2 GB when idle, 50 s to the first ACTIVE, 719 ms for
a list of 50 servers.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

DEMOS = 5
WANTED = {
    "demo_wall_s": 1.5,
    "demo_rss_mib": 150,
    "boot_cpu_ms_after_100": 3.5,
    "boot_cpu_ms_after_10000": 3.5,
    "boots_10000_cpu_s": 35,
    "boots_10000_rss_mib": 600,
    "decision_ms_1000_hosts": 0.5,
    "decision_ms_10000_hosts": 1.0,
    "datacenter_1000_build_s": 1.0,
    "datacenter_1000_ready_s": 5.0,
    "small_cloud_build_ms": 10,
    "servers_detail_50_ms": 20,
    "journal_cost_ratio": 0.15,
}
"""The most that each figure may be."""


def child(*command: str) -> tuple[str, float]:
    """Run a Python child; its output and its largest resident size in MiB."""
    process = subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} ended with status {os.waitstatus_to_exitcode(status)}")
    return output, usage.ru_maxrss / 1024


def demo() -> dict[str, float]:
    """Wall time to the first ACTIVE, interpreter start included, and memory of the demo."""
    walls, sizes = [], []
    for _ in range(DEMOS):
        output, rss = child("-m", "lab.cli.main", "demo", "--json")
        walls.append(json.loads(output)["timing"]["first_active_wall_s"])
        sizes.append(rss)
    return {"demo_wall_s": statistics.median(walls), "demo_rss_mib": statistics.median(sizes)}


def boots(servers: int) -> dict[str, float]:
    """The 10,000 creates."""
    found = json.loads(child("-m", "tests.bench.boots", "--servers", str(servers))[0])
    scale = 10_000 / servers
    return {
        "boot_cpu_ms_after_100": found["boot_cpu_ms_after_100"],
        "boot_cpu_ms_after_10000": found["boot_cpu_ms_after_all"],
        "boots_10000_cpu_s": found["boots_cpu_s"] * scale,
        "boots_10000_periodic_cpu_s": found["periodic_cpu_s"] * scale,
        "boots_10000_rss_mib": found["rss_mib"],
        "journal_entries_a_boot": found["entries_a_boot"],
        "journal_entries_of_an_early_server": found["entries_of_an_early_server"],
        "journal_entries_of_the_last_server": found["entries_of_the_last_server"],
    }


def small(name: str) -> dict[str, float]:
    """One of the small figures."""
    found: dict[str, float] = json.loads(child("-m", "tests.bench.small", name)[0])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("build/bench.json"))
    parser.add_argument("--servers", type=int, default=10_000)
    args = parser.parse_args()
    figures = demo()
    for name in ("datacenter", "small_cloud", "servers_detail", "journal"):
        figures |= small(name)
    figures |= json.loads(child("-m", "tests.bench.bench_decision")[0])
    figures |= boots(args.servers)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps({key: round(value, 3) for key, value in figures.items()}, indent=1) + "\n")
    table = Table("figure", "measured", "at most", title="Glasscloud, measured here")
    for key, value in figures.items():
        most = WANTED.get(key)
        mark = "" if most is None else f"{most:g}" if value <= most else f"[bold red]{most:g}[/]"
        table.add_row(key, f"{value:,.3f}", mark)
    Console().print(table)


if __name__ == "__main__":
    main()
