"""What each driver can do, as the projects' own support matrices say it: data, look-up and reasons."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import NamedTuple

KINDS = ("compute", "volume", "network")
ERAS = (2018, 2026)

COMPLETE, PARTIAL, MISSING, UNKNOWN = "Y", "P", "-", "?"
MEANING: Mapping[str, str] = MappingProxyType({COMPLETE: "complete", PARTIAL: "partial", MISSING: "missing", UNKNOWN: "unknown"})


class Support(NamedTuple):
    """The answer of `supports`: whether, and why (not)."""

    ok: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Feature:
    """One row: what may be supported, how much it matters, and one mark a driver in the matrix's order."""

    key: str
    title: str
    status: str
    marks: str


@dataclass(frozen=True, slots=True)
class Matrix:
    """The support matrix of one service at one time."""

    kind: str
    era: int
    source: str
    drivers: Mapping[str, str]
    features: tuple[Feature, ...]
    notes: Mapping[str, str]

    def feature(self, key: str) -> Feature | None:
        """Return the row with this key."""
        return next((feature for feature in self.features if feature.key == key), None)

    def mark(self, driver: str, key: str) -> str:
        """Return Y, P, - or ? for a driver and a feature; what the matrix does not list is unknown."""
        feature = self.feature(key)
        if feature is None or driver not in self.drivers:
            return UNKNOWN
        return feature.marks[list(self.drivers).index(driver)]

    def note(self, driver: str, key: str) -> str:
        """Return the condition or reason that goes with a mark, or nothing."""
        return self.notes.get(f"{key}/{driver}", "")

    def supported_by(self, driver: str) -> tuple[str, ...]:
        """List the keys of the features that a driver has at least in part."""
        return tuple(f.key for f in self.features if self.mark(driver, f.key) in (COMPLETE, PARTIAL))

    def complete(self, driver: str) -> int:
        """Count the features that are complete for a driver."""
        return sum(self.mark(driver, feature.key) == COMPLETE for feature in self.features)


@cache
def matrix(kind: str, era: int) -> Matrix:
    """Load the matrix of a service (`compute`, `volume` or `network`) for an era (2018 or 2026).

    Raises:
        KeyError: no such kind or era; the message lists the known ones.
    """
    if kind not in KINDS or era not in ERAS:
        raise KeyError(f"no matrix of {kind!r} in {era!r}; known are {', '.join(KINDS)} in {', '.join(map(str, ERAS))}")
    text = resources.files(__package__).joinpath("data", f"{kind}_{era}.json").read_text("utf-8")
    data = json.loads(text)
    features = tuple(Feature(**row) for row in data["features"])
    return Matrix(kind, era, data["source"], MappingProxyType(data["drivers"]), features, MappingProxyType(data["notes"]))


@cache
def supports(kind: str, era: int, driver: str, feature: str) -> Support:
    """Say whether a driver has a feature in an era, and the reason from the matrix.

    A feature that is partial counts as supported, with its condition as the reason. A driver or a
    feature that the matrix does not know is not supported; the reason lists what it knows.
    """
    table = matrix(kind, era)
    if driver not in table.drivers:
        known = ", ".join(table.drivers)
        return Support(False, f"{driver} is not in the {kind} matrix of {era}; it lists {known}")
    row = table.feature(feature)
    if row is None:
        known = ", ".join(f.key for f in table.features)
        return Support(False, f"{feature} is not in the {kind} matrix of {era}; it lists {known}")
    mark, note = table.mark(driver, feature), table.note(driver, feature)
    title = table.drivers[driver]
    if mark in (COMPLETE, PARTIAL):
        return Support(True, note or f"{title}: {row.title} is {MEANING[mark]}")
    has = ", ".join(table.supported_by(driver)) or "nothing"
    detail = f": {note}" if note else ""
    if kind == "network":
        return Support(False, f"{title} does not carry {row.title} networks{detail} (it has {has}; {table.source})")
    return Support(False, f"{title}: {row.title} is {MEANING[mark]}{detail} ({table.source})")
