"""How long things take in the simulated world: the table of `timing.toml` and draws from it.

Every entry has a median, a unit, a spread (the name of a shape) and a source. A shape is a table of
factors at evenly spaced quantiles; a draw takes `Random.random()` into that table and interpolates, so no
platform's logarithm or sine decides how a run goes.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from math import floor
from pathlib import Path
from random import Random
from typing import Any

UNITS = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}
FIELDS = frozenset({"value", "unit", "spread", "source"})
FALLBACK = "*"
"""The entry of a process for what is not listed by name."""


@dataclass(frozen=True, slots=True)
class Duration:
    """One entry: what it takes at each quantile of its spread, in nanoseconds."""

    quantiles: tuple[int, ...]
    source: str
    steps: tuple[tuple[int, int], ...] = field(init=False, repr=False)
    """Each quantile but the last, and how much more the next one is."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", tuple((low, high - low) for low, high in pairwise(self.quantiles)))

    def draw(self, dice: Random) -> int:
        """Draw one duration in nanoseconds."""
        steps = self.steps
        place = dice.random() * len(steps)
        step = floor(place)
        low, more = steps[step]
        return low + floor(more * (place - step))  # rises: what `int` makes of it, for a third of its time

    @property
    def median_ns(self) -> int:
        """The value of the table."""
        middle = len(self.quantiles) // 2
        return self.quantiles[middle]


@dataclass(frozen=True, slots=True)
class Pool:
    """How many workers a process has for REST requests and for RPC messages."""

    rest: int
    rpc: int
    source: str


class TimingError(ValueError):
    """The table is wrong: the text names the entry and what is known."""


class Timing:
    """The whole table."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        shapes = {name: tuple(factors) for name, factors in document["shapes"].items()}
        for name, factors in shapes.items():
            if len(factors) % 2 == 0 or factors[len(factors) // 2] != 1 or sorted(factors) != list(factors):
                raise TimingError(f"shape {name}: give an odd number of rising factors with 1 in the middle")
        self.durations: dict[str, Duration] = {
            f"{section}.{name}": _duration(f"{section}.{name}", entry, shapes)
            for section, entries in document["driver"].items()
            for name, entry in entries.items()
        }
        self.work: dict[str, dict[str, Duration]] = {
            binary: {_pattern(name): _duration(f"{binary} {name}", entry, shapes) for name, entry in entries.items()}
            for binary, entries in document["work"].items()
        }
        self.pools: dict[str, Pool] = {
            binary: Pool(entry["rest"], entry["rpc"], entry["source"]) for binary, entry in document["workers"].items()
        }

    def draw(self, name: str, dice: Random) -> int:
        """Draw what a device or driver takes for a thing named 'section.name', in nanoseconds."""
        return self[name].draw(dice)

    def __getitem__(self, name: str) -> Duration:
        found = self.durations.get(name)
        if found is None:
            raise TimingError(f"timing.toml has no [driver] entry {name}; known: {', '.join(sorted(self.durations))}")
        return found

    def work_of(self, binary: str, name: str) -> Duration:
        """Return what a process takes for a route ('POST /v2.1/servers') or an RPC method.

        The most exact entry counts: the name itself, the name without what stands in brackets, the HTTP
        method alone, the process's '*', and at last '*' of the process '*'.
        """
        table = self.work.get(binary) or self.work[FALLBACK]
        wanted = _pattern(name)
        keys = (wanted, wanted.partition("(")[0], wanted.partition(" ")[0] if " /" in wanted else FALLBACK, FALLBACK)
        for key in keys:
            if key in table:
                return table[key]
        return self.work[FALLBACK].get(keys[2]) or self.work[FALLBACK][FALLBACK]

    def pool_of(self, binary: str) -> Pool:
        """Return the worker counts of a process."""
        return self.pools.get(binary) or self.pools[FALLBACK]


def _pattern(name: str) -> str:
    """Write a route without the names of its parameters."""
    return re.sub(r"\{[^}]*\}", "{}", name)


def _duration(name: str, entry: Mapping[str, Any], shapes: Mapping[str, tuple[float, ...]]) -> Duration:
    if set(entry) != FIELDS:
        raise TimingError(f"{name}: an entry has exactly {', '.join(sorted(FIELDS))}, not {', '.join(sorted(entry))}")
    if entry["unit"] not in UNITS or entry["spread"] not in shapes:
        raise TimingError(f"{name}: unit is one of {', '.join(UNITS)}, spread one of {', '.join(sorted(shapes))}")
    median_ns = entry["value"] * UNITS[entry["unit"]]
    return Duration(tuple(round(median_ns * factor) for factor in shapes[entry["spread"]]), entry["source"])


@cache
def default_timing() -> Timing:
    """Read the table that comes with the simulator; it never changes while the program runs."""
    return Timing(tomllib.loads(Path(__file__).with_name("timing.toml").read_text(encoding="utf-8")))
