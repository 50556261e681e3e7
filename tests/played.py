"""A story that is played on a virtual clock of its own."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from sim.loop import SimLoop

T = TypeVar("T")


def played(loop: SimLoop, story: Coroutine[Any, Any, T]) -> T:
    """Play it to its end and close the loop; an error that was kept fails it."""
    try:
        result: T = loop.run_until_complete(story)
    finally:
        loop.close()
    assert not loop.runtime.errors, loop.runtime.errors
    return result
