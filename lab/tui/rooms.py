"""The list of rooms: digit, name, where its class is. Each is imported when it is entered first, or before that by `prepare`."""

from __future__ import annotations

import importlib
from dataclasses import dataclass

from lab.tui.desk import Desk
from lab.tui.room import Room

BESIDE = ("inspector", "branch", "compare", "ping")
"""Screens that open over a room."""


@dataclass(frozen=True, slots=True)
class Door:
    """How a room is entered."""

    digit: str
    name: str
    cls: str

    @property
    def room(self) -> type[Room]:
        """The room's class."""
        found: type[Room] = getattr(importlib.import_module(f"lab.tui.screens.{self.name}"), self.cls)
        return found

    def open(self, desk: Desk) -> Room:
        """Make the room for a watched cloud."""
        made = self.room()
        made.desk = desk
        return made


ROOMS = (
    Door("1", "flow", "FlowRoom"),
    Door("2", "datacenter", "DatacenterRoom"),
    Door("3", "queues", "QueuesRoom"),
    Door("4", "scheduler", "SchedulerRoom"),
    Door("5", "resources", "ResourcesRoom"),
    Door("6", "timeline", "TimelineRoom"),
    Door("7", "faults", "FaultsRoom"),
    Door("8", "lessons", "LessonsRoom"),
)


def prepare() -> None:
    """Import all screens, and read the texts that are read once, so that the first key that needs them does not wait. For a thread."""
    from lab.watch.why import rules

    for door in ROOMS:
        assert door.room
    for name in BESIDE:
        importlib.import_module(f"lab.tui.screens.{name}")
    rules()
