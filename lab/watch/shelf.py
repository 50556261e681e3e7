"""Where the progress of lessons is kept: the user's state directory, as the platform has it.

    lessons/<name>/progress.json   the memo of the guide; while the lesson runs also the URL of its cloud
    lessons/<name>/clouds.yaml     for the openstack client, while the lesson runs
    lessons/<name>/hints.json      the hints that `glasscloud lesson hint` gave
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.errors import LabError

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Shelf:
    """The files of one lesson."""

    folder: Path

    @property
    def name(self) -> str:
        """The lesson's name."""
        return self.folder.name

    @property
    def clouds(self) -> Path:
        """The clouds.yaml of its cloud."""
        return self.folder / "clouds.yaml"

    def read(self) -> dict[str, Any]:
        """The progress; empty when there is none, or none that can be read."""
        kept = load(self.folder / "progress.json")
        return kept if kept.get("format") == FORMAT else {}

    def write(self, memo: dict[str, Any], url: str | None) -> None:
        """Keep the progress; `url` is None when its cloud has ended."""
        save(self.folder / "progress.json", {"format": FORMAT, **memo, "url": url})

    def hinted(self) -> dict[str, int]:
        """Step -> how many hints were given in another terminal."""
        return load(self.folder / "hints.json")

    def give_hint(self, hinted: dict[str, int]) -> None:
        """Keep how many hints were given."""
        save(self.folder / "hints.json", hinted)

    def forget(self) -> None:
        """Begin the lesson anew."""
        for name in ("progress.json", "hints.json"):
            (self.folder / name).unlink(missing_ok=True)

    def close(self) -> None:
        """Remove what leads to a cloud that has ended."""
        self.clouds.unlink(missing_ok=True)
        self.clouds.with_name("openrc").unlink(missing_ok=True)


def home() -> Path:
    """The folder of all lessons."""
    from platformdirs import user_state_path

    return user_state_path("glasscloud", appauthor=False) / "lessons"


def shelf(name: str) -> Shelf:
    """The files of one lesson, in a folder that only its owner can read: there is a password in it."""
    folder = home() / name
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return Shelf(folder)


def shelves() -> Iterator[Shelf]:
    """The lessons that were begun, the latest first."""
    found = sorted(home().glob("*/progress.json"), key=lambda path: path.stat().st_mtime, reverse=True)
    return (Shelf(path.parent) for path in found)


def current(name: str = "", *, running: bool = False) -> Shelf:
    """The lesson of that name, or the one that was last worked on. Raises LabError when there is none such."""
    for each in shelves():
        kept = each.read()
        if name and name not in {each.name, each.name.partition("-")[0], each.name.partition("-")[2]}:
            continue
        if kept and (kept.get("url") or not running):
            return each
    what = f"lesson {name!r}" if name else "lesson"
    state, call = "running" if running else "begun", f"glasscloud lesson start {name or 'NAME'}"
    lesson, ended = f"{name!r} 수업이" if name else "수업이", "진행 중인" if running else "시작한"
    raise LabError(
        f"no {what} is {state}; start one in another terminal: {call}",
        ko=f"{ended} {lesson} 없습니다. 다른 터미널에서 시작하십시오: {call}",
    )


def load(path: Path) -> dict[str, Any]:
    """A JSON object of a file; empty when it is not there or cut."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}


def save(path: Path, content: dict[str, Any]) -> None:
    """Write a file whole, or not at all: another terminal may be reading it."""
    new = path.with_suffix(".new")
    new.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
    new.replace(path)
