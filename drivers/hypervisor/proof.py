"""Whether guests of a kind really run on this machine: not what is listed counts, but what a guest prints.

KVM can be listed, opened and started and still run nothing: inside virtual machines that do not hand their processor's
virtualisation on, its guests crawl in an emulator of single instructions. So a guest of one sector counts to 200 million
and says so on its serial port: a tenth of a second on a processor, half a second by QEMU's translator, minutes there.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from pathlib import Path
from typing import Any

import libvirt
from lxml.builder import E

from drivers.hypervisor.connection import Connection
from drivers.hypervisor.domain import Mark, text
from lab.errors import HypervisorError

PROBE = bytes.fromhex(
    "fa31c08ed8baf803b072ee0f0116b87c0f20c00c010f22c0ea1d7c080066b810008ed88ec0b070eeb900e1f5054975fdb050eebf001000000f22df31c0b900"
    "080000f3abc7050010000003200000c70500200000830000000f20e00c200f22e0b9800000c00f320d000100000f300f20c00d000000800f22c0ea807c0000"
    "1800baf8030000b06ceeb900e1f505ffc975fcb04ceef4ebfd900000000000000000ffff0000009acf00ffff00000092cf00ffff0000009aaf001f00987c0000"
)
"""probe.s, assembled: real mode 'r', 32 bits 'p', 100 million rounds 'P', 64 bits with paging 'l', 100 million rounds 'L'."""
DONE = "L"
SECTOR = 512
ARCHITECTURE = "x86_64"
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


async def proven(connection: Connection, mark: Mark, directory: Path, limit_s: float) -> str:
    """'kvm' if a KVM guest counts to the end within the limit, else 'qemu'.

    The answer is kept in the directory, with the machine's boot: it is found once a boot, in at most that many seconds.
    """
    kept = directory / "virt_type.json"
    boot = await asyncio.to_thread(lambda: BOOT_ID.read_text().strip())
    with contextlib.suppress(OSError, ValueError, KeyError):
        known = json.loads(kept.read_text())
        if known["boot"] == boot and known["uri"] == connection.uri:
            return str(known["virt_type"])
    listed = await connection.call("what QEMU can do here", lists_kvm)
    runs = listed and await counts(connection, mark, directory, limit_s)
    answer = "kvm" if runs else "qemu"
    await asyncio.to_thread(_keep, kept, {"boot": boot, "uri": connection.uri, "virt_type": answer})
    return answer


def _keep(path: Path, known: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(known))


def lists_kvm(libvirt_: Any) -> bool:
    """Whether libvirt thinks that it has KVM, on a kind of processor that can be put to the proof."""
    try:
        libvirt_.getDomainCapabilities(None, ARCHITECTURE, None, "kvm", 0)
    except libvirt.libvirtError:
        return False
    return True


async def counts(connection: Connection, mark: Mark, directory: Path, limit_s: float, virt_type: str = "kvm") -> bool:
    """Run the probe and say whether it came to its end in time; nothing of it is left."""
    folder = directory / "proof"
    await asyncio.to_thread(_prepare, folder)
    said = folder / "said"
    domain = None
    try:
        xml, flags = probe_xml(mark, folder, virt_type), libvirt.VIR_DOMAIN_START_AUTODESTROY
        domain = await connection.call("the probe of virtualisation", lambda c: c.createXML(xml, flags))
        until = time.monotonic() + limit_s
        while time.monotonic() < until:
            if DONE in said.read_text(errors="replace"):
                return True
            await asyncio.sleep(0.05)
        return False
    except HypervisorError:
        return False  # listed, and cannot even be started
    finally:
        if domain is not None:
            with contextlib.suppress(HypervisorError):
                await connection.call("the end of the probe", lambda c: domain.destroy())


def _prepare(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "disk").write_bytes((PROBE.ljust(SECTOR - 2, b"\0") + b"\x55\xaa").ljust(1024**2, b"\0"))
    (folder / "said").write_bytes(b"")


def probe_xml(mark: Mark, folder: Path, virt_type: str) -> str:
    """The probe as a domain that libvirt forgets when it ends; no host owns it, so that it is nobody's guest."""
    source = E.source(file=str(folder / "disk"))
    node = E.domain(
        E.name(f"glasscloud-proof-{mark.cloud}-{mark.host}"),
        E.metadata(Mark(mark.cloud, "").element()),
        E.memory("16", unit="MiB"),
        E.vcpu("1"),
        E.os(E.type("hvm", arch=ARCHITECTURE, machine="pc"), E.boot(dev="hd")),
        E.devices(
            E.disk(E.driver(name="qemu", type="raw"), source, E.target(dev="vda", bus="virtio"), E.readonly(), type="file", device="disk"),
            E.serial(E.source(path=str(folder / "said"), append="on"), E.target(port="0"), type="file"),
            E.controller(type="usb", model="none"),
            E.memballoon(model="none"),
        ),
        type=virt_type,
    )
    return text(node)
