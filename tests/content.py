"""The bytes of images, as drivers are given them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable


def holding(data: bytes) -> Callable[[], AsyncIterator[bytes]]:
    """Content of these bytes, in two pieces."""

    async def pieces() -> AsyncIterator[bytes]:
        half = len(data) // 2
        yield data[:half]
        yield data[half:]

    return pieces


unread = holding(b"")
"""What a driver of the simulated world does not look at."""
