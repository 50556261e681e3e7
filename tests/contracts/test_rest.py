"""The REST contract within one program, in virtual time, and over HTTP between two."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from lab.journal import Entry
from lab.wires import Wires
from sim.loop import SimLoop
from tests.contracts.rest import CONFIG, Net, Play, RestContract, ThingApi
from tests.played import played
from tests.real.bed.http_net import run as over_http


class InProcess(Net):
    """Client and API on the same wires."""

    def __init__(self, wires: Wires) -> None:
        super().__init__()
        self._wires = wires
        self.client = wires.start("client", "out", lambda process: None)
        self.server = wires.start("nova-api", "c1", lambda process: ThingApi(process, self).start())

    def entries(self) -> list[Entry]:
        return list(self._wires.journal.since())

    def server_wires(self) -> Wires:
        return self._wires


class TestInProcess(RestContract):
    driver = "in one program"

    @pytest.fixture
    def play(self) -> Play:
        def run(main: Callable[[Net], Coroutine[Any, Any, Any]]) -> Any:
            loop = SimLoop(1)

            async def whole() -> Any:
                return await main(InProcess(Wires(loop.runtime, CONFIG)))

            return played(loop, whole())

        return run


@pytest.mark.real
class TestOverHttp(RestContract):
    driver = "over http"

    @pytest.fixture
    def play(self) -> Play:
        return over_http  # type: ignore[return-value]
