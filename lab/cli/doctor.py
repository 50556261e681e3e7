"""`glasscloud doctor`: what this machine can do, what is missing, and the one command that installs it. It changes nothing."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lab.cli import checkup
from lab.cli.checkup import Group
from lab.cli.demo import Lang, native

if TYPE_CHECKING:
    from rich.table import Table

GROUPS: Mapping[str, Mapping[str, str]] = {
    "simulated": {"en": "Simulated world", "ko": "시뮬레이션 세계"},
    "clients": {"en": "Clients", "ko": "클라이언트"},
    "rights": {"en": "Rights", "ko": "권한"},
    "python": {"en": "Python packages", "ko": "Python 패키지"},
    "hypervisor": {"en": "Hypervisors", "ko": "하이퍼바이저"},
    "network": {"en": "Networks", "ko": "네트워크"},
    "dhcp": {"en": "DHCP", "ko": "DHCP"},
    "volume": {"en": "Volumes", "ko": "볼륨"},
    "image": {"en": "Images", "ko": "이미지"},
    "object": {"en": "Objects", "ko": "오브젝트"},
    "servers": {"en": "Servers between programs", "ko": "프로그램 사이의 서버"},
}
WORDS: Mapping[str, Mapping[str, str]] = {
    "yes": {"en": "yes", "ko": "있음"},
    "no": {"en": "no", "ko": "없음"},
    "elsewhere": {
        "en": "{system}: the simulated world has everything and runs here. A real cloud needs a Linux machine. Try: glasscloud demo",
        "ko": "{system}: 시뮬레이션 세계는 모든 것을 갖추었고 여기서 그대로 돕니다. 실제 클라우드는 Linux 기계가 필요합니다."
        " 먼저 glasscloud demo를 실행해 보십시오.",
    },
    "ways": {
        "en": "The simulated world needs none of what is missing. For a real cloud:",
        "ko": "시뮬레이션 세계에는 빠진 것들이 필요하지 않습니다. 실제 클라우드를 쓰려면 다음을 실행합니다.",
    },
    "whole": {
        "en": "Nothing is missing that could be installed. Try: sudo $(which glasscloud) up --real",
        "ko": "더 설치할 것이 없습니다. sudo $(which glasscloud) up --real을 실행해 보십시오.",
    },
}


NAMES: Mapping[str, str] = {
    "Python 3.11 or newer": "Python 3.11 이상", "simulated datacenter": "시뮬레이션 데이터센터", "openstack command line": "openstack 명령",
    "rights": "권한", "disks": "디스크", "taps": "tap 장치", "guests and images": "게스트와 이미지",
    "roots of containers": "컨테이너의 루트",
    "libvirt with QEMU": "libvirt(QEMU)", "libvirt with LXC": "libvirt(LXC)", "kernel's Open vSwitch": "커널의 Open vSwitch",
    "bridge devices": "bridge 장치", "vxlan devices": "vxlan 장치", "vlan devices": "vlan 장치", "Linux bridge": "Linux 브리지",
    "VLAN devices (802.1Q)": "VLAN 장치(802.1Q)", "bridge VLAN filtering": "브리지의 VLAN 필터링", "connection tracking": "연결 추적",
    "volume files": "볼륨 파일", "image files": "이미지 파일", "object files": "오브젝트 파일",
}  # fmt: skip
"""What was looked for, in Korean, where it is not a name already."""
KINDS: Mapping[str, str] = {"Python package ": "Python 패키지 ", "driver ": "드라이버 ", "interface ": "인터페이스 "}


def name_of(what: str, lang: str) -> str:
    """What was looked for, in a language."""
    if lang != "ko":
        return what
    head = next((head for head in KINDS if what.startswith(head)), "")
    return KINDS.get(head, "") + what.removeprefix(head) if head else NAMES.get(what, what)


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
    config: Annotated[Path | None, typer.Option(help="Ask the drivers that a real cloud's configuration chose, not all of them.")] = None,
    lang: Annotated[Lang | None, typer.Option(help="en or ko; your environment's when left out.")] = None,
) -> None:
    """Say what this machine can do; exit 1 when not even the simulated world runs. Nothing is changed."""
    system = platform.system()
    groups = [checkup.simulated(), checkup.clients()]
    if system == "Linux":
        groups += linux(config)
    fedora = checkup.is_fedora()
    ways = checkup.install((finding for group in groups for finding in group.findings), fedora)
    if as_json:
        import json

        print(json.dumps(document(system, groups, ways, fedora), ensure_ascii=False))
    else:
        show(system, groups, ways, (lang or native()).value)
    raise typer.Exit(0 if all(finding.ok for finding in groups[0].findings) else 1)


def linux(config: Path | None) -> list[Group]:
    """What there is for a real cloud."""
    import asyncio

    from drivers.site import load, site

    here = load(config) if config is not None else site({}, "the defaults")
    return asyncio.run(checkup.real(here, config is not None))


def document(system: str, groups: Sequence[Group], ways: Sequence[str], fedora: bool) -> dict[str, Any]:
    """The findings for programs."""
    findings = [
        {"group": group.name, "what": each.what, "ok": each.ok, "detail": each.detail, "remedy": checkup.worded(each.remedy, fedora)}
        for group in groups
        for each in group.findings
    ]
    return {"system": system, "kernel": platform.release(), "findings": findings, "install": list(ways)}


def show(system: str, groups: Sequence[Group], ways: Sequence[str], lang: str) -> None:
    """Print the findings as one table, with the way out below."""
    from lab.cli.screen import console

    out = console()
    out.print(table(groups, checkup.is_fedora(), lang))
    if system != "Linux":
        out.print("\n" + WORDS["elsewhere"][lang].format(system=system), soft_wrap=True, markup=False)
        return
    out.print("\n" + WORDS["ways" if ways else "whole"][lang], soft_wrap=True, markup=False)
    for way in ways:
        out.print(f"    {way}", soft_wrap=True, markup=False)


def table(groups: Sequence[Group], fedora: bool, lang: str) -> Table:
    """One line a finding, under its group's name; what mends it on the next line."""
    from rich.markup import escape
    from rich.table import Table

    made = Table(box=None, pad_edge=False, show_header=False)
    for group in groups:
        made.add_row(f"[bold]{GROUPS[group.name][lang]}[/]")
        for each in group.findings:
            remedy = checkup.worded(each.remedy, fedora) if not each.ok else ""
            told = escape(each.told(lang)) + (f"\n[dim]{escape(remedy)}[/]" if remedy else "")
            mark = f"[green]{WORDS['yes'][lang]}[/]" if each.ok else f"[yellow]{WORDS['no'][lang]}[/]"
            made.add_row(f"  {escape(name_of(each.what, lang))}", mark, told)
    return made
