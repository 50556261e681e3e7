"""`glasscloud scenario list | check | run`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from lab.cli.demo import Lang, native

app = typer.Typer(no_args_is_help=True, context_settings={"help_option_names": ["-h", "--help"]})
Names = Annotated[list[str] | None, typer.Argument(help="Names or YAML files; all when left out.")]
Language = Annotated[Lang | None, typer.Option(help="en or ko; your environment's when left out.", show_default=False)]
GOOD = {
    "en": "{name}: good ({steps} steps, {faults} faults, {expectations} expectations)",
    "ko": "{name}: 이상 없습니다 (할 일 {steps}개, 고장 {faults}개, 기대 {expectations}개)",
}


@app.command("list")
def list_(lang: Language = None) -> None:
    """List the scenarios that come with Glasscloud."""
    from lab.teach.scenario import find, names

    for name in names():
        title = find(name).title
        print(f"{name:32} {title.get((lang or native()).value, title['en'])}")


@app.command()
def check(files: Names = None, lang: Language = None) -> None:
    """Say what is wrong with scenarios.

    The exit code is 1 when anything is.
    """
    from lab.errors import ScenarioError
    from lab.teach.scenario import find, names

    wrong = 0
    for name in files or names():
        try:
            scenario = find(name)
        except ScenarioError as error:
            wrong += 1
            print(error.say((lang or native()).value), file=sys.stderr)
        else:
            steps, faults, expectations = len(scenario.workload), len(scenario.faults), len(scenario.expect)
            told = GOOD[(lang or native()).value]
            print(told.format(name=scenario.name, steps=steps, faults=faults, expectations=expectations))
    raise typer.Exit(1 if wrong else 0)


@app.command()
def run(
    files: Names = None,
    without_fault: Annotated[bool, typer.Option("--without-fault", help="Leave the faults out.")] = False,
    seed: Annotated[int | None, typer.Option(help="Another seed than the file's.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Play it with this many seeds, from the first one up.")] = 1,
    lang: Language = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a play.")] = False,
) -> None:
    """Play scenarios and say which expectations held.

    The exit code is 1 when one did not.
    """
    from lab.teach.scenario import find, names

    failed = 0
    for name in files or names():
        scenario = find(name)
        first = scenario.seed if seed is None else seed
        for number in range(first, first + seeds):
            failed += not play(scenario, number, without_fault, (lang or native()).value, as_json)
    raise typer.Exit(1 if failed else 0)


def play(scenario: object, seed: int, without_fault: bool, lang: str, as_json: bool) -> bool:
    """Play one scenario once and print the verdict; answer whether all held."""
    import json

    from lab.teach.player import play as play_once
    from lab.teach.scenario import Scenario

    assert isinstance(scenario, Scenario)
    verdict = play_once(scenario, seed=seed, without_fault=without_fault)
    if as_json:
        print(json.dumps(verdict.dump(), ensure_ascii=False))
    else:
        print(verdict.text(lang))
    return verdict.held
