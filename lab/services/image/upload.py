"""The data of an image on its way into the store."""

from __future__ import annotations

from collections.abc import AsyncIterator

from lab.errors import TooLarge

# glance's [DEFAULT] image_size_cap, 1 TiB.
SIZE_MAX = 1_099_511_627_776

# A qcow2 file begins with this; bytes 24 to 31 are the size of the disk, big end first.
# Source: QEMU's docs/interop/qcow2, "Header".
QCOW2_MAGIC = b"QFI\xfb"
QCOW2_SIZE = slice(24, 32)
HEADER_BYTES = 32


class Upload:
    """Bytes passing through: counted, and looked at once for the size of the disk that they describe."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks
        self._size = 0
        self._header = b""

    def __str__(self) -> str:
        """What the journal shows: never an address, which would differ from run to run."""
        return "<image data>"

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        chunk = await anext(self._chunks)
        self._size += len(chunk)
        if self._size > SIZE_MAX:
            problem = f"Denying attempt to upload image larger than {SIZE_MAX} bytes."
            raise TooLarge(f"The incoming image is too large: {problem}")
        if len(self._header) < HEADER_BYTES:
            self._header += chunk[: HEADER_BYTES - len(self._header)]
        return chunk

    def virtual_size(self, disk_format: str | None) -> int | None:
        """The size in bytes of the disk; None when the data does not say so."""
        if disk_format in ("raw", "iso"):
            return self._size
        if disk_format == "qcow2" and self._header.startswith(QCOW2_MAGIC) and len(self._header) == HEADER_BYTES:
            return int.from_bytes(self._header[QCOW2_SIZE], "big")
        return None
