"""Parts of a body, as RFC 9110 has them in Range."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator

from lab.errors import RequestError
from lab.rest.numbers import number


class RangeNotSatisfiable(RequestError):
    """The Range requested is not available."""

    def __init__(self, size: int) -> None:
        super().__init__("The Range requested is not available.")
        self.size = size


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Return first and last byte of a Range header; None sends all: no range, several, or one that makes no sense.

    Raises RangeNotSatisfiable when it lies behind the end.

    >>> byte_range("bytes=-2", 10)
    (8, 9)
    """
    unit, equals, spec = (header or "").partition("=")
    first_text, dash, last_text = spec.strip().partition("-")
    if unit.strip() != "bytes" or not equals or not dash or "," in spec:
        return None
    if not all(part == "" or number(part) is not None for part in (first_text, last_text)):
        return None
    if first_text == "":
        if last_text == "":
            return None
        if int(last_text) == 0 or size == 0:
            raise RangeNotSatisfiable(size)
        return max(0, size - int(last_text)), size - 1
    first = int(first_text)
    last = min(int(last_text), size - 1) if last_text else size - 1
    if first >= size:
        raise RangeNotSatisfiable(size)
    return (first, last) if first <= last else None


async def cut(chunks: AsyncIterator[bytes], first: int, last: int) -> AsyncIterator[bytes]:
    """The bytes from first to last of what comes in chunks; what follows is not read."""
    place = 0
    try:
        async for chunk in chunks:
            piece = chunk[max(0, first - place) : last + 1 - place]
            if piece:
                yield piece
            place += len(chunk)
            if place > last:
                return
    finally:
        if isinstance(chunks, AsyncGenerator):
            await chunks.aclose()
