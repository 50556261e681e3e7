"""The files by which clients find a cloud are their owner's alone, and what is in their place and another's stays as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.cli.main import main
from lab.cli.welcome import spare
from lab.errors import LabError
from lab.serve import clouds_yaml, openrc, write_private


def test_a_file_is_its_owners_alone_new_or_old(tmp_path: Path) -> None:
    path = tmp_path / "clouds.yaml"
    path.write_text("old and longer")
    path.chmod(0o644)
    for text in ("first", "x"):
        write_private(path, text)
        assert (path.read_text(), path.stat().st_mode & 0o777) == (text, 0o600)


def test_a_directory_keeps_its_rights(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o755)
    with pytest.raises(IsADirectoryError):
        write_private(folder, "text")
    assert folder.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize(("clouds", "rc", "words"), [
    ("clouds: {prod: {auth: {}}}", "", "has more than the cloud glasscloud (prod), which would be lost"),
    ("clouds: {glasscloud: {}, prod: {}}", "", "(prod)"), ("cache: {expiration: 3}\nclouds: {glasscloud: {}}", "", "(cache)"),
    ("{{{", "", "(?)"), ("notes", "", "(?)"),
    ("", "# mine\nexport OS_AUTH_URL=https://prod\n", "openrc is there and another cloud's"),
])  # fmt: skip
def test_files_of_other_clouds_are_not_written_over(clouds: str, rc: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "clouds.yaml"
    file.write_text(clouds)
    (tmp_path / "openrc").write_text(rc)
    with pytest.raises(LabError) as caught:
        spare(file)
    assert words in caught.value.message
    assert "덮어쓰지 않습니다" in caught.value.ko


def test_files_of_an_earlier_run_are(tmp_path: Path) -> None:
    file = tmp_path / "clouds.yaml"
    spare(file)
    file.write_text(clouds_yaml("http://127.0.0.1:1", "x"))
    (tmp_path / "openrc").write_text(openrc("http://127.0.0.1:1", "x"))
    spare(file)


def test_up_says_so_before_it_boots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("clouds.yaml").write_text("clouds: {prod: {}}")
    with pytest.raises(SystemExit, match="name another file by --clouds"):
        main(["up", "--lang", "en"])
    assert Path("clouds.yaml").read_text() == "clouds: {prod: {}}"
