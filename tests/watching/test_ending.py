"""`glasscloud up` with watchers: it ends when it is told to, whoever watches, and who does not read costs it nothing."""

from __future__ import annotations

import json
import re
import socket
import time
from pathlib import Path

import pytest
from httpx_sse import connect_sse

from tests.conformance.child import Up


def deaf(up: Up) -> socket.socket:
    """A watcher that asks for everything and never reads."""
    host, port = up.url.removeprefix("http://").split(":")
    mute = socket.socket()
    mute.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    mute.connect((host, int(port)))
    mute.sendall(f"GET /glasscloud/events HTTP/1.1\r\nhost: x\r\nx-auth-token: {up.token}\r\n\r\n".encode())
    return mute


def rss_mib(up: Up) -> float:
    """The memory of the cloud's process. Source: proc(5), VmRSS."""
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{up.process.pid}/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def test_it_ends_at_once_and_without_a_word_while_it_is_watched(tmp_path: Path) -> None:
    with Up(tmp_path) as up, deaf(up):
        with connect_sse(up.http, "GET", "/glasscloud/events", headers={"x-auth-token": up.token}) as source:
            assert next(source.iter_sse()).event == "entries"
            started = time.monotonic()
            assert up.end() == 0
            assert time.monotonic() - started < 5
        assert up.stderr.read_text() == ""


@pytest.mark.slow
def test_watchers_that_do_not_read_cost_no_memory(tmp_path: Path) -> None:
    """Fifty deaf watchers beside a cloud that writes ten times what the sockets hold."""
    with Up(tmp_path) as up:
        headers = {"x-auth-token": up.token}

        def write(requests: int) -> None:
            for _ in range(requests):
                assert up.http.get("/compute/v2.1/flavors/detail", headers=headers).status_code == 200

        write(300)
        before = rss_mib(up)
        mutes = [deaf(up) for _ in range(50)]
        write(300)
        grown = rss_mib(up) - before
        assert grown < 40, f"{grown:.0f} MiB more"
        up.set_clock(paused=True)
        with connect_sse(up.http, "GET", f"/glasscloud/events?since={up.health()['seq'] - 1}", headers=headers) as source:
            assert json.loads(next(source.iter_sse()).data)["seq"] == up.health()["seq"]
        for mute in mutes:
            mute.close()
