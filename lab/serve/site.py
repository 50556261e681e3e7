"""A real cloud of many programs as the HTTP edge serves it: requests go on to them, their journals come together here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lab.context import Context
from lab.errors import TransportError
from lab.journal import Journal
from lab.rest.auth import context_of
from lab.rest.message import Request
from lab.rpc.shipping import Collector
from lab.serve.real import ServedReal

if TYPE_CHECKING:
    from drivers.world import RealWorld
    from lab.rpc.amqp import AmqpBroker


class ServedSite(ServedReal):
    """What the edge needs of a real cloud whose processes are in other programs."""

    def __init__(self, world: RealWorld, broker: AmqpBroker) -> None:
        journal = Journal(world.runtime)
        world.introduce(journal)
        super().__init__(world, journal)
        self.collector = Collector(broker, journal)

    def end(self) -> None:
        super().end()
        self.collector.close()

    async def identify(self, token: str) -> Context | None:
        client = self.world.client
        request = Request("GET", "/v3/auth/tokens", {"x-auth-token": token, "x-subject-token": token}, b"", client.name)
        try:
            response = await self.world.wires.router.call(client, client.context(periodic=True), "identity", request)
        except TransportError:
            return None
        return context_of(response.json()["token"], token) if response.ok else None

    def processes(self) -> list[dict[str, Any]]:
        return self.collector.processes()

    async def queues(self) -> dict[str, Any]:
        return {"queues": await self.collector.queues()}
