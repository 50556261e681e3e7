"""What our own drivers were seen to do: the outcome of the suites of driver contracts, as a run of them wrote it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from textwrap import wrap
from typing import Any

TITLES = {
    "hypervisor": "Hypervisors", "network": "Switches (L2)", "dhcp": "DHCP servers", "volume": "Volume backends", "image": "Image stores",
    "object": "Object disks", "bus": "Message queues (RPC)", "rest": "REST between services", "store": "Stores of records",
}  # fmt: skip
MARKS = {"passed": "Y", "failed": "N", "skipped": "-"}
LEGEND = "Y kept  N broken  - could not be asked here (reasons above)  blank: not asked"
WIDTH = 80
"""Columns of the tables, unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One promise of one verb on one driver."""

    verb: str
    promise: str
    outcome: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Tested:
    """What one driver of a port was seen to do; `when` is a date, `made_with` kernel and versions."""

    port: str
    driver: str
    when: str
    made_with: str
    promises: tuple[Outcome, ...]


def recorded(records: Iterable[dict[str, Any]] | None = None) -> list[Tested]:
    """Read what a run of the contracts wrote; the one that came with the package when none is given."""
    if records is None:
        records = json.loads(resources.files(__package__).joinpath("data", "tested.json").read_text("utf-8"))
    assert records is not None
    return [Tested(**record | {"promises": tuple(Outcome(**row) for row in record["promises"])}) for record in records]


def render_tested(found: Sequence[Tested], width: int = WIDTH) -> str:
    """Write what was seen as plain text: one table a port, one row a promise, one numbered column a driver.

    `width`: columns that a line may take; what is longer goes on in the next.
    """
    ports = [*TITLES, *sorted({each.port for each in found} - set(TITLES))]
    tables = [_table(port, [each for each in found if each.port == port], width) for port in ports]
    return "\n\n".join([*filter(None, tables), *wrap(LEGEND, width)]) + "\n"


def _table(port: str, drivers: Sequence[Tested], width: int) -> str:
    if not drivers:
        return ""
    title = f"{TITLES.get(port, port)}, as tested"
    lines = [title, "=" * len(title)]
    longest = max(len(each.driver) for each in drivers)
    for number, each in enumerate(drivers, 1):
        lines += _hanging(f"  {number:>2} {each.driver:<{longest}}  ", f"{each.when}, {each.made_with}", width)
    rows = list(dict.fromkeys((row.verb, row.promise) for each in drivers for row in each.promises))
    verbs = max(len(verb) for verb, _ in rows)
    promises = min(max(len(promise) for _, promise in rows), width - verbs - 4 - 3 * len(drivers))
    head = " " * (verbs + promises + 4)
    lines += ["", head + " ".join(f"{n:>2}" for n in range(1, len(drivers) + 1))]
    seen = [{(row.verb, row.promise): MARKS.get(row.outcome, "?") for row in each.promises} for each in drivers]
    for verb, promise in rows:
        first, *more = wrap(promise, promises)
        marks = " ".join(f"{marks.get((verb, promise), ''):>2}" for marks in seen)
        lines.append(f"{verb:<{verbs}}  {first:<{promises}}  {marks}".rstrip())
        lines += [f"{'':<{verbs}}  {line}" for line in more]
    totals = " ".join(f"{list(marks.values()).count(MARKS['passed']):>2}" for marks in seen)
    lines.append(f"{f'kept, of {len(rows)}':<{verbs + promises + 2}}  {totals}")
    return "\n".join([*lines, *_reasons(drivers, width)])


def _hanging(head: str, text: str, width: int) -> list[str]:
    """A text beside its head, its further lines under its first."""
    return wrap(text, width, initial_indent=head, subsequent_indent=" " * len(head), break_on_hyphens=False)


def _reasons(drivers: Sequence[Tested], width: int) -> list[str]:
    """Why a promise was not asked for, once for each driver and reason."""
    told: dict[tuple[str, str], list[str]] = {}
    for each in drivers:
        for row in each.promises:
            if row.outcome == "skipped":
                told.setdefault((each.driver, row.reason or "skipped"), []).append(row.verb)
    lines = [_hanging(f"  {driver}: ", f"{reason} ({', '.join(dict.fromkeys(verbs))})", width) for (driver, reason), verbs in told.items()]
    return ["", *(line for each in lines for line in each)] if lines else []
