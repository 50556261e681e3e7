"""A command that is asked in Korean is refused in Korean, wherever in the cloud the error comes from."""

from __future__ import annotations

import ast
import asyncio
import errno
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from drivers.site import site
from drivers.sweep import Problem
from lab.cli.lesson import running_cloud
from lab.cli.main import COMMANDS, explain, language, main
from lab.cli.program import check
from lab.client.transports import OverHttp
from lab.errors import LabError, NotFound, Unreachable
from lab.watch.feed import Unheard
from lab.watch.remote import RemoteFeed

ROOT = Path(__file__).resolve().parents[3]
HANGUL = re.compile("[가-힣]")
ELSEWHERE = (
    "lab/cli", "lab/teach", "lab/journal/formats", "lab/watch/shelf.py", "lab/watch/recorded.py", "lab/watch/child.py",
    "lab/store/migrate.py", "lab/store/sql.py", "lab/store/postgres.py", "lab/readiness.py", "lab/rpc/amqp_wire.py", "lab/rest/remote.py",
    "drivers/site.py", "drivers/options.py", "drivers/registry.py", "drivers/guest", "drivers/world.py",
)  # fmt: skip
"""The commands, and what speaks to those who start them."""
TABLES = {
    "strange": "[clod]", "role": "[hosts.a]\nroles = ['cook']", "setting": "[settings]\nmax_atempts = 3", "option": "[cloud]\nname = 'x'",
}  # fmt: skip


def files() -> list[Path]:
    return [path for place in (ROOT / name for name in ELSEWHERE) for path in (place.rglob("*.py") if place.is_dir() else [place])]


def refusals(path: Path) -> list[ast.Call]:
    """The errors for people that a file makes."""
    calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    told = {"LabError", "ScenarioError"} if path.parent.name in {"rpc", "rest"} else {"LabError", "ScenarioError", "Unreachable"}
    return [call for call in calls if isinstance(call.func, ast.Name) and call.func.id in told]


