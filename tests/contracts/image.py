"""What every image store promises."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Coroutine
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import pytest

from lab.errors import ImageError, NoSpace
from lab.services.image.driver import ImageStore
from tests.content import holding
from tests.contracts.record import promise

T = TypeVar("T")
BYTES = bytes(range(256)) * 1024


class ImageBench(ABC):
    """A store on a disk of its own."""

    driver: ImageStore

    @abstractmethod
    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a verb to its end."""

    @abstractmethod
    def leftovers(self) -> list[str]:
        """What is on the disk beside images that are listed."""

    @abstractmethod
    def fill(self) -> AbstractContextManager[None]:
        """Have no room on the disk."""


async def whole(pieces: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in pieces])


class ImageContract:
    """The promises."""

    port = "image"

    @promise("put", "size, MD5 and SHA-512 are those of the bytes")
    def test_digests(self, bench: ImageBench) -> None:
        stored = bench.run(bench.driver.put("i1", holding(BYTES)()))
        assert (stored.size, stored.checksum) == (len(BYTES), hashlib.md5(BYTES).hexdigest())
        assert stored.sha512 == hashlib.sha512(BYTES).hexdigest()
        assert bench.run(bench.driver.stat("i1")) == stored
        assert bench.run(bench.driver.images()) == ["i1"]

    @promise("put", "a second file takes the place of the first")
    def test_replace(self, bench: ImageBench) -> None:
        bench.run(bench.driver.put("i1", holding(BYTES)()))
        second = bench.run(bench.driver.put("i1", holding(b"second")()))
        assert bench.run(whole(bench.driver.read("i1"))) == b"second"
        assert bench.run(bench.driver.stat("i1")) == second
        assert bench.leftovers() == []

    @promise("put", "an upload that breaks leaves what was there")
    def test_broken_upload(self, bench: ImageBench) -> None:
        bench.run(bench.driver.put("i1", holding(b"first")()))

        async def broken() -> AsyncIterator[bytes]:
            yield BYTES
            raise ImageError("the client went away")

        for image_id in ("i1", "i2"):
            with pytest.raises(ImageError, match="went away"):
                bench.run(bench.driver.put(image_id, broken()))
        assert bench.run(whole(bench.driver.read("i1"))) == b"first"
        assert bench.run(bench.driver.images()) == ["i1"]
        assert bench.leftovers() == []

    @promise("put", "no room is NoSpace and leaves what was there")
    def test_no_room(self, bench: ImageBench) -> None:
        bench.run(bench.driver.put("i1", holding(b"first")()))
        with bench.fill():
            for image_id in ("i1", "i2"):
                with pytest.raises(NoSpace):
                    bench.run(bench.driver.put(image_id, holding(BYTES)()))
        assert bench.run(whole(bench.driver.read("i1"))) == b"first"
        assert bench.run(bench.driver.images()) == ["i1"]
        assert bench.leftovers() == []

    @promise("put_sparse", "made-up bytes have the digests of what is read")
    def test_made_up(self, bench: ImageBench) -> None:
        stored = bench.run(bench.driver.put_sparse("i1", 100_000, "seed"))
        content = bench.run(whole(bench.driver.read("i1")))
        assert (len(content), hashlib.md5(content).hexdigest()) == (100_000, stored.checksum)
        assert bench.run(bench.driver.put_sparse("i2", 100_000, "another")).sha512 != stored.sha512

    @promise("read", "the bytes come back")
    def test_read(self, bench: ImageBench) -> None:
        for data in (BYTES, b""):
            bench.run(bench.driver.put("i1", holding(data)()))
            assert bench.run(whole(bench.driver.read("i1"))) == data

    @promise("read", "no such image is an ImageError that names it")
    def test_read_nothing(self, bench: ImageBench) -> None:
        with pytest.raises(ImageError, match="no file for image i9"):
            bench.run(whole(bench.driver.read("i9")))
        assert bench.run(bench.driver.stat("i9")) is None

    @promise("delete", "the image is gone with its room; a repeat is no error")
    def test_delete(self, bench: ImageBench) -> None:
        bench.run(bench.driver.put("i1", holding(BYTES)()))
        for image_id in ("i1", "i1", "i9"):
            bench.run(bench.driver.delete(image_id))
        assert bench.run(bench.driver.images()) == []
        assert bench.run(bench.driver.stat("i1")) is None
        assert bench.leftovers() == []
