"""A database that is not this cloud's is refused in words, before anything is changed in it."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

import lab.cloud  # noqa: F401 (imports every service, and with them every record class)
from lab.errors import LabError
from lab.store.sql import SqlStore
from sim.keep import Keeper


def url_of(path: Path) -> str:
    return f"sqlite:///{path}"


def made(path: Path) -> str:
    """A database of ours."""
    keeper = Keeper(url_of(path))
    keeper.boot(7, "2026-01-01T00:00:00+00:00")
    asyncio.run(keeper.store.close())
    return url_of(path)


def change(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()


def test_ours_opens_again(tmp_path: Path) -> None:
    url = made(tmp_path / "cloud.db")
    clock = Keeper(url).boot(8, "")
    assert (clock.boot, clock.seed, clock.epoch) == (1, "7", "2026-01-01T00:00:00+00:00")


def test_another_programs_database(tmp_path: Path) -> None:
    change(tmp_path / "other.db", "CREATE TABLE bookmarks (url TEXT)")
    with pytest.raises(LabError, match="another program, such as bookmarks"):
        Keeper(url_of(tmp_path / "other.db"))


def test_no_database_at_all(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("this is no database, only a text that is long enough to be read as one" * 20)
    with pytest.raises(LabError, match="cannot be opened: file is not a database"):
        Keeper(url_of(tmp_path / "text"))


def test_another_layout(tmp_path: Path) -> None:
    url = made(tmp_path / "cloud.db")
    change(tmp_path / "cloud.db", "UPDATE gc_about SET layout = 99")
    with pytest.raises(LabError, match="another version of Glasscloud: its layout is 99"):
        Keeper(url)


def test_other_columns(tmp_path: Path) -> None:
    url = made(tmp_path / "cloud.db")
    change(tmp_path / "cloud.db", "ALTER TABLE gc_worldclock ADD COLUMN phase_of_moon TEXT")
    with pytest.raises(LabError, match="another version of Glasscloud: gc_worldclock differs in phase_of_moon"):
        Keeper(url)


def test_one_in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = Keeper(url_of(tmp_path / "cloud.db"))
    keeper.boot(7, "2026-01-01T00:00:00+00:00")
    monkeypatch.setattr("lab.store.sql.BUSY_S", 0.1)
    with pytest.raises(LabError, match="another program uses it"):
        SqlStore(url_of(tmp_path / "cloud.db"))
    asyncio.run(keeper.store.close())
