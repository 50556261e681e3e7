"""What every format draws from: entries with their answers, their effects, their end, and the clock they stand on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from lab.journal.entry import Entry
from lab.journal.export import bare
from lab.journal.formats.secrets import without_secrets

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
"""When the clock of a simulated cloud begins, unless the journal's first entry says something else."""
REQUESTS = frozenset({"rest", "rpc_call", "driver"})
ANSWERS = frozenset({"rest_reply", "rpc_reply", "driver_reply"})
MESSAGES = frozenset({*REQUESTS, "rpc_cast", "notify"})
"""What one process sends to another and is no answer."""


class Flow:
    """Entries in order of their seq, and how they belong together. Times are nanoseconds of the cloud's clock."""

    def __init__(self, entries: Iterable[Entry], names: Mapping[str, str] | None = None, title: str = "") -> None:
        self.entries = sorted(entries)
        self.names = dict(names or {})
        """Ids to what they are called in drawings."""
        self.title = title

    @cached_property
    def by_seq(self) -> dict[int, Entry]:
        """Entries by their seq."""
        return {entry.seq: entry for entry in self.entries}

    @cached_property
    def answers(self) -> dict[int, Entry]:
        """The answers by the seq of what they answer."""
        return {entry.parent: entry for entry in self.entries if entry.kind in ANSWERS}

    @cached_property
    def effects(self) -> dict[int, list[Entry]]:
        """What each entry caused, its answer left out."""
        found: dict[int, list[Entry]] = {}
        for entry in self.entries:
            if entry.parent and entry.kind not in ANSWERS:
                found.setdefault(entry.parent, []).append(entry)
        return found

    @cached_property
    def called(self) -> dict[str, str]:
        """The names of what changes its state in this flow, by id, as far as an answer tells them."""
        ids = {entry.where for entry in self.entries if entry.kind == "state"}
        found: dict[str, str] = {}
        for entry in self.entries:
            last = entry.where.rpartition("/")[2]
            if entry.kind == "rest_reply" and last in ids and last not in found:
                body = entry.json()
                thing = next(iter(body.values()), None) if isinstance(body, dict) else None
                if isinstance(thing, dict) and thing.get("id") == last and thing.get("name"):
                    found[last] = str(thing["name"])
        return found

    @cached_property
    def begin(self) -> int:
        """When the first entry was written that is not about the world as a whole; 0 when there is none."""
        return next((entry.t for entry in self.entries if entry.kind != "world"), 0)

    @cached_property
    def epoch(self) -> datetime:
        """The date of the cloud's nanosecond 0."""
        for entry in self.entries[:1]:
            if entry.kind == "world":
                date = datetime.fromisoformat(entry.where)
                return date if date.tzinfo is not None else date.replace(tzinfo=UTC)
        return EPOCH

    def date(self, t: int) -> datetime:
        """The date of a nanosecond of the clock, to the microsecond."""
        return self.epoch + timedelta(microseconds=t // 1000)

    def end(self, entry: Entry) -> int:
        """When it was over: its answer, or the last that the journal saw of who took it; its own time when it left no trace."""
        answer = self.answers.get(entry.seq)
        if answer is not None:
            return answer.t
        last = entry.t
        if entry.kind == "rpc_cast":
            for effect in self.effects.get(entry.seq, ()):
                last = max(last, effect.t, self.answers[effect.seq].t if effect.seq in self.answers else 0)
        return last

    def failed(self, entry: Entry) -> bool:
        """Whether it ended badly: HTTP 4xx and 5xx, a failure, no answer to a request at all, a fault, an error."""
        if entry.kind in ("error", "fault"):
            return True
        if entry.kind in REQUESTS:
            answer = self.answers.get(entry.seq)
            return answer is None or is_failure(answer)
        return is_failure(entry)

    def body(self, entry: Entry) -> Any:
        """The entry's body decoded, without secrets."""
        return without_secrets(entry.json())

    def line(self, entry: Entry) -> dict[str, Any]:
        """The entry's fields by name, the body decoded, without secrets, and last, as in the journal's own lines."""
        row = entry._asdict()
        del row["body"]
        return {**row, "body": self.body(entry)}


def is_failure(entry: Entry) -> bool:
    """Whether an answer says that it went wrong."""
    if entry.kind == "rest_reply":
        return not entry.status.startswith(("1", "2", "3"))
    return entry.kind in ANSWERS and entry.status != "ok"


def host_of(name: str) -> str:
    """The host in a process's name; empty when it names none."""
    return name.partition("@")[2]


def service_of(name: str) -> str:
    """The OpenStack project that a process belongs to: nova for nova-compute@compute-1."""
    return bare(name).partition("-")[0]
