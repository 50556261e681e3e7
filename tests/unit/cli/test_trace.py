"""Operations are recorded alone, exported in the captured traces' fields, and read back from a journal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import lab
from lab.cli.main import main
from lab.cli.operations import OPERATIONS, record

FIELDS = ["seq", "t_ms", "kind", "source", "target", "method", "path_or_topic", "status", "note"]


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as left:
        main(["trace", *arguments])
    assert left.value.code == 0, left.value.code
    return capsys.readouterr().out


def test_an_operation_is_recorded_alone_from_its_first_message() -> None:
    rows = record("volume_create").rows()
    assert (rows[0]["seq"], rows[0]["t_ms"], rows[0]["method"], rows[0]["path_or_topic"]) == (1, 0.0, "POST", "/v3/{project}/volumes")
    assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
    assert all(list(row)[: len(FIELDS)] == FIELDS for row in rows)


def test_ids_are_called_by_what_they_are() -> None:
    rows = record("server_stop").rows()
    assert rows[0]["path_or_topic"] == "/v2.1/servers/{server}/action"


def test_the_cold_cache_asks_keystone_and_the_warm_one_does_not() -> None:
    def checks(operation: str) -> int:
        return sum(row["target"] == "keystone" for row in record(operation).rows())

    assert checks("server_create_cold_token_cache") >= 5
    assert checks("server_create_warm") == 0


def test_the_warm_create_downloads_no_image() -> None:
    def downloads(operation: str) -> int:
        return sum(str(row["path_or_topic"]).endswith("/file") for row in record(operation).rows())

    assert (downloads("server_create"), downloads("server_create_warm")) == (1, 0)


def test_make_writes_one_file_for_each_operation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "make", "image_create_upload_delete", "volume_create", "--out", str(tmp_path / "traces"))
    files = sorted(path.name for path in (tmp_path / "traces").iterdir())
    assert files == ["image_create_upload_delete.jsonl", "volume_create.jsonl"]
    kinds = {json.loads(line)["kind"] for line in (tmp_path / "traces" / files[1]).read_text().splitlines()}
    assert kinds == {"rest", "rpc_cast", "notify"}


def test_an_operation_is_shown_in_each_form(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "list").split() == list(OPERATIONS)
    assert "POST /v3/{project}/volumes 202" in run(capsys, "show", "volume_create")
    assert run(capsys, "show", "volume_create", "--format", "mermaid").startswith("sequenceDiagram\n")
    quiet = run(capsys, "show", "volume_create", "--format", "json").splitlines()
    loud = run(capsys, "show", "volume_create", "--format", "json", "--all").splitlines()
    assert len(loud) > len(quiet)


def test_a_journal_file_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def keep() -> bytes:
        async with lab.Cloud.simulated(1) as cloud:
            await cloud.image.images.create("cirros")
            return b"\n".join(entry.line() for entry in cloud.journal.since())

    path = tmp_path / "cloud.journal"
    path.write_bytes(lab.run(keep, seed=1))
    out = run(capsys, "read", str(path))
    assert "POST /v2/images 201" in out
    seq = max(json.loads(line)["seq"] for line in path.read_text().splitlines())
    assert run(capsys, "read", str(path), "--since", str(seq), "--format", "json") == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["show", "server_crate"], "no operation 'server_crate'; known: image_create_upload_delete"),
        (["read"], "say what to read: a journal file, or --connect URL"),
        (["read", "/nowhere.journal"], "/nowhere.journal: No such file or directory"),
        (["read", "--connect", "http://127.0.0.1:1", "--clouds", "/nowhere.yaml"], "there is no /nowhere.yaml; name the clouds.yaml that"),
    ],
)
def test_mistakes_are_answered_in_a_line(arguments: list[str], words: str) -> None:
    with pytest.raises(SystemExit) as left:
        main(["trace", *arguments])
    assert str(left.value.code).startswith(f"glasscloud: {words}")


def test_a_file_that_is_no_journal_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("buy milk\n")
    with pytest.raises(SystemExit) as left:
        main(["trace", "read", str(path)])
    words = "this is no line of a journal: 'buy milk'; journals come from `glasscloud trace record`"
    assert str(left.value.code) == f"glasscloud: {path}:1: {words}"
