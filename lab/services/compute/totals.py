"""The totals of the hosts of one pool, kept from decision to decision.

Between two decisions only a few hosts change: one was claimed, another one reported. Their totals are worked out again,
and those of all hosts only where the least or the greatest value of a weigher moved. The floats are exactly those of
`weighers.scores`: the same operations on the same numbers, in the same order.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lab.services.compute import weighers
from lab.services.compute.host_pool import COLUMNS, Pool, Values
from lab.services.compute.weighers import Formula, Weigher

FEW = 16
"""With more changes than that all is weighed anew."""


class _Part:
    """What one weigher adds to each host's total."""

    __slots__ = ("formula", "high", "low", "multiplier", "raw", "share")

    def __init__(self, raw: Values, formula: Formula, multiplier: float) -> None:
        self.raw, self.formula, self.multiplier = raw, formula, multiplier
        self.low = self.high = 0.0
        self.share: Values | None = None
        self.weigh()

    def weigh(self) -> None:
        """Work out all shares; None stands for 0 everywhere, when all hosts are alike."""
        raw = self.raw
        self.low, self.high = raw.item(raw.argmin()), raw.item(raw.argmax())
        self.share = weighers.normalised(raw)
        if self.share is not None:
            self.share *= self.multiplier

    def put(self, place: int, value: float) -> bool:
        """One host has another raw value, perhaps; answer whether that changed the shares of others too."""
        raw, low, high = self.raw, self.low, self.high
        old = raw.item(place)
        if value == old:
            return False
        raw[place] = value
        if self.share is None or not low <= value <= high:
            self.weigh()
            return True
        if (old == low and raw.item(raw.argmin()) != low) or (old == high and raw.item(raw.argmax()) != high):
            self.weigh()
            return True
        self.share[place] = (value - low) / (high - low) * self.multiplier
        return False


class Totals:
    """The totals of a pool by weighers that look at the hosts' numbers alone."""

    def __init__(self, pool: Pool, weighed_by: Sequence[tuple[Weigher, float]]) -> None:
        hosts = pool.numbers.hosts
        self.rows = pool.rows
        self._version, self._varied = hosts.version, len(hosts.varied)
        self._parts = [
            _Part(each.formula(pool.column).copy(), each.formula, multiplier) for each, multiplier in weighed_by if each.formula is not None
        ]
        self.values = self._sum()

    def _sum(self) -> Values:
        total = np.zeros(len(self.rows))
        for part in self._parts:
            if part.share is not None:
                total += part.share
        return total

    def follow(self, pool: Pool) -> bool:
        """Bring the totals up to date with the hosts; False when they must be made anew. Who holds the old ones keeps them."""
        hosts = pool.numbers.hosts
        if len(hosts.varied) != self._varied:
            return False
        changed = hosts.changed_since(self._version, FEW)
        if changed is None:
            return False
        self._version = hosts.version
        places = [(place, row) for row in changed if (place := pool.place_of(row)) is not None]
        everywhere = False
        for place, row in places:
            get = dict(zip(COLUMNS, hosts.row(row), strict=True)).__getitem__
            for part in self._parts:
                if part.put(place, part.formula(get)):
                    everywhere = True
        if everywhere:
            self.values = self._sum()
        elif places:
            self.values = self.values.copy()
            for place, _ in places:
                total = 0.0
                for part in self._parts:
                    if part.share is not None:
                        total += part.share.item(place)
                self.values[place] = total
        return True
