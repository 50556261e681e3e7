"""`glasscloud scenario list | check | run`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, context_settings={"help_option_names": ["-h", "--help"]})
Names = Annotated[list[str] | None, typer.Argument(help="Names or YAML files; all when left out.")]
Lang = Annotated[str, typer.Option(help="en or ko.")]


@app.command("list")
def list_(lang: Lang = "en") -> None:
    """List the scenarios that come with Glasscloud."""
    from lab.teach.scenario import find, names

    for name in names():
        print(f"{name:32} {find(name).title.get(lang, find(name).title['en'])}")


@app.command()
def check(files: Names = None) -> None:
    """Read scenarios and say what is wrong with them; exit 1 when anything is."""
    from lab.errors import ScenarioError
    from lab.teach.scenario import find, names

    wrong = 0
    for name in files or names():
        try:
            scenario = find(name)
        except ScenarioError as error:
            wrong += 1
            print(error, file=sys.stderr)
        else:
            steps, faults, expectations = len(scenario.workload), len(scenario.faults), len(scenario.expect)
            print(f"{scenario.name}: good ({steps} steps, {faults} faults, {expectations} expectations)")
    raise typer.Exit(1 if wrong else 0)


@app.command()
def run(
    files: Names = None,
    without_fault: Annotated[bool, typer.Option("--without-fault", help="Leave the faults out.")] = False,
    seed: Annotated[int | None, typer.Option(help="Another seed than the file's.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Play it with this many seeds, from the first one up.")] = 1,
    lang: Lang = "en",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a play.")] = False,
) -> None:
    """Play scenarios and say which expectation held; exit 1 when one did not."""
    from lab.teach.scenario import find, names

    failed = 0
    for name in files or names():
        scenario = find(name)
        first = scenario.seed if seed is None else seed
        for number in range(first, first + seeds):
            failed += not play(scenario, number, without_fault, lang, as_json)
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
