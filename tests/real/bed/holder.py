"""A program that holds one host's namespaces: run under `unshare`, it prepares them, says `ready`, and lives as long as its stdin.

When stdin ends, because the bed was closed or the tests were killed, it ends every process of the host and leaves no trace.
Nothing is mounted, named or written outside of its own namespaces, but one directory in each cgroup hierarchy.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

CLONE_NEWCGROUP = 0x02000000
LIBC = ctypes.CDLL(None, use_errno=True)


def mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def hierarchies() -> dict[Path, str]:
    """The cgroup hierarchies of version 1: where they are mounted, and the options that name them."""
    flags = {"rw", "ro", "nosuid", "nodev", "noexec", "relatime", "xattr"}
    lines = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    return {
        Path(where): ",".join(o for o in options.split(",") if o not in flags and not o.startswith("release_agent"))
        for _, where, kind, options, *_ in lines
        if kind == "cgroup"
    }


def enter_cgroups(name: str) -> list[Path]:
    """Move into directories of our own, so that libvirts of several hosts never meet in one `machine` directory."""
    made = []
    for root in hierarchies():
        own = root / name
        own.mkdir()
        made.append(own)
        for setting in ("cpuset.cpus", "cpuset.mems"):  # a new cpuset is empty, and takes no process
            if (root / setting).exists():
                (own / setting).write_text((root / setting).read_text())
        (own / "cgroup.procs").write_text(str(os.getpid()))
    if LIBC.unshare(CLONE_NEWCGROUP) != 0:
        raise OSError(ctypes.get_errno(), "unshare of the cgroup namespace")
    return made


def mount_own(groups: dict[Path, str]) -> None:
    """Own /sys (its class/net shows this network namespace), own cgroups below it, own /run with all sockets and named namespaces."""
    mount("-t", "sysfs", "sysfs", "/sys")
    mount("-t", "tmpfs", "tmpfs", "/sys/fs/cgroup")
    for where, options in groups.items():
        where.mkdir()
        mount("-t", "cgroup", "-o", options, "cgroup", str(where))
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    Path("/run/netns").mkdir()
    Path("/run/lock").mkdir()


def spaces(pid: str) -> set[str]:
    """The namespaces that tell the processes of this host from all others."""
    try:
        return {str(Path(f"/proc/{pid}/ns/{kind}").readlink()) for kind in ("uts", "cgroup")}
    except OSError:
        return set()


def parent(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]
    except OSError:
        return ""


def processes() -> set[str]:
    """All other processes of this host: those in its namespaces, and their children wherever they are."""
    everyone = [p.name for p in Path("/proc").iterdir() if p.name.isdigit()]
    own, found = spaces("self"), {str(os.getpid())}
    found |= {pid for pid in everyone if spaces(pid) & own}
    parents = {pid: parent(pid) for pid in everyone}
    while more := {pid for pid, above in parents.items() if above in found} - found:
        found |= more
    return {pid for pid in found - {str(os.getpid())} if not zombie(pid)}


def zombie(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def end_all() -> None:
    """Kill until nobody is left; ten seconds at most."""
    until = time.monotonic() + 10
    while (left := processes()) and time.monotonic() < until:
        for pid in left:
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.02)


def remove(group: Path) -> None:
    """Remove a cgroup with all below it; a dead process may need a moment to leave it."""
    for below, _, _ in os.walk(group, topdown=False):
        for _ in range(100):
            try:
                Path(below).rmdir()
            except FileNotFoundError:
                break
            except OSError:
                time.sleep(0.02)
            else:
                break


def main(name: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the tests, and their end is ours
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    groups = hierarchies()
    made = enter_cgroups(f"glasscloud-{name}-{os.getpid()}")
    before = [os.open(group.parent, os.O_RDONLY) for group in made]
    mount_own(groups)
    socket.sethostname(name)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    print("ready", flush=True)
    sys.stdin.read()
    end_all()
    for root, group in zip(before, made, strict=True):
        (Path(f"/proc/self/fd/{root}") / "cgroup.procs").write_text(str(os.getpid()))
        remove(Path(f"/proc/self/fd/{root}") / group.name)


if __name__ == "__main__":
    main(sys.argv[1])
