"""Pages of the event stream: encoded once for all watchers, who soon turn the same ones."""

from __future__ import annotations

import json

import pytest

from lab.journal import Journal
from lab.journal.entry import Entry
from lab.rest import pages
from lab.rest.pages import Pages
from sim.loop import SimLoop


def write(journal: Journal, count: int, body: bytes | None = None) -> None:
    """Let so many entries stand in the journal."""
    for _ in range(count):
        journal.add("log", "test@here", "test@here", "a line", body=body)


def seqs(page: bytes) -> list[int]:
    """The entries of a page, which says itself which the last one is."""
    head, place, *lines = page.removesuffix(b"\n\n").split(b"\n")
    found = [json.loads(line.removeprefix(b"data: "))["seq"] for line in lines]
    assert (head, place) == (b"event: entries", b"id: %d" % found[-1])
    return found


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The entries that were made lines, each time."""
    found: list[int] = []
    line = Entry.line

    def counted(self: Entry, rows_max: int | None = None) -> bytes:
        found.append(self.seq)
        return line(self, rows_max)

    monkeypatch.setattr(Entry, "line", counted)
    return found


def test_watchers_at_different_places_soon_turn_the_same_pages(encoded: list[int]) -> None:
    journal = Journal(SimLoop().runtime)
    told = Pages(journal)
    assert told.after(0) == (0, b"")
    write(journal, 10)
    early, page = told.after(0)
    assert (early, seqs(page)) == (10, list(range(1, 11)))
    write(journal, 10)
    early, _ = told.after(early)
    late, page = told.after(4)  # ends where the other's page began
    assert (late, seqs(page)) == (10, list(range(5, 11)))
    late, page = told.after(late)
    assert (late, seqs(page)) == (early, list(range(11, 21)))
    encoded.clear()
    for _ in range(5):
        write(journal, 7)
        early, late = told.after(early)[0], told.after(late)[0]
        assert early == late == journal.seq
    assert encoded == list(range(21, 56))


def test_a_page_has_an_end_and_old_ones_are_forgotten(monkeypatch: pytest.MonkeyPatch, encoded: list[int]) -> None:
    journal = Journal(SimLoop().runtime)
    told = Pages(journal)
    write(journal, pages.ENTRIES + 1)
    assert told.after(0)[0] == pages.ENTRIES
    write(journal, 10, b'"' + b"x" * (pages.BYTES // 2) + b'"')
    assert told.after(pages.ENTRIES + 1)[0] == pages.ENTRIES + 3
    for seq in range(10, 10 + pages.KEPT):
        told.after(seq)
    encoded.clear()
    told.after(9 + pages.KEPT)
    assert not encoded
    told.after(0)
    assert encoded[0] == 1
