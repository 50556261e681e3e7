"""The command line answers a user's mistake in one line, and starts no more than it needs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from lab.cli.main import COMMANDS, explain, main
from lab.errors import ScenarioError


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lab.cli.main", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_every_command_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    for command in COMMANDS:
        with pytest.raises(SystemExit) as left:
            main([command, "--help"])
        assert left.value.code == 0
        assert "Usage: glasscloud " + command in capsys.readouterr().out


def test_the_overview_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([])
    out = capsys.readouterr()
    assert all(command in out.out + out.err for command in COMMANDS)


def test_the_overview_keeps_its_order_and_cuts_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    out = capsys.readouterr().out
    places = [out.index(f"\n  {command} ") for command in COMMANDS]
    assert places == sorted(places)
    assert "..." not in out.partition("Commands:")[2]


def test_a_language_that_nobody_speaks_here_is_refused() -> None:
    for command in (["scenario", "list"], ["scenario", "run"], ["demo"], ["trace", "export", "server_create", "-o", "x.svg"]):
        with pytest.raises(SystemExit) as left:
            main([*command, "--lang", "fr"])
        assert left.value.code == 2


def test_a_wrong_name_is_answered_in_one_line_without_traceback() -> None:
    done = run("scenario", "run", "no-valid-hots")
    assert done.returncode == 1
    assert done.stderr.startswith("glasscloud: no scenario 'no-valid-hots'; did you mean")
    assert len(done.stderr.splitlines()) == 1


def test_a_wrong_call_leaves_with_2() -> None:
    assert run("version", "--loud").returncode == 2
    assert run("fly").returncode == 2


@pytest.mark.parametrize("early", ["lab.cli.demo", "typer"])
def test_ctrl_c_while_it_starts_leaves_no_traceback(early: str) -> None:
    """The signal comes while the first module is imported that the command line itself asks for."""
    stop = f"""
import sys
class Stop:
    def find_spec(self, name, path=None, target=None):
        if name == {early!r}:
            raise KeyboardInterrupt
sys.meta_path.insert(0, Stop())
from lab.cli.main import main
main(["demo"])
"""
    done = subprocess.run([sys.executable, "-c", stop], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (130, "")


def test_errors_of_the_user_are_words_and_ours_keep_their_traceback() -> None:
    assert explain(ScenarioError("a.yaml:3: seed: must be a number")) == "glasscloud: a.yaml:3: seed: must be a number"
    with pytest.raises(ZeroDivisionError):
        explain(ZeroDivisionError())


def test_a_package_that_was_not_installed_is_named() -> None:
    assert explain(ModuleNotFoundError(name="pycdlib.sub")) == "glasscloud: this needs the package pycdlib.sub; install glasscloud[real]"
    assert "pycdlib" in explain(ModuleNotFoundError(name="pycdlib"), "ko")
    with pytest.raises(ModuleNotFoundError):
        explain(ModuleNotFoundError(name="lab.nowhere"))


def test_databases_are_brought_up_to_date_without_the_extras(tmp_path: Path) -> None:
    project = tomllib.loads((Path(__file__).resolve().parents[3] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [re.split(r"[^\w-]", line)[0].replace("-", "_") for line in project["optional-dependencies"]["wires"]]
    url = f"sqlite:///{tmp_path / 'cloud.db'}"
    call = f"from lab.cli.main import main; main(['db', 'upgrade', '--db', {url!r}])"
    code = f"import sys; sys.modules.update(dict.fromkeys({extras!r})); {call}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "the tables were made" in done.stdout


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_words_get_through_a_pipe_whose_encoding_lacks_them(encoding: str) -> None:
    command = [sys.executable, "-m", "lab.cli.main", "scenario", "list", "--lang", "ko"]
    done = subprocess.run(command, capture_output=True, check=False, env={**os.environ, "PYTHONIOENCODING": encoding})
    assert (done.returncode, done.stderr) == (0, b"")
    assert "건강한 클라우드" in done.stdout.decode()


def imported(code: str, heavy: set[str]) -> list[str]:
    """Which of these packages are there after some imports, in a program of its own."""
    script = f"import sys; {code}\nprint(*sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_light_commands_import_nothing_heavy() -> None:
    code = "from lab.cli.main import app_for; app_for('version'); app_for('doctor'); app_for('scenario')"
    heavy = {"simpy", "numpy", "sqlmodel", "fastapi", "uvicorn", "httpx", "cryptography", "aiormq", "aiohttp"}
    assert imported(code, heavy) == []


def test_a_simulated_cloud_is_served_and_watched_without_what_only_real_ones_need() -> None:
    """`pip install glasscloud` brings none of the extras."""
    code = "import lab.serve, lab.rest.http, lab.cli.up, lab.cli.tui, lab.cli.demo, lab.cli.trace, lab.tui.app, lab.watch.remote"
    assert imported(code, {"aio_pika", "aiormq", "alembic", "psycopg", "pyroute2", "lxml", "libvirt"}) == []


def test_a_program_of_agents_imports_no_schemas() -> None:
    """Each program of a real cloud has its memory to itself."""
    code = (
        "import drivers.site, drivers.world, lab.cli.program, lab.rest.remote, lab.store.sql, "
        "lab.services.compute.agent, lab.services.network.dhcp_agent, lab.services.network.l2_agent"
    )
    assert imported(code, {"pydantic", "sqlalchemy", "aiohttp", "uvicorn", "typer"}) == []
    assert imported("import pydantic", {"pydantic", "typer"}) == ["pydantic"]
