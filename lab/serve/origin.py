"""Where a run of a simulated cloud comes from: seed, date, settings and datacenter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from lab.config import Config


@dataclass(frozen=True, slots=True)
class Origin:
    """All that a world is made of; with its inputs all that its run depends on."""

    seed: int | str
    epoch: datetime
    config: Config = field(default_factory=Config)
    datacenter: Mapping[str, Any] = field(default_factory=dict)
    """The fields of the datacenter's spec that differ from the usual ones."""
    db: str | None = None
    """Where the cloud is kept."""
