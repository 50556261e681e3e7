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
from drivers.owned import room
from drivers.place import Place
from lab.errors import HypervisorError

INSTALL = "sudo apt-get install -y libvirt-daemon-system libvirt-clients"
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
    found = [Finding("rights", rights, detail, "" if rights else "sudo -E glasscloud …"), _connection(uri, place)]
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
        return Finding(what, False, str(no_connection(uri, str(error.get_error_message()))), remedy)
    try:
        version = connection.getVersion()
        text = f"{connection.getType()} {version // 1_000_000}.{version // 1000 % 1000}.{version % 1000}"
        return Finding(what, True, text if uri.startswith("lxc:") else f"{text}, {_acceleration(connection, place)}")
    finally:
        connection.close()


def _acceleration(connection: object, place: Place) -> str:
    """What is known of KVM: proof is by running a guest, at the first start of a compute agent after a boot."""
    try:
        known = json.loads((place.state / "hypervisor/virt_type.json").read_text())
        if known["boot"] == BOOT_ID.read_text().strip():
            return "KVM proven by a guest" if known["virt_type"] == "kvm" else "no working KVM (a guest was tried): emulation, slower"
    except (OSError, ValueError, KeyError):
        pass
    return "KVM listed, proven at the first start" if lists_kvm(connection) else "no KVM: emulation, slower"


def _program(name: str, what: str, remedy: str) -> Finding:
    path = shutil.which(name)
    return Finding(what, path is not None, path or f"{name} is not installed", "" if path else remedy)


def _tun() -> Finding:
    there = Path("/dev/net/tun").exists()
    return Finding("taps", there, "/dev/net/tun" if there else "no /dev/net/tun", "" if there else "sudo modprobe tun")
