"""The matrices as text tables, for `glasscloud capabilities`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lab.capabilities.matrix import COMPLETE, KINDS, MEANING, Matrix, matrix

TITLES = {"compute": "Hypervisors (nova)", "volume": "Volume drivers (cinder)", "network": "ML2 (neutron)"}


def render(era: int, kinds: Iterable[str] = KINDS) -> str:
    """Write the support matrices of an era as plain text, one table a service.

    Features are rows where there are few drivers (compute); drivers are rows otherwise.

    Raises:
        KeyError: no such era or kind.
    """
    tables = [matrix(kind, era) for kind in kinds]
    legend = "  ".join(f"{mark} {meaning}" for mark, meaning in MEANING.items())
    parts = [_by_feature(table) if table.kind == "compute" else _by_driver(table) for table in tables]
    return "\n\n".join([*parts, legend]) + "\n"


def _by_feature(table: Matrix) -> str:
    """One row a feature, one numbered column a driver."""
    width = max(len(feature.title) for feature in table.features)
    lines = _heading(table)
    columns = list(table.drivers)
    lines += _numbered(table.drivers[key] for key in columns)
    head = " " * width + "            " + " ".join(f"{n:>2}" for n in range(1, len(columns) + 1))
    lines.append(head)
    for feature in table.features:
        marks = " ".join(f" {mark}" for mark in feature.marks)
        lines.append(f"{feature.title:<{width}}  {feature.status:<9} {marks}")
    totals = " ".join(f"{table.complete(key):>2}" for key in columns)
    lines.append(f"{f'complete, of {len(table.features)}':<{width}}  {'':<9} {totals}")
    return "\n".join([*lines, *_notes(table)])


def _by_driver(table: Matrix) -> str:
    """One row a driver, one numbered column a feature."""
    width = max(len(title) for title in table.drivers.values())
    lines = _heading(table)
    if table.kind == "network":
        lines.append(" " * width + "  " + " ".join(f"{feature.title:>6}" for feature in table.features))
        cell = 6
    else:
        lines += _numbered(feature.title for feature in table.features)
        lines.append(" " * width + "  " + " ".join(f"{n:>2}" for n in range(1, len(table.features) + 1)))
        cell = 2
    for key, title in table.drivers.items():
        marks = " ".join(f"{table.mark(key, feature.key):>{cell}}" for feature in table.features)
        lines.append(f"{title:<{width}}  {marks}")
    totals = " ".join(f"{feature.marks.count(COMPLETE):>{cell}}" for feature in table.features)
    lines.append(f"{f'complete, of {len(table.drivers)}':<{width}}  {totals}")
    return "\n".join([*lines, *_notes(table)])


def _heading(table: Matrix) -> list[str]:
    title = f"{TITLES[table.kind]}, {table.era}"
    return [title, "=" * len(title), f"source: {table.source}", ""]


def _numbered(names: Iterable[str]) -> list[str]:
    return [f"  {n:>2} {name}" for n, name in enumerate(names, 1)] + [""]


def _notes(table: Matrix) -> Sequence[str]:
    lines = []
    for place, text in table.notes.items():
        feature_key, _, driver = place.rpartition("/")
        feature = table.feature(feature_key)
        if feature is not None:
            lines.append(f"  {table.drivers[driver]}, {feature.title}: {text}")
    return ["", *lines] if lines else []
