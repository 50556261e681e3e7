"""Placement: what every provider has, and who holds how much of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.process import Process


def start(process: Process) -> None:
    """Run placement's API in this process."""
    from lab.services.placement.api import PlacementApi

    PlacementApi(process).start()
