"""uvicorn's protocol, with answers in one piece: it writes the head and the body apart, and who asked would wake for each of them."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol


class Together:
    """A transport that writes at once what it is given in one step of the loop."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport, self._soon = transport, asyncio.get_running_loop().call_soon
        self._out: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Have bytes written, after this step."""
        if not self._out:
            self._soon(self._flush)
        self._out.append(data)

    def close(self) -> None:
        """Close the connection after what was given."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        out, self._out = self._out, []
        if out and not self._transport.is_closing():
            self._transport.write(b"".join(out))


class Answers(AutoHTTPProtocol):  # type: ignore[misc,valid-type]
    """One connection of somebody who asks."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(Together(transport))
