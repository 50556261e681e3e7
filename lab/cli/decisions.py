"""Reads the scheduler's decisions in the journal and shows them: each host, its verdict, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lab.cli.words import say
from lab.journal import Entry
from lab.reasons import worded

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision: which server it is for, who won, and the row of each host (host, verdict, weight, reason)."""

    server_id: str
    chosen: str
    hosts: tuple[tuple[str, str, float | None, str], ...]

    def dump(self) -> dict[str, Any]:
        """The decision as plain values."""
        rows = [{"host": h, "verdict": verdict, "weight": weight, "why": why} for h, verdict, weight, why in self.hosts]
        return {"chosen": self.chosen, "hosts": rows}

    def table(self, lang: str) -> Table:
        """The decision as a table."""
        from rich.table import Table

        table = Table(box=None, pad_edge=True)
        for title in ("host", "verdict", "weight", "reason"):
            table.add_column(say(title, lang), justify="right" if title == "weight" else "left")
        styles = {"chosen": "bold green", "passed": "", "refused": "red"}
        for host, verdict, weight, why in self.hosts:
            number = "" if weight is None else f"{weight:.3f}"
            table.add_row(host, say(verdict, lang), number, worded(why, lang) or say("equal", lang), style=styles[verdict])
        return table


def read(entry: Entry) -> Decision:
    """Read a decision from its journal entry, which explains itself when it is looked at."""
    body = entry.json()
    telling = {name for host in body["hosts"] for name, share in host.get("weights", {}).items() if share["score"]}
    rows = [row_of(host, entry.status, telling) for host in body["hosts"]]
    order = {"chosen": 0, "passed": 1, "refused": 2}
    rows.sort(key=lambda row: (order[row[1]], -(row[2] or 0.0)))
    return Decision(body["server_id"], entry.status, tuple(rows))


def row_of(host: dict[str, Any], winner: str, telling: set[str]) -> tuple[str, str, float | None, str]:
    """One host's row: its name, verdict, weight, and why: the filter's words, or the weighers that tell hosts apart."""
    if not host.get("passed", False):
        return host["host"], "refused", None, host.get("reason", "")
    verdict = "chosen" if host["host"] == winner else "passed"
    shares = [f"{name} {share['raw']:,g} -> {share['score']:+.2f}" for name, share in host["weights"].items() if name in telling]
    return host["host"], verdict, host["total"], ", ".join(shares)
