"""What is chosen from a journal, and that no secret leaves it in any format."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.errors import LabError
from lab.journal import Entry
from lab.journal.formats import FORMATS, Choice, Flow, export
from lab.journal.formats.choice import for_a_drawing
from lab.journal.formats.lines import entry_of, read
from lab.journal.formats.secrets import without_secrets


def kinds(entries: list[Entry]) -> set[str]:
    return {entry.kind for entry in entries}


def test_a_kind_brings_its_answers(created: Flow) -> None:
    assert kinds(Choice(kinds=["rest"]).of(created.entries)) - {"world"} == {"rest", "rest_reply"}
    assert kinds(Choice(kinds=["rpc", "state"]).of(created.entries)) - {"world"} == {"rpc_call", "rpc_reply", "rpc_cast", "state"}


def test_a_request_is_known_by_its_beginning(created: Flow) -> None:
    wanted = next(entry.request_id for entry in created.entries if entry.name == "POST")
    for spelled in (wanted, wanted[:12], wanted[4:12]):
        assert {e.request_id for e in Choice(requests=[spelled]).of(created.entries) if e.kind != "world"} == {wanted}


def test_times_count_from_the_first_chosen_entry(created: Flow) -> None:
    whole = Choice(kinds=["rpc_cast"]).of(created.entries)
    begin = next(e.t for e in whole if e.kind == "rpc_cast")
    part = [e for e in Choice(kinds=["rpc_cast"], begin_s=1.0, end_s=3.0).of(created.entries) if e.kind != "world"]
    assert part == [e for e in whole if 1e9 <= e.t - begin <= 3e9 and e.kind != "world"]
    assert part


def test_a_service_is_a_project_or_a_process(created: Flow) -> None:
    for service in ("nova", "nova-conductor"):
        for entry in Choice(services=[service]).of(created.entries):
            assert entry.kind == "world" or service in entry.source + entry.target
    assert len(Choice(services=["nova"]).of(created.entries)) > len(Choice(services=["nova-conductor"]).of(created.entries))


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        (Choice(kinds=["rset"]), "no kind 'rset'; known: decision, driver"),
        (Choice(services=["nowa"]), "no service 'nowa' here; known: cinder, "),
        (Choice(requests=["req-nobody"]), "no request 'req-nobody' here; known: req-"),
    ],
)
def test_what_is_not_there_is_answered_with_what_is(created: Flow, choice: Choice, words: str) -> None:
    with pytest.raises(LabError, match=words):
        choice.of(created.entries)


def test_what_is_written_is_read_back(created: Flow, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("".join(export("jsonl", created)), encoding="utf-8")
    again = Flow(read(path))
    assert [e._replace(body=None) for e in again.entries] == [e._replace(body=None) for e in created.entries]
    assert [again.body(e) for e in again.entries] == [created.body(e) for e in created.entries]


def test_a_line_that_was_cut_at_the_end_is_left_out_and_one_in_the_middle_is_named(created: Flow, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    text = "".join(export("jsonl", created))
    path.write_text(text[:-30], encoding="utf-8")
    assert len(read(path)) == len(created.entries) - 1
    lines = text.splitlines(keepends=True)
    path.write_text("".join([*lines[:3], lines[3][:40] + "\n", *lines[4:]]), encoding="utf-8")
    with pytest.raises(LabError, match=r"a\.jsonl:4: this is no line of a journal"):
        read(path)


@pytest.mark.parametrize(
    "line", ["buy milk", "[]", "{}", '{"seq": 1}', json.dumps({**dict.fromkeys(Entry._fields), "seq": "1"})]
)
def test_what_is_no_entry_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"fields|type|unexpected"):
        entry_of(line)


@pytest.mark.parametrize("name", FORMATS)
def test_no_secret_leaves_in_any_format(guarded: tuple[list[Entry], list[str]], name: str) -> None:
    entries, secrets = guarded
    assert "adminPass" in "".join(export("jsonl", Flow(entries)))
    for everything in (False, True):
        text = "".join(export(name, Flow(entries), everything=everything))
        assert [secret for secret in secrets if secret in text] == []


@pytest.mark.parametrize("name", FORMATS)
def test_a_secret_in_a_recording_of_another_program_does_not_leave_either(name: str) -> None:
    body = {"a": {"db_password": "Hunter2Db"}, "headers": {"X-Auth-Token": "Hunter2Token"}, "adminPass": ["Hunter2List"],
            "told": "Invalid input for field/attribute user/password. Value: Hunter2Told. no good"}
    entry = Entry(1, 5, "rest", "client", "keystone@c", "POST", "/v3/users", "", 0, "req-1", 0, json.dumps(body).encode(), None)
    text = "".join(export(name, Flow([entry]), everything=True))
    assert "Hunter2" not in text


def test_a_drawing_shows_a_process_that_comes_back_and_not_the_boot() -> None:
    starts = [Entry(n, n, "process", "a@h", "a@h", "start", "", "up", 0, "", 0, None, {"life": n}) for n in (1, 2)]
    assert [entry.seq for entry in for_a_drawing(starts)] == [2]


def test_what_is_no_secret_stays() -> None:
    body = {"auth": {"identity": {"methods": ["password"], "password": {"user": {"name": "kim", "password": "x"}}}}, "has_password": True}
    kept = without_secrets(body)
    assert kept == {
        "auth": {"identity": {"methods": ["password"], "password": {"user": {"name": "kim", "password": "***"}}}}, "has_password": True,
    }
