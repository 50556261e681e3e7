"""qemu-img: the tool that makes, fills, grows and merges qcow2 files, and what their headers say."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from drivers.findings import Finding
from lab.errors import DriverError, LabError, NoSpace

TOOL = "qemu-img"
INSTALL = "sudo apt-get install -y qemu-utils   # Fedora: sudo dnf install -y qemu-img"
WATCH_S = 5.0
"""How often a backend is asked whether it is still there while the tool works on it."""
HEADER_BYTES = 4096
QCOW2 = b"QFI\xfb"
OTHERS = {b"KDMV": "vmdk", b"vhdxfile": "vhdx", b"QED\0": "qed", b"conectix": "vpc"}
"""How files of formats that are not taken begin. Source: the specifications of the formats."""
EXTERNAL_DATA = 4
"""The bit of the incompatible features by which a qcow2 file says that its data lie in another file."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a qcow2 file says of itself.

    size: of the disk that a guest sees, in bytes.
    backing: the name of the file that it lies on.
    external: its data lie in yet another file.
    """

    size: int
    backing: str | None = None
    external: bool = False


def header(data: bytes, name: str, *, kind: type[DriverError]) -> Header:
    """Read the beginning of a qcow2 file. Source: docs/interop/qcow2.txt of QEMU. Raises `kind`."""
    if data[:4] != QCOW2 or len(data) < 80:
        raise kind(f"{name} is no qcow2 file; it was damaged, or replaced by somebody else")
    version, offset, length = (int.from_bytes(data[a:b], "big") for a, b in ((4, 8), (8, 16), (16, 20)))
    backing = data[offset : offset + length].decode() if offset else None
    features = int.from_bytes(data[72:80], "big") if version >= 3 else 0
    return Header(int.from_bytes(data[24:32], "big"), backing, bool(features & EXTERNAL_DATA))


def check_image(data: bytes, image_id: str, *, kind: type[DriverError]) -> str:
    """Return an image's format by how it begins: qcow2 or raw. Raises `kind` for one that is not taken."""
    other = next((form for magic, form in OTHERS.items() if data.startswith(magic)), None)
    if other is not None:
        raise kind(f"image {image_id} is a {other} file; make it qcow2 with qemu-img convert -O qcow2")
    if not data.startswith(QCOW2):
        return "raw"
    # Such a file would be read on this host, whatever its name: an image must not choose which.
    inside = header(data, f"image {image_id}", kind=kind)
    if inside.backing is not None or inside.external:
        raise kind(f"image {image_id} refers to another file; make it whole with qemu-img convert -O qcow2")
    return "qcow2"


async def qemu_img(
    where: str, *arguments: str, kind: type[DriverError], alive: Callable[[], Awaitable[None]] | None = None
) -> str:
    """Run the tool and return what it prints.

    where: how an error names the place of the files.
    kind: what is raised.
    alive: asked every few seconds while the tool runs; when it raises, the tool is ended and that error is the answer.

    Raises NoSpace or `kind` with the tool's own words.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            TOOL, *arguments, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
    except FileNotFoundError:
        raise kind(f"{TOOL} is not installed; {INSTALL}") from None
    running = asyncio.ensure_future(process.communicate())
    try:
        while not (await asyncio.wait({running}, timeout=WATCH_S))[0]:
            if alive is not None:
                await alive()
    finally:
        if not running.done():
            process.kill()
            await running
    out, told = running.result()
    if process.returncode:
        raise _error(kind, where, arguments[0], told.decode(errors="replace"))
    return out.decode()


def _error(kind: type[DriverError], where: str, verb: str, told: str) -> LabError:
    line = told.strip().splitlines()[-1] if told.strip() else "it ended without a word"
    if "No space left" in told or "Disk quota exceeded" in told:
        return NoSpace(f"No space left on {where}; delete volumes or add disks ({line})")
    if "Unknown protocol 'nfs'" in told:
        return kind("qemu-img cannot open nfs://; sudo apt-get install -y qemu-block-extra   # Fedora: qemu-block-nfs")
    return kind(f"{TOOL} {verb} failed on {where}: {line}")


async def probe() -> Finding:
    """Say whether qemu-img is there, and its version."""
    found = shutil.which(TOOL)
    if found is None:
        korean = "설치되어 있지 않습니다. 볼륨과 이미지 변환을 쓸 수 없습니다"
        return Finding(TOOL, False, "not installed: no volumes and no conversion of images", INSTALL, korean)
    version = (await qemu_img("this machine", "--version", kind=DriverError)).splitlines()[0]
    return Finding(TOOL, True, version)
