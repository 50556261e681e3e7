"""What `glasscloud tui` refuses before it opens anything."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from lab.cli.main import main


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--connect", "http://127.0.0.1:1", "--replay", "journal.jsonl"], "choose one of --connect and --replay"),
        (["--connect", "http://127.0.0.1:1", "--seed", "3"], "--scenario and --seed are for a cloud of your own"),
        (["--replay", "journal.jsonl", "--scenario", "slow-nas"], "--scenario and --seed are for a cloud of your own"),
    ],
)
def test_what_does_not_go_together_is_said(arguments: list[str], words: str) -> None:
    with pytest.raises(SystemExit) as left:
        main(["tui", *arguments])
    assert words in str(left.value.code)


@pytest.mark.parametrize("url", ["127.0.0.1:1", "http://127.0.0.1:1"])
def test_an_address_may_be_given_without_http(url: str) -> None:
    with pytest.raises(SystemExit) as left:
        main(["tui", "--connect", url, "--token", "x"])
    assert "Nothing listens at http://127.0.0.1:1." in str(left.value.code)


@pytest.mark.parametrize("url", ["nowhere", "ftp://127.0.0.1:1", "http://", "127.0.0.1:"])
def test_what_is_no_url_is_said_to_be_none(url: str) -> None:
    with pytest.raises(SystemExit) as left:
        main(["tui", "--connect", url, "--token", "x"])
    assert f"{url!r} is not the URL of a cloud; it looks like http://127.0.0.1:8774" in str(left.value.code)


@pytest.mark.parametrize(("lang", "words"), [("en", "this is shown in a terminal"), ("ko", "터미널에 보여 주는 것인데")])
def test_without_a_terminal_nothing_is_begun(lang: str, words: str, tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    with pytest.raises(SystemExit):
        main(["trace", "export", "network_subnet_create", "-o", str(journal)])
    command = [sys.executable, "-m", "lab.cli.main", "tui", "--replay", str(journal), "--lang", lang]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 1
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--replay", "/nowhere.jsonl"], "/nowhere.jsonl: No such file"), (["--scenario", "slow-mas"], "no scenario 'slow-mas'"),
        (["--connect", "nowhere", "--token", "x"], "'nowhere' is not the URL of a cloud"),
    ],
)  # fmt: skip
def test_a_browser_is_not_served_what_would_end_at_once(arguments: list[str], words: str) -> None:
    with pytest.raises(SystemExit) as left:
        main(["tui", "--web", *arguments])
    assert words in str(left.value.code)


@pytest.mark.parametrize(("lang", "words"), [("en", "Glasscloud in a browser: http://127.0.0.1:"), ("ko", "브라우저에서 보는 Glasscloud: http://127")])
def test_where_the_browser_finds_it_is_said_in_the_users_language(
    lang: str, words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = pytest.importorskip("lab.tui.browser.server")
    monkeypatch.setattr(server.Loopback, "serve", lambda served: asyncio.run(served.on_startup(None)))
    with pytest.raises(SystemExit) as left:
        main(["tui", "--web", "--web-port", "8799", "--lang", lang])
    assert left.value.code == 0
    assert capsys.readouterr().out.startswith(words)
