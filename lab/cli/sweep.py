"""`glasscloud sweep`: find what a crashed cloud left on this machine, and remove it when told to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli.demo import Lang, native

if TYPE_CHECKING:
    from drivers.site import Site
    from drivers.sweep import Found, Problem

WORDS: Mapping[str, Mapping[str, str]] = {
    "nothing": {
        "en": "Nothing of the cloud {cloud} is on {host}.",
        "ko": "{host}에는 클라우드 {cloud}의 것이 없습니다.",
    },
    "unseen": {
        "en": "Nothing of the cloud {cloud} is in what could be looked at on {host}.",
        "ko": "{host}에서 살펴볼 수 있었던 곳에는 클라우드 {cloud}의 것이 없습니다.",
    },
    "found": {
        "en": "{count} things of the cloud {cloud} are on {host}. Nothing was removed. End the cloud's programs,"
        " then --yes removes all of these, volumes and images too.",
        "ko": "{host}에 클라우드 {cloud}의 것이 {count}개 있습니다. 아무것도 지우지 않았습니다. 클라우드의 프로그램을 끝낸 뒤"
        " --yes를 주면 volume과 image까지 모두 지웁니다.",
    },
    "removed": {"en": "removed", "ko": "지웠습니다"},
    "kept": {"en": "NOT removed", "ko": "지우지 못했습니다"},
    "unlooked": {"en": "not looked at", "ko": "살펴보지 못했습니다"},
    "done": {"en": "{count} removed, {kept} not.", "ko": "{count}개를 지웠고 {kept}개는 지우지 못했습니다."},
}


def sweep(
    cloud: Annotated[str, typer.Option(help="The cloud's id; left out: the configuration's, or lab.")] = "",
    config: Annotated[Path | None, typer.Option(help="The cloud's configuration (TOML), see docs/real.md.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Remove what was found; without it nothing is changed.")] = False,
    lang: Annotated[Lang | None, typer.Option(help="en or ko; your environment's when left out.")] = None,
) -> None:
    """List what a cloud left on this machine; remove it with --yes. Exit 1 when something could not be looked at or removed."""
    import asyncio

    whole = asyncio.run(_sweep(chosen(cloud, config), yes, (lang or native()).value))
    raise typer.Exit(0 if whole else 1)


def chosen(cloud: str, config: Path | None) -> Site:
    """The cloud as it is configured, under another id when one is given."""
    from dataclasses import replace

    from drivers.site import load, site

    here = load(config) if config is not None else site({}, "the defaults")
    return replace(here, cloud=replace(here.cloud, id=cloud)) if cloud else here


async def _sweep(site: Site, yes: bool, lang: str) -> bool:
    from drivers.sweep import look

    found, problems = await look(site)
    for problem in problems:
        print(f"{WORDS['unlooked'][lang]}: {problem.what}: {problem.why.say(lang)}")
    if not found:
        print(WORDS["unseen" if problems else "nothing"][lang].format(cloud=site.cloud.id, host=site.host))
    elif yes:
        problems += await _remove(found, lang)
    else:
        show(found)
        print(WORDS["found"][lang].format(cloud=site.cloud.id, host=site.host, count=len(found)))
    return not problems


async def _remove(found: Iterable[Found], lang: str) -> list[Problem]:
    """Remove one after the other; one that cannot be removed does not keep the next from it."""
    from drivers.sweep import remove

    count, problems = 0, []
    for each in found:
        problem = await remove(each)
        if problem is None:
            count += 1
            print(f"{WORDS['removed'][lang]}: {each.trace.kind} {each.trace.name}")
        else:
            problems.append(problem)
            print(f"{WORDS['kept'][lang]}: {problem.what}: {problem.why.say(lang)}")
    print(WORDS["done"][lang].format(count=count, kept=len(problems)))
    return problems


def show(found: Iterable[Found]) -> None:
    """Print what was found as a table."""
    from rich.table import Table

    from lab.cli.screen import console

    table = Table(box=None, pad_edge=False, show_header=False)
    for each in found:
        table.add_row(each.trace.kind, each.trace.name, each.trace.detail)
    console().print(table, markup=False)
