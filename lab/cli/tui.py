"""`glasscloud tui`: watch a cloud message by message, in the terminal or in a browser."""

from __future__ import annotations

import os
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lab.cli.demo import Lang, native
from lab.cli.running import bound

if TYPE_CHECKING:
    from lab.errors import LabError
    from lab.watch.feed import Feed, Unheard


IN_A_BROWSER = {
    Lang.en: "Glasscloud in a browser: {url}   (Ctrl-C ends it)",
    Lang.ko: "브라우저에서 보는 Glasscloud: {url}   (Ctrl-C를 누르면 끝납니다)",
}


class ThemeName(StrEnum):
    """Light text on dark ground, or the other way round for a projector in a bright room."""

    dark = "dark"
    light = "light"


def tui(
    scenario: Annotated[str, typer.Option(help="Play a scenario: a name or a YAML file.")] = "default",
    seed: Annotated[int | None, typer.Option(help="Another seed than the scenario's.")] = None,
    connect: Annotated[str, typer.Option(metavar="URL", help="Watch a running cloud instead, as in http://127.0.0.1:8774.")] = "",
    token: Annotated[str, typer.Option(help="An administrator's token for --connect.", envvar="OS_TOKEN")] = "",
    username: Annotated[str, typer.Option(help="Or a name and a password.")] = "",
    password: Annotated[str, typer.Option(envvar="OS_PASSWORD")] = "",
    cloud: Annotated[str, typer.Option(help="Or a cloud of clouds.yaml (OS_CLIENT_CONFIG_FILE).", envvar="OS_CLOUD")] = "",
    replay: Annotated[Path | None, typer.Option(metavar="FILE", help="Show a recorded journal (JSON Lines).")] = None,
    web: Annotated[bool, typer.Option("--web", help="Serve it to a browser instead of showing it here.")] = False,
    web_port: Annotated[int, typer.Option(min=1, max=65535, help="Where --web listens, on the loopback.")] = 8780,
    lang: Annotated[Lang | None, typer.Option(help="en or ko; your environment's when left out.")] = None,
    theme: Annotated[ThemeName, typer.Option(help="dark or light.")] = ThemeName.dark,
) -> None:
    """Watch a simulated cloud of your own, a running one, or a recorded journal."""
    import asyncio

    from lab.errors import LabError

    if replay is not None and connect:
        raise LabError("choose one of --connect and --replay", ko="--connect와 --replay 가운데 하나만 고르십시오")
    if (replay is not None or connect) and (scenario != "default" or seed is not None):
        raise LabError(
            "--scenario and --seed are for a cloud of your own; what is connected to or replayed has its own",
            ko="--scenario와 --seed는 자기 클라우드를 만들 때 씁니다. 연결하거나 다시 보는 것에는 이미 정해져 있습니다",
        )
    spoken = lang or native()
    url, login = connected(connect, lambda: credentials(token, username, password, cloud))
    if web:
        asyncio.run(tried(scenario, replay))
        serve(web_port, spoken)
    elif connect:
        asyncio.run(show(lambda: remote(url, login), spoken, theme))
    elif replay is not None:
        asyncio.run(show(lambda: recorded(replay), spoken, theme))
    else:
        options = ["--scenario", scenario, "--speed", "1", "--lang", spoken.value, *(["--seed", str(seed)] if seed is not None else [])]
        asyncio.run(show(lambda: child(options), spoken, theme))


def at_a_terminal() -> None:
    """Raise LabError when nobody could see the application or press a key; a browser's has its own driver."""
    import sys

    from lab.errors import LabError

    # Textual draws on standard error.
    if "TEXTUAL_DRIVER" not in os.environ and not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise LabError(
            "this is shown in a terminal, and standard input or standard error is none; glasscloud tui --web shows it in a browser",
            ko="터미널에 보여 주는 것인데 표준 입력이나 표준 오류가 터미널이 아닙니다. glasscloud tui --web은 브라우저에 보여 줍니다",
        )


