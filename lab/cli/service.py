"""`glasscloud service`: some of a real cloud's processes as a program of their own, beside others on this host and elsewhere."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from lab.cli.demo import native


def service(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="As in nova-api, neutron-l2-agent; all of this host; or edge.")],
    config: Annotated[Path, typer.Option(help="The cloud's configuration (TOML), see docs/real.md.")],
    host: Annotated[str, typer.Option(help="Which host of the configuration this is; [cloud] host, or the machine's name.")] = "",
    clouds: Annotated[Path, typer.Option(help="The clouds.yaml that the edge writes; openrc is put beside it.")] = Path("clouds.yaml"),
) -> None:
    """Run processes of a real cloud until SIGINT or SIGTERM."""
    # A program lives long, and what has parsed its command line takes 8 MB of each: it begins anew, as the same process.
    words = [str(config), host, str(clouds), native().value, *names]
    os.execv(sys.executable, [sys.executable, "-P", "-m", "lab.cli.program", *words])  # noqa: S606 (no shell is wanted)
