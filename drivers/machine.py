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
MODULES: Mapping[str, tuple[str, str]] = {
    "libvirt": ("hypervisors", "하이퍼바이저"), "pyroute2": ("network devices", "네트워크 장치"), "aio_pika": ("RabbitMQ",) * 2,
    "psycopg": ("PostgreSQL",) * 2, "lxml": ("guests' XML", "게스트의 XML"),
}  # fmt: skip
"""Python packages of the extra `real`, and what for, in English and Korean."""
SERVERS = (
    ("RabbitMQ", "rabbitmq-server", "rabbitmq-server"),
    ("PostgreSQL", "postgres", "postgresql"),
)
CAPABILITIES: Mapping[str, int] = {"CAP_NET_ADMIN": 12, "CAP_SYS_ADMIN": 21}
"""Bits of /proc/self/status, CapEff. Source: linux/capability.h."""
CHAIN = "nft add table inet t && nft 'add chain inet t c { type filter hook input priority 0; }'"


LINUXBRIDGE_VLAN = (
    "VLAN networks by linuxbridge; openvswitch brings its own", "linuxbridge의 VLAN 네트워크. openvswitch는 스스로 합니다"
)  # fmt: skip


class Ability(NamedTuple):
    """Something that a kernel may be able to do: its module, a trial in a network namespace, and what it is for."""

    module: str
    order: str
    purpose: str
    korean: str


KERNEL: Mapping[str, Ability] = {
    "Linux bridge": Ability("bridge", "ip link add b0 type bridge", "switch linuxbridge", "linuxbridge 스위치"),
    "VLAN devices (802.1Q)": Ability(
        "8021q", "ip link add b0 type bridge && ip link add link b0 name v0 type vlan id 5", *LINUXBRIDGE_VLAN
    ),
    "bridge VLAN filtering": Ability("", "ip link add b0 type bridge vlan_filtering 1", *LINUXBRIDGE_VLAN),
    "VXLAN": Ability("vxlan", "ip link add x0 type vxlan id 5 dstport 4789", "VXLAN networks", "VXLAN 네트워크"),
    "veth": Ability("veth", "ip link add a0 type veth peer name a1", "ports of containers and DHCP servers", "컨테이너와 DHCP 서버의 포트"),
    "nftables": Ability("nf_tables", CHAIN, "security groups by nftables", "nftables의 security group"),
    "connection tracking": Ability(
        "nf_conntrack", f"{CHAIN} && nft add rule inet t c ct state established accept",
        "stateful security groups", "상태를 기억하는 security group",
    ),
}
MODULE_FOLDER = Path("/lib/modules")
TRIAL_S = 10.0


def rights() -> list[Finding]:
    """Say what this user may do."""
    root = os.geteuid() == 0
    detail = "you are root" if root else f"user {os.geteuid()}: no guests, taps or namespaces"
    korean = "root입니다" if root else f"사용자 {os.geteuid()}: 게스트, tap, 네임스페이스를 쓸 수 없습니다"
    found = [Finding("root", root, detail, "" if root else "sudo -E glasscloud doctor", korean)]
    status = Path("/proc/self/status").read_text(encoding="ascii")
    match = re.search(r"^CapEff:\s*([0-9a-f]+)$", status, re.MULTILINE)
    effective = int(match[1], 16) if match else 0
    for name, bit in CAPABILITIES.items():
        has = bool(effective >> bit & 1)
        detail = "effective" if has else "missing (in a container: start it with that capability)" if root else "missing"
        korean = "있습니다" if has else "없습니다(컨테이너라면 이 권한을 주어 시작하십시오)" if root else "없습니다"
        found.append(Finding(name, has, detail, ko=korean))
    return found


def packages() -> list[Finding]:
    """Look for the Python packages of the real world."""
    found = []
    for name, (purpose, korean) in MODULES.items():
        there = importlib.util.find_spec(name) is not None
        way = f"{COMPILER} && {REAL}" if name == "libvirt" else REAL
        detail, korean = (purpose, korean) if there else (f"not installed: no {purpose}", f"설치되어 있지 않습니다({korean}에 필요)")
        found.append(Finding(f"Python package {name}", there, detail, "" if there else way, korean))
    return found


def installed(name: str) -> str | None:
    """Look for a program on the path, in the administrator's folders, and where Debian keeps those of PostgreSQL."""
    folders = [os.environ.get("PATH", ""), "/usr/sbin", "/sbin", *map(str, Path("/usr/lib/postgresql").glob("*/bin"))]
    return shutil.which(name, path=os.pathsep.join(folders))


def program(what: str, name: str, package: str) -> Finding:
    """Look for a program, and say what installs it."""
    path = installed(name)
    if path is None:
        way, korean = f"sudo apt-get install -y {package}", f"{name}: 설치되어 있지 않습니다"
        return Finding(what, False, f"{name} is not installed", way, korean)
    return Finding(what, True, path)


def servers() -> list[Finding]:
    """Look for the servers between a cloud's programs: they may run on other machines as well."""
    return [program(*each) for each in SERVERS]


def kvm() -> Finding:
    """Say what is known of KVM: that it is listed is no proof, a guest that prints is one."""
    device = Path("/dev/kvm")
    if not device.exists():
        korean = "없습니다. 게스트를 에뮬레이션(TCG)으로 돌리므로 몇 배 느립니다"
        return Finding("/dev/kvm", False, "not there: guests run by emulation (TCG), many times slower", ko=korean)
    if not os.access(device, os.R_OK | os.W_OK):
        return Finding("/dev/kvm", False, "it is not yours to write", "sudo usermod -aG kvm $USER", "쓸 권한이 없습니다")
    korean = "목록에는 있습니다. 정말로 되는지는 컴퓨트 에이전트가 처음 시작할 때 게스트로 확인합니다"
    return Finding("/dev/kvm", True, "listed, not proven: a guest proves it when a compute agent starts for the first time", ko=korean)


def kernel() -> list[Finding]:
    """Say what the kernel can do for networks."""
    modules, trial = known_modules(), can_try()
    return [_ability(what, modules.get(ability.module, ""), ability, trial) for what, ability in KERNEL.items()]


def _ability(what: str, module: str, ability: Ability, trial: bool) -> Finding:
    """A module that is there is enough; trying it would load it, and looking must change nothing."""
    if module:
        return Finding(what, True, module, ko="모듈" if module == "module" else "커널에 들어 있습니다")
    if not trial:
        return Finding(what, False, "not known: root is needed to try it", ko="알 수 없습니다. root라야 시험해 볼 수 있습니다")
    error = tried(ability.order)
    if not error:
        return Finding(what, True, "tried in a namespace of its own", ko="따로 만든 네임스페이스에서 시험했습니다")
    if "nft: not found" in error:
        korean = f"nft가 설치되어 있지 않습니다({ability.korean}에 필요)"
        return Finding(what, False, f"nft is not installed: no {ability.purpose}", "sudo apt-get install -y nftables", korean)
    korean = f"이 커널에는 없습니다({error}). 필요한 곳: {ability.korean}"
    return Finding(what, False, f"this kernel does not have it ({error}): no {ability.purpose}", ko=korean)


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
