"""Reads the scheduler's decisions in the journal and shows them: each host, its verdict, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lab.cli.words import say
from lab.journal import Entry

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
            table.add_row(host, say(verdict, lang), number, why, style=styles[verdict])
        return table


def read(entry: Entry) -> Decision | None:
    """Read a decision from its journal entry; None when the entry is about something else."""
    raise NotImplementedError
