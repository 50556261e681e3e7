"""Measure what Glasscloud costs: `python -m tests.bench --out build/bench.json` (`make bench`).

Each part runs several times in a process of its own; every figure is the median of its runs. The file has one number a
key. Real OpenStack on the same kind of machine: 3.5 s of CPU a create, 4.2 GB when idle, 50 s to the first ACTIVE,
719 ms for a list of 50 servers.

Times are CPU seconds of the process unless the name says wall, so that a busy machine disturbs them little; it does all
the same (caches, frequency): compare figures of quiet machines.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from rich.console import Console
from rich.progress import Progress
from rich.table import Table


@dataclass(frozen=True)
class Part:
    """One module of this package that prints its figures as JSON, and how often it is run."""

    module: str
    runs: int
    arguments: tuple[str, ...] = ()


PARTS = (
    Part("demo", 5),
    Part("build", 5),
    Part("listing", 3),
    Part("bench_decision", 3),
    Part("journal_cost", 3),
    Part("watching", 3),
    Part("boots", 3),
    Part("tui", 3),
    Part("travel", 3),
)

TARGETS: Mapping[str, tuple[str, float]] = MappingProxyType(
    {
        "demo_wall_s": ("to the first ACTIVE, interpreter start included", 1.5),
        "demo_rss_mib": ("its largest memory", 150),
        "boot_cpu_ms_after_100": ("CPU of one server create, 100 servers there", 3.5),
        "boot_cpu_ms_after_10000": ("the same, 10,000 servers there", 3.5),
        "boot_cpu_growth": ("how the two compare", 1.3),
        "boots_10000_cpu_s": ("10,000 creates on 1,000 hosts, without periodic work", 35),
        "boots_10000_periodic_ratio": ("periodic work beside them, as part of their CPU", 0.1),
        "boots_10000_rss_mib": ("largest memory of that run", 600),
        "decision_ms_1000_hosts": ("select_destinations to its reply, 1,000 candidates", 0.5),
        "decision_ms_10000_hosts": ("the same, 10,000 candidates", 1.0),
        "decision_ms_10000_hosts_1000_candidates": ("the same, of 10,000 hosts 1,000 candidates", 1.0),
        "datacenter_1000_build_s": ("the fabric of 1,000 hosts", 1.0),
        "datacenter_1000_ready_s": ("until every agent of 1,000 hosts is up", 5.0),
        "small_cloud_build_ms": ("a cloud of one host, ready to serve", 10),
        "servers_detail_50_ms": ("GET /v2.1/servers/detail of 50 servers", 20),
        "tui_open_s": ("the face, opened on a journal of 100,000 entries", 2.0),
        "tui_key_ms": ("a key answered there", 100),
        "tui_rss_mib": ("its largest memory", 400),
        "travel_s": ("back to any point of a run of 2,000 messages, the longest of twelve", 1.0),
        "journal_cost_ratio": ("what the journal adds to a boot", 0.15),
    }
)
"""What each figure is, and the most that it may be."""

FLOORS: Mapping[str, tuple[str, float]] = MappingProxyType(
    {"watched_speed_ratio": ("the speed of a busy cloud that is watched over HTTP, as part of the unwatched one's", 0.8)}
)
"""What each figure is, and the least that it must be."""


def measure(part: Part) -> dict[str, float]:
    """Run a part once in a process of its own."""
    command = [sys.executable, "-m", f"tests.bench.{part.module}", *part.arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def medians(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The median of each figure over the runs."""
    return {name: round(statistics.median(run[name] for run in runs), 4) for name in runs[0]}


def table(figures: Mapping[str, float]) -> Table:
    """The figures for people: those with a target first, what else was counted below."""
    shown = Table(title="What Glasscloud costs")
    shown.add_column("figure")
    shown.add_column("measured", justify="right")
    shown.add_column("wanted", justify="right")
    shown.add_column("what it is")
    for name, (text, limit) in TARGETS.items():
        if name in figures:
            color = "green" if figures[name] <= limit else "red"
            shown.add_row(name, f"[{color}]{figures[name]:g}[/]", f"≤ {limit:g}", text)
    for name, (text, least) in FLOORS.items():
        if name in figures:
            color = "green" if figures[name] >= least else "red"
            shown.add_row(name, f"[{color}]{figures[name]:g}[/]", f"≥ {least:g}", text)
    for name, value in figures.items():
        if name not in TARGETS and name not in FLOORS:
            shown.add_row(name, f"{value:g}", "", "", style="dim")
    return shown


def main() -> None:
    """Measure, print the table and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m tests.bench")
    parser.add_argument("--out", type=Path, help="where the figures are written as JSON")
    parser.add_argument("--runs", type=int, help="how often each part is run, instead of its own number")
    parser.add_argument("parts", nargs="*", help=f"only these of {', '.join(part.module for part in PARTS)}")
    asked = parser.parse_args()
    parts = [part for part in PARTS if not asked.parts or part.module in asked.parts]
    console = Console()
    figures: dict[str, float] = {}
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("", total=sum(asked.runs or part.runs for part in parts))
        for part in parts:
            runs = []
            for run in range(1, (asked.runs or part.runs) + 1):
                progress.update(task, description=f"{part.module}, run {run}")
                runs.append(measure(part))
                progress.advance(task)
            figures |= medians(runs)
    console.print(table(figures))
    if asked.out is not None:
        asked.out.parent.mkdir(parents=True, exist_ok=True)
        asked.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
