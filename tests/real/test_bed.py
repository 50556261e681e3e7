"""The test bed's hosts: apart from each other and from the machine, reachable on the management network, gone without a trace."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.bed.host import Bed, need, wire

pytestmark = pytest.mark.real


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[Bed]:
    need("ping: iputils-ping")
    with Bed(tmp_path) as bed:
        yield bed


def machine() -> tuple[str, str, str, list[str]]:
    """What a careless bed would change: devices, mounts, host name, cgroups."""
    devices = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
    groups = sorted(str(p) for p in Path("/sys/fs/cgroup").glob("*/glasscloud-*"))
    return devices, Path("/proc/self/mounts").read_text(), socket.gethostname(), groups


def test_hosts_reach_each_other_and_keep_their_own(bed: Bed) -> None:
    one, two = bed.host("compute-1"), bed.host("compute-2")
    assert one.run("hostname").stdout == "compute-1\n"
    assert "1 received" in one.run("ping", "-c", "1", "-W", "5", two.address).stdout
    assert "1 received" in one.run("ping", "-c", "1", "-W", "5", "compute-2").stdout
    assert "1 received" in two.run("ping", "-c", "1", "-W", "5", bed.address).stdout
    one.run("touch", "/run/mine")
    one.run("ip", "netns", "add", "gc-inside")
    assert one.path("/run/mine").exists()
    assert "mine" not in two.run("ls", "/run").stdout.split()
    assert two.run("ls", "/run/netns").stdout == ""
    assert not Path("/run/netns/gc-inside").exists()
    wire(one, "trunk0", two, "trunk0")
    assert "trunk0" in two.run("ls", "/sys/class/net").stdout.split()
    assert one.run("false", check=False).returncode == 1
    with pytest.raises(RuntimeError, match="compute-1: false ended with 1"):
        one.run("false")


def test_a_coroutine_of_ours_acts_inside_with_its_threads_and_children(bed: Bed) -> None:
    import asyncio

    async def look() -> tuple[str, list[str], str]:
        child = await asyncio.create_subprocess_exec("hostname", stdout=asyncio.subprocess.PIPE)
        said, _ = await child.communicate()
        devices = await asyncio.to_thread(lambda: sorted(name for _, name in socket.if_nameindex()))
        return said.decode().strip(), devices, socket.gethostname()

    host = bed.host("compute-1")
    name, devices, own = host.play(look())
    assert (name, own) == ("compute-1", "compute-1")
    assert "eth0" in devices
    assert socket.gethostname() != "compute-1"
    with pytest.raises(ZeroDivisionError):
        host.call(lambda: 1 // 0)


def test_nothing_is_left(tmp_path: Path) -> None:
    need()
    before = machine()
    with Bed(tmp_path) as bed:
        host = bed.host("compute-1")
        child = host.popen("sh", "-c", "sleep 1000 & exec sleep 1000")
        assert machine()[:3] == before[:3]
    assert child.wait(5) == -signal.SIGKILL
    assert machine() == before


def test_nothing_is_left_when_the_tests_are_killed(tmp_path: Path) -> None:
    need()
    before = machine()
    program = (
        "import sys, time; from pathlib import Path; from tests.real.bed.host import Bed\n"
        f"bed = Bed(Path({str(tmp_path)!r})); host = bed.host('compute-1'); p = host.popen('sleep', '1000')\n"
        "print(p.pid, flush=True); time.sleep(1000)"
    )
    root = Path(__file__).parents[2]
    tests = subprocess.Popen([sys.executable, "-c", program], cwd=root, stdout=subprocess.PIPE, text=True)
    assert tests.stdout is not None
    inside = int(tests.stdout.readline())
    tests.kill()
    tests.wait()
    tests.stdout.close()
    until = time.monotonic() + 20
    while time.monotonic() < until and (machine() != before or _lives(inside)):
        time.sleep(0.05)
    assert machine() == before
    assert not _lives(inside)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_the_bed_is_not_for_everyone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(pytest.skip.Exception, match="needs root"):
        need()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(pytest.skip.Exception, match="apt-get install nobody-has-it"):
        need("no-such-program: nobody-has-it")
