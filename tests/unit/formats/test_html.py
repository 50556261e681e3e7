"""The page as text: one file that may load nothing, its data whole, its words in both languages."""

from __future__ import annotations

import json
import re
from typing import Any

from lab.journal import Entry
from lab.journal.formats import Flow, export
from lab.journal.formats.page_words import PAGE
from lab.journal.formats.words import WORDS


def page(flow: Flow, lang: str = "en") -> str:
    return "".join(export("html", flow, lang))


def data(text: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    held: dict[str, Any] = json.loads(found[1])
    return held


def test_it_may_load_nothing(created: Flow) -> None:
    text = page(created)
    assert "content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'\"" in text
    ours = re.sub(r'<script type="application/json".*?</script>', "", text, flags=re.DOTALL)
    assert not re.search(r"<(?:link|img|iframe|object|embed)\b|\bsrc=|@import|\bfetch\(|XMLHttpRequest|WebSocket", ours)
    assert "{lang}" not in text
    assert "{title}" not in text


def test_every_message_is_on_it_once_as_row_or_as_answer(created: Flow) -> None:
    rows = data(page(created))["rows"]
    seqs = [row["seq"] for row in rows] + [row["answer"]["seq"] for row in rows if "answer" in row]
    assert sorted(seqs) == [entry.seq for entry in created.entries if entry.kind != "world"]
    build = next(row for row in rows if row["name"] == "build_and_run_instance")
    assert build["body"]["security_groups"] == ["default"]
    assert build["services"] == ["nova"]


def test_periodic_work_is_marked_with_all_that_it_caused(created: Flow) -> None:
    marked = {row["name"] for row in data(page(created))["rows"] if row.get("periodic")}
    assert {"report_state", "volume.stats"} <= marked
    assert not marked & {"POST", "build_and_run_instance", "select_destinations"}


def test_first_starts_are_told_from_a_process_that_comes_back() -> None:
    lives = [Entry(life, life, "process", "glance@c", "", "start", "", "", 0, "", 0, None, {"life": life}) for life in (1, 2)]
    assert [row.get("boot", False) for row in data(page(Flow(lives)))["rows"]] == [True, False]


def test_nothing_in_a_body_or_a_title_ends_its_element() -> None:
    entry = Entry(1, 0, "rest", "client@c", "nova-api@c", "GET", "/</script><b>", "", 0, "", 0, b'"</script>"', None)
    text = page(Flow([entry], title="<script>alert(1)</script>"))
    assert text.count("</script>") == 2
    assert data(text)["rows"][0]["body"] == "</script>"
    assert "<script>alert" not in text


def test_a_huge_body_is_cut_and_says_so() -> None:
    entry = Entry(1, 0, "rest", "client@c", "nova-api@c", "GET", "/", "", 0, "", 0, json.dumps(["x" * 90_000]).encode(), None)
    body = data(page(Flow([entry])))["rows"][0]["body"]
    assert len(body) < 41_000
    assert body.endswith("(90,004 bytes)")


def test_every_word_is_there_in_both_languages(created: Flow) -> None:
    for pair in (*PAGE.values(), *WORDS.values()):
        assert len(pair) == 2
        assert all(pair)
        assert set(re.findall(r"{\w+", pair[0])) == set(re.findall(r"{\w+", pair[1]))
    korean = page(created, "ko")
    assert '<html lang="ko">' in korean
    assert data(korean)["words"]["search"] == PAGE["search"][1]
    used = set(re.findall(r"words(?:\.(\w+)|\['([\w ]+)'\])", korean))
    assert {a or b for a, b in used} <= set(PAGE)
