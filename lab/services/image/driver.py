"""The port of image stores: where the bytes of images lie."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator

from lab.values import value

CHUNK = 65_536
"""Bytes of a file that are read at a time."""


@value
class StoredImage:
    """What the store knows of one file: `size` in bytes, hex digests."""

    size: int
    checksum: str
    sha512: str


class ImageStore(ABC):
    """One store of image files. After an `ImageError` nothing of the call is left."""

    @abstractmethod
    async def put(self, image_id: str, chunks: AsyncIterator[bytes]) -> StoredImage:
        """Store the bytes under the id, replacing what is there. Raises NoSpace."""

    @abstractmethod
    async def put_sparse(self, image_id: str, size: int, seed: str) -> StoredImage:
        """Store `size` bytes of made-up content (the simulator's big images); digests follow from seed and size."""

    @abstractmethod
    def read(self, image_id: str) -> AsyncIterator[bytes]:
        """Read the bytes. Raises ImageError when there is no such file."""

    @abstractmethod
    async def stat(self, image_id: str) -> StoredImage | None:
        """Say what is stored under the id."""

    @abstractmethod
    async def delete(self, image_id: str) -> None:
        """Remove the file; none is no error."""

    @abstractmethod
    async def images(self) -> list[str]:
        """List the ids stored, sorted."""


def made_up(seed: str, size: int) -> Iterator[bytes]:
    """Make `size` bytes of an image that nobody uploaded: one block from the seed, over and over."""
    block = (hashlib.sha512(seed.encode()).digest() * (CHUNK // 64))[:CHUNK]
    whole, rest = divmod(size, CHUNK)
    for _ in range(whole):
        yield block
    if rest:
        yield block[:rest]
