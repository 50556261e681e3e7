"""Messages as slices of time on tracks: one track of a process shows one thing that it does, with what that caused inside.

A viewer of traces nests whatever overlaps on one track. So a process that does several things at once gets several tracks,
and a slice lies inside another one only when that one caused it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from lab.journal.entry import Entry
from lab.journal.formats.flow import REQUESTS, Flow

SENT_NS = 1_000
"""How long the sending of a cast is drawn."""
SLICED = frozenset({*REQUESTS, "rpc_cast"})


@dataclass(slots=True)
class Slice:
    """A message as its sender or its receiver sees it, from begin to end in nanoseconds, on a track of a process."""

    entry: Entry
    received: bool
    process: str
    begin: int
    end: int
    track: int = 0


@dataclass(slots=True)
class Tracks:
    """The tracks of one process: on each the slices that are open, the innermost last."""

    stacks: list[list[Slice]] = field(default_factory=list)

    def put(self, piece: Slice, parent: Slice | None) -> None:
        """Find a track for a slice: inside its cause, or on the first that is idle."""
        for stack in self.stacks:
            while stack and stack[-1].end <= piece.begin:
                stack.pop()
        at = next((n for n, stack in enumerate(self.stacks) if stack and stack[-1] is parent and parent.end >= piece.end), None)
        if at is None:
            at = next((n for n, stack in enumerate(self.stacks) if not stack), len(self.stacks))
        if at == len(self.stacks):
            self.stacks.append([])
        self.stacks[at].append(piece)
        piece.track = at


class Slices:
    """All slices of a flow: each request, call, driver call and cast twice, as it was sent and as it was received."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.sent: dict[int, Slice] = {}
        self.received: dict[int, Slice] = {}
        pieces = list(self._pieces())
        pieces.sort(key=lambda piece: (piece.begin, piece.entry.seq, piece.received))
        self.tracks: dict[str, Tracks] = {}
        for piece in pieces:
            parent = None if piece.received else self.received.get(piece.entry.parent)
            self.tracks.setdefault(piece.process, Tracks()).put(piece, parent)
        self.all = pieces

    def _pieces(self) -> Iterator[Slice]:
        for entry in self.flow.entries:
            if entry.kind not in SLICED:
                continue
            end = self.flow.end(entry)
            sent = Slice(entry, False, entry.source, entry.t, entry.t + SENT_NS if entry.kind == "rpc_cast" else end)
            received = Slice(entry, True, entry.target, entry.t, end)
            self.sent[entry.seq], self.received[entry.seq] = sent, received
            yield sent
            yield received


def taken_at(flow: Flow, entry: Entry) -> int | None:
    """When a message of the queue had been taken at the latest: its first effect or its answer; None when it left no trace."""
    signs = [effect.t for effect in flow.effects.get(entry.seq, ())]
    answer = flow.answers.get(entry.seq)
    return min([*signs, *([answer.t] if answer is not None else [])], default=None)
