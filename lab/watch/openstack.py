"""The openstack client: what a student types is run against a cloud, and what it printed is answered."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from lab.teach.lesson_terms import Slip

VERB = "openstack"


def program() -> str | None:
    """Where the client is: beside our Python, or on the path."""
    beside = Path(sys.executable).with_name(VERB)
    return str(beside) if beside.exists() else shutil.which(VERB)


async def run_client(line: str, login: Mapping[str, str], width: int) -> tuple[bool, tuple[str, ...]]:
    """Run a line that begins with `openstack`; whether it went well, and the lines that it printed, at most so many columns wide.

    login: the variables (OS_…) by which it finds the cloud.
    Raises Slip when there is no client here, or the line has an open quotation mark.
    """
    client = program()
    if client is None:
        raise Slip("no-client")
    try:
        words = shlex.split(line)[1:]
    except ValueError as error:
        raise Slip("refused", what=VERB, text=str(error)) from None
    if not words:
        raise Slip("usage", usage=f"{VERB} server list")  # alone it would wait for commands
    env = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
    process = await asyncio.create_subprocess_exec(
        client, *words, env=env | dict(login) | {"CLIFF_FIT_WIDTH": "1", "CLIFF_MAX_TERM_WIDTH": str(width)},
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await process.communicate()
    return process.returncode == 0, tuple(printed.decode("utf-8", "replace").rstrip().splitlines())
