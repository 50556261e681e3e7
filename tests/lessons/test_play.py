"""The lessons are played to their end, in both languages and with three seeds; everything is done wrong before it is done right."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import pytest

from lab.reasons import KOREAN
from lab.teach.lesson import find, names
from lab.teach.lesson_guide import Guide
from lab.teach.lesson_words import commands
from tests.lessons.classroom import in_class, play
from tests.lessons.slips import SLIPS

HANGUL = range(0xAC00, 0xD7A4)


@pytest.mark.parametrize("seed", [1, 7, 2026])
@pytest.mark.parametrize("name", names())
def test_a_lesson_is_played_to_its_end_in_both_languages(name: str, seed: int) -> None:
    async def work(guide: Guide) -> None:
        said = await play(guide, SLIPS[name])
        assert guide.session.finished
        for lang, texts in said.items():
            for text in texts:
                assert not [line for line in text.splitlines() if "{" in line and "}" in line], "a word was not filled in"
            wordy = [text for text in texts if " " in text]
            hangul = [text for text in wordy if any(ord(letter) in HANGUL for letter in text)]
            assert len(hangul) >= 0.9 * len(wordy) if lang == "ko" else not hangul, lang

    in_class(name, "en" if seed == 7 else "ko", seed, work)


@pytest.mark.parametrize("name", names())
def test_both_languages_have_the_same_steps(name: str) -> None:
    lesson = find(name)
    ko, en = lesson.words["ko"], lesson.words["en"]
    assert list(ko.parts) == list(en.parts) == [step.id for step in lesson.steps]
    for one, other in zip(ko.parts.values(), en.parts.values(), strict=True):
        assert list(one.choices) == list(other.choices), one.id
        assert list(one.missing) == list(other.missing), one.id
        assert len(one.hints) == len(other.hints), one.id
        assert bool(one.done) == bool(other.done), one.id
        assert commands(one.text) == commands(other.text), f"{one.id}: what is to be typed"
        for key in one.missing:
            assert holes(one.missing[key]) == holes(other.missing[key]), (one.id, key)


@pytest.mark.parametrize("lang", ["ko", "en"])
@pytest.mark.parametrize("name", names())
def test_emphasis_is_shown_and_not_left_as_stars(name: str, lang: str) -> None:
    """In Korean a `**word(word)**` with a particle after it is no emphasis to Markdown, and the stars would be seen."""
    from markdown_it import MarkdownIt

    for part in find(name).words[lang].parts.values():
        texts = [part.text, part.done, *part.choices.values(), *part.whys.values(), *part.missing.values(), *part.hints]
        for text in texts:
            for token in MarkdownIt().parse(text):
                left = [child.content for child in token.children or () if child.type == "text" and "*" in child.content]
                assert not left, (part.id, left)


def holes(text: str) -> set[str]:
    """The {names} in a text."""
    return {piece.partition("}")[0] for piece in text.split("{")[1:]}


@pytest.mark.parametrize("name", names())
def test_korean_words_quote_what_a_korean_student_sees(name: str) -> None:
    """Why a frame is lost is told in Korean; a text that quotes it in English sends students to look for what is not there."""
    words = (Path(find(name).folder) / "ko.md").read_text(encoding="utf-8")
    parts = {part.strip() for reason in KOREAN for part in re.split(r"\{\w+\}", reason)}
    told = {" ".join(part.split()[:3]) for part in parts if len(part.split()) >= 3}
    assert "nobody answered ARP" in told
    assert sorted(each for each in told if each in words) == []
    assert not re.search(r"`[^`]*\bto [a-z]\b[^`]*`", words)


@pytest.mark.parametrize("name", names())
def test_no_check_accepts_an_empty_cloud(name: str) -> None:
    async def work(guide: Guide) -> None:
        session = guide.session
        for at, step in enumerate(session.lesson.steps):
            session.at = at
            if step.kind == "do":
                assert not (await guide.check()).accepted, step.id
            elif step.kind == "find" and step.id not in {"count", "where"}:  # these are so in any cloud
                assert not (await guide.answer("spawning")).accepted, step.id
            assert session.at == at or step.kind == "text"

    in_class(name, "en", 7, work)


@pytest.mark.parametrize("name", names())
def test_a_lesson_begins_in_its_middle(name: str) -> None:
    lesson = find(name)
    last = next(step.id for step in reversed(lesson.steps) if step.kind == "do")

    async def work(last: str, guide: Guide) -> None:
        await guide.catch_up(last)
        assert guide.session.step.id == last
        assert not (await guide.check()).accepted
        _, reply = await guide.show()
        assert reply.accepted, reply.text

    in_class(name, "en", 3, partial(work, last))
