"""How fast a driven world's clock goes against the wall's.

While something is in flight it goes at the speed that was asked for; while nothing but periodic work waits, at times 1
whatever the speed, so an idle cloud idles and its clock keeps up with the wall's. The pace changes in the very instant in
which the last piece of work ends.
"""

from __future__ import annotations

import math
import time

from lab.runtime import NANOSECOND
from sim.task import NEVER

MAX_SPEED = math.inf
HUNG_S = 3600
"""Virtual time after which work that nobody outside waits for, and in which nothing moved, counts as hung: it no longer
hurries the clock. Longer than every timeout of the services (long_rpc_timeout is 1,800 s)."""


class Pace:
    """How far the clock may go, counted from an anchor. Virtual times are nanoseconds."""

    def __init__(self, speed: float) -> None:
        self.change(speed)
        self.rate = math.inf
        """Virtual seconds in one of the wall, now."""
        self._anchor = (0.0, 0)
        """A wall instant (seconds) and the virtual one that belongs to it."""
        self._moved = (0, 0)
        """How busy the world was, and since when."""

    def change(self, speed: float) -> None:
        """Ask for another speed. Raises ValueError for one that does not move."""
        if not speed > 0:
            raise ValueError(f"a speed of {speed} does not move; pause instead")
        self.speed = speed

    def count_from(self, now: int) -> None:
        """Begin to count here, after a pause."""
        self._anchor = (time.perf_counter(), now)

    def forget(self, now: int) -> None:
        """Begin to count in another world."""
        self.count_from(now)
        self.rate, self._moved = math.inf, (0, 0)

    def hurried(self, awaited: bool, busy: int, now: int) -> bool:
        """Whether anything is in flight: somebody outside waits for it, or work inside has moved within the hour."""
        if busy != self._moved[0]:
            self._moved = (busy, now)
        return awaited or (busy > 0 and now - self._moved[1] < HUNG_S * NANOSECOND)

    def follow(self, hurried: bool, now: int) -> float:
        """Take up the pace that belongs to this, and answer it; a change starts a new count."""
        rate = self.speed if hurried else min(1.0, self.speed)
        if rate != self.rate:
            wall, virtual = self._anchor
            instant = time.perf_counter()
            if rate < self.rate and not math.isinf(self.rate):
                # Slower from the instant in which the work ended; the world may have come to it late.
                instant = min(instant, wall + (now - virtual) / NANOSECOND / self.rate)
            self._anchor, self.rate = (instant, now), rate
        return rate

    def limit(self) -> int:
        """How far the clock may go now."""
        if math.isinf(self.rate):
            return NEVER - 1
        wall, virtual = self._anchor
        return virtual + round((time.perf_counter() - wall) * self.rate * NANOSECOND)

    def wait_s(self, upcoming: int) -> float:
        """Wall seconds until the clock may go to what comes next; 0 or less when it may now."""
        return 0.0 if math.isinf(self.rate) else (upcoming - self.limit()) / NANOSECOND / self.rate
