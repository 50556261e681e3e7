"""The spans: read by the published protobuf definitions, strictly; one trace a request; kinds, parents and attributes."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from lab.journal import Entry
from lab.journal.formats import Flow, export

IDS = {"traceId": 16, "spanId": 8, "parentSpanId": 8}


def parsed(flow: Flow) -> ExportTraceServiceRequest:
    """Read the export as a collector does: OTLP's JSON has ids in hexadecimal where protobuf's own has base64."""
    return json_format.Parse(json.dumps(in_base64(json.loads("".join(export("otlp", flow))))), ExportTraceServiceRequest())


def in_base64(value: Any) -> Any:
    if isinstance(value, list):
        return [in_base64(item) for item in value]
    if isinstance(value, dict):
        return {k: base64.b64encode(bytes.fromhex(v)).decode() if k in IDS else in_base64(v) for k, v in value.items()}
    return value


def spans(request: ExportTraceServiceRequest) -> Iterator[tuple[str, Span]]:
    for one in request.resource_spans:
        names = values(one.resource)
        for scope in one.scope_spans:
            for span in scope.spans:
                yield str(names["service.name"]), span


def values(holder: Any) -> dict[str, str | int]:
    return {a.key: a.value.string_value if a.value.HasField("string_value") else a.value.int_value for a in holder.attributes}


@pytest.fixture(scope="module")
def told(created: Flow) -> list[tuple[str, Span]]:
    return list(spans(parsed(created)))


def test_a_strict_reader_refuses_what_is_not_in_the_definitions() -> None:
    with pytest.raises(json_format.ParseError):
        json_format.Parse('{"resourceSpans":[{"scopeSpans":[{"spans":[{"spnaId":""}]}]}]}', ExportTraceServiceRequest())


def test_ids_have_their_lengths_and_none_is_twice(told: list[tuple[str, Span]]) -> None:
    assert {len(span.trace_id) for _, span in told} == {16}
    assert {len(span.span_id) for _, span in told} == {8}
    assert {len(span.parent_span_id) for _, span in told} == {0, 8}
    assert len({(span.trace_id, span.span_id) for _, span in told}) == len(told)
    assert all(any(span.trace_id) and any(span.span_id) for _, span in told)


def test_a_trace_is_a_request_and_has_one_root(told: list[tuple[str, Span]], created: Flow) -> None:
    post = next(entry for entry in created.entries if entry.kind == "rest")
    trace_id = bytes.fromhex(post.request_id.removeprefix("req-").replace("-", ""))
    own = [(service, span) for service, span in told if span.trace_id == trace_id]
    ids = {span.span_id for _, span in own}
    assert [(service, span.name) for service, span in own if not span.parent_span_id] == [("client", "POST")]
    assert all(span.parent_span_id in ids for _, span in own if span.parent_span_id)
    assert {service for service, _ in own} >= {"nova-api", "nova-conductor", "nova-scheduler", "nova-compute", "placement", "glance"}


def test_every_span_ends_after_it_began_and_after_1970(told: list[tuple[str, Span]]) -> None:
    for _, span in told:
        assert 1_767_225_600 * 10**9 <= span.start_time_unix_nano <= span.end_time_unix_nano


def test_a_rest_request_is_a_client_and_a_server(told: list[tuple[str, Span]]) -> None:
    client = next(span for service, span in told if service == "client")
    server = next(span for service, span in told if service == "nova-api" and span.parent_span_id == client.span_id)
    assert (client.kind, server.kind) == (Span.SPAN_KIND_CLIENT, Span.SPAN_KIND_SERVER)
    found = values(server)
    assert {k: found[k] for k in ("http.request.method", "url.path", "http.response.status_code")} == {
        "http.request.method": "POST", "url.path": "/v2.1/servers", "http.response.status_code": 202,
    }
    assert str(values(client)["url.full"]).endswith("/v2.1/servers")


def test_a_cast_is_a_producer_and_a_consumer_that_works_on(told: list[tuple[str, Span]]) -> None:
    consumer = next(s for _, s in told if s.kind == Span.SPAN_KIND_CONSUMER and values(s)["rpc.method"] == "build_and_run_instance")
    producer = next(span for _, span in told if span.span_id == consumer.parent_span_id)
    assert producer.kind == Span.SPAN_KIND_PRODUCER
    assert producer.end_time_unix_nano == producer.start_time_unix_nano
    assert consumer.end_time_unix_nano - consumer.start_time_unix_nano > 5 * 10**9
    assert values(consumer)["messaging.destination.name"] == "compute.compute-2"
    assert values(consumer)["messaging.operation.type"] == "process"


def test_what_changed_is_an_event_of_the_span_in_which_it_did(told: list[tuple[str, Span]]) -> None:
    events = [event.name for _, span in told for event in span.events]
    assert "state: building/spawning -> active/None" in events
    assert "decision: select_destinations" in events


def test_an_error_is_the_clients_from_400_and_the_servers_from_500() -> None:
    def codes(status: str) -> dict[int, int]:
        asked = Entry(1, 5, "rest", "client@c", "nova-api@c", "GET", "/x?y=1", "", 0, "", 0, None, None)
        answer = Entry(2, 9, "rest_reply", "nova-api@c", "client@c", "GET", "/x?y=1", status, 4, "", 1, None, None)
        return {span.kind: span.status.code for _, span in spans(parsed(Flow([asked, answer])))}

    error, unset = Status.STATUS_CODE_ERROR, Status.STATUS_CODE_UNSET
    assert codes("404") == {Span.SPAN_KIND_CLIENT: error, Span.SPAN_KIND_SERVER: unset}
    assert codes("503") == {Span.SPAN_KIND_CLIENT: error, Span.SPAN_KIND_SERVER: error}
    assert codes("200") == {Span.SPAN_KIND_CLIENT: unset, Span.SPAN_KIND_SERVER: unset}


def test_the_date_is_that_of_the_journals_world() -> None:
    world = Entry(1, 0, "world", "", "", "epoch", "2030-01-01T00:00:00+00:00", "", 0, "", 0, None, None)
    cast = Entry(2, 1_000_000_000, "rpc_cast", "a@h", "b@h", "go", "b", "", 0, "", 0, None, None)
    assert {span.start_time_unix_nano for _, span in spans(parsed(Flow([world, cast])))} == {1_893_456_001 * 10**9}
