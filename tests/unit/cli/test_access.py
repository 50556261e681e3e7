"""The files by which clients find a cloud are their owner's alone, and a directory in their place stays as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.serve import write_private


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
