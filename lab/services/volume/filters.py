"""Which backend may take a volume, and which is best: cinder's default filters and weigher.

Source of the rules: cinder/scheduler/filters (capacity_filter, capabilities_filter, availability zone) and
cinder/scheduler/weights/capacity.py; the code is our own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Backend:
    """One pool of one cinder-volume as its last report described it, and what was placed on it since. Sizes in GiB."""

    host: str
    availability_zone: str
    total_gib: float
    free_gib: float
    provisioned_gib: float
    thin: bool = True
    over_subscription: float = 20.0
    reserved_percentage: int = 0
    capabilities: Json = field(default_factory=dict)

    def taking(self, size: int) -> Backend:
        """Return the backend as it will be with another volume of this size."""
        return replace(self, free_gib=self.free_gib - size, provisioned_gib=self.provisioned_gib + size)

    @property
    def reserved_gib(self) -> int:
        """Return what the operator keeps free."""
        return math.floor(self.total_gib * self.reserved_percentage / 100)

    @property
    def virtual_free_gib(self) -> float:
        """Return the room as the weigher sees it: thin pools may promise more than they have."""
        if self.thin:
            return self.total_gib * self.over_subscription - self.provisioned_gib - self.reserved_gib
        return math.floor(self.free_gib) - self.reserved_gib


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a new or growing volume needs."""

    size: int
    availability_zone: str | None = None
    extra_specs: tuple[tuple[str, str], ...] = ()
    only_host: str | None = None  # clones stay on the backend of what they come from


Filter = Callable[[Backend, Wanted], str | None]


def availability_zone_filter(backend: Backend, wanted: Wanted) -> str | None:
    """Refuse backends of another zone."""
    if wanted.availability_zone in (None, backend.availability_zone):
        return None
    return f"zone {backend.availability_zone} is not {wanted.availability_zone}"


def capacity_filter(backend: Backend, wanted: Wanted) -> str | None:
    """Refuse backends without room; thin ones by what they promised already."""
    free = math.floor(backend.free_gib) - backend.reserved_gib
    if backend.total_gib <= 0:
        return f"insufficient free space: total capacity is {backend.total_gib:g} GB"
    if backend.thin:
        ratio = (backend.provisioned_gib + wanted.size) / backend.total_gib
        if ratio > backend.over_subscription:
            return (
                f"insufficient free space for thin provisioning: the ratio of provisioned capacity over total capacity "
                f"{ratio:.2f} would exceed the maximum over subscription ratio {backend.over_subscription:.2f}"
            )
        free = math.floor(free * backend.over_subscription)
    if free < wanted.size:
        return f"insufficient free space: {free} GB are free, {wanted.size} GB are asked for"
    return None


def capabilities_filter(backend: Backend, wanted: Wanted) -> str | None:
    """Refuse backends that lack what the volume type's extra specs ask for."""
    for key, asked in wanted.extra_specs:
        scope, _, name = key.rpartition(":")
        if scope not in ("", "capabilities"):
            continue  # another scope speaks to the driver, not to the scheduler
        value: Any = backend.capabilities
        for part in name.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if value is None or not satisfies(value, asked):
            return f"extra spec {key} = {asked!r} is not met by {value!r}"
    return None


def satisfies(value: Any, asked: str) -> bool:
    """Say whether a capability meets an extra spec: `<is> True`, `<in> x`, `<or> a <or> b`, `>= 3`, `s== x`, or `x`."""
    words = asked.split()
    operator = words[0] if words else ""
    rest = " ".join(words[1:])
    text = str(value)
    match operator:
        case "<is>":
            return (text.lower() in ("true", "1", "yes", "on")) == (rest.lower() in ("true", "1", "yes", "on"))
        case "<in>":
            return rest in text
        case "<all-in>":
            return all(word in value for word in words[1:])
        case "<or>":
            return text in [choice.strip() for choice in asked.split("<or>") if choice.strip()]
        case "s==" | "s!=" | "s<" | "s<=" | "s>" | "s>=":
            return _ordered(text, operator[1:], rest)
        case "=" | "==" | "!=" | "<=" | ">=" | "<" | ">":
            try:
                number, limit = float(text), float(rest)
            except ValueError:
                return False
            # The plain `=` means "at least", as in cinder's extra_specs_ops.
            return _ordered(number, ">=" if operator == "=" else operator, limit)
    return text == asked


def _ordered(left: Any, operator: str, right: Any) -> bool:
    match operator:
        case "==":
            return bool(left == right)
        case "!=":
            return bool(left != right)
        case "<":
            return bool(left < right)
        case "<=":
            return bool(left <= right)
        case ">":
            return bool(left > right)
    return bool(left >= right)


FILTERS: tuple[tuple[str, Filter], ...] = (
    ("AvailabilityZoneFilter", availability_zone_filter),
    ("CapacityFilter", capacity_filter),
    ("CapabilitiesFilter", capabilities_filter),
)
"""Source: cinder's scheduler_default_filters."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What became of one request: per filter how many were left and why the others fell out, then the weights."""

    steps: tuple[tuple[str, int, tuple[tuple[str, str], ...]], ...]
    ranked: tuple[tuple[str, float, float], ...]  # host, raw, normalised; best first


def choose(backends: Sequence[Backend], wanted: Wanted, multiplier: float = 1.0) -> Choice:
    """Filter, weigh by free capacity, rank. Ties keep the order of the backends' names."""
    left = sorted(backends, key=lambda backend: backend.host)
    steps = []
    if wanted.only_host is not None:
        fallen = tuple((b.host, f"the source lies on {wanted.only_host}") for b in left if b.host != wanted.only_host)
        left = [backend for backend in left if backend.host == wanted.only_host]
        steps.append(("SourceBackend", len(left), fallen))
    for name, passes in FILTERS:
        reasons = [(backend, passes(backend, wanted)) for backend in left]
        left = [backend for backend, reason in reasons if reason is None]
        steps.append((name, len(left), tuple((b.host, reason) for b, reason in reasons if reason is not None)))
    raw = [backend.virtual_free_gib for backend in left]
    low, high = min(raw, default=0.0), max(raw, default=0.0)
    normal = [(value - low) / (high - low) if high > low else 0.0 for value in raw]
    ranked = sorted(
        ((b.host, value, multiplier * n) for b, value, n in zip(left, raw, normal, strict=True)),
        key=lambda row: -row[2],
    )
    return Choice(tuple(steps), tuple(ranked))
