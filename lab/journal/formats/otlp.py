"""A flow as OpenTelemetry spans in OTLP's JSON, which a collector's `otlpjsonfile` receiver and Jaeger read.

The trace is the request: its id is the UUID of the OpenStack request id. A message makes two spans, of who sent it and of
who received it. Source: opentelemetry-proto 1.x (trace.proto, and its JSON mapping: ids in hexadecimal, 64-bit numbers as
text, enumerations as numbers) and the semantic conventions 1.37 for HTTP, RPC and messaging.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from lab.journal.entry import Entry
from lab.journal.export import bare
from lab.journal.formats.flow import Flow, host_of, service_of
from lab.journal.formats.slices import SLICED

SCHEMA = "https://opentelemetry.io/schemas/1.37.0"
INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = 1, 2, 3, 4, 5
"""SpanKind of trace.proto."""
ERROR = 2
"""StatusCode of trace.proto."""
KINDS = {"rest": (CLIENT, SERVER), "rpc_call": (CLIENT, SERVER), "rpc_cast": (PRODUCER, CONSUMER), "driver": (CLIENT, INTERNAL)}
EVENTS = frozenset({"state", "decision", "error", "fault", "log"})
"""What is told as an event of the span that it happened in."""
UUID = re.compile(r"req-([0-9a-f]{8})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{12})")
EPOCH_UNIX = datetime(1970, 1, 1, tzinfo=UTC)
Row = dict[str, Any]


def otlp(flow: Flow, lang: str = "en") -> Iterator[str]:
    """The spans as one ExportTraceServiceRequest, a line for each process."""
    spans: dict[str, list[orjson.Fragment]] = {}  # as bytes, a sixth of what dictionaries take
    told = Told(flow)
    for entry in flow.entries:
        for process, span in told.spans(entry):
            spans.setdefault(process, []).append(orjson.Fragment(orjson.dumps(span)))
    yield '{"resourceSpans":[\n'
    for number, (process, rows) in enumerate(spans.items()):
        scope = {"scope": {"name": "glasscloud.journal"}, "spans": rows, "schemaUrl": SCHEMA}
        line = {"resource": {"attributes": resource(process)}, "scopeSpans": [scope], "schemaUrl": SCHEMA}
        yield (",\n" if number else "") + orjson.dumps(line).decode()
    yield "\n]}\n"


def resource(process: str) -> list[Row]:
    """Who made the spans."""
    values = {"service.name": bare(process), "service.namespace": service_of(process), "service.instance.id": process}
    return attributes({**values, "host.name": host_of(process) or None})


class Told:
    """One telling of a flow as spans."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.epoch_ns = (flow.epoch - EPOCH_UNIX) // timedelta(microseconds=1) * 1_000

    def spans(self, entry: Entry) -> Iterator[tuple[str, Row]]:
        """The spans of one entry, each with the process that it belongs to."""
        if entry.kind == "notify":
            yield entry.source, self.span(entry, span_id(entry.seq, False), PRODUCER, entry.t)
        if entry.kind not in SLICED:
            return
        sent, received = KINDS[entry.kind]
        end = self.flow.end(entry)
        yield entry.source, self.span(entry, span_id(entry.seq, False), sent, entry.t if sent == PRODUCER else end)
        span = self.span(entry, span_id(entry.seq, True), received, end)
        span["parentSpanId"] = span_id(entry.seq, False)
        span.pop("links", None)
        events = [effect for effect in self.flow.effects.get(entry.seq, ()) if effect.kind in EVENTS]
        if events:
            span["events"] = [self.event(effect) for effect in events]
        yield entry.target, span

    def span(self, entry: Entry, own_id: str, kind: int, end: int) -> Row:
        """One span; its parent is the work that caused it, or a link when that belongs to another request."""
        span: Row = {
            "traceId": self.trace_id(entry), "spanId": own_id, "name": name_of(entry, kind), "kind": kind,
            "startTimeUnixNano": self.unix(entry.t), "endTimeUnixNano": self.unix(max(end, entry.t)),
            "attributes": attributes(about(entry, self.flow.answers.get(entry.seq), kind)), "status": self.status(entry, kind),
        }
        cause = self.flow.by_seq.get(entry.parent)
        if cause is not None and cause.kind in SLICED:
            if self.trace_id(cause) == span["traceId"]:
                span["parentSpanId"] = span_id(cause.seq, True)
            else:
                span["links"] = [{"traceId": self.trace_id(cause), "spanId": span_id(cause.seq, True)}]
        return span

    def status(self, entry: Entry, kind: int) -> Row:
        """An HTTP status from 400 is the client's error, from 500 the server's too, as the conventions have it."""
        answer = self.flow.answers.get(entry.seq)
        if not self.flow.failed(entry) or (kind == SERVER and answer is not None and answer.status.startswith("4")):
            return {}
        return {"code": ERROR, "message": answer.status if answer is not None else "no answer"}

    def event(self, entry: Entry) -> Row:
        """What happened within a span."""
        values = {"glasscloud.seq": entry.seq, "glasscloud.where": entry.where or None, "glasscloud.status": entry.status or None}
        return {"timeUnixNano": self.unix(entry.t), "name": f"{entry.kind}: {entry.name}", "attributes": attributes(values)}

    def trace_id(self, entry: Entry) -> str:
        """32 hexadecimal digits: the request's UUID, or for what no request caused a digest of its first cause."""
        match = UUID.fullmatch(entry.request_id)
        if match is not None:
            return "".join(match.groups())
        text = entry.request_id or f"entry {self.root(entry).seq}"
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def root(self, entry: Entry) -> Entry:
        """Its first cause that the flow knows."""
        while entry.parent in self.flow.by_seq and not self.flow.by_seq[entry.parent].request_id:
            entry = self.flow.by_seq[entry.parent]
        return entry

    def unix(self, t: int) -> str:
        """Nanoseconds since 1970, as text."""
        return str(self.epoch_ns + t)


