"""`glasscloud doctor`: what this machine can do, what is missing, and the one command that installs it."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `install` is the Debian package or pip extra that brings it."""

    world: str
    what: str
    present: bool
    detail: str
    install: str = ""


def program(world: str, name: str, what: str, package: str) -> Finding:
    """Look for a program beside this Python, on the path, and in the administrator's folders."""
    folders = [str(Path(sys.executable).parent), os.environ.get("PATH", ""), "/usr/sbin", "/sbin"]
    found = shutil.which(name, path=os.pathsep.join(folders))
    return Finding(world, what, found is not None, found or f"{name} is not installed", package)


def module(world: str, name: str, what: str) -> Finding:
    """Look for a Python package."""
    found = importlib.util.find_spec(name) is not None
    return Finding(world, what, found, f"{name} is {'importable' if found else 'not installed'}", "pip:real")


def kvm() -> Finding:
    """Say whether guests can use the processor's virtualisation."""
    device = Path("/dev/kvm")
    if not device.exists():
        return Finding("real", "KVM", False, "no /dev/kvm: guests run by emulation (QEMU), many times slower")
    usable = os.access(device, os.R_OK | os.W_OK)
    return Finding("real", "KVM", usable, "usable" if usable else "/dev/kvm is not yours to write: join the group kvm")


def namespaces() -> Finding:
    """Say whether network namespaces can be made."""
    if os.geteuid() != 0:
        return Finding("real", "network namespaces", False, "needs root (sudo)")
    name = f"gc-doctor-{os.getpid()}"
    tool = shutil.which("ip")
    if tool is None:
        return Finding("real", "network namespaces", False, "ip is not installed", "iproute2")
    made = subprocess.run([tool, "netns", "add", name], capture_output=True, text=True, check=False)  # noqa: S603
    if made.returncode == 0:
        subprocess.run([tool, "netns", "delete", name], capture_output=True, check=False)  # noqa: S603
    return Finding("real", "network namespaces", made.returncode == 0, made.stderr.strip() or "can be made")


def python() -> Finding:
    """Say whether this Python is new enough."""
    good = sys.version_info >= (3, 11)
    return Finding("simulated", "Python 3.11 or newer", good, platform.python_version(), "python3")


def simulator() -> Finding:
    """Say whether the simulated world's clock is there."""
    found = importlib.util.find_spec("simpy") is not None
    return Finding("simulated", "simulated datacenter", found, "in one process, no root, any system", "pip:.")


CHECKS: tuple[Callable[[], Finding], ...] = (
    python,
    simulator,
    lambda: program("clients", "openstack", "openstack command line", "python3-openstackclient"),
    kvm,
    lambda: program("real", "virsh", "libvirt", "libvirt-daemon-system"),
    lambda: program("real", "qemu-system-x86_64", "QEMU", "qemu-system-x86"),
    lambda: program("real", "qemu-img", "disk images", "qemu-utils"),
    lambda: program("real", "ip", "bridges, VXLAN, taps", "iproute2"),
    namespaces,
    lambda: program("real", "ovs-vsctl", "Open vSwitch", "openvswitch-switch"),
    lambda: program("real", "dnsmasq", "DHCP servers", "dnsmasq-base"),
    lambda: program("real", "nft", "routers and security groups", "nftables"),
    lambda: program("real", "mount.nfs", "NFS volumes", "nfs-common"),
    lambda: program("real", "rabbitmq-server", "RabbitMQ", "rabbitmq-server"),
    lambda: module("real", "libvirt", "libvirt for Python"),
    lambda: module("real", "pyroute2", "network devices for Python"),
    lambda: module("real", "pamqp", "AMQP for Python"),
)


def commands(findings: list[Finding]) -> list[str]:
    """The commands that install all that is missing."""
    missing = [f.install for f in findings if not f.present and f.install]
    packages = sorted({name for name in missing if not name.startswith("pip:")})
    out = [f"sudo apt-get install -y {' '.join(packages)}"] if packages else []
    if "pip:real" in missing:
        out += ["sudo apt-get install -y libvirt-dev pkg-config gcc python3-dev && pip install 'glasscloud[real]'"]
    return out


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False) -> None:
    """Say what this machine can do; exit 1 when not even the simulated world runs."""
    system = platform.system()
    checks = CHECKS if system == "Linux" else CHECKS[:3]
    findings = [check() for check in checks]
    good = all(f.present for f in findings if f.world == "simulated")
    if as_json:
        import json

        print(json.dumps({"system": system, "findings": [asdict(f) for f in findings], "install": commands(findings)}))
    else:
        show(findings, system)
    raise typer.Exit(0 if good else 1)


def show(findings: list[Finding], system: str) -> None:
    """Print the findings as a table, with the way out below."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in ("", "world", "what", "finding"):
        table.add_column(title)
    for f in findings:
        table.add_row("[green]yes[/]" if f.present else "[yellow]no[/]", f.world, f.what, f.detail)
    console = Console()
    console.print(table)
    if system != "Linux":
        console.print(f"\n{system}: the simulated world has everything; the real drivers need a Linux machine. Try: "
                      "glasscloud demo", soft_wrap=True)
        return
    ways = commands(findings)
    if ways:
        console.print("\nThe simulated world needs none of these. For the real one:")
    for way in ways:
        console.print(f"    {way}", soft_wrap=True, markup=False, highlight=False)
