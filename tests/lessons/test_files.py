"""A wrong lesson is answered with file, line, key and the keys that are known."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.errors import ScenarioError
from lab.teach.lesson import find, names

YAML = """\
minutes: 5
steps:
  - text: {id: hello}
  - predict: {id: guess, choices: [left, right], answer: left}
  - do: {id: make, check: made, missing: [nothing], work: [table: [switch s1]]}
  - find: {id: seek, answer: sought}
"""
WORDS = """\
# Mine
About it.

## hello: Hello
Text.
```console
# no heading, but a comment in code
```
## guess: Guess
### choice left: Left
Yes.
### choice right: Right
No.
### hint
Think.
## make: Make
### missing nothing
Nothing is there, {name}.
### hint
Do it.
## seek: Seek
### hint
Look.
"""
CHECK = """\
from lab.teach.lesson_checks import missing

def made(seen):
    if not seen.table.switches:
        yield missing("nothing", name="friend")

def sought(seen):
    return "gold"
"""


def folder(tmp_path: Path, **files: str) -> str:
    texts = {"lesson.yaml": YAML, "ko.md": WORDS, "en.md": WORDS, "check.py": CHECK}
    texts |= {f"{name}.{'yaml' if name == 'lesson' else 'py' if name == 'check' else 'md'}": text for name, text in files.items()}
    mine = tmp_path / "09-mine"
    mine.mkdir()
    for name, text in texts.items():
        (mine / name).write_text(text, encoding="utf-8")
    return str(mine)


def refused(tmp_path: Path, **files: str) -> str:
    with pytest.raises(ScenarioError) as caught:
        find(folder(tmp_path, **files))
    return str(caught.value)


def test_a_lesson_of_ones_own_is_read_from_its_folder(tmp_path: Path) -> None:
    lesson = find(folder(tmp_path))
    assert (lesson.name, lesson.minutes, lesson.seed) == ("09-mine", 5, 7)
    assert [(step.id, step.kind) for step in lesson.steps] == [("hello", "text"), ("guess", "predict"), ("make", "do"), ("seek", "find")]
    assert lesson.words["en"].about == "About it."
    assert "no heading" in lesson.words["ko"].parts["hello"].text


def test_all_mistakes_are_named_at_once(tmp_path: Path) -> None:
    wrong = YAML.replace("check: made", "check: maid").replace("answer: sought", "answer: sort")
    assert wrong.count("maid") == wrong.count("sort") == 1
    first, second = refused(tmp_path, lesson=wrong).splitlines()
    assert "did you mean 'made'?" in first
    assert "no function 'sort'" in second


def test_lessons_are_found_by_number_and_name() -> None:
    assert len(names()) >= 3
    for name in names():
        number, _, slug = name.partition("-")
        assert find(name).name == find(number).name == find(slug).name == find(number.lstrip("0")).name == name
    with pytest.raises(ScenarioError, match=r"no lesson '01-vlam'; did you mean '01-vlan'\? known: 01-vlan"):
        find("01-vlam")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("minutes: 5\n", "", ["lesson.yaml:1: the file: the key 'minutes' is missing;"]),
        ("minutes", "minute", ["lesson.yaml:1: minute: unknown key; did you mean 'minutes'?", "steps"]),
        ("text:", "texts:", ["lesson.yaml:3: steps[0].texts: unknown step; did you mean 'text'? known: act, do, find, predict, text"]),
        ("answer: left", "answer: lefd", ["lesson.yaml:4: steps[1].predict.answer: 'lefd' is no choice; did", "known: left, right"]),
        ("choices:", "choice:", ["lesson.yaml:4: steps[1].predict.choice: unknown key", "known: answer, choices, id"]),
        ("check: made", "check: make", ["lesson.yaml:5: steps[2].do.check: 09-mine/check.py has no function 'make'; did you mean 'made'?"]),
        ("[table:", "[tabel:", ["lesson.yaml:5: steps[2].do.work[0].tabel: unknown work; did you mean 'table'?", "known: attach"]),
        ("id: seek", "id: guess", ["lesson.yaml:6: steps[3].find.id: 'guess' is the id of an earlier step"]),
        ("minutes: 5", "minutes: five", ["lesson.yaml:1: minutes: must be a whole number"]),
        ("{id: hello}", "{id: hello", ["lesson.yaml:", "is not YAML"]),
        (
            "[table: [switch s1]]", "[server: {name: a, flavor: b, network: c}]",
            ["lesson.yaml:5: steps[2].do.work[0].server.flavor: no flavor 'b' was made before; known: none"],
        ),
    ],
)
def test_a_broken_yaml_names_file_line_key_and_the_known_ones(tmp_path: Path, old: str, new: str, told: list[str]) -> None:
    assert old in YAML
    error = refused(tmp_path, lesson=YAML.replace(old, new))
    for each in told:
        assert each in error


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("## seek: Seek", "## seeek: Seek", "en.md:21: ## seeek: Seek: the lesson has no step 'seeek'; did you mean 'seek'?"),
        ("## seek: Seek\n### hint\nLook.\n", "", "en.md:1: the file: there is no section `## seek: …`"),
        ("### choice right: Right\nNo.\n", "", "en.md:9: ## guess: Guess: there is no `### choice right` in it"),
        ("### choice right: Right\nNo.\n", "### choice right: Right\n", "does not say why it is right or wrong"),
        ("### hint\nThink.\n", "", "en.md:9: ## guess: Guess: there is no `### hint` in it"),
        ("### hint\nThink.", "### hints\nThink.", "en.md:14: ### hints: unknown heading; did you mean 'hint'? known: choice, done"),
        ("### missing nothing", "### missing all", "there is no `### missing nothing` in it"),
        ("# Mine\n", "", "en.md:1: the file: must begin with the lesson's title"),
        ("## make: Make", "## make", "en.md:16: ## make: a step's heading is `## its-id: Its title`"),
    ],
)
def test_broken_words_name_file_line_and_heading(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in WORDS
    assert told in refused(tmp_path, en=WORDS.replace(old, new))


def test_words_in_another_order_are_refused(tmp_path: Path) -> None:
    head, tail = WORDS.split("## make", 1)
    make, seek = tail.split("## seek", 1)
    error = refused(tmp_path, ko=f"{head}## seek{seek}## make{make}")
    assert "stands in another order than in lesson.yaml: hello, guess, make, seek" in error


@pytest.mark.parametrize(
    ("check", "told"),
    [("def made(:\n", "09-mine/check.py:1: SyntaxError"), ("\nimport nothing_like_this\n", "09-mine/check.py:2: ModuleNotFoundError")],
)
def test_a_broken_check_names_its_line(tmp_path: Path, check: str, told: str) -> None:
    assert told in refused(tmp_path, check=check)
