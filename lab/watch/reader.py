"""What is learned from a film as it grows: a slice of entries at a time, from the beginning again when the film was cut."""

from __future__ import annotations

from abc import ABC, abstractmethod

from lab.journal import Entry
from lab.watch.film import Film, Filter, View

SLICE = 5_000
"""Entries that one turn learns from, so that a key is answered in between."""


class Reader(ABC):
    """Learns from the entries of some kinds. A subclass says what it knows at first (`forget`) and what an entry adds (`learn`)."""

    def __init__(self, film: Film, kinds: frozenset[str]) -> None:
        self.film = film
        self.view = View(film, Filter(kinds=kinds))
        self._start_over()

    def _start_over(self) -> None:
        self._learned, self._version = 0, self.film.version
        self.forget()

    @abstractmethod
    def forget(self) -> None:
        """Know nothing."""

    @abstractmethod
    def learn(self, entry: Entry) -> None:
        """Take in the next entry."""

    def advance(self) -> bool:
        """Look at what is new; whether all of it has been looked at."""
        if self._version != self.film.version:
            self._start_over()
        whole = self.view.advance()
        stop = min(len(self.view), self._learned + SLICE)
        for index in range(self._learned, stop):
            self.learn(self.view[index])
        self._learned = stop
        return whole and stop == len(self.view)
