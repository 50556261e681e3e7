"""What all programs that serve a cloud share: the port that they take, and how they end.

Nothing here parses a command line: who does has Typer in memory as long as it lives.
"""

from __future__ import annotations

from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import socket

    import uvicorn

    from drivers.site import Site
    from lab.rest.http import Edge

HOST = "127.0.0.1"
PORT = 8774
"""Where the cloud listens unless told otherwise: nova-api's own port."""
GRACE_S = 2
"""How long an open request may go on after the signal to end."""


@contextmanager
def bound(port: int, host: str = HOST, setting: str = "--port") -> Iterator[socket.socket]:
    """Take the port before anything is built; a port in use is an error that names the `setting` to change."""
    import errno
    import socket

    from lab.errors import LabError, system_words

    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
            listening.listen()  # else a second cloud could take the same port while this one boots
        except OSError as error:
            if error.errno not in {errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL}:
                raise
            what = f"address {host}" if error.errno == errno.EADDRNOTAVAIL else f"port {port}"
            which = f"주소 {host}" if error.errno == errno.EADDRNOTAVAIL else f"포트 {port}"
            raise LabError(
                f"{what} cannot be used ({error.strerror}); choose another {setting}",
                ko=f"{which}: 쓸 수 없습니다({system_words(error, 'ko')}). 다른 {setting} 값을 쓰십시오",
            ) from None
        yield listening


def address_of(here: Site) -> tuple[str, int]:
    """Where the cloud listens: the host and port of its URL."""
    from lab.errors import LabError

    try:
        parts = urlsplit(here.cloud.url)
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError
        return parts.hostname, parts.port or PORT
    except ValueError:
        raise LabError(
            f"{here.cloud.url!r} in [cloud] url of {here.source} is no URL; give http://ADDRESS:PORT",
            ko=f"{here.source}의 [cloud] url {here.cloud.url!r}: URL이 아닙니다. http://ADDRESS:PORT처럼 쓰십시오",
        ) from None


def settle() -> None:
    """Free what nobody needs, and let the garbage collector leave alone what stays, and look seldom at what comes."""
    import gc

    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)  # a create leaves nothing to it: looking every 700 objects was a tenth of its cost


async def until_signal(edge: Edge, listening: socket.socket, beside: Coroutine[None, None, None] | None = None) -> None:
    """Serve HTTP until SIGINT or SIGTERM; what runs beside ends with it."""
    import asyncio
    import signal

    server = quiet_server(edge)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, leave, server)
    others = [loop.create_task(beside)] if beside is not None else []
    try:
        await server.serve(sockets=[listening])
    finally:
        for other in others:
            other.cancel()
        await asyncio.gather(*others, return_exceptions=True)


def stop_on_signal() -> None:
    """While the cloud boots, a signal ends the command; later the HTTP server decides."""
    import asyncio
    import signal

    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)


def end_with_parent() -> None:
    """Take the end of standard input for SIGTERM: whoever started this process holds the other end, however they go."""
    import asyncio
    import os
    import signal
    import sys

    source, loop = sys.stdin.fileno(), asyncio.get_running_loop()

    def heard() -> None:
        if not os.read(source, 4096):
            loop.remove_reader(source)
            signal.raise_signal(signal.SIGTERM)

    loop.add_reader(source, heard)


def leave(server: uvicorn.Server) -> None:
    """Ask the server to end; a second signal does not wait for open requests."""
    import logging

    from sse_starlette.sse import AppStatus

    server.force_exit = server.should_exit
    server.should_exit = True
    # Whoever watches the journal would watch for ever; that a stream is cut short is meant and no news.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    AppStatus.should_exit = True


def quiet_server(edge: Edge) -> uvicorn.Server:
    """An HTTP server that leaves signals to us: its own handling would end the process before the cloud is closed."""
    from contextlib import nullcontext

    import uvicorn

    from lab.rest.answers import Answers

    config = uvicorn.Config(
        edge.app(), http=Answers, log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=GRACE_S,
        timeout_keep_alive=75, server_header=False, proxy_headers=False,
    )
    server = uvicorn.Server(config)
    server.capture_signals = nullcontext  # type: ignore[method-assign,assignment]
    return server
