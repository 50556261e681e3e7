"""`glasscloud lesson` as it is typed: a lesson over HTTP in a cloud of its own, and a second terminal beside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab.cli.main import main
from lab.teach.lesson import find, names

COMMAND = [sys.executable, "-m", "lab.cli.main", "lesson", "start"]
PATIENCE_S = 80.0


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state directory of its own; the platform's way to say so is for Linux here."""
    for name in ("XDG_STATE_HOME", "HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    return tmp_path / "glasscloud" / "lessons"


def lesson(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """Run `glasscloud lesson …` here; its exit code and what it printed."""
    with pytest.raises(SystemExit) as ended:
        main(["lesson", *words])
    code = ended.value.code
    shown = capsys.readouterr()
    if isinstance(code, str):
        return 1, code
    return code or 0, shown.out + shown.err


def waited(path: Path, step: str) -> dict[str, object]:
    """The progress when the lesson in the other terminal has come to a step."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if path.exists() and (kept := json.loads(path.read_text(encoding="utf-8"))).get("step") == step and kept.get("url"):
            return dict(kept)
        time.sleep(0.1)
    raise AssertionError(f"the lesson did not come to {step}")


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.skipif(sys.platform != "linux", reason="the state directory is set as Linux has it")
def test_check_and_hint_work_in_another_terminal(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = lesson(capsys, "check")
    assert (code, "glasscloud lesson start" in said) == (1, True), said
    with subprocess.Popen(
        [*COMMAND, "agent", "--from", "back", "--lang", "ko"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}, encoding="utf-8",
    ) as terminal:
        assert terminal.stdin is not None
        progress = home / "03-agent" / "progress.json"
        waited(progress, "back")
        try:
            code, said = lesson(capsys, "check")
            assert code == 1
            assert "아직 돌고 있지 않습니다" in said
            assert "restart nova-compute@compute-1" in lesson(capsys, "hint", "--lang", "en")[1]
            code, said = lesson(capsys, "list", "--lang", "en")
            assert "at 13/22" in said
            terminal.stdin.write("restart nova-compute@nowhere\nrestart nova-compute@compute-1\nwait 10\n")
            terminal.stdin.flush()
            end = time.monotonic() + PATIENCE_S
            while lesson(capsys, "check", "agent", "--lang", "en")[0] and time.monotonic() < end:
                time.sleep(0.2)
            code, said = lesson(capsys, "check", "--lang", "en")
            assert (code, "Nothing is missing" in said) == (0, True), said
        finally:
            out, _ = terminal.communicate("\nquit\n", timeout=PATIENCE_S)
    assert terminal.returncode == 0
    assert "no process 'nova-compute@nowhere'" in out
    assert "SHUTOFF" in out
    assert "자리를 기억해 두었습니다" in out
    kept = json.loads(progress.read_text(encoding="utf-8"))
    assert (kept["step"], kept["url"]) == ("midway", None)
    assert not (home / "03-agent" / "clouds.yaml").exists()
    assert lesson(capsys, "check")[0] == 1, "nothing runs any more"


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("lang", ["ko", "en"])
@pytest.mark.parametrize("name", names())
def test_a_lesson_is_played_from_a_file_of_answers(name: str, lang: str, home: Path, tmp_path: Path) -> None:
    answers = tmp_path / "answers.yaml"
    steps = [step for step in find(name).steps if step.kind not in {"text", "act"}]
    answers.write_text("".join(f"{step.id}: {step.answer if step.kind == 'predict' else 'show'}\n" for step in steps))
    played = subprocess.run(
        [*COMMAND, name, "--lang", lang, "--seed", "3", "--answers", str(answers)], capture_output=True, text=True, encoding="utf-8",
        env=os.environ | {"PYTHONIOENCODING": "utf-8"}, timeout=170, check=False,
    )
    assert played.returncode == 0, played.stderr + played.stdout[-2000:]
    assert played.stdout.count("✔") >= len(steps)
    assert json.loads((home / name / "progress.json").read_text(encoding="utf-8"))["step"] is None


@pytest.mark.parametrize(
    ("text", "told"),
    [("welcom: x\n", "no step 'welcom'; did you mean 'welcome'?"), ("[1, 2]", "must be a mapping"), ("a: [", "is not YAML")],
)
def test_wrong_answers_files_are_refused(text: str, told: str, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers = tmp_path / "answers.yaml"
    answers.write_text(text)
    code, said = lesson(capsys, "start", "vlan", "--answers", str(answers))
    assert code == 1
    assert told in said


def test_a_lesson_or_a_step_that_is_not_there_is_named_with_the_known_ones(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "known: 01-vlan" in lesson(capsys, "start", "nothing")[1]
    assert "no step 'jion'; did you mean 'join'?" in lesson(capsys, "start", "1", "--from", "jion")[1]
    assert lesson(capsys, "list")[0] == 0