async def show(opened: Any, lang: Lang, theme: ThemeName) -> None:
    """Open the feed, run the application on it, and close it whatever happens."""
    from lab.watch.feed import Unheard

    try:
        feed: Feed = await opened()
    except Unheard as error:
        raise in_words(error, lang.value) from None
    try:
        at_a_terminal()
        from lab.tui.app import GlassApp

        await GlassApp(feed, lang.value, theme.value, keeps=True).run_async()
    finally:
        await feed.close()


def in_words(error: Unheard, lang: str) -> LabError:
    """Why nothing is heard of a cloud, and the way out."""
    from lab.errors import LabError
    from lab.tui.words import say

    return LabError(say({}, lang, f"unheard.{error.reason}", url=error.url, detail=error.detail))


async def recorded(path: Path) -> Feed:
    """A file."""
    from lab.watch.recorded import RecordedFeed

    return RecordedFeed(path)


async def remote(url: str, login: dict[str, str]) -> Feed:
    """A running cloud."""
    from lab.watch.remote import RemoteFeed

    feed = RemoteFeed(url, **login)
    try:
        await feed.connect()
    except BaseException:
        await feed.close()
        raise
    return feed


async def child(options: list[str]) -> Feed:
    """A cloud of our own."""
    from lab.watch.child import start

    return await start(*options)


def credentials(token: str, username: str, password: str, cloud: str) -> dict[str, str]:
    """What is needed to be let in: a token, a name and a password, or those that a clouds.yaml has for a cloud."""
    from lab.errors import LabError

    if token:
        return {"token": token}
    if password:
        return {"username": username or "admin", "password": password}
    path = Path(os.environ.get("OS_CLIENT_CONFIG_FILE", "clouds.yaml"))
    if not path.exists():
        raise LabError(
            f"give --token, or --username and --password, or a clouds.yaml by OS_CLIENT_CONFIG_FILE (there is no {path})",
            ko=f"--token이나 --username과 --password, 또는 OS_CLIENT_CONFIG_FILE로 clouds.yaml을 주십시오({path}: 그런 파일이 없습니다)",
        )
    import yaml

    try:
        clouds = yaml.safe_load(path.read_text(encoding="utf-8"))["clouds"]
        auth = clouds[cloud or next(iter(clouds))]["auth"]
        return {"username": auth["username"], "password": auth["password"], "project": auth.get("project_name", "admin")}
    except (KeyError, TypeError, StopIteration, yaml.YAMLError):
        raise LabError(
            f"{path} has no cloud {cloud!r} with a username and a password; name one with --cloud",
            ko=f"{path}: 사용자 이름과 비밀번호가 있는 {cloud!r} 클라우드가 없습니다. --cloud로 하나를 고르십시오",
        ) from None


def connected(given: str, login: Callable[[], dict[str, str]]) -> tuple[str, dict[str, str]]:
    """The URL of the cloud to connect to and what lets us in; nothing of both when none was given. Raises LabError."""
    if not given:
        return "", {}
    from lab.cli.journals import cloud_url

    return cloud_url(given), login()


async def tried(scenario: str, replay: Path | None) -> None:
    """Raise LabError, OSError for what a browser would only see as a page that ends at once."""
    from lab.teach.scenario import find

    if replay is not None:
        await (await recorded(replay)).close()
    else:
        find(scenario)


def serve(port: int, lang: Lang) -> None:
    """Serve this same command, without --web, to browsers on the loopback."""
    import shlex
    import sys

    from lab.tui.browser.server import Loopback

    words, skip = [], False
    for word in sys.argv[1:]:
        if skip or word == "--web" or word.startswith("--web-port"):
            skip = word == "--web-port"
            continue
        words.append(word)
    with bound(port, setting="--web-port"):
        pass  # a port in use is said in words
    Loopback(shlex.join([sys.executable, "-m", "lab.cli.main", *words]), port, IN_A_BROWSER[lang]).serve()
