"""A PostgreSQL server of our own on its own directory and port, ended by pid."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.real.bed.rabbitmq import end, free_port

USER = "postgres"
"""PostgreSQL refuses to run as root; Debian's package makes this user."""
READY_S = 30.0


def need_postgres() -> Path:
    """The directory of PostgreSQL's programs; skips the test where they or the driver are missing."""
    pytest.importorskip("psycopg", reason="the driver is missing; pip install glasscloud[real]")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not found:
        pytest.skip("PostgreSQL is not installed; apt-get install postgresql")
    return found[-1]


def postgres_version() -> str:
    """Which server it is."""
    return subprocess.run([need_postgres() / "postgres", "--version"], check=True, capture_output=True, text=True).stdout.strip()


def _open_to_all() -> str:
    """A directory for temporary files that the server's user can reach, too."""
    for place in map(Path, (tempfile.gettempdir(), "/var/tmp", "/dev/shm")):
        if place.is_dir() and all(each.stat().st_mode & 0o001 for each in (place, *place.parents)):
            return str(place)
    pytest.skip("no directory for temporary files is open to other users than root; chmod 1777 /var/tmp")


class Postgres:
    """One server; `enter` is the command that brings it into another network namespace, where `address` is.

    It forgets nothing that was committed when its clients die; `fsync` is off, so it would when the machine does.
    """

    def __init__(self, address: str = "127.0.0.1", port: int = 0, enter: Sequence[str] = ()) -> None:
        self.tools = need_postgres()
        self.address, self.enter = address, list(enter)
        self.port = port or free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="gc-postgres-", dir=_open_to_all()))
        self._server: subprocess.Popen[bytes] | None = None
        self.made = 0
        """How many databases were made in it."""
        self._as: dict[str, Any] = {}
        if os.geteuid() == 0:
            entry = pwd.getpwnam(USER)
            self._as = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
            os.chown(self.folder, entry.pw_uid, entry.pw_gid)
        command = [self._tool("initdb"), "-D", self._data, "-A", "trust", "-U", USER, "-E", "UTF8", "--no-sync"]
        done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=self.folder, **self._as)
        if done.returncode != 0:
            raise RuntimeError(f"PostgreSQL cannot make a database: {done.stderr}")
        with (self.folder / "data" / "pg_hba.conf").open("a") as rules:
            rules.write(f"host all all {self.address}/24 trust\n")

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    def _tool(self, name: str) -> str:
        return str(self.tools / name)

    def url(self, database: str = "postgres") -> str:
        """The URL of one of its databases."""
        return f"postgresql+psycopg://{USER}@{self.address}:{self.port}/{database}"

    def start(self) -> None:
        """Start it, the first time or after its end, and wait until it takes connections."""
        options = ["-p", str(self.port), "-k", str(self.folder), "-c", f"listen_addresses={self.address}", "-c", "fsync=off"]
        command = [self._tool("postgres"), "-D", self._data, *options]
        as_user: dict[str, Any] = self._as
        if self.enter:  # root enters the namespace, then becomes the user
            command, as_user = [*self.enter, "setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", *command], {}
        log = (self.folder / "log").open("ab")
        self._server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder, **as_user)
        log.close()
        end_s = time.monotonic() + READY_S
        ready = [self._tool("pg_isready"), "-q", "-h", str(self.folder), "-p", str(self.port)]
        while subprocess.run(ready, check=False, capture_output=True).returncode != 0:
            if self._server.poll() is not None or time.monotonic() > end_s:
                raise RuntimeError(f"PostgreSQL did not start: {(self.folder / 'log').read_text()[-2000:]}")
            time.sleep(0.05)

    def create(self, database: str = "") -> str:
        """Make an empty database, of a new name where none is given; answers its URL."""
        self.made += 1
        database = database or f"made{self.made}"
        host = ["-h", str(self.folder), "-p", str(self.port), "-U", USER]
        subprocess.run([self._tool("createdb"), *host, database], check=True, capture_output=True)
        return self.url(database)

    def stop(self) -> None:
        """End it; what was committed is there when it starts again."""
        end(self._server, signal.SIGINT)  # its fast shutdown: clients are cut off

    def close(self) -> None:
        """End it and remove its directory."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A running server on loopback."""
    server = Postgres()
    try:
        server.start()
        yield server
    finally:
        server.close()
