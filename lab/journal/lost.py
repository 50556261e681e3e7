"""Messages of which nothing came: those that a fault dropped, and casts that carry a server and were never taken up."""

from __future__ import annotations

from collections.abc import Sequence

from lab.journal.entry import Entry

CARRIERS = frozenset({"schedule_and_build_instances", "build_and_run_instance"})
"""The casts that carry a server that has no host yet: who takes one up changes the server's state or sends the next one."""
SILENCE_NS = 60_000_000_000
"""So long a cast may lie in its queue before it counts as lost. Source: oslo.messaging's default `rpc_response_timeout`."""


def lost(entries: Sequence[Entry]) -> frozenset[int]:
    """The seqs of the messages that were lost."""
    found = {entry.parent for entry in entries if entry.kind == "fault" and entry.name.startswith("drop ")}
    waiting: dict[str, Entry] = {}
    for entry in entries:
        if entry.kind == "rpc_cast" and entry.name in CARRIERS:
            waiting[entry.request_id] = entry
        elif entry.kind == "state" and entry.target == "server":
            waiting.pop(entry.request_id, None)
    end = entries[-1].t if entries else 0
    return frozenset(found.union(cast.seq for cast in waiting.values() if end - cast.t > SILENCE_NS))
