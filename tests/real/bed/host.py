"""Hosts of the test bed: each a set of namespaces of its own, joined to one management network.

    Bed ── bridge `management`, 10.77.0.1 ──┬── Host compute-1, eth0 10.77.0.11
                                             └── Host compute-2, eth0 10.77.0.12

A host has its own network, mounts (/run and /sys are private), host name and cgroups; the rest of the file system is shared.
All know each other's names by the bed's own /etc/hosts: a daemon that asked a name server in vain would wait ten seconds.
All ends with `close`, and also when the test process is killed.
"""

from __future__ import annotations

import asyncio
import ctypes
import functools
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import pytest

T = TypeVar("T")

APART = ("unshare", "--net", "--mount", "--uts", "--propagation", "private")
TRIED = ("sh", "-c", "mount -t sysfs sysfs /sys && mount -t tmpfs tmpfs /run && ip link add glass type veth peer name cloud")
TUN = "/dev/net/tun"
SPACES = ("net", "mnt", "uts", "cgroup")
CLONE_FS = 0x00000200
ENTER = 'for f in /sys/fs/cgroup/*/cgroup.procs; do echo $$ > "$f"; done; exec "$@"'
"""A process that enters the namespaces moves into the host's cgroups too: libvirt puts guests beside itself."""


def need(*programs: str) -> None:
    """Skip the test with a reason unless this is root on Linux and all programs are there ('libvirtd: libvirt-daemon')."""
    if not sys.platform.startswith("linux"):
        pytest.skip("real drivers need Linux")
    if os.geteuid() != 0:
        pytest.skip("needs root: namespaces and devices are made (run it with sudo)")
    for entry in ("unshare: util-linux", "nsenter: util-linux", "ip: iproute2", *programs):
        program, _, package = entry.partition(": ")
        if shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is None:
            pytest.skip(f"{program} is not installed; apt-get install {package or program}")
    if reason := missing_rights():
        pytest.skip(reason)


@functools.cache
def missing_rights() -> str:
    """Why root may not make what a host of the bed is made of; empty when it may."""
    done = subprocess.run([*APART, *TRIED], check=False, capture_output=True, text=True)
    if done.returncode != 0:
        return f"no right to make namespaces here: {done.stderr.strip()}; give it CAP_SYS_ADMIN and CAP_NET_ADMIN (docker: --privileged)"
    try:
        os.close(os.open(TUN, os.O_RDWR))
    except OSError as error:
        return f"{TUN}: {error.strerror}; modprobe tun (docker: --device {TUN})"
    return ""


