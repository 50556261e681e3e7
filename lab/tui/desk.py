"""What all rooms look at: the feed, the film of what came from it, the clock, and what is chosen."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

from lab.journal import Entry
from lab.watch.feed import ClockNow, Entries, Feed, Lost, Missed, Seen, Travelled
from lab.watch.film import Film
from lab.watch.names import Names

if TYPE_CHECKING:
    from lab.watch.lecture import Lecture

MANY = 2_000
"""After so many new entries the garbage collector is told that they stay."""
LOADING = "…"
"""Stands in `Desk.asked` while an answer is awaited."""


class Desk:
    """One watched cloud, as the application holds it. Only the application's handlers change it."""

    def __init__(self, feed: Feed, lang: str = "en", name: str = "") -> None:
        self.feed = feed
        self.lang = lang
        self.name = name
        """What tells its rooms from those of other watched clouds; empty: the one that the application was opened on."""
        self.film = Film(dial=feed.dial)
        self.names = Names()
        self.clock: dict[str, Any] = {}
        self.lost: Lost | None = None
        self.missed: Missed | None = None
        self.chosen = 0
        """The seq of the chosen entry, 0 for the newest whatever it is: rooms agree on it."""
        self.run = 0
        """How often time was turned back."""
        self.whole = False
        """Whether all of a recorded file has been read."""
        self.lectures: dict[str, Lecture] = {}
        """The lessons that were begun in it, by name."""
        self.asked: dict[int, str] = {}
        """Entries whose long lists are being fetched (LOADING), or could not be: seq -> why, in words."""
        self._fresh = 0

    def take(self, seen: Seen) -> None:
        """Put down what came."""
        if isinstance(seen, Entries):
            new = self.film.extend(seen.entries)
            self.names.learn(seen.entries[len(seen.entries) - new :])
            self.lost = None
            self._let_stay(new)
        elif isinstance(seen, ClockNow):
            self.clock = seen.clock
            self.lost = None
        elif isinstance(seen, Travelled):
            self.film.cut(seen.to)
            self.asked.clear()
            self.names = Names()
            self.names.learn(self.film.slice(0))
            self.run = seen.run
            self.chosen = min(self.chosen, seen.to)
        elif isinstance(seen, Missed):
            self.missed = seen
        else:
            self.lost = seen

    def _let_stay(self, new: int) -> None:
        """Spare the collector what came: it would walk all of a long film again and again, and a key wait 100 ms for it."""
        self._fresh += new
        if self._fresh >= MANY:
            self._fresh = 0
            gc.freeze()

    def fill(self, seq: int, entry: Entry | None, why: str) -> None:
        """Put down an entry that came whole, or why it did not."""
        if entry is None:
            self.asked[seq] = why
        else:
            self.asked.pop(seq, None)
            self.film.fill(entry)

    @property
    def now_ns(self) -> int:
        """The cloud's clock: of the last entry, or of the clock where there is one."""
        last = self.film[-1].t if len(self.film) else 0
        return max(last, int(self.clock.get("t_s", 0) * 1_000_000_000))

    @property
    def now(self) -> str:
        """The same as a clock shows it."""
        return self.film.dial.now(self.now_ns)
