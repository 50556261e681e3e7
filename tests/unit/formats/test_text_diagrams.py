"""Mermaid and PlantUML: their structure, who is drawn, and how REST and the message queue are told apart."""

from __future__ import annotations

import re

from lab.journal import Entry
from lab.journal.formats import Flow, export
from lab.journal.formats.diagram import rows, short
from lab.journal.formats.mermaid import ROWS_MAX


def text(name: str, flow: Flow, lang: str = "en") -> str:
    return "".join(export(name, flow, lang))


def test_mermaid_names_each_participant_before_it_speaks(created: Flow) -> None:
    lines = text("mermaid", created).splitlines()
    assert lines[0] == "sequenceDiagram"
    names = [m[1] for line in lines if (m := re.match(r" {4}participant (\w+) as \S", line))]
    assert names[:3] == ["client", "glance", "nova_api"]
    assert len(names) == len(set(names))
    for line in lines[1 + len(names) :]:
        message = re.fullmatch(r" {4}(\w+)(->>|-\)|-->>|--\))(\w+): \S.*", line)
        note = re.fullmatch(r" {4}Note over (\w+): \S.*", line)
        assert message or note, line
        assert {message[1], message[3]} <= set(names) if message else note and note[1] in names


def test_mermaid_tells_rest_from_the_queue(created: Flow) -> None:
    out = text("mermaid", created)
    assert "client->>nova_api: POST /v2.1/servers\n" in out
    assert "nova_api--)nova_conductor: cast schedule_and_build_instances (conductor)\n" in out
    assert "nova_conductor-->>nova_scheduler: call select_destinations (scheduler)\n" in out
    assert re.search(r"nova_api-\)client: 202 · [\d.]+ ms\n", out)


def test_mermaid_says_how_much_it_leaves_out() -> None:
    many = [Entry(n, n, "rest", "client", "keystone@c", "GET", f"/{n}", "", 0, "req-1", 0, None, None) for n in range(1, ROWS_MAX + 8)]
    assert "… and 7 more messages" in text("mermaid", Flow(many))
    assert "메시지 7개가 더" in text("mermaid", Flow(many), "ko")


def test_plantuml_opens_what_it_closes(created: Flow) -> None:
    lines = text("plantuml", created).splitlines()
    assert (lines[0], lines[-1]) == ("@startuml", "@enduml")
    names = {m[1] for line in lines if (m := re.match(r'(?:actor|participant|entity|queue) "[^"]+" as (\w+)$', line))}
    bars: dict[str, int] = {}
    for line in lines[lines.index("endlegend") + 1 : -1]:
        if bar := re.fullmatch(r"(activate|deactivate) (\w+)", line):
            bars[bar[2]] = bars.get(bar[2], 0) + (1 if bar[1] == "activate" else -1)
            assert bars[bar[2]] >= 0, line
            continue
        message = re.fullmatch(r"(\w+) -\[#\w{6}(?:,dashed|,dotted)?\](?:>|>>|>o) (\w+) : \S.*", line)
        note = re.fullmatch(r"h?note over (\w+) : \S.*", line)
        assert message or note, line
        assert {message[1], message[2]} <= names if message else note and note[1] in names
    assert bars
    assert set(bars.values()) == {0}


def test_drawings_leave_out_polls_notifications_and_periodic_work(created: Flow) -> None:
    out = text("mermaid", created)
    assert out.count("client->>nova_api: GET /v2.1/servers/") == 1
    assert "volume.stats" not in out
    assert "notify" not in out
    assert "report_state" not in out
    assert "notify instance.update" in "".join(export("mermaid", created, kinds=["notify"]))
    assert "volume.stats" in "".join(export("mermaid", created, everything=True))


def test_a_request_without_an_answer_says_so() -> None:
    entry = Entry(1, 0, "rpc_call", "a@x", "b@y", "ping", "b", "", 0, "req-1", 7, None, None)
    assert rows(Flow([entry]))[0].label == "ping (b) → no answer"
    assert rows(Flow([entry]), "ko")[0].label == "ping (b) → 응답 없음"
    assert rows(Flow([entry]))[0].bad


def test_ids_are_cut_to_what_an_eye_can_compare() -> None:
    assert short("/v2/87f52cbc-7c2e-47ec-9ad9-4716db8238a8/bac7912871f1432a9c51044823e3badc") == "/v2/87f52cbc…/bac79128…"
