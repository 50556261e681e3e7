"""Who is meant by a queue or a service: what a program on its own cannot know when it writes an entry."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lab.journal.entry import Entry

Row = tuple[Any, ...]
FANOUT = "_fanout fanout"
"""How the place of a fanout's entry ends."""
_KIND, _TARGET, _WHERE, _NOTE = (Entry._fields.index(name) for name in ("kind", "target", "where", "note"))


class Names:
    """Who consumes which queue, listens to which fanout and serves which API, as their programs said."""

    def __init__(self) -> None:
        self.queues: dict[str, dict[str, None]] = {}
        self.fanouts: dict[str, dict[str, None]] = {}
        self.services: dict[str, dict[str, None]] = {}
        self.about: dict[str, dict[str, str]] = {}

    def learn(self, told: dict[str, Any]) -> None:
        """Take what a program says of itself: 'queues', 'fanouts' and 'services' with names, 'about' topics."""
        for kind in ("queues", "fanouts", "services"):
            known: dict[str, dict[str, None]] = getattr(self, kind)
            for key, names in told.get(kind, {}).items():
                known.setdefault(key, {}).update(dict.fromkeys(names))
        self.about.update(told.get("about", {}))

    def finish(self, row: Row) -> Row:
        """The entry with its target and its topic's exchange as they are known here."""
        kind, where = row[_KIND], row[_WHERE]
        if kind in ("rpc_call", "rpc_cast"):
            fanout = where.endswith(FANOUT)
            topic = where.removesuffix(FANOUT) if fanout else where
            names = (self.fanouts if fanout else self.queues).get(topic)
            target = row[_TARGET]
            if names:
                target = kinds_of(names) if fanout else one_of(names, "." in topic)
            note = self.about.get(topic) or self.about.get(topic.partition(".")[0]) or row[_NOTE]
            return (*row[:_TARGET], target, *row[_TARGET + 1 : _NOTE], note)
        if kind == "rest":
            names = self.services.get(row[_TARGET])
            if names:
                return (*row[:_TARGET], one_of(names, True), *row[_TARGET + 1 :])
        return row


def one_of(names: Iterable[str], first: bool) -> str:
    """What the journal calls whoever of these takes a message: the only one's name, or the first's if asked for, or what all are."""
    found = list(names)
    return found[0] if first or len(found) == 1 else found[0].partition("@")[0]


def kinds_of(names: Iterable[str]) -> str:
    """What the journal calls all these processes together."""
    binaries = list(dict.fromkeys(name.partition("@")[0] for name in names))
    return binaries[0] if len(binaries) == 1 else f"{binaries[0].partition('-')[0]} agents"
