"""Processes on RabbitMQ, each with wires and a connection of its own, for the bodies of the bus contract."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from lab.journal import Entry
from lab.process import Process
from lab.realtime import RealRuntime
from lab.rpc.amqp import AmqpBroker, over
from lab.rpc.shipping import Shipper
from lab.wires import Wires
from tests.contracts.bus import Bus, Play
from tests.real.bed.rabbitmq import RabbitMQ


class OnRabbitMQ(Bus):
    """Each process as if it were a program of its own."""

    def __init__(self, url: str, ship: bool = False) -> None:
        super().__init__()
        self.url, self.ship = url, ship
        self._shippers: list[Shipper] = []
        self._wires: dict[str, Wires] = {}

    async def start(self, binary: str, host: str, factory: Callable[[Process], None] = lambda process: None) -> Process:
        wires = self._wires[f"{binary}@{host}"] = Wires(RealRuntime(), make_broker=over(self.url))
        await self.broker(wires).open()
        if self.ship:
            self._shippers.append(Shipper(self.broker(wires)))
        process = wires.start(binary, host, factory)
        await self.broker(wires).settled()
        return process

    def broker(self, wires: Wires) -> AmqpBroker:
        """The broker of a program."""
        assert isinstance(wires.broker, AmqpBroker)
        return wires.broker

    def wires(self, name: str) -> Wires:
        return self._wires[name]

    async def settled(self) -> None:
        for _ in range(2):  # what came in answer to the first is settled, too
            for wires in self._wires.values():
                await self.broker(wires).settled()

    async def depth(self, queue: str) -> int:
        wires = next(iter(self._wires.values()))
        return await self.broker(wires).link.depth(queue) or 0

    def entries(self) -> list[Entry]:
        found = [entry for wires in self._wires.values() for entry in wires.journal.since()]
        return sorted((e for e in found if e.kind not in ("log", "process") or e.name == "asked who"), key=lambda e: e.t)

    async def close(self) -> None:
        for shipper in self._shippers:
            shipper.close()
        for wires in self._wires.values():
            for name in list(wires.processes):
                wires.processes[name].kill()
            for queue in list(wires.broker.queues):
                await self.broker(wires).link.purge(queue)
            await self.broker(wires).close()


def play_on(server: RabbitMQ) -> Play:
    """Runs a body against a server whose queues are empty before and after it."""

    def run(main: Callable[[Bus], Coroutine[Any, Any, Any]]) -> Any:
        async def whole() -> Any:
            bus = OnRabbitMQ(server.url)
            try:
                async with asyncio.timeout(40):
                    result = await main(bus)
                assert not [e for wires in bus._wires.values() for e in wires.runtime.errors]
                return result
            finally:
                await bus.close()

        return asyncio.run(whole())

    return run
