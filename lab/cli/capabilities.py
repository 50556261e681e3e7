"""`glasscloud capabilities`: the driver matrices of nova, cinder and ML2, in 2018 and today, and our own drivers as tested."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class Era(StrEnum):
    """Whose defaults and drivers: the talk's time (Rocky), or today."""

    then = "2018"
    now = "2026"


def capabilities(
    era: Annotated[Era, typer.Option(help="2018 is the Rocky release.")] = Era.now,
    tested: Annotated[bool, typer.Option("--tested", help="Print what Glasscloud's own drivers were seen to do instead.")] = False,
) -> None:
    """Print the matrices: hypervisors, volume backends, ML2 type and mechanism drivers."""
    if tested:
        import shutil

        from lab.capabilities import recorded, render_tested

        print(render_tested(recorded(), max(60, min(shutil.get_terminal_size().columns, 120))), end="")
        return
    from lab.capabilities import render

    print(render(int(era.value)))
