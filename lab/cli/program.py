"""A program of a real cloud: some of its processes, or its edge. `glasscloud service` becomes it.

    python -m lab.cli.program CONFIG HOST CLOUDS LANG NAME...
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lab.cli.running import address_of, bound, settle, stop_on_signal, until_signal

EDGE = "edge"
"""The program by which clients come in: it carries their requests to the services, and collects the journal."""

if TYPE_CHECKING:
    from drivers.site import Site
    from drivers.world import RealWorld
    from lab.parts import Part
    from lab.rest.remote import RemoteRouter
    from lab.rpc.amqp import AmqpBroker


def main(config: str, host: str, clouds: str, lang: str, *names: str) -> None:
    """Run until SIGINT or SIGTERM."""
    import uvloop

    from drivers.site import load

    here = load(Path(config), host)
    with asyncio.Runner(loop_factory=None if netlink(list(names)) else uvloop.new_event_loop) as runner:
        try:
            runner.run(serve_edge(here, Path(clouds), lang) if list(names) == [EDGE] else run(here, list(names)))
        except asyncio.CancelledError:
            return  # it was told to end


def netlink(names: list[str]) -> bool:
    """Whether one of these processes may look at the host's devices by netlink, which libuv does not know."""
    return names == ["all"] or any(name.startswith("neutron-") and name.endswith("-agent") for name in names)


def agents(here: Site, names: list[str]) -> bool:
    """Whether none of these processes keeps records; those that do are the controller's."""
    from lab.parts import AGENTS

    if names == ["all"]:
        return "controller" not in here.hosts[here.host].roles
    return all(name in AGENTS for name in names)


async def serve_edge(here: Site, clouds: Path, lang: str) -> None:
    """Serve the cloud to its clients until told to end."""
    from lab.cli.welcome import spare, tell
    from lab.rest.http import Edge
    from lab.serve.site import ServedSite

    spare(clouds)
    stop_on_signal()
    host, port = address_of(here)
    async with AsyncExitStack() as stack:
        listening = stack.enter_context(bound(port, host, f"[cloud] url in {here.source}"))
        world, broker, _ = await connect(stack, here, agents=False)
        served = ServedSite(world, broker)
        stack.callback(served.end)
        settle()
        served.ready = True
        tell(clouds, here.cloud.url, here.settings.admin_password, lang)
        await until_signal(Edge(served), listening)


async def run(here: Site, names: list[str]) -> None:
    """Start the processes, say when they are up, and end them when told to."""
    from lab.parts import start
    from lab.rest.door import Door, serve
    from lab.rest.remote import place
    from lab.rpc.shipping import Shipper

    stop_on_signal()
    async with AsyncExitStack() as stack:
        world, broker, router = await connect(stack, here, agents=agents(here, names))
        chosen = choose(here, world.parts(), names)
        shipper = Shipper(broker)
        stack.callback(shipper.close)
        await world.open(dict.fromkeys(part.port for part in chosen if part.port))
        for address in dict.fromkeys(place(here.urls()[part.serves])[:2] for part in chosen if part.serves):
            listening = stack.enter_context(bound(address[1], address[0], f"[endpoints] entry in {here.source}"))
            await stack.enter_async_context(serve(Door(router), listening))
        start(world.wires, chosen)
        settle()
        print("up:", *(f"{part.binary}@{part.host}" for part in chosen), flush=True)
        await asyncio.get_running_loop().create_future()


async def connect(stack: AsyncExitStack, here: Site, agents: bool) -> tuple[RealWorld, AmqpBroker, RemoteRouter]:
    """This host's world in a program of its own, connected to the others; all is let go of with the stack."""
    from drivers.world import RealWorld
    from lab.rest.remote import RemoteRouter
    from lab.rpc.amqp import AmqpBroker
    from lab.store.none import NoStore

    check(here, agents)
    broker, router = partial(AmqpBroker, url=here.messaging.url), partial(RemoteRouter, urls=here.urls())
    world = RealWorld(here, NoStore() if agents else here.store(), make_broker=broker, make_router=router)
    stack.push_async_callback(world.close)
    wires = world.wires
    assert isinstance(wires.broker, AmqpBroker)
    assert isinstance(wires.router, RemoteRouter)
    stack.push_async_callback(wires.router.close)
    await wires.broker.open()
    stack.push_async_callback(wires.broker.close)
    return world, wires.broker, wires.router


def check(here: Site, agents: bool) -> None:
    """Raise LabError for what the programs of one cloud must share and do not."""
    from lab.errors import LabError

    if not here.messaging.url:
        raise LabError(
            f"{here.source} has no [messaging] url: programs of one cloud talk through RabbitMQ; `up --real` needs none",
            ko=f"{here.source}에 [messaging] url이 없습니다. 한 클라우드의 프로그램들은 RabbitMQ로 이야기합니다."
            " `up --real`에는 필요 없습니다",
        )
    if not here.cloud.service_password:
        raise LabError(
            f"{here.source} has no [cloud] service_password (or service_password_file): all programs must know the same",
            ko=f"{here.source}에 [cloud] service_password(또는 service_password_file)가 없습니다. 모든 프로그램이 같은 것을 알아야 합니다",
        )
    if not agents and not here.database.url:
        raise LabError(
            f"{here.source} has no [database] url: all but agents share a database, as in postgresql+psycopg://USER@HOST/NAME",
            ko=f"{here.source}에 [database] url이 없습니다. 에이전트가 아닌 프로그램은 데이터베이스 하나를 같이 씁니다"
            "(예: postgresql+psycopg://USER@HOST/NAME)",
        )


def choose(here: Site, everything: list[Part], names: list[str]) -> list[Part]:
    """The parts of these names on this host."""
    from lab.errors import LabError

    ours = [part for part in everything if part.host == here.host]
    if names == ["all"]:
        return ours
    known = list(dict.fromkeys(part.binary for part in everything))
    for name in names:
        if name not in known:
            every = ", ".join((*known, EDGE, "all"))
            raise LabError(f"there is no process {name!r}; known: {every}", ko=f"{name!r}: 그런 프로세스가 없습니다. 있는 것: {every}")
        if all(part.binary != name for part in ours):
            where = ", ".join(part.host for part in everything if part.binary == name)
            raise LabError(
                f"{name} does not run on {here.host} but on {where}, by the roles in {here.source}",
                ko=f"{here.source}의 역할(roles)에 따르면 {name}은(는) {here.host}이(가) 아니라 {where}에서 실행됩니다",
            )
    return [part for part in ours if part.binary in names]


if __name__ == "__main__":
    from lab.cli.main import guarded

    guarded(lambda: main(*sys.argv[1:]), lambda: sys.argv[4])
