"""Two futures of one past: where they part, and how each of them ended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lab.journal import Entry
from lab.watch.film import Film
from lab.watch.names import UUID, Names


def said(entry: Entry) -> tuple[str, ...]:
    """What an entry says, ids and times apart: these differ with the seed even where nothing else does."""
    return (entry.kind, entry.source, entry.target, entry.name, entry.status, UUID.sub("", entry.where))


def first_difference(one: Film, other: Film, since: int = 0) -> tuple[int, int] | None:
    """The seqs of the first entries after `since` in which they differ; None while one is the beginning of the other.

    What was done from outside is left out: that it differs is known, what it brings about is looked for.
    """
    start = min(since, _entered(one, other))
    for a, b in zip(_happened(one, start), _happened(other, start), strict=False):
        if said(a) != said(b):
            return a.seq, b.seq
    return None


def _entered(one: Film, other: Film) -> int:
    """The last seq before the other future was entered: what made it another one stands in it as an input.

    A world is taken to the end of a step before the entry that was asked for, so this may lie before that entry.
    """
    for at in other.marks:
        entry = other[at]
        if entry.kind == "input":
            there = one.get(entry.seq)
            if there is None or said(there) != said(entry):
                return entry.seq - 1
    return other.last_seq


def _happened(film: Film, since: int) -> Iterator[Entry]:
    return (entry for entry in film.slice(film.index(since + 1)) if entry.kind != "input")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run has ended so far."""

    servers: dict[str, str]
    """Name -> state."""
    rest: int
    mq: int
    failures: int
    """Answers that were failures, errors and faults."""
    seconds: float


def outcome(film: Film, names: Names, since: int = 0) -> Outcome:
    """Sum up what happened after `since`, and the state of every server."""
    start = film.index(since + 1)
    failures = sum(1 for entry in film.slice(start) if _failed(entry))
    servers = {names.of.get(key, key[:8]): state.replace("/None", "") for key, state in names.servers.items()}
    last = film.times[-1] / 1e9 if len(film) else 0.0
    return Outcome(servers, film.tally("rest", start, len(film)), film.tally("mq", start, len(film)), failures, last)


def _failed(entry: Entry) -> bool:
    if entry.kind in ("error", "fault"):
        return True
    return entry.kind.endswith("_reply") and entry.status.startswith(("4", "5", "fail"))
