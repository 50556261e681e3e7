"""qemu-img with the errors of volumes."""

from __future__ import annotations

from functools import partial

from drivers import qemu_img as tool
from drivers.qemu_img import HEADER_BYTES, TOOL, Header, probe
from lab.errors import VolumeError

header = partial(tool.header, kind=VolumeError)
check_image = partial(tool.check_image, kind=VolumeError)
qemu_img = partial(tool.qemu_img, kind=VolumeError)

__all__ = ["HEADER_BYTES", "TOOL", "Header", "check_image", "header", "probe", "qemu_img"]
