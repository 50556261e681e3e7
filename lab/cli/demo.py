"""`glasscloud demo`: a server is created through all services of a simulated datacenter, message by message.

Nothing here may import fastapi, uvicorn or httpx: a newcomer sees the first server ACTIVE within 1.5 s of pressing Enter.
"""

from __future__ import annotations

import os
import time
from enum import StrEnum
from typing import Annotated

import typer

STARTED = time.perf_counter()


class Lang(StrEnum):
    """What the demo speaks."""

    en = "en"
    ko = "ko"


def native() -> Lang:
    """The language of the user's environment."""
    locale = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    return Lang.ko if locale.startswith("ko") else Lang.en


def demo(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead.")] = False,
    mermaid: Annotated[bool, typer.Option("--mermaid", help="Print a Mermaid sequence diagram instead.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of the simulated world.")] = 7,
    lang: Annotated[Lang | None, typer.Option(help="en or ko; your environment's when left out.")] = None,
    servers: Annotated[int, typer.Option(min=1, max=8, help="How many servers.")] = 2,
) -> None:
    """Create image, network, volume and servers, watch every message, ping, and see why each host was chosen."""
    from lab.cli.story import Story, Teller
    from lab.cloud import run
    from lab.errors import LabError

    if as_json and mermaid:
        raise LabError("choose one of --json and --mermaid", ko="--json과 --mermaid 가운데 하나만 고르십시오")
    story = Story(seed, servers, Teller(None if as_json or mermaid else (lang or native()).value), STARTED)
    told = run(story.play, seed=seed)
    if as_json:
        import json

        print(json.dumps(told, ensure_ascii=False))
    elif mermaid:
        print(story.mermaid(), end="")
