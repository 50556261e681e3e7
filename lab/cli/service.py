"""`glasscloud service`: some of a real cloud's processes as a program of their own, beside others on this host and elsewhere."""

from __future__ import annotations

from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli.up import bound, stop_on_signal

if TYPE_CHECKING:
    from drivers.site import Site
    from drivers.world import RealWorld
    from lab.parts import Part
    from lab.rest.remote import RemoteRouter
    from lab.rpc.amqp import AmqpBroker


def service(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="As in nova-api, neutron-l2-agent, or all of this host.")],
    config: Annotated[Path, typer.Option(help="The cloud's configuration (TOML), see docs/real.md.")],
    host: Annotated[str, typer.Option(help="Which host of the configuration this is; [cloud] host, or the machine's name.")] = "",
) -> None:
    """Run processes of a real cloud until SIGINT or SIGTERM."""
    import asyncio

    import uvloop

    from drivers.site import load

    here = load(config, host)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(run(here, names))
        except asyncio.CancelledError:
            return  # it was told to end


async def run(here: Site, names: list[str]) -> None:
    """Start the processes, say when they are up, and end them when told to."""
    import asyncio

    from lab.parts import start
    from lab.rest.connections import place
    from lab.rest.door import Door, serve

    stop_on_signal()
    async with AsyncExitStack() as stack:
        world, broker, router, chosen = open_world(here, names)
        stack.push_async_callback(world.close)
        await broker.open()
        stack.push_async_callback(broker.close)
        stack.callback(router.close)
        await world.open(dict.fromkeys(part.port for part in chosen if part.port))
        for address in dict.fromkeys(place(here.urls()[part.serves])[:2] for part in chosen if part.serves):
            listening = stack.enter_context(bound(address[1], address[0]))
            await stack.enter_async_context(serve(Door(router), listening))
        start(world.wires, chosen)
        print("up:", *(f"{part.binary}@{part.host}" for part in chosen), flush=True)
        await asyncio.get_running_loop().create_future()


def open_world(here: Site, names: list[str]) -> tuple[RealWorld, AmqpBroker, RemoteRouter, list[Part]]:
    """This host's world as a program of these processes has it. Raises LabError for what cannot run here."""
    from drivers.world import RealWorld
    from lab.errors import LabError
    from lab.parts import AGENTS
    from lab.rest.remote import RemoteRouter
    from lab.rpc.amqp import AmqpBroker
    from lab.store.none import NoStore

    if not here.messaging.url:
        raise LabError(f"{here.source} has no [messaging] url: programs of one cloud talk through RabbitMQ; `up --real` needs none")
    if not here.cloud.service_password:
        raise LabError(f"{here.source} has no [cloud] service_password (or service_password_file): all programs must know the same")
    agents = all(name in AGENTS for name in names)
    if not agents and not here.database.url:
        raise LabError(f"{here.source} has no [database] url: {', '.join(names)} share a database, as in postgresql+psycopg://…")
    broker, router = partial(AmqpBroker, url=here.messaging.url), partial(RemoteRouter, urls=here.urls())
    world = RealWorld(here, NoStore() if agents else here.store(), make_broker=broker, make_router=router)
    wires = world.wires
    assert isinstance(wires.broker, AmqpBroker)
    assert isinstance(wires.router, RemoteRouter)
    return world, wires.broker, wires.router, choose(here, world.parts(), names)


def choose(here: Site, everything: list[Part], names: list[str]) -> list[Part]:
    """The parts of these names on this host."""
    from lab.errors import LabError

    ours = [part for part in everything if part.host == here.host]
    if names == ["all"]:
        return ours
    known = list(dict.fromkeys(part.binary for part in everything))
    for name in names:
        if name not in known:
            raise LabError(f"there is no process {name!r}; known: {', '.join(known)}")
        if all(part.binary != name for part in ours):
            where = ", ".join(part.host for part in everything if part.binary == name)
            raise LabError(f"{name} does not run on {here.host} but on {where}, by the roles in {here.source}")
    return [part for part in ours if part.binary in names]