class Holder:
    """Namespaces of their own, held by one process."""

    def __init__(self, name: str, directory: Path) -> None:
        self.name, self.directory = name, directory
        directory.mkdir(parents=True, exist_ok=True)
        program = [sys.executable, str(Path(__file__).with_name("holder.py")), name]
        self._process = subprocess.Popen(
            [*APART, *program],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
        )
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "ready\n":
            self._process.wait(10)
            raise RuntimeError(f"the namespaces of {name} could not be made: see the lines above")

    @property
    def pid(self) -> int:
        """The holder's process: its namespaces are the host's."""
        return self._process.pid

    def enter(self, *command: str) -> list[str]:
        """The command as it is run inside; the process keeps its id."""
        inside = [f"--{'mount' if kind == 'mnt' else kind}" for kind in SPACES]
        return ["nsenter", "--target", str(self.pid), *inside, "--", "sh", "-c", ENTER, "-", *command]

    def run(self, *command: str, check: bool = True, timeout: float = 60.0, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command inside to its end; its output is text, both streams apart."""
        done = subprocess.run(self.enter(*command), check=False, timeout=timeout, text=True, capture_output=True, **options)
        if check and done.returncode != 0:
            raise RuntimeError(f"{self.name}: {' '.join(command)} ended with {done.returncode}: {done.stderr or done.stdout}")
        return done

    def popen(self, *command: str, **options: Any) -> subprocess.Popen[Any]:
        """Start a command inside; signals to the process reach the command itself."""
        return subprocess.Popen(self.enter(*command), **options)

    def call(self, work: Callable[[], T]) -> T:
        """Call a function of this process inside, in a thread of its own; threads and children that it starts are inside too."""
        outcome: list[T] = []
        failure: list[BaseException] = []

        def inside() -> None:
            try:
                self._join()
                outcome.append(work())
            except BaseException as error:
                failure.append(error)

        thread = threading.Thread(target=inside, name=f"inside {self.name}")
        thread.start()
        thread.join()
        if failure:
            raise failure[0]
        return outcome[0]

    def play(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine inside, on an event loop of its own."""
        return self.call(lambda: asyncio.run(work))

    def worker(self) -> Worker:
        """An event loop that goes on inside, for what lives longer than one coroutine."""
        return Worker(self)

    def _join(self) -> None:
        """Move the calling thread into the namespaces; its view of the file system must be its own before that."""
        libc = ctypes.CDLL(None, use_errno=True)
        handles = [os.open(f"/proc/{self.pid}/ns/{kind}", os.O_RDONLY) for kind in SPACES if kind != "cgroup"]
        if libc.unshare(CLONE_FS) != 0:
            raise OSError(ctypes.get_errno(), "unshare(CLONE_FS)")
        for handle in handles:
            if libc.setns(handle, 0) != 0:
                raise OSError(ctypes.get_errno(), f"setns into {self.name}")
            os.close(handle)

    def path(self, inside: str | Path) -> Path:
        """A path of the host's file system as it is seen from here."""
        return Path(f"/proc/{self.pid}/root") / str(inside).lstrip("/")

    def close(self) -> None:
        """End all processes of the host; its devices, mounts and cgroups go with them. A repeat is no error."""
        if self._process.poll() is None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            self._process.wait(30)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class Worker:
    """An event loop in a thread inside a host."""

    def __init__(self, holder: Holder) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=lambda: holder.call(self.loop.run_forever), name=f"loop inside {holder.name}", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T], timeout: float = 120.0) -> T:
        """Run a coroutine there to its end."""
        return self.begin(work).result(timeout)

    def begin(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Start a coroutine there."""
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def close(self) -> None:
        """End the loop."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()


def wire(one: Holder, device: str, other: Holder, peer: str) -> None:
    """Lay a cable: a veth pair, one end in each host, both up."""
    one.run("ip", "link", "add", device, "type", "veth", "peer", "name", peer, "netns", str(other.pid))
    one.run("ip", "link", "set", device, "up")
    other.run("ip", "link", "set", peer, "up")


class Host(Holder):
    """One machine of the bed: `address` on the management network, `directory` for its files, reachable from the bed."""

    def __init__(self, bed: Bed, name: str, address: str) -> None:
        super().__init__(name, bed.directory / name)
        self.address = address
        bed.name_host(self, address)
        wire(self, "eth0", bed, f"to-{name}"[:15])
        bed.run("ip", "link", "set", f"to-{name}"[:15], "master", "management")
        self.run("ip", "address", "add", f"{address}/24", "dev", "eth0")
        self.run("ip", "route", "add", "default", "via", bed.address)


class Bed(Holder):
    """The management network, and the hosts on it; services of the control plane may run in it too."""

    address = "10.77.0.1"

    def __init__(self, directory: Path, name: str = "control") -> None:
        """Skips the test with a reason where it cannot be made."""
        need()
        super().__init__(name, directory)
        self.hosts: dict[str, Host] = {}
        self._names = directory / "hosts"
        self._names.write_text("127.0.0.1 localhost\n::1 localhost\n")
        try:
            self.name_host(self, self.address)
            self.run("ip", "link", "add", "management", "type", "bridge", "stp_state", "0", "forward_delay", "0")
            self.run("ip", "address", "add", f"{self.address}/24", "dev", "management")
            self.run("ip", "link", "set", "management", "up")
        except BaseException:
            self.close()
            raise

    def name_host(self, holder: Holder, address: str) -> None:
        """Let all hosts know a name, and this one all names."""
        with self._names.open("a") as file:
            file.write(f"{address} {holder.name}\n")
        holder.run("mount", "--bind", str(self._names), "/etc/hosts")

    def host(self, name: str) -> Host:
        """Add a host with the next free address: 10.77.0.11, 10.77.0.12 …"""
        self.hosts[name] = host = Host(self, name, f"10.77.0.{11 + len(self.hosts)}")
        return host

    def close(self) -> None:
        for host in self.hosts.values():
            host.close()
        super().close()
