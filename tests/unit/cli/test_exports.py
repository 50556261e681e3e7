"""`trace export` and `trace requests`: formats by name or by ending, what is chosen, and mistakes answered in a line."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.cli.main import main
from lab.journal import Entry
from lab.journal.formats import FORMATS, Flow, export

REQUEST = "req-00000000-0000-4000-8000-00000000000"


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """Two requests, recorded."""
    rows = [
        Entry(1, 0, "rest", "client@client", "nova-api@c", "GET", "/v2.1/servers", "", 0, f"{REQUEST}1", 0, None, None),
        Entry(2, 10**9, "rpc_cast", "nova-api@c", "nova-conductor@c", "go", "conductor", "", 0, f"{REQUEST}1", 1, b"{}", None),
        Entry(3, 2 * 10**9, "rest_reply", "nova-api@c", "client@client", "GET", "/v2.1/servers", "200", 9, f"{REQUEST}1", 1, None, None),
        Entry(4, 3 * 10**9, "rest", "client@client", "glance@c", "GET", "/v2/images", "", 0, f"{REQUEST}2", 0, None, None),
    ]
    path = tmp_path / "journal.jsonl"
    path.write_text("".join(export("jsonl", Flow(rows))), encoding="utf-8")
    return path


def run(*arguments: str) -> object:
    with pytest.raises(SystemExit) as left:
        main(["trace", *arguments])
    return left.value.code


@pytest.mark.parametrize("name", FORMATS)
def test_a_files_ending_says_its_format(recorded: Path, tmp_path: Path, name: str) -> None:
    by_ending, by_name = tmp_path / f"by{FORMATS[name].suffix}", tmp_path / "by-name"
    assert run("export", str(recorded), "-o", str(by_ending)) == 0
    assert run("export", str(recorded), "--format", name, "-o", str(by_name)) == 0
    assert by_ending.read_text() == by_name.read_text() != ""


def test_without_a_file_it_is_printed(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("export", str(recorded), "--format", "mermaid", "--lang", "ko") == 0
    out = capsys.readouterr().out
    assert out.startswith("sequenceDiagram\n")
    assert "GET /v2/images → 응답 없음" in out


def test_one_request_one_kind_or_one_second_is_chosen(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def seqs(*choice: str) -> list[int]:
        assert run("export", str(recorded), "--format", "jsonl", *choice) == 0
        return [int(line.partition(":")[2].partition(",")[0]) for line in capsys.readouterr().out.splitlines()]

    assert seqs("--request", f"{REQUEST}2") == [4]
    assert seqs("--kind", "rpc") == [2]
    assert seqs("--kind", "rpc", "--kind", "rest") == [1, 2, 3, 4]
    assert seqs("--service", "glance") == [4]
    assert seqs("--from", "0.5", "--until", "2") == [2, 3]


def test_requests_are_listed(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("requests", str(recorded)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [f"{REQUEST}1", f"{REQUEST}2"]
    assert lines[0].endswith("2 messages  GET /v2.1/servers 200")


def test_only_the_newest_requests_are_listed_when_asked(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("requests", str(recorded))
    every = capsys.readouterr().out.splitlines()
    assert len(every) > 1
    assert run("requests", str(recorded), "--last", "1") == 0
    assert capsys.readouterr().out.splitlines() == every[-1:]
    run("requests", str(recorded), "--lang", "ko")
    assert "메시지" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{}"], "say which format with --format (mermaid, plantuml, svg, html, perfetto, otlp, jsonl), or where to with -o FILE"),
        (["{}", "--format", "png"], "no format 'png'; known: mermaid"),
        (["{}", "-o", "trace.json"], "trace.json does not say which format it is; choose one with --format: mermaid"),
        (["{}", "--format", "svg", "--kind", "soap"], "no kind 'soap'; known: decision"),
        (["{}", "--format", "svg", "--request", "req-9"], "no request 'req-9' here; known: req-"),
        (["{}", "--format", "svg", "--service", "heat"], "no service 'heat' here; known: client, glance, nova"),
        (["{}", "--format", "svg", "--from", "3600"], "none of the 4 entries of journal.jsonl is chosen"),
        (["{}", "--format", "svg", "--seed", "3"], "--seed is for a fresh run of an operation"),
        (["{}", "--format", "svg", "--connect", "http://127.0.0.1:1"], "say which messages: an operation"),
        (["server_crate", "--format", "svg"], "'server_crate' is neither a file nor an operation; operations: image_create"),
        (["--format", "svg"], "say which messages: an operation"),
    ],
)
def test_mistakes_are_answered_in_a_line(recorded: Path, arguments: list[str], words: str) -> None:
    said = run("export", *[argument.replace("{}", str(recorded)) for argument in arguments])
    assert isinstance(said, str)
    assert words in said
    assert "\n" not in said
