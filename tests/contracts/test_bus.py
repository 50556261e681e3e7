"""The bus contract on the broker in memory, in virtual time, and on RabbitMQ."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from lab.journal import Entry
from lab.process import Process
from lab.wires import Wires
from sim.loop import SimLoop
from tests.contracts.bus import Bus, BusContract, Play
from tests.played import played
from tests.real.bed.amqp_bus import play_on
from tests.real.bed.rabbitmq import RabbitMQ, rabbitmq, rabbitmq_version


class InMemory(Bus):
    """All processes on the wires of one cloud."""

    def __init__(self, wires: Wires) -> None:
        super().__init__()
        self._wires = wires

    async def start(self, binary: str, host: str, factory: Callable[[Process], None] = lambda process: None) -> Process:
        return self._wires.start(binary, host, factory)

    def wires(self, name: str) -> Wires:
        return self._wires

    async def settled(self) -> None:
        await asyncio.sleep(0)

    async def depth(self, queue: str) -> int:
        return self._wires.broker.depths()[queue]

    def entries(self) -> list[Entry]:
        return list(self._wires.journal.since())


class TestInMemory(BusContract):
    driver = "in memory"

    @pytest.fixture
    def play(self) -> Play:
        def run(main: Callable[[Bus], Coroutine[Any, Any, Any]]) -> Any:
            loop = SimLoop(1)

            async def whole() -> Any:
                return await main(InMemory(Wires(loop.runtime)))

            return played(loop, whole())

        return run


@pytest.fixture(scope="module")
def server() -> Iterator[RabbitMQ]:
    with rabbitmq() as running:
        yield running


@pytest.mark.real
class TestOnRabbitMQ(BusContract):
    driver, versions = "rabbitmq", staticmethod(rabbitmq_version)

    @pytest.fixture
    def play(self, server: RabbitMQ) -> Play:
        return play_on(server)
