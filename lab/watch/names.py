"""What things are called: ids to names, and the state of each server, learned from the entries as they come."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from lab.journal import Entry

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
BODY_MAX = 16_384
"""Bytes of an answer that is looked into for names."""
_NAMED = (b'"name"', b'"display_name"')


class Names:
    """Ids and their names; servers and their states in order of appearance."""

    def __init__(self) -> None:
        self.of: dict[str, str] = {}
        """Id -> name."""
        self.servers: dict[str, str] = {}
        """Server id -> 'vm_state/task_state' as the journal has it, or 'deleted'."""
        self._asked: dict[int, str] = {}
        """Seq of a request that makes something -> the name asked for."""

    def learn(self, entries: Iterable[Entry]) -> None:
        """Learn from new entries, oldest first."""
        for entry in entries:
            kind = entry.kind
            if kind == "state":
                if entry.target == "server":
                    self.servers[entry.where] = entry.status
            elif entry.name == "POST" and kind in ("rest", "rest_reply"):
                self._created(entry)

    def _created(self, entry: Entry) -> None:
        data = entry.body_bytes()
        if not data or len(data) > BODY_MAX or not (entry.kind == "rest_reply" or any(mark in data for mark in _NAMED)):
            return
        body = entry.json()
        thing: Any = next(iter(body.values()), None) if isinstance(body, dict) and len(body) == 1 else body
        if not isinstance(thing, dict):
            return
        name = thing.get("name") or thing.get("display_name")
        if entry.kind == "rest":
            if isinstance(name, str):
                self._asked[entry.seq] = name
            return
        asked = self._asked.pop(entry.parent, None)
        name = name or asked
        if isinstance(thing.get("id"), str) and isinstance(name, str) and name:
            self.of[thing["id"]] = name
            if entry.where.endswith("/servers"):
                self.servers.setdefault(thing["id"], "building")

    def short(self, text: str) -> str:
        """The text with ids replaced by {name}, or cut to their first four characters."""
        return UUID.sub(self._called, text) if len(text) >= 36 else text

    def _called(self, found: re.Match[str]) -> str:
        name = self.of.get(found[0])
        return "{" + name + "}" if name else found[0][:4] + "…"