def span_id(seq: int, received: bool) -> str:
    """16 hexadecimal digits, never all zero."""
    return f"{2 * seq + received:016x}"


def name_of(entry: Entry, kind: int) -> str:
    """A span's name as the conventions want it: of few different values."""
    if entry.kind == "rest":
        return entry.name
    if entry.kind in ("rpc_cast", "notify"):
        return f"{'process' if kind == CONSUMER else 'send'} {entry.where}"
    return f"{entry.where}/{entry.name}" if entry.kind == "rpc_call" else entry.name


def about(entry: Entry, answer: Entry | None, kind: int) -> Row:
    """A span's attributes by the semantic conventions, and under `glasscloud.` and `openstack.` what they have no word for."""
    note, status = entry.note or {}, answer.status if answer is not None else ""
    found: Row = {"glasscloud.seq": entry.seq, "openstack.request_id": entry.request_id or None}
    if entry.kind == "rest":
        path, _, query = entry.where.partition("?")
        found |= {"http.request.method": entry.name, "url.path": path, "url.query": query or None, "url.scheme": "http"}
        found |= {"http.response.status_code": int(status) if status.isdecimal() else None, "server.address": host_of(entry.target) or None}
        if kind == CLIENT:
            found["url.full"] = f"http://{host_of(entry.target) or entry.target}{entry.where}"
        found["openstack.api.version"] = note.get("version")
        failed = not status.startswith(("1", "2", "3")) and not (kind == SERVER and status.startswith("4"))
    else:
        found |= {"rpc.method": entry.name, "rpc.service": entry.where or bare(entry.target)}
        found["rpc.system"] = "glasscloud_driver" if entry.kind == "driver" else "oslo_messaging"
        if entry.kind != "driver":
            found |= {"messaging.system": "rabbitmq", "messaging.destination.name": entry.where, "messaging.message.id": str(entry.seq)}
            found["messaging.operation.type"] = "process" if kind in (CONSUMER, SERVER) else "send"
            found |= {"openstack.exchange": note.get("exchange"), "openstack.rpc.version": note.get("version")}
        failed = entry.kind in ("rpc_call", "driver") and status != "ok"
    if failed:
        found["error.type"] = status.removeprefix("failure:") or "timeout"
    return found


def attributes(values: Row) -> list[Row]:
    """Key-value pairs of the format; None is left out."""
    return [
        {"key": key, "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": str(value)}}
        for key, value in values.items()
        if value is not None
    ]
