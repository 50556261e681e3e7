"""What `glasscloud tui` refuses before it opens anything."""

from __future__ import annotations

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
