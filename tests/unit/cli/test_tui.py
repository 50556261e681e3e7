"""What `glasscloud tui` refuses before it opens anything."""

from __future__ import annotations

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
