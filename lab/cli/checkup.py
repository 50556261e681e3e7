"""What the doctor looks at, group by group: this Python, the clients, and on Linux all that a real cloud needs."""

from __future__ import annotations

import asyncio
import importlib.util
import platform
import re
import shutil
import sys
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from drivers.findings import Finding
    from drivers.place import Place
    from drivers.site import Site

PROBE_S = 20.0
VARIANTS: Mapping[tuple[str, str], tuple[dict[str, Any], ...]] = {
    ("hypervisor", "libvirt"): ({}, {"uri": "lxc:///"}),
    ("volume", "nfs"): ({"export": ""},),
}
"""With which options drivers are asked that a configuration does not describe; without any where they are not here."""
DNF: Mapping[str, str] = {
    "dnsmasq-base": "dnsmasq", "gcc": "gcc", "iproute2": "iproute", "libnfs13": "libnfs", "libvirt-clients": "libvirt-client",
    "libvirt-daemon-driver-lxc": "libvirt-daemon-driver-lxc", "libvirt-daemon-system": "libvirt-daemon-kvm", "libvirt-dev": "libvirt-devel",
    "openvswitch-switch": "openvswitch", "pkg-config": "pkgconf", "postgresql": "postgresql-server", "python3-dev": "python3-devel",
    "python3-openstackclient": "python3-openstackclient", "qemu-block-extra": "qemu-block-nfs", "qemu-system-x86": "qemu-system-x86",
    "qemu-utils": "qemu-img",
}  # fmt: skip
"""Debian's name of a package -> Fedora's, where they differ or may."""
APT = re.compile(r"apt-get install (?:-y )?((?:[a-z0-9][a-z0-9.+-]* ?)+)")
START = re.compile(r"(sudo systemctl start [\w.-]+)")
PIP = re.compile(r"pip install '?([\w\[\]-]+)'?")


@dataclass(frozen=True, slots=True)
class Group:
    """Findings about one matter."""

    name: str
    findings: tuple[Finding, ...]


def simulated() -> Group:
    """What the simulated world needs: any system, no rights."""
    from drivers.findings import Finding

    good = sys.version_info >= (3, 11)
    there = importlib.util.find_spec("simpy") is not None
    return Group("simulated", (
        Finding("Python 3.11 or newer", good, platform.python_version(), "" if good else "sudo apt-get install -y python3"),
        Finding(
            "simulated datacenter", there, "in one process, no root, any system", "" if there else "pip install glasscloud",
            "프로세스 하나로, root 없이, 어느 시스템에서나",
        ),
    ))  # fmt: skip


def clients() -> Group:
    """The `openstack` command, beside this Python or anywhere."""
    from drivers.findings import Finding

    beside = shutil.which("openstack", path=str(Path(sys.executable).parent))
    path = beside or shutil.which("openstack")
    way = "" if path else "sudo apt-get install -y python3-openstackclient"
    return Group("clients", (Finding(
        "openstack command line", path is not None, path or "openstack is not installed", way, path or "openstack: 설치되어 있지 않습니다"
    ),))


async def real(site: Site, chosen: bool) -> list[Group]:
    """What this Linux machine has for a real cloud; with the drivers that a configuration chose, or with all of them."""
    from drivers import machine

    groups = [Group("rights", tuple(machine.rights())), Group("python", tuple(machine.packages()))]
    for port in ("hypervisor", "network", "dhcp", "volume", "image", "object"):
        found = [finding async for finding in _probed(site, port, chosen)]
        if port == "hypervisor":
            found = [machine.kvm(), machine.program("QEMU", "qemu-system-x86_64", "qemu-system-x86"), *found]
        if port == "network":
            found += machine.kernel()
        groups.append(Group(port, tuple(dict.fromkeys(found))))
    return [*groups, Group("servers", tuple(machine.servers()))]


async def _probed(site: Site, port: str, chosen: bool) -> AsyncIterator[Finding]:
    place = site.place(site.host)
    for name, options in _tables(site, port, chosen):
        for finding in await _probe(port, name, options, place):
            yield finding


def _tables(site: Site, port: str, chosen: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    from drivers.registry import OURS, names

    if chosen:
        table = dict(site.drivers.get(port, {}))
        yield table.pop("driver", next(iter(OURS[port]))), table
        return
    for name in names(port):
        for options in VARIANTS.get((port, name), ({},)):
            yield name, options


async def _probe(port: str, name: str, options: dict[str, Any], place: Place) -> list[Finding]:
    """Ask one driver; one that cannot be asked is a finding too."""
    from drivers.findings import Finding
    from drivers.options import read
    from drivers.registry import driver_class
    from lab.errors import LabError

    what = f"driver {name}"
    try:
        cls = driver_class(port, name)
        async with asyncio.timeout(PROBE_S):
            found: list[Finding] = await cls.probe(place, read(cls.Options, options, f"[{port}]"))
            return found
    except TimeoutError:
        return [Finding(what, False, f"did not answer within {PROBE_S:g} s", ko=f"{PROBE_S:g}초 안에 응답하지 않았습니다")]
    except LabError as error:
        return [Finding(what, False, error.message, ko=error.ko)]
    except (ImportError, OSError) as error:
        return [Finding(what, False, str(error))]


def install(findings: Iterable[Finding], fedora: bool) -> list[str]:
    """The commands that bring all that is missing: the system's packages by one, Python's by another, and what is to be started."""
    missing = [finding.remedy for finding in findings if not finding.ok]
    packages = sorted({name for remedy in missing for found in APT.findall(remedy) for name in found.split()})
    if fedora:
        packages = sorted({DNF.get(name, name) for name in packages})
    python = sorted({name for remedy in missing for name in PIP.findall(remedy)})
    tool = "dnf install -y" if fedora else "apt-get install -y"
    first = [f"sudo {tool} {' '.join(packages)}"] if packages else []
    starts = sorted({order for remedy in missing for order in START.findall(remedy)})
    return first + ([f"pip install {' '.join(repr(name) for name in python)}"] if python else []) + starts


def worded(remedy: str, fedora: bool) -> str:
    """A remedy as this system's user types it."""
    words = remedy.partition("   #")[0]
    if not fedora:
        return words
    return APT.sub(lambda match: "dnf install -y " + " ".join(DNF.get(name, name) for name in match[1].split()), words)


def is_fedora() -> bool:
    """Whether packages come by dnf here."""
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return False
    kinds = {release.get("ID", ""), *release.get("ID_LIKE", "").split()}
    return bool(kinds & {"fedora", "rhel", "centos"})
