"""A RabbitMQ server of our own: its own directory, ports, port mapper (epmd) and Erlang cookie, ended by pid."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
READY_S = 60.0
"""RabbitMQ 3.10 takes 4 to 8 s to start on two busy cores."""
PORTS = range(12_000, 32_000)
"""Below those of clients. Source: net.ipv4.ip_local_port_range."""
GENTLE = "+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none"
"""One scheduler thread that sleeps when there is nothing to do: the tests share the machine."""

HELLO = """
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2])), 2) as probe:
    probe.sendall(b"AMQP\\0\\0\\x09\\x01")
    sys.exit(not probe.recv(7))
"""


def need_rabbitmq() -> None:
    """Skip the test where RabbitMQ or its client is missing."""
    pytest.importorskip("aio_pika", reason="the AMQP client is missing; pip install glasscloud[real]")
    if not SERVER.exists() or shutil.which("epmd") is None:
        pytest.skip("RabbitMQ is not installed; apt-get install rabbitmq-server")


def rabbitmq_version() -> str:
    """Which server it is."""
    return next(path.name for path in SERVER.parents[1].glob("lib/rabbitmq_server-*"))


def free_port(address: str = "127.0.0.1") -> int:
    """A TCP port that nobody listens on, and that the kernel gives to no client: one that tries while its server is down would take it."""
    while True:
        port = random.choice(PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind((address, port))
            return port


def end(process: subprocess.Popen[bytes] | None, number: int = signal.SIGTERM) -> None:
    """Signal a child of ours and wait for its end."""
    if process is not None and process.poll() is None:
        process.send_signal(number)
        process.wait(READY_S)


class RabbitMQ:
    """One server; `enter` is the command that brings it into another network namespace, where `address` is."""

    def __init__(self, address: str = "127.0.0.1", port: int = 0, enter: Sequence[str] = ()) -> None:
        need_rabbitmq()
        self.address, self.enter = address, list(enter)
        self.port = port or free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="gc-rabbitmq-"))
        self.url = f"amqp://guest:guest@{address}:{self.port}/"
        self._epmd_port, self._dist_port = free_port(), free_port()
        self._epmd: subprocess.Popen[bytes] | None = None
        self._server: subprocess.Popen[bytes] | None = None
        (self.folder / "rabbitmq.conf").write_text("loopback_users.guest = false\nvm_memory_high_watermark.absolute = 512MB\n")
        (self.folder / "plugins").write_text("[].\n")

    @property
    def _environment(self) -> dict[str, str]:
        folder = str(self.folder)
        return {
            **os.environ,
            "HOME": folder,
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self._epmd_port),
            "RABBITMQ_NODENAME": "gc@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": self.address,
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._dist_port),
            "RABBITMQ_MNESIA_BASE": f"{folder}/mnesia",
            "RABBITMQ_LOG_BASE": f"{folder}/log",
            "RABBITMQ_PID_FILE": f"{folder}/pid",
            "RABBITMQ_CONFIG_FILE": f"{folder}/rabbitmq.conf",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/plugins",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"{GENTLE} -kernel inet_dist_use_interface {{127,0,0,1}}",
        }

    def start(self) -> None:
        """Start it, the first time or after its end, and wait until it answers."""
        if self._epmd is None:
            command = [*self.enter, "epmd", "-address", "127.0.0.1", "-port", str(self._epmd_port)]
            self._epmd = subprocess.Popen(command, env=self._environment)
        log = (self.folder / "out").open("ab")
        self._server = subprocess.Popen(
            [*self.enter, str(SERVER)], env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
        log.close()
        end_s = time.monotonic() + READY_S
        while not self.answers():
            if self._server.poll() is not None or time.monotonic() > end_s:
                raise RuntimeError(f"RabbitMQ did not start: {(self.folder / 'out').read_text()[-2000:]}")
            time.sleep(0.1)

    def answers(self) -> bool:
        """Whether it greets a client."""
        if self.enter:
            command = [*self.enter, sys.executable, "-c", HELLO, self.address, str(self.port)]
            return subprocess.run(command, check=False, capture_output=True).returncode == 0
        with suppress(OSError), socket.create_connection((self.address, self.port), 2) as probe:
            probe.settimeout(5)
            probe.sendall(b"AMQP\0\0\x09\x01")
            return bool(probe.recv(7))
        return False

    def kill(self) -> None:
        """kill -9: the server has no moment to say good-bye; what was confirmed as persistent stays."""
        assert self._server is not None
        with suppress(ProcessLookupError, FileNotFoundError):
            self.signal(signal.SIGKILL)
        self._server.wait(READY_S)  # its shell ends with it

    def hold(self) -> None:
        """Stop the server as it stands. Its threads stop one by one: until the last has, it may answer."""
        self.signal(signal.SIGSTOP)
        threads = Path("/proc") / str(self._pid()) / "task"
        while any("\nState:\tT" not in (thread / "status").read_text() for thread in threads.iterdir()):
            time.sleep(0.01)

    def signal(self, number: int) -> None:
        """Send the server itself a signal, not the shell that started it."""
        os.kill(self._pid(), number)

    def _pid(self) -> int:
        return int((self.folder / "pid").read_text())

    def close(self) -> None:
        """End it and remove its directory."""
        if self._server is not None and self._server.poll() is None:
            self.kill()
        end(self._epmd)
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def rabbitmq() -> Iterator[RabbitMQ]:
    """A running server on loopback."""
    server = RabbitMQ()
    try:
        server.start()
        yield server
    finally:
        server.close()
