"""Where a driver works: which cloud it makes things for, on which host, and where its files lie."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,14}")
"""What a cloud's id looks like: short enough for the names of namespaces, tables and devices."""


@dataclass(frozen=True, slots=True)
class Place:
    """One host of one cloud.

    cloud: the id that tags all that is made, such as 'lab'.
    host: the host's name in the cloud.
    address: its IP address on the management network.
    state: the directory of this host's own files; whoever needs it makes it.
    """

    cloud: str
    host: str
    address: str
    state: Path

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.cloud):
            raise LabError(f"{self.cloud!r} is no id for a cloud; give at most 15 small letters, digits and hyphens")

    def tag(self, what: str) -> str:
        """The mark on a thing that is ours, 'glasscloud:lab:what'."""
        return f"glasscloud:{self.cloud}:{what}"