def test_every_error_that_a_person_reads_has_its_korean() -> None:
    found = [(path, call) for path in files() for call in refusals(path)]
    bare = [f"{path.relative_to(ROOT)}:{call.lineno}" for path, call in found if "ko" not in {each.arg for each in call.keywords}]
    # What lesson_glass refuses is a line that no cloud of ours sends.
    assert [place for place in bare if "lesson_glass" not in place and "lesson_checks" not in place and "tui.py" not in place] == []
    assert len(found) > 90


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("tui --connect http://127.0.0.1:1 --replay a.jsonl", "--connect와 --replay 가운데 하나만 고르십시오"),
        ("tui --replay /nowhere.jsonl", "/nowhere.jsonl: 그런 파일이나 디렉터리가 없습니다"),
        ("demo --json --mermaid", "--json과 --mermaid 가운데 하나만 고르십시오"),
        ("lesson start vlam", "'vlam': 그런 수업이 없습니다. 있는 것: 01-vlan"),
        ("trace show server_crate", "'server_crate': 그런 작업이 없습니다. 있는 것: image_create_upload_delete"),
        ("trace export server_create", "--format으로 형식"),
        ("trace export server_create -o x.txt", "x.txt: 이름만으로는 어떤 형식인지 알 수 없습니다"),
        ("trace read --connect nowhere", "'nowhere': 클라우드의 URL이 아닙니다"),
        ("trace record", "어느 클라우드를 어느 파일에 기록할지 쓰십시오"),
        ("scenario run no-valid-hots", "'no-valid-hots': 그런 시나리오가 없습니다. '03-no-valid-host-filter'을(를) 쓰려던 것입니까?"),
        ("scenario run /nowhere.yaml", "/nowhere.yaml: 그런 파일이나 디렉터리가 없습니다"),
        ("up --scenario nowhere", "'nowhere': 그런 시나리오가 없습니다"),
    ],
)
def test_it_is_refused_in_korean(call: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clouds.yaml").write_text("clouds: {glasscloud: {auth: {password: x}}}")
    with pytest.raises(SystemExit) as left:
        main([*call.split(), "--lang", "ko"])
    assert str(left.value.code).startswith(f"glasscloud: {words}")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("up --speed fast", "'fast': 속도가 아닙니다"),
        ("up --scenario default --lesson 1", "--scenario와 --lesson 가운데 하나만 고르십시오"),
        ("up --real --paused", "--paused: 시뮬레이션에만 씁니다"),
        ("demo --servrs 3", "오류: --servrs: 그런 옵션이 없습니다. 비슷한 옵션: --servers"),
        ("demo --servers 99", "오류: '--servers'의 값이 틀렸습니다: 8 이하여야 합니다"),
        ("demo --seed x", "오류: '--seed'의 값이 틀렸습니다: 정수가 아닙니다"),
        ("demo one two", "오류: 남는 인자가 있습니다: one two"),
        ("trace show", "'glasscloud trace show -h'를 실행하면 도움말이 나옵니다. 오류: 'operation': 빠졌습니다."),
        ("trace sow", "오류: 'sow': 그런 명령이 없습니다."),
        ("demo --json=3", "오류: '--json' 옵션에는 값을 주지 않습니다."),
        ("capabilities --era 2019", "오류: '--era'의 값이 틀렸습니다: '2019': '2018', '2026' 가운데 하나여야 합니다"),
    ],
)
def test_a_wrong_call_too(call: str, words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "ko_KR.UTF-8")
    with pytest.raises(SystemExit) as left:
        main(call.split())
    assert left.value.code == 2
    assert words in " ".join(capsys.readouterr().err.replace("│", " ").split())


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("db current --db mysql://x", "'mysql://x': 데이터베이스 URL이 아닙니다"),
        ("db current --db postgresql://127.0.0.1:1/x", "데이터베이스 postgresql+psycopg://127.0.0.1:1/x: 열 수 없습니다"),
        ("db current --db sqlite:///nowhere.db", "데이터베이스 nowhere.db이(가) 없습니다. glasscloud db upgrade --db sqlite:///nowhere.db(으)로"),
        ("db upgrade --db sqlite:///text", "데이터베이스 sqlite:///text: 열 수 없습니다(file is not a database)"),
        ("db upgrade --db sqlite:///theirs", "데이터베이스에 다른 프로그램의 테이블이 있습니다(예: notes)"),
        ("up --db sqlite:///theirs", "데이터베이스 sqlite:///theirs에 다른 프로그램의 테이블이 있습니다(예: notes)"),
        ("up --db sqlite:///text", "데이터베이스 sqlite:///text: 열 수 없습니다(file is not a database). 다른 데이터베이스를"),
        ("sweep --config nowhere.toml", "nowhere.toml: 그런 파일이나 디렉터리가 없습니다. --config로 클라우드의 설정 파일을"),
        ("sweep --config text", "text: TOML이 아닙니다"),
        ("doctor --config strange.toml", "strange.toml: [clod]: 그런 표가 없습니다. 있는 것: cloud, hosts"),
        ("sweep --config role.toml", "[hosts.a] of role.toml: 'cook': 그런 역할이 없습니다. 있는 것: controller"),
        ("sweep --config setting.toml", "[settings] of setting.toml: max_atempts: 그런 설정이 없습니다. 있는 것: admin_password"),
        ("up --real --config option.toml", "[cloud] of option.toml: name: 그런 옵션이 없습니다. 있는 것: id, url"),
        ("image build --kernel nowhere.deb --kind qemu", "nowhere.deb: 그런 파일이 없습니다"),
    ],
)
def test_what_lies_behind_a_command_answers_in_korean(call: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LC_ALL", "ko_KR.UTF-8")
    (tmp_path / "text").write_text("no database, and no TOML\n" * 40)
    with closing(sqlite3.connect("theirs")) as other, other:
        other.execute("CREATE TABLE notes (line TEXT)")
    for name, text in TABLES.items():
        (tmp_path / f"{name}.toml").write_text(text)
    with pytest.raises(SystemExit) as left:
        main(call.split())
    assert str(left.value.code).startswith(f"glasscloud: {words}")


@pytest.mark.parametrize(("tables", "words"), [
    ({}, "[messaging] url이 없습니다. 한 클라우드의 프로그램들은"),
    ({"messaging": {"url": "amqp://x"}}, "[cloud] service_password(또는 service_password_file)가 없습니다"),
    ({"messaging": {"url": "amqp://x"}, "cloud": {"service_password": "x"}}, "[database] url이 없습니다"),
])  # fmt: skip
def test_a_program_of_a_cloud_says_in_korean_what_its_file_lacks(tables: dict[str, dict[str, str]], words: str) -> None:
    with pytest.raises(LabError) as caught:
        check(site(tables, "cloud.toml"), agents=False)
    assert words in caught.value.say("ko")


def test_the_overview_is_korean_too(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "ko_KR.UTF-8")
    with pytest.raises(SystemExit):
        main(["--help"])
    lines = capsys.readouterr().out.partition("Commands:")[2].splitlines()
    assert len(lines) > len(COMMANDS)
    assert [line for line in lines if line and not HANGUL.search(line)] == []


def test_what_a_sweep_could_not_look_at_is_told_in_korean(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    async def look(site: object) -> tuple[list[object], list[Problem]]:
        return [], [Problem("network", LabError("no such driver", ko="드라이버가 없습니다"))]

    monkeypatch.setattr("drivers.sweep.look", look)
    with pytest.raises(SystemExit) as left:
        main(["sweep", "--lang", "ko"])
    assert left.value.code == 1
    assert "network: 드라이버가 없습니다" in capsys.readouterr().out


def test_what_an_export_wrote_is_told_in_korean(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["trace", "export", "image_create_upload_delete", "-o", str(tmp_path / "a.svg"), "--lang", "ko"])
    assert left.value.code == 0
    assert re.fullmatch(r".*a\.svg: [0-9,]+자\n", capsys.readouterr().err)


def test_the_layout_of_a_database_is_told_in_korean(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    for call in ("upgrade", "upgrade", "current"):
        with pytest.raises(SystemExit) as left:
            main(["db", call, "--db", url, "--lang", "ko"])
        assert left.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    assert ["테이블을 만들었습니다" in lines[0], lines[1].startswith("이미 레이아웃"), "이 프로그램의 것은" in lines[2]] == [True] * 3


@pytest.mark.parametrize(("reason", "lang", "words"), [
    ("nobody", "en", "Nothing listens at http://127.0.0.1:1. Start a cloud"), ("nobody", "ko", "에서 듣고 있는 것이 없습니다"),
    ("refused", "en", "refuses the password of"), ("refused", "ko", "비밀번호를 거부했습니다. 그 `glasscloud up`이 쓴"),
])  # fmt: skip
def test_a_lesson_in_a_cloud_that_is_not_heard_says_why(
    reason: str, lang: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clouds = tmp_path / "clouds.yaml"
    clouds.write_text("clouds: {glasscloud: {auth: {password: x}}}")

    async def unheard(feed: RemoteFeed) -> None:
        raise Unheard(reason, feed.url)

    async def enter() -> None:
        async with running_cloud("http://127.0.0.1:1", clouds, lang):
            pass

    monkeypatch.setattr(RemoteFeed, "connect", unheard)
    with pytest.raises(LabError) as caught:
        asyncio.run(enter())
    assert words in caught.value.say(lang)


@pytest.mark.parametrize(("lang", "words"), [("en", "the cloud at http://127.0.0.1:1 stands; let it go"), ("ko", "시계가 멈춰")])
def test_a_lesson_in_a_cloud_whose_clock_stands_says_so_at_once(
    lang: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clouds = tmp_path / "clouds.yaml"
    clouds.write_text("clouds: {glasscloud: {auth: {password: x}}}")

    async def heard(feed: RemoteFeed) -> None:
        pass

    async def ask(feed: RemoteFeed, method: str, what: str) -> dict[str, bool]:
        assert (method, what) == ("GET", "clock")
        return {"paused": True}

    async def enter() -> None:
        async with running_cloud("127.0.0.1:1", clouds, lang):
            pass

    monkeypatch.setattr(RemoteFeed, "connect", heard)
    monkeypatch.setattr(RemoteFeed, "ask", ask)
    with pytest.raises(LabError) as caught:
        asyncio.run(enter())
    assert words in caught.value.say(lang)


@pytest.mark.parametrize(("error", "words"), [
    (httpx.ReadTimeout(""), "did not answer within 300 s; does its clock stand?"),
    (httpx.ConnectError(""), "no cloud answers at http://127.0.0.1:1: ConnectError; start one"),
])  # fmt: skip
def test_a_cloud_that_does_not_answer_a_program_is_told_with_a_reason(
    error: httpx.TransportError, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(client: httpx.AsyncClient, *call: object, **more: object) -> httpx.Response:
        raise error

    monkeypatch.setattr(httpx.AsyncClient, "request", fail)
    with pytest.raises(Unreachable) as caught:
        asyncio.run(OverHttp("http://127.0.0.1:1").request("compute", "GET", "/", {}, b""))
    assert words in caught.value.message
    assert HANGUL.search(caught.value.say("ko"))


def test_a_scenario_is_checked_in_korean(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text("title: {en: a, ko: b}\nworkload:\n- server: {name: web, flavour: m1}\nexpect: []\n")
    with pytest.raises(SystemExit) as left:
        main(["scenario", "check", str(file), "/nowhere.yaml", "--lang", "ko"])
    assert left.value.code == 1
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith(f"{file}:3: workload[0].server.flavour: 모르는 키입니다. 'flavor'을(를) 쓰려던 것입니까?")
    assert second == "/nowhere.yaml: 그런 파일이나 디렉터리가 없습니다"


def test_the_language_is_that_of_the_call_or_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "ko_KR.UTF-8")
    assert language(["demo"]) == "ko"
    assert language(["demo", "--lang", "en"]) == language(["demo", "--lang=en"]) == "en"
    monkeypatch.setenv("LC_ALL", "C")
    assert language(["demo"]) == "en"


def test_an_error_without_korean_words_stays_as_it_is() -> None:
    assert explain(NotFound("server x is gone"), "ko") == "glasscloud: server x is gone"
    assert explain(PermissionError(13, "Permission denied", "/x"), "ko") == "glasscloud: /x: 권한이 없습니다"
    assert explain(OSError(errno.ENOSPC, "No space left on device"), "ko") == "glasscloud: 장치에 남은 공간이 없습니다"
    assert explain(OSError(errno.ENOSPC, "No space left on device")) == "glasscloud: No space left on device"
    assert explain(OSError("neither number nor words")) == "glasscloud: neither number nor words"
    assert not HANGUL.search(explain(PermissionError(13, "Permission denied", "/x")))
