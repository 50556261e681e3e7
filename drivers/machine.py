"""What a Linux machine has for a real cloud beside what each driver looks for itself. Nothing is changed by looking."""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from drivers.findings import Finding

REAL = "pip install 'glasscloud[real]'"
COMPILER = "sudo apt-get install -y libvirt-dev pkg-config gcc python3-dev"
MODULES: Mapping[str, str] = {
    "libvirt": "hypervisors", "pyroute2": "network devices", "aio_pika": "RabbitMQ", "psycopg": "PostgreSQL", "lxml": "guests' XML",
}  # fmt: skip
"""Python packages of the extra `real`, and what for."""
SERVERS = (
    ("RabbitMQ", "rabbitmq-server", "rabbitmq-server"),
    ("PostgreSQL", "postgres", "postgresql"),
)
CAPABILITIES: Mapping[str, int] = {"CAP_NET_ADMIN": 12, "CAP_SYS_ADMIN": 21}
"""Bits of /proc/self/status, CapEff. Source: linux/capability.h."""
CHAIN = "nft add table inet t && nft 'add chain inet t c { type filter hook input priority 0; }'"


LINUXBRIDGE_VLAN = "VLAN networks by linuxbridge; openvswitch brings its own"


class Ability(NamedTuple):
    """Something that a kernel may be able to do: its module, a trial in a network namespace, and what it is for."""

    module: str
    order: str
    purpose: str


KERNEL: Mapping[str, Ability] = {
    "Linux bridge": Ability("bridge", "ip link add b0 type bridge", "switch linuxbridge"),
    "VLAN devices (802.1Q)": Ability(
        "8021q", "ip link add b0 type bridge && ip link add link b0 name v0 type vlan id 5", LINUXBRIDGE_VLAN
    ),
    "bridge VLAN filtering": Ability("", "ip link add b0 type bridge vlan_filtering 1", LINUXBRIDGE_VLAN),
    "VXLAN": Ability("vxlan", "ip link add x0 type vxlan id 5 dstport 4789", "VXLAN networks"),
    "veth": Ability("veth", "ip link add a0 type veth peer name a1", "ports of containers and DHCP servers"),
    "nftables": Ability("nf_tables", CHAIN, "security groups by nftables"),
    "connection tracking": Ability(
        "nf_conntrack", f"{CHAIN} && nft add rule inet t c ct state established accept", "stateful security groups"
    ),
}
MODULE_FOLDER = Path("/lib/modules")
TRIAL_S = 10.0


def rights() -> list[Finding]:
    """Say what this user may do."""
    root = os.geteuid() == 0
    detail = "you are root" if root else f"user {os.geteuid()}: no guests, taps or namespaces"
    found = [Finding("root", root, detail, "" if root else "sudo -E glasscloud doctor")]
    status = Path("/proc/self/status").read_text(encoding="ascii")
    match = re.search(r"^CapEff:\s*([0-9a-f]+)$", status, re.MULTILINE)
    effective = int(match[1], 16) if match else 0
    for name, bit in CAPABILITIES.items():
        has = bool(effective >> bit & 1)
        detail = "effective" if has else "missing (in a container: start it with that capability)" if root else "missing"
        found.append(Finding(name, has, detail))
    return found


def packages() -> list[Finding]:
    """Look for the Python packages of the real world."""
    found = []
    for name, purpose in MODULES.items():
        there = importlib.util.find_spec(name) is not None
        way = f"{COMPILER} && {REAL}" if name == "libvirt" else REAL
        found.append(Finding(f"Python package {name}", there, purpose if there else f"not installed: no {purpose}", "" if there else way))
    return found


def program(what: str, name: str, package: str) -> Finding:
    """Look for a program on the path, in the administrator's folders, and where Debian keeps those of PostgreSQL."""
    folders = [os.environ.get("PATH", ""), "/usr/sbin", "/sbin", *map(str, Path("/usr/lib/postgresql").glob("*/bin"))]
    path = shutil.which(name, path=os.pathsep.join(folders))
    return Finding(what, path is not None, path or f"{name} is not installed", "" if path else f"sudo apt-get install -y {package}")


def servers() -> list[Finding]:
    """Look for the servers between a cloud's programs: they may run on other machines as well."""
    return [program(*each) for each in SERVERS]


def kvm() -> Finding:
    """Say what is known of KVM: that it is listed is no proof, a guest that prints is one."""
    device = Path("/dev/kvm")
    if not device.exists():
        return Finding("/dev/kvm", False, "not there: guests run by emulation (TCG), many times slower")
    if not os.access(device, os.R_OK | os.W_OK):
        return Finding("/dev/kvm", False, "it is not yours to write", "sudo usermod -aG kvm $USER")
    return Finding("/dev/kvm", True, "listed, not proven: a guest proves it when a compute agent starts for the first time")


def kernel() -> list[Finding]:
    """Say what the kernel can do for networks."""
    modules, trial = known_modules(), can_try()
    return [_ability(what, modules.get(ability.module, ""), ability, trial) for what, ability in KERNEL.items()]


def _ability(what: str, module: str, ability: Ability, trial: bool) -> Finding:
    """A module that is there is enough; trying it would load it, and looking must change nothing."""
    if module:
        return Finding(what, True, module)
    if not trial:
        return Finding(what, False, "not known: root is needed to try it")
    error = tried(ability.order)
    if not error:
        return Finding(what, True, "tried in a namespace of its own")
    if "nft: not found" in error:
        return Finding(what, False, f"nft is not installed: no {ability.purpose}", "sudo apt-get install -y nftables")
    return Finding(what, False, f"this kernel does not have it ({error}): no {ability.purpose}")


def known_modules() -> dict[str, str]:
    """The names of all modules of the running kernel, and whether each is built in or loadable."""
    folder, found = MODULE_FOLDER / platform.release(), dict[str, str]()
    for file, how in (("modules.dep", "module"), ("modules.builtin", "built in")):
        if (folder / file).is_file():
            lines = (folder / file).read_text(encoding="utf-8").splitlines()
            found |= {re.sub(r"\.ko.*", "", line.partition(":")[0].rpartition("/")[2]).replace("-", "_"): how for line in lines}
    return found


def can_try() -> bool:
    """Whether network namespaces of our own can be made here."""
    return os.geteuid() == 0 and all(shutil.which(name) for name in ("unshare", "ip")) and not tried("true")


def tried(order: str) -> str:
    """Run an order in a network namespace that ends with it; answer its error, or nothing."""
    command = ["unshare", "--net", "--", "sh", "-c", order]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TRIAL_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return ""
    lines = done.stderr.strip().splitlines()
    return lines[0] if lines else f"exit code {done.returncode}"
