"""`glasscloud up --real`: the whole cloud on this machine, all its processes in one program."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from lab.cli.running import address_of, bound, stop_on_signal, until_signal
from lab.cli.welcome import spare, tell

if TYPE_CHECKING:
    import socket

    from drivers.site import Site


def up_real(config: Path | None, clouds: Path, admin_password: str, lang: str) -> None:
    """Serve a cloud on this machine's own drivers until SIGINT or SIGTERM."""
    import asyncio

    spare(clouds)

    from drivers.site import load, site

    here = load(config) if config is not None else site({}, "the defaults")
    if admin_password:
        here = here.but(admin_password=admin_password)
    host, port = address_of(here)
    with bound(port, host, f"[cloud] url in {here.source}") as listening:
        try:
            asyncio.run(serve(here, clouds, listening, lang))
        except asyncio.CancelledError:
            raise typer.Exit(130) from None


async def serve(here: Site, clouds: Path, listening: socket.socket, lang: str) -> None:
    """Start the cloud, serve it, and let go of the machine."""
    from lab.cloud import Cloud
    from lab.rest.http import Edge
    from lab.serve import ServedReal

    stop_on_signal()
    async with Cloud.real(here) as cloud:
        served = ServedReal(cloud.world, cloud.journal)
        served.ready = True
        try:
            tell(clouds, here.cloud.url, here.settings.admin_password, lang)
            await until_signal(Edge(served), listening)
        finally:
            served.end()
