"""The tiny guest's images, built once and kept for the next run as long as what builds them is the same."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

import pytest

from drivers.guest import image
from lab.errors import LabError

SOURCES = Path(image.__file__).parent
KEPT = Path(tempfile.gettempdir()) / "glasscloud-bed-images"


def guest_image(kind: str) -> bytes:
    """The image for 'qemu' or 'lxc'; skips the test where Debian's packages cannot be had."""
    sources = sorted(path for path in SOURCES.rglob("*") if path.suffix in (".py", ".sh"))
    digest = hashlib.sha256(b"\0".join(path.read_bytes() for path in sources)).hexdigest()[:16]
    path = KEPT / f"{digest}.{kind}"
    if not path.exists():
        KEPT.mkdir(exist_ok=True)
        try:
            image.write(path, image.build_lxc() if kind == "lxc" else image.build_qemu(None))
        except LabError as error:
            pytest.skip(f"no image of the tiny guest: {error}")
    return path.read_bytes()
