"""What a machine has of what the libvirt driver needs, and what is missing."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import libvirt

from drivers.findings import Finding
from drivers.hypervisor.connection import no_connection, run_event_loop
from drivers.hypervisor.proof import BOOT_ID, lists_kvm
from drivers.machine import installed
from drivers.owned import room
from drivers.place import Place
from lab.errors import HypervisorError

INSTALL = "sudo apt-get install -y libvirt-daemon-system libvirt-clients"
START = "sudo systemctl start libvirtd"
QEMU = "sudo apt-get install -y qemu-system-x86 qemu-utils"
LXC = "sudo apt-get install -y libvirt-daemon-driver-lxc"


def need_rights(uri: str) -> None:
    """Raise HypervisorError when this process may not make guests' devices."""
    if os.geteuid() != 0:
        raise HypervisorError(
            f"{uri}: guests' network devices are made by root, and this process is user {os.geteuid()}; run it with sudo"
        )


def look(place: Place, uri: str) -> list[Finding]:
    """Look at libvirt, its tools and the rights of this process."""
    lxc = uri.startswith("lxc:")
    rights = os.geteuid() == 0
    detail = "root" if rights else f"user {os.geteuid()}: no devices can be made"
    korean = "root" if rights else f"사용자 {os.geteuid()}: 장치를 만들 수 없습니다"
    found = [Finding("rights", rights, detail, "" if rights else "sudo -E glasscloud …", korean), _connection(uri, place)]
    if lxc:
        found.append(_program("tar", "roots of containers", "sudo apt-get install -y tar"))
    else:
        found += [_program("qemu-img", "disks", QEMU), _tun()]
    found.append(room("guests and images", place.state))
    return found


def _connection(uri: str, place: Place) -> Finding:
    what = "libvirt with LXC" if uri.startswith("lxc:") else "libvirt with QEMU"
    run_event_loop()
    try:
        connection = libvirt.openReadOnly(uri)
    except libvirt.libvirtError as error:
        remedy = LXC if uri.startswith("lxc:") else f"{INSTALL} && {QEMU.removeprefix('sudo ')}"
        failed = no_connection(uri, str(error.get_error_message()))
        return Finding(what, False, failed.message, START if failed.ko and installed("libvirtd") else remedy, failed.ko)
    try:
        version = connection.getVersion()
        text = f"{connection.getType()} {version // 1_000_000}.{version // 1000 % 1000}.{version % 1000}"
        if uri.startswith("lxc:"):
            return Finding(what, True, text)
        english, korean = _acceleration(connection, place)
        return Finding(what, True, f"{text}, {english}", ko=f"{text}, {korean}")
    finally:
        connection.close()


def _acceleration(connection: object, place: Place) -> tuple[str, str]:
    """What is known of KVM, in English and Korean: proof is by running a guest, at the first start of a compute agent after a boot."""
    try:
        known = json.loads((place.state / "hypervisor/virt_type.json").read_text())
        if known["boot"] == BOOT_ID.read_text().strip():
            if known["virt_type"] == "kvm":
                return "KVM proven by a guest", "KVM을 게스트로 확인했습니다"
            korean = "KVM이 되지 않습니다(게스트로 해 보았습니다). 에뮬레이션이라 느립니다"
            return "no working KVM (a guest was tried): emulation, slower", korean
    except (OSError, ValueError, KeyError):
        pass
    if lists_kvm(connection):
        return "KVM listed, proven at the first start", "KVM이 목록에 있습니다. 처음 시작할 때 확인합니다"
    return "no KVM: emulation, slower", "KVM이 없습니다. 에뮬레이션이라 느립니다"


def _program(name: str, what: str, remedy: str) -> Finding:
    path = shutil.which(name)
    if path is None:
        return Finding(what, False, f"{name} is not installed", remedy, f"{name}: 설치되어 있지 않습니다")
    return Finding(what, True, path)


def _tun() -> Finding:
    there = Path("/dev/net/tun").exists()
    detail, korean = ("/dev/net/tun",) * 2 if there else ("no /dev/net/tun", "/dev/net/tun이 없습니다")
    return Finding("taps", there, detail, "" if there else "sudo modprobe tun", korean)
