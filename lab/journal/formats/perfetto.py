"""A flow as a trace of Chrome's Trace Event Format, which ui.perfetto.dev and chrome://tracing open.

A service is a process of the trace, a process of the cloud a thread. Source: "Trace Event Format" by the Chromium authors
(events X, i, C, s/t/f, M; ts and dur in microseconds).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from lab.journal.entry import Entry
from lab.journal.export import bare
from lab.journal.formats.diagram import label, short, state_words
from lab.journal.formats.flow import MESSAGES, Flow, service_of
from lab.journal.formats.slices import Slice, Slices, taken_at

SERVICES = ("client", "nova", "placement", "glance", "neutron", "cinder", "keystone", "swift", "drivers", "resources", "queues", "cloud")
"""Processes of the trace from top to bottom; others follow."""
DRIVERS = frozenset({"hypervisor", "volume", "l2", "dhcp", "router"})
BODY_MAX = 1_000
"""Characters of a body that an event carries; the journal has the rest."""
Event = dict[str, Any]


def perfetto(flow: Flow, lang: str = "en") -> Iterator[str]:
    """The trace as one JSON object, an event a line."""
    other = {"source": "glasscloud", "epoch": flow.epoch.isoformat(), "flow": flow.title}
    yield f'{{"displayTimeUnit":"ms","otherData":{orjson.dumps(other).decode()},"traceEvents":[\n'
    first = True
    for event in Told(flow, lang).events():
        yield ("" if first else ",\n") + orjson.dumps(event).decode()
        first = False
    yield "\n]}\n"


class Told:
    """One telling of a flow as events; numbers for processes and threads are given as they come."""

    def __init__(self, flow: Flow, lang: str) -> None:
        self.flow, self.lang = flow, lang
        self.slices = Slices(flow)
        self.pids: dict[str, int] = {}
        self.tids: dict[tuple[str, str], int] = {}

    def events(self) -> Iterator[Event]:
        """All events; the names of processes and threads come last, which the format allows."""
        for piece in self.slices.all:
            yield self.slice(piece)
        for entry in self.flow.entries:
            yield from self.arrows(entry)
            if entry.kind not in MESSAGES and not entry.kind.endswith("_reply") and entry.kind not in ("state", "world"):
                yield self.instant(entry)
            elif entry.kind == "notify":
                yield self.instant(entry)
        yield from self.states()
        yield from self.depths()
        yield from self.names()

    def place(self, service: str, thread: str) -> Event:
        """The numbers of a process and a thread of the trace."""
        pid = self.pids.setdefault(service, (SERVICES.index(service) if service in SERVICES else len(SERVICES) + len(self.pids)) + 1)
        return {"pid": pid, "tid": self.tids.setdefault((service, thread), len(self.tids) + 1)}

    def track(self, process: str, number: int = 0) -> Event:
        """The track of a process of the cloud."""
        binary = bare(process)
        service = "drivers" if binary in DRIVERS else service_of(process) or "cloud"
        return self.place(service, process + (f" ({number + 1})" if number else ""))

    def slice(self, piece: Slice) -> Event:
        """A message as a complete event."""
        entry, flow = piece.entry, self.flow
        answer = flow.answers.get(entry.seq)
        args = {"seq": entry.seq, "request_id": entry.request_id, "from": entry.source, "to": entry.target, "where": entry.where}
        args |= {"status": answer.status if answer is not None else "", **(entry.note or {})}
        body = flow.body(entry)
        if body is not None:
            args["body"] = orjson.dumps(body).decode()[:BODY_MAX]
        name = label(flow, entry, answer, self.lang)
        return {
            "ph": "X", "name": name if piece.received else f"→ {name}", "cat": f"{entry.kind},{'received' if piece.received else 'sent'}",
            "ts": us(piece.begin), "dur": us(piece.end - piece.begin), **self.track(piece.process, piece.track), "args": args,
        }

    def arrows(self, entry: Entry) -> Iterator[Event]:
        """The way from a cause to its effect: from who worked on the cause, over the sending, to who received it."""
        sent, received = self.slices.sent.get(entry.seq), self.slices.received.get(entry.seq)
        if sent is None or received is None:
            return
        flow = {"name": "effect", "cat": "cause", "id": entry.seq}
        cause = self.slices.received.get(entry.parent)
        if cause is not None:
            # An arrow begins inside a slice: what a process sends after its answer begins at the answer.
            ts = max(cause.begin, min(entry.t, cause.end - 1))
            yield {"ph": "s", **flow, "ts": us(ts), **self.track(cause.process, cause.track)}
        yield {"ph": "t" if cause is not None else "s", **flow, "ts": us(entry.t), **self.track(sent.process, sent.track)}
        yield {"ph": "f", "bp": "e", **flow, "ts": us(entry.t), **self.track(received.process, received.track)}

    def instant(self, entry: Entry) -> Event:
        """What happened at one moment; a fault concerns the whole cloud, the rest its process."""
        scope = "g" if entry.kind == "fault" else "t"
        where = self.place("cloud", "network") if entry.kind == "frame" else self.track(entry.source)
        args = {"seq": entry.seq, "request_id": entry.request_id, "where": entry.where, "status": entry.status, **(entry.note or {})}
        name = label(self.flow, entry, None, self.lang)
        return {"ph": "i", "s": scope, "name": name or entry.kind, "cat": entry.kind, "ts": us(entry.t), **where, "args": args}

    def states(self) -> Iterator[Event]:
        """The states of servers, ports and volumes, one thread each."""
        found: dict[tuple[str, str], list[Entry]] = {}
        for entry in self.flow.entries:
            if entry.kind == "state":
                found.setdefault((entry.target, entry.where), []).append(entry)
        last = self.flow.entries[-1].t if self.flow.entries else 0
        for (kind, thing), steps in found.items():
            where = self.place("resources", f"{kind} {short(self.flow.called.get(thing, thing))}")
            ends = [step.t for step in steps[1:]] + [last]
            for step, end in zip(steps, ends, strict=True):
                args = {"seq": step.seq, "change": step.name, "id": thing}
                yield {"ph": "X", "name": state_words(step.status) or "–", "cat": "state", "ts": us(step.t),
                       "dur": us(max(0, end - step.t)), **where, "args": args}

    def depths(self) -> Iterator[Event]:
        """Counters: messages of each queue that nobody has been seen to take yet, and REST requests under way at each API.

        The journal has no entry for the taking of a message; a message is counted until its first effect or its answer, and
        one that left no trace is not counted.
        """
        steps: list[tuple[int, int, str]] = []
        for entry in self.flow.entries:
            end = self.flow.answers[entry.seq].t if entry.kind == "rest" and entry.seq in self.flow.answers else None
            name = f"REST {bare(entry.target)}"
            if entry.kind in ("rpc_call", "rpc_cast"):
                end, name = taken_at(self.flow, entry), f"queue {entry.where}"
            if end is not None:
                steps += [(entry.t, 1, name), (end, -1, name)]
        counts: dict[str, int] = {}
        pid = self.place("queues", "queues")["pid"]
        for t, change, name in sorted(steps):
            counts[name] = counts.get(name, 0) + change
            yield {"ph": "C", "name": name, "cat": "depth", "ts": us(t), "pid": pid, "args": {"messages": counts[name]}}

    def names(self) -> Iterator[Event]:
        """What processes and threads are called, and their order."""
        for service, pid in self.pids.items():
            yield {"ph": "M", "name": "process_name", "pid": pid, "args": {"name": service}}
            yield {"ph": "M", "name": "process_sort_index", "pid": pid, "args": {"sort_index": pid}}
        order = {key: at for at, key in enumerate(sorted(self.tids))}
        for (service, thread), tid in self.tids.items():
            pid = self.pids[service]
            yield {"ph": "M", "name": "thread_name", "pid": pid, "tid": tid, "args": {"name": thread}}
            yield {"ph": "M", "name": "thread_sort_index", "pid": pid, "tid": tid, "args": {"sort_index": order[service, thread]}}


def us(nanoseconds: int) -> float:
    """Microseconds, the format's unit."""
    return nanoseconds / 1_000
