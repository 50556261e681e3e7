"""`glasscloud up`: a cloud that OpenStack clients can use, on one port: a simulated one, or this machine's."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli.demo import Lang, native
from lab.cli.running import HOST, PORT, bound, end_with_parent, settle, stop_on_signal, until_signal
from lab.cli.welcome import say, spare, tell

if TYPE_CHECKING:
    import socket

    from lab.cloud import SimulatedCloud
    from lab.config import Config
    from lab.serve import Origin, Served
    from lab.teach.scenario import Scenario



def parse_speed(text: str, lang: str) -> float:
    """Read a speed: how many seconds of the cloud pass in one of the wall, or 'max'. Raises BadParameter."""
    if text == "max":
        return math.inf
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not speed > 0:
        raise typer.BadParameter(say("no-speed", lang, text=text), param_hint="'--speed'")
    return speed


@dataclass(frozen=True, slots=True)
class Orders:
    """What the command line asks of the cloud."""

    port: int
    clouds: Path
    password: str
    speed: float
    paused: bool
    seed: int
    scenario: Scenario | None
    play: str
    """The name or file of the scenario that is played; empty: there is nothing to play."""
    db: str | None
    lang: str


def up(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Loopback port; 0 takes a free one.")] = PORT,
    clouds: Annotated[Path, typer.Option(help="clouds.yaml to write; openrc is put beside it.")] = Path("clouds.yaml"),
    admin_password: Annotated[str, typer.Option(help="Random when not given.", envvar="GLASSCLOUD_PASSWORD")] = "",
    speed: Annotated[str, typer.Option(help="Seconds of the cloud in one of the wall, or max.")] = "max",
    paused: Annotated[bool, typer.Option("--paused", help="Begin with a stopped clock.")] = False,
    scenario: Annotated[str, typer.Option(help="Play a scenario in it: a name or a YAML file.")] = "",
    lesson: Annotated[str, typer.Option(help="Be the cloud that a lesson wants: its name, number or folder.")] = "",
    seed: Annotated[int | None, typer.Option(help="Seed of the simulated world; the scenario's or the lesson's own, or 0.")] = None,
    db: Annotated[str, typer.Option(help="Keep the cloud, as in sqlite:///cloud.db; in memory when not given.")] = "",
    real: Annotated[bool, typer.Option("--real", help="On this machine's own hypervisor and network instead of simulated ones.")] = False,
    config: Annotated[Path | None, typer.Option(help="The real cloud's configuration (TOML), see docs/real.md.")] = None,
    lang: Annotated[Lang | None, typer.Option(help="en or ko; your environment's when left out.")] = None,
    tied: Annotated[bool, typer.Option("--tied", hidden=True, help="End with standard input.")] = False,
) -> None:
    """Serve a cloud to OpenStack clients until SIGINT or SIGTERM."""
    import asyncio
    import secrets

    spoken = (lang or native()).value
    if real or config is not None:
        strange = [name for name, given in (
            ("--speed", speed != "max"), ("--paused", paused), ("--scenario", scenario), ("--lesson", lesson),
            ("--seed", seed is not None), ("--db", db),
        ) if given]  # fmt: skip
        if strange:
            raise typer.BadParameter(say("simulated-only", spoken, option=strange[0]))
        if port != PORT:
            raise typer.BadParameter(say("url-of-real", spoken), param_hint="'--port'")
        from lab.cli.real import up_real

        up_real(config, clouds, admin_password, spoken)
        return
    if scenario and lesson:
        raise typer.BadParameter(say("choose-one", spoken), param_hint="'--lesson'")
    spare(clouds)
    story = story_of(scenario, lesson)
    chosen = seed if seed is not None else story.seed if story is not None else 0
    password = admin_password or secrets.token_urlsafe(12)
    pace = parse_speed(speed, spoken)
    with bound(port) as listening:
        number = int(listening.getsockname()[1])
        orders = Orders(number, clouds, password, pace, paused, chosen, story, scenario, db or None, spoken)
        try:
            asyncio.run(serve(orders, listening, tied))
        except asyncio.CancelledError:
            raise typer.Exit(130) from None


def story_of(scenario: str, lesson: str) -> Scenario | None:
    """The scenario that decides what the cloud is like: one to be played, or that of a lesson, in which nothing happens by itself."""
    from lab.teach import lesson as lessons
    from lab.teach.scenario import find

    if lesson:
        return lessons.find(lesson).scenario()
    return find(scenario) if scenario else None


async def serve(orders: Orders, listening: socket.socket, tied: bool = False) -> None:
    """Build the cloud, boot it as fast as possible, serve it at its pace, and close it cleanly."""
    from lab.rest.http import Edge
    from lab.serve import Served
    from sim.runner import Runner

    url = f"http://{HOST}:{orders.port}"
    origin = origin_of(orders, url)
    cloud = build(origin)
    runner = Runner(cloud.world.loop, cloud.journal)
    served = Served(cloud, runner, origin, build, play)
    served.traveller.collect = settle
    stop_on_signal()
    if tied:
        end_with_parent()
    served.begin()
    try:
        await served.booted()
        settle()
        runner.resume(orders.speed)
        if orders.paused:
            runner.pause()
        tell(orders.clouds, url, orders.password, orders.lang)
        await until_signal(Edge(served), listening, play_along(orders, served))
    finally:
        await served.end()


def origin_of(orders: Orders, url: str) -> Origin:
    """What the cloud is made of; its clock begins with the wall's."""
    from datetime import UTC, datetime

    from lab.serve import Origin

    layout = orders.scenario.datacenter if orders.scenario is not None else {}
    return Origin(orders.seed, datetime.now(UTC).replace(microsecond=0), settings(orders, url), layout, orders.db)


def build(origin: Origin) -> SimulatedCloud:
    """Make the world and the cloud in it, now or again for a travel in time."""
    from lab.client.transports import InWorld
    from lab.cloud import SimulatedCloud
    from sim.loop import SimLoop
    from sim.world import SimWorld

    loop = SimLoop(origin.seed, epoch=origin.epoch)
    layout = dict(origin.datacenter)
    world = SimWorld(loop, origin.seed, config=origin.config, datacenter=layout, db=origin.db, epoch=origin.epoch)
    return SimulatedCloud(world, InWorld(world.client))


async def play(cloud: SimulatedCloud, name: str) -> list[str]:
    """Plant a scenario's faults and do its work in the cloud; answer what did not go as usual."""
    from lab.teach.player import perform
    from lab.teach.scenario import find
    from lab.teach.stage import Stage

    return await perform(Stage(cloud), find(name))


def settings(orders: Orders, url: str) -> Config:
    """The cloud's settings: the scenario's, or the defaults, at this URL and with these passwords."""
    import secrets

    from lab.config import Config
    from lab.serve import token_factor

    chosen = orders.scenario.settings() if orders.scenario is not None else Config()
    return chosen.but(
        public_url=url,
        admin_password=orders.password,
        service_password=secrets.token_urlsafe(24),
        token_lifetime_factor=token_factor(orders.speed, orders.paused or orders.db is not None),
    )


async def play_along(orders: Orders, served: Served) -> None:
    """Play the scenario beside the clients."""
    if not orders.play:
        return
    notes = await served.perform(orders.play)
    print(say("played", orders.lang, name=orders.play) + "".join(f"\n    · {note}" for note in notes), flush=True)
