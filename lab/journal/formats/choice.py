"""Which entries of a journal are told: by request, kind, service and time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from lab.errors import LabError
from lab.journal.entry import KINDS, Entry
from lab.journal.export import PERIODIC, bare, is_under, repeated_polls
from lab.journal.formats.flow import MESSAGES, service_of

FAMILIES: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "rest": ("rest", "rest_reply"),
    "rpc": ("rpc_call", "rpc_reply", "rpc_cast"),
    "rpc_call": ("rpc_call", "rpc_reply"),
    "driver": ("driver", "driver_reply"),
})
"""What a kind brings along: a request its answer."""
STORY = frozenset({"rest", "rest_reply", "rpc_call", "rpc_reply", "rpc_cast", "driver", "driver_reply", "state", "decision", "fault",
                   "error", "process"})
"""What a drawing shows unless it is told otherwise: not the notifications, which nobody waits for."""
OUTSIDE = frozenset({"client", "outside"})
"""Who asks without being asked."""
SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Choice:
    """What to tell. Empty means all; times are seconds after the first entry chosen by the rest."""

    requests: Sequence[str] = ()
    """Request ids, or how they begin."""
    kinds: Sequence[str] = ()
    """Kinds of entries; `rpc` is calls, casts and replies."""
    services: Sequence[str] = ()
    """Projects (nova) or processes (nova-compute)."""
    begin_s: float = 0.0
    end_s: float | None = None

    def of(self, entries: Iterable[Entry]) -> list[Entry]:
        """The chosen entries. Raises LabError when a wanted kind, request or service does not exist, naming those that do."""
        rows = list(entries)
        kinds = self.known_kinds()
        self.check_services(rows)
        requests = self.known_requests(rows)
        kept = [
            entry
            for entry in rows
            if (not kinds or entry.kind in kinds)
            and (not requests or entry.request_id in requests)
            and (not self.services or any(is_of(entry, service) for service in self.services))
        ]
        begin = kept[0].t if kept else 0
        first, last = begin + self.begin_s * SECOND, None if self.end_s is None else begin + self.end_s * SECOND
        kept = [entry for entry in kept if first <= entry.t and (last is None or entry.t <= last)]
        # A recording without its first entry would not know its datacenter and its date.
        return [*(e for e in rows[:1] if e.kind == "world" and e not in kept[:1]), *kept]

    def known_kinds(self) -> frozenset[str]:
        """The wanted kinds, with what belongs to them."""
        found: set[str] = set()
        for kind in self.kinds:
            if kind not in KINDS and kind not in FAMILIES:
                known = ", ".join(sorted({*KINDS, *FAMILIES}))
                raise LabError(f"no kind {kind!r}; known: {known}", ko=f"{kind!r}: 그런 종류가 없습니다. 있는 것: {known}")
            found.update(FAMILIES.get(kind, (kind,)))
        return frozenset(found)

    def check_services(self, rows: Sequence[Entry]) -> None:
        """Raise LabError for a service that takes part in nothing."""
        for wanted in self.services:
            if not any(is_of(entry, wanted) for entry in rows):
                here = ", ".join(sorted({service_of(name) for entry in rows for name in (entry.source, entry.target) if "@" in name}))
                raise LabError(
                    f"no service {wanted!r} here; known: {here or 'none'}, and their processes",
                    ko=f"{wanted!r}: 그런 서비스가 여기에 없습니다. 있는 것: {here or '없음'}, 그리고 그 프로세스들",
                )

    def known_requests(self, rows: Sequence[Entry]) -> frozenset[str]:
        """The wanted requests' ids in full."""
        if not self.requests:
            return frozenset()
        ids = list(dict.fromkeys(entry.request_id for entry in rows if entry.request_id))
        found: set[str] = set()
        for wanted in self.requests:
            same = [each for each in ids if each.startswith((wanted, f"req-{wanted}"))]
            if not same:
                some = ", ".join(ids[:5]) + (f" and {len(ids) - 5} more" if len(ids) > 5 else "")
                raise LabError(
                    f"no request {wanted!r} here; known: {some or 'none'}",
                    ko=f"{wanted!r}: 그런 요청이 여기에 없습니다. 있는 것: {some or '없음'}",
                )
            found.update(same)
        return frozenset(found)


def is_of(entry: Entry, service: str) -> bool:
    """Whether a process of this name or project takes part in it."""
    return any(service in (name, bare(name), service_of(name)) for name in (entry.source, entry.target))


def for_a_drawing(entries: Sequence[Entry], kinds: Sequence[str] = ()) -> list[Entry]:
    """The entries that a reader wants to see: no periodic work, of a client's repeated polls the last, no notifications.

    kinds: those that were asked for by name and stay in whatever they are.
    """
    wanted = STORY | {kind for name in kinds for kind in FAMILIES.get(name, (name,))}
    by_seq = {entry.seq: entry for entry in entries}
    dropped = repeated_polls(entries) | {entry.seq for entry in entries if is_periodic(entry)}
    return [
        entry
        for entry in entries
        if entry.kind in wanted and not is_under(entry, dropped, by_seq) and not is_first_start(entry)
    ]


def is_periodic(entry: Entry) -> bool:
    """Whether a message is sent on a clock and not because somebody asked."""
    if entry.kind not in MESSAGES:
        return False
    unasked = entry.parent == 0 and bare(entry.source) not in OUTSIDE
    return unasked or entry.name in PERIODIC or not entry.request_id


def is_first_start(entry: Entry) -> bool:
    """Whether it is a process's start at boot, of which every cloud has dozens."""
    return entry.kind == "process" and entry.name == "start" and (entry.note or {}).get("life", 1) <= 1
