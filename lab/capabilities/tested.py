"""What our own drivers were seen to do: the outcome of the suites of driver contracts, as a run of them wrote it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

TITLES = {
    "hypervisor": "Hypervisors", "network": "Switches (L2)", "dhcp": "DHCP servers", "volume": "Volume backends", "image": "Image stores",
    "object": "Object disks",
}  # fmt: skip
MARKS = {"passed": "Y", "failed": "N", "skipped": "-"}
LEGEND = "Y kept  N broken  - could not be asked here (reasons above)  blank: not asked"


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


def render_tested(found: Sequence[Tested]) -> str:
    """Write what was seen as plain text: one table a port, one row a promise, one numbered column a driver."""
    ports = [*TITLES, *sorted({each.port for each in found} - set(TITLES))]
    tables = [_table(port, [each for each in found if each.port == port]) for port in ports]
    return "\n\n".join([*filter(None, tables), LEGEND]) + "\n"


def _table(port: str, drivers: Sequence[Tested]) -> str:
    if not drivers:
        return ""
    title = f"{TITLES.get(port, port)}, as tested"
    lines = [title, "=" * len(title)]
    width = max(len(each.driver) for each in drivers)
    lines += [f"  {n:>2} {each.driver:<{width}}  {each.when}, {each.made_with}" for n, each in enumerate(drivers, 1)]
    rows = list(dict.fromkeys((row.verb, row.promise) for each in drivers for row in each.promises))
    verbs, promises = (max(len(row[column]) for row in rows) for column in (0, 1))
    seen = [{(row.verb, row.promise): MARKS.get(row.outcome, "?") for row in each.promises} for each in drivers]
    lines += ["", " " * (verbs + promises + 4) + " ".join(f"{n:>2}" for n in range(1, len(drivers) + 1))]
    for verb, promise in rows:
        marks = " ".join(f"{marks.get((verb, promise), ''):>2}" for marks in seen)
        lines.append(f"{verb:<{verbs}}  {promise:<{promises}}  {marks}".rstrip())
    return "\n".join([*lines, *_reasons(drivers)])


def _reasons(drivers: Sequence[Tested]) -> list[str]:
    """Why a promise was not asked for, once for each driver and reason."""
    told: dict[str, list[str]] = {}
    for each in drivers:
        for row in each.promises:
            if row.outcome == "skipped":
                told.setdefault(f"  {each.driver}: {row.reason or 'skipped'}", []).append(row.verb)
    lines = [f"{reason} ({', '.join(dict.fromkeys(verbs))})" for reason, verbs in told.items()]
    return ["", *lines] if lines else []
