"""A Linux kernel from a package, and those of its modules that a tiny guest needs."""

from __future__ import annotations

import io
import lzma
import re
import tarfile
from dataclasses import dataclass

from lab.errors import LabError

MODULES = ("virtio_pci", "virtio_net", "virtio_blk", "ata_piix", "sr_mod", "isofs", "button", "evdev")
"""Cards, disks, CD drives with config drives, and the power button; what is built into the kernel needs no module."""
DEPENDS = re.compile(rb"\0depends=([^\0]*)\0")


@dataclass(frozen=True, slots=True)
class Kernel:
    """`release` such as '6.1.0-56-cloud-amd64'; `modules` by file name, in the order in which they can be loaded."""

    release: str
    image: bytes
    modules: dict[str, bytes]


def kernel(archive: bytes) -> Kernel:
    """Take the kernel out of a package's files. Raises LabError when there is none."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        members = {member.name.removeprefix("./"): member for member in tar if member.isfile()}
        image = next((name for name in members if name.startswith("boot/vmlinuz-")), None)
        if image is None:
            raise LabError(
                "this package has no boot/vmlinuz-…; give one named linux-image-…",
                ko="이 패키지에는 boot/vmlinuz-…이 없습니다. linux-image-…라는 패키지를 주십시오",
            )
        paths = {_name(path): path for path in members if ".ko" in path.rpartition("/")[2]}

        def read(path: str) -> bytes:
            found = tar.extractfile(members[path])
            assert found is not None
            data = found.read()
            return lzma.decompress(data) if path.endswith(".xz") else data

        modules: dict[str, bytes] = {}
        for name in MODULES:
            _load(name, paths, read, modules)
        return Kernel(image.removeprefix("boot/vmlinuz-"), read(image), modules)


def _name(path: str) -> str:
    return path.rpartition("/")[2].partition(".ko")[0].replace("-", "_")


def _load(name: str, paths: dict[str, str], read: object, modules: dict[str, bytes]) -> None:
    """Add a module after those that it depends on, as it says itself."""
    if name not in paths or f"{name}.ko" in modules:
        return
    assert callable(read)
    data: bytes = read(paths[name])
    told = DEPENDS.search(data)
    for needed in (told.group(1).decode().split(",") if told else []):
        _load(needed.replace("-", "_"), paths, read, modules)
    modules[f"{name}.ko"] = data
