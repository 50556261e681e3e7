"""`glasscloud lesson list | start | check | hint`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lab.cli.demo import Lang, native

if TYPE_CHECKING:
    from lab.teach.lesson import Lesson
    from lab.teach.lesson_session import Session
    from lab.watch.remote import RemoteFeed
    from lab.watch.shelf import Shelf

    Place = tuple[RemoteFeed, Path]
    """A cloud, and the clouds.yaml that leads to it."""

app = typer.Typer(no_args_is_help=True, context_settings={"help_option_names": ["-h", "--help"]})
In = Annotated[Lang | None, typer.Option("--lang", help="en or ko; your environment's when left out.")]
Name = Annotated[str, typer.Argument(help="A lesson's name or number, or the path of its folder.")]
Running = Annotated[str, typer.Argument(help="A lesson's name or number; the one that you last worked on when left out.")]


@app.command("list")
def list_(lang: In = None) -> None:
    """List the lessons, and how far you are."""
    from lab.cli.lesson_words import say
    from lab.teach.lesson import find, names
    from lab.watch.shelf import Shelf, home

    spoken = (lang or native()).value
    for name in names():
        lesson = find(name)
        kept = Shelf(home() / name).read()
        if not kept:
            state = say("fresh", spoken)
        elif kept.get("step") is None:
            state = say("done", spoken)
        else:
            ids = [step.id for step in lesson.steps]
            number = ids.index(kept["step"]) + 1 if kept["step"] in ids else 1
            state = say("at", spoken, number=number, of=len(ids))
        words = lesson.words[spoken]
        print(f"{name:12} {words.title}  ({say('minutes', spoken, minutes=lesson.minutes)}, {state})\n{'':12} {words.about}")


@app.command()
def start(
    name: Name,
    lang: In = None,
    seed: Annotated[int | None, typer.Option(help="Another seed of the lesson's cloud.")] = None,
    answers: Annotated[Path | None, typer.Option(help="Play it from a YAML file: step -> what is typed there.")] = None,
    step: Annotated[str, typer.Option("--from", help="Begin at this step; what comes before it is done for you.")] = "",
    again: Annotated[bool, typer.Option("--again", help="Begin anew.")] = False,
    connect: Annotated[str, typer.Option(help="Teach in this running cloud, as in http://127.0.0.1:8774.")] = "",
    clouds: Annotated[Path, typer.Option(help="The clouds.yaml with its password.")] = Path("clouds.yaml"),
) -> None:
    """Play a lesson in a cloud of its own; your place is kept."""
    import asyncio

    from lab.teach.lesson import find
    from lab.watch.shelf import shelf

    lesson = find(name)
    kept = shelf(lesson.name)
    if again or answers is not None:
        kept.forget()
    session, place = begun(lesson, kept, lang)
    if step:
        lesson.index(step)
        place = step
    speed = "max" if answers is not None else None
    cloud = running_cloud(connect, clouds, session.lang) if connect else own_cloud(lesson, kept, seed, speed)
    finished = asyncio.run(taught(session, kept, cloud, answers, place))
    raise typer.Exit(0 if finished or answers is None else 1)


def begun(lesson: Lesson, kept: Shelf, lang: Lang | None) -> tuple[Session, str]:
    """A session, and the step at which it was left."""
    from lab.teach.lesson_session import Session

    memo = kept.read()
    place = str(memo.get("step") or "")
    spoken = lang.value if lang is not None else str(memo.get("lang") or native().value)
    return Session(lesson, spoken), place if any(each.id == place for each in lesson.steps) else ""


@asynccontextmanager
async def own_cloud(lesson: Lesson, kept: Shelf, seed: int | None, speed: str | None) -> AsyncIterator[Place]:
    """A cloud in a child process, and the clouds.yaml that leads to it while it runs."""
    from lab.watch.lecture import SPEED, cloud_for

    feed = await cloud_for(lesson, "--clouds", str(kept.clouds), seed=seed, speed=speed or SPEED)
    try:
        yield feed, kept.clouds
    finally:
        await feed.close()
        kept.close()


@asynccontextmanager
async def running_cloud(url: str, clouds: Path, lang: str) -> AsyncIterator[Place]:
    """A running cloud, with the password of a clouds.yaml."""
    from lab.cli.journals import cloud_url, password_of
    from lab.cli.tui import in_words
    from lab.errors import LabError
    from lab.watch.feed import Unheard
    from lab.watch.remote import RemoteFeed

    feed = RemoteFeed(cloud_url(url), password=password_of(clouds))
    try:
        try:
            await feed.connect()
        except Unheard as error:
            if error.reason != "refused":
                raise in_words(error, lang) from None
            raise LabError(
                f"{url} refuses the password of {clouds}; name the clouds.yaml that its `glasscloud up` wrote with --clouds",
                ko=f"{url}에서 {clouds}의 비밀번호를 거부했습니다. 그 `glasscloud up`이 쓴 clouds.yaml을 --clouds로 지정하십시오",
            ) from None
        if (await feed.ask("GET", "clock")).get("paused"):  # nothing that is asked of the cloud itself would be answered
            raise LabError(
                f"the clock of the cloud at {feed.url} stands; let it go on (space in `glasscloud tui`), then do this again",
                ko=f"{feed.url} 클라우드의 시계가 멈춰 있습니다. 다시 가게 하고(`glasscloud tui`에서 스페이스) 다시 하십시오",
            )
        yield feed, clouds
    finally:
        await feed.close()


async def taught(session: Session, kept: Shelf, cloud: AbstractAsyncContextManager[Place], answers: Path | None, place: str) -> bool:
    """Teach a lesson in a cloud, from a step on; whether it came to its end."""
    from lab.cli.classroom import Answers, Classroom, Keyboard, Left
    from lab.cli.lesson_words import say
    from lab.cli.screen import console
    from lab.watch.lecture import lecture_in

    screen, lesson = console(), session.lesson
    source = Keyboard(screen) if answers is None else Answers(answers, lesson, session.lang, screen)
    screen.print(say("starting", session.lang), style="dim")
    async with cloud as (feed, clouds):
        lecture = lecture_in(feed, session)
        where = {"folder": lesson.folder, "clouds": str(clouds.resolve())}
        room = Classroom(lecture, source, screen, lambda memo: kept.write({**memo, **where}, feed.url))
        room.say("other-terminal", "dim", url=feed.url)
        export = f"    export OS_CLIENT_CONFIG_FILE={clouds.resolve()} OS_CLOUD=glasscloud"
        screen.print(export, style="dim", highlight=False, soft_wrap=True)
        room.say("help", "dim")
        try:
            if place:
                room.say("resumed", number=lesson.index(place) + 1, of=len(lesson.steps))
                room.say("catching-up", "dim")
                await lecture.guide.catch_up(place)
            await room.teach()
        except Left:
            room.say("left", name=lesson.name)
        finally:
            kept.write({**lecture.guide.memo(), **where}, None)
    return session.finished


@app.command()
def check(
    name: Running = "",
    answer: Annotated[str, typer.Option(help="What you found out.")] = "",
    lang: In = None,
) -> None:
    """Say what is still missing at the step where a lesson stands that runs in another terminal; exit 1 when anything is."""
    import asyncio

    from lab.watch.shelf import current

    good = asyncio.run(checked(current(name, running=True), answer, lang))
    raise typer.Exit(0 if good else 1)


def resumed(kept: Shelf, lang: Lang | None) -> tuple[Session, dict[str, Any]]:
    """The session of a lesson that was begun, in this language or its own."""
    from lab.teach.lesson import find
    from lab.teach.lesson_session import Session

    memo = kept.read()
    session = Session.resume(find(memo.get("folder") or kept.name), {**memo, "lang": lang.value if lang is not None else memo.get("lang")})
    return session, memo


async def checked(kept: Shelf, answer: str, lang: Lang | None) -> bool:
    """Check the step where a lesson stands; whether nothing is missing."""
    from rich.markdown import Markdown

    from lab.cli.lesson_words import say
    from lab.cli.screen import console
    from lab.watch.lecture import lecture_in

    session, memo = resumed(kept, lang)
    screen, spoken, view = console(), session.lang, session.view()
    screen.print(f"[bold]{session.title}[/]: {view.title} [dim]({say('step', spoken, number=view.number, of=view.of)})[/]", highlight=False)
    if view.kind not in {"do", "find"} or (view.kind == "find" and not answer):
        screen.print(session.wants(), highlight=False)
        if view.kind == "find":
            screen.print(say("give-answer", spoken), style="dim", highlight=False)
        return view.kind != "find"
    async with running_cloud(memo["url"], Path(memo["clouds"]), spoken) as (feed, _):
        guide = lecture_in(feed, session).guide
        guide.recall(memo)
        reply = await (guide.check() if view.kind == "do" else guide.answer(answer))
    if reply.accepted:
        screen.print("✔ " + say("go-back" if view.kind == "do" else "type-there", spoken), style="green", highlight=False)
    else:
        screen.print("✘", style="bold yellow", end=" ")
        screen.print(Markdown(reply.text))
    return reply.accepted


@app.command()
def hint(name: Running = "", lang: In = None) -> None:
    """Give the next hint for the step where a lesson stands."""
    from rich.markdown import Markdown

    from lab.cli.screen import console
    from lab.watch.shelf import current

    kept = current(name)
    session, _ = resumed(kept, lang)
    for step, count in kept.hinted().items():
        session.hinted[step] = max(session.hinted.get(step, 0), count)
    console().print(Markdown(session.hint()))
    kept.give_hint(session.hinted)
