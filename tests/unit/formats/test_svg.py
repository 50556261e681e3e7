"""The drawing: one SVG without script, all of it inside its edges, REST and queue told apart by colour and by shape."""

from __future__ import annotations

import re
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest

from lab.journal import Entry
from lab.journal.formats import Flow, export
from lab.journal.formats.choice import for_a_drawing
from lab.journal.formats.diagram import rows
from lab.journal.formats.layout import Layout, width_of
from lab.journal.formats.svg import ROWS_MAX

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module", params=["en", "ko"])
def drawing(created: Flow, request: pytest.FixtureRequest) -> ET.Element:
    return ET.fromstring("".join(export("svg", created, request.param)))


def group(drawing: ET.Element, words: str) -> ET.Element:
    return next(g for g in drawing.iter(f"{SVG}g") if any(words in (t.text or "") for t in g.iter(f"{SVG}text")))


def classes(element: ET.Element) -> list[str]:
    return [part.get("class", "") for part in element.iter()]


def test_every_row_is_drawn_once_and_in_order(drawing: ET.Element, created: Flow) -> None:
    drawn = [int(g.get("data-seq", "")) for g in drawing.iter(f"{SVG}g")]
    assert drawn == [row.entry.seq for row in rows(Flow(for_a_drawing(created.entries), created.names))]


def test_nothing_stands_outside(drawing: ET.Element) -> None:
    width, height = float(drawing.get("width", "")), float(drawing.get("height", ""))
    for text in drawing.iter(f"{SVG}text"):
        words = text.text or ""
        x, size = float(text.get("x", "")), 10.0
        anchored = {"time": -width_of(words, size), "name": -width_of(words, 12) / 2}.get((text.get("class") or "").split(" ")[0], 0.0)
        assert x + anchored >= 0, words
        assert x + (width_of(words, size) if not anchored else 0) <= width, words
        assert 0 < float(text.get("y", "")) < height
    for part in drawing.iter(f"{SVG}rect"):
        assert float(part.get("x", "0")) >= 0
        assert float(part.get("x", "0")) + float(part.get("width", "")) <= width
        assert float(part.get("height", "")) >= 0


def test_rest_and_queue_differ_in_colour_shape_and_letter(drawing: ET.Element) -> None:
    rest, call, cast = (group(drawing, words) for words in ("POST /v2.1/servers", "select_destinations (", "build_and_run_instance"))
    assert "line rest" in classes(rest)
    assert "inner" not in classes(rest)
    assert {"line queue double", "inner"} <= set(classes(call))
    heads = [part.get("d", "").count("L") for one in (call, cast) for part in one.iter() if part.get("class") == "open queue"]
    assert heads == [2, 1]
    letters = [next(t.text for t in one.iter(f"{SVG}text") if t.get("class") == "badge") for one in (rest, call, cast)]
    assert letters == ["R", "C", "A"]


def test_it_is_readable_in_the_dark_and_runs_nothing(drawing: ET.Element) -> None:
    style = next(drawing.iter(f"{SVG}style")).text or ""
    light, dark = style.split("@media (prefers-color-scheme:dark)")
    for name in ("rest", "queue", "ground", "bar", "band", "note", "label", "inner", "bad"):
        assert f".{name}{{" in light, name
        assert f".{name}{{" in dark, name
    assert not list(drawing.iter(f"{SVG}script"))
    assert not [value for part in drawing.iter() for name, value in part.items() if name.startswith("on") or "http" in value]


def contrast(one: str, other: str) -> float:
    """The contrast of two colours by the Web Content Accessibility Guidelines."""

    def light(colour: str) -> float:
        digits = colour if len(colour) == 6 else "".join(2 * c for c in colour)
        parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
        linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((light(one), light(other)))
    return (high + 0.05) / (low + 0.05)


def test_words_and_lines_stand_out_from_their_ground(drawing: ET.Element) -> None:
    for half in (next(drawing.iter(f"{SVG}style")).text or "").split("@media"):
        def colour(name: str, half: str = half) -> str:
            found = re.search(rf"(?:^|[}}\n{{]){re.escape(name)}{{[^}}]*?(?:fill|stroke):#([0-9a-f]+)", half)
            assert found is not None, name
            return found[1]

        ground = colour(".ground")
        assert contrast(colour(".dim"), ground) >= 4.5
        assert contrast(colour(".bad"), ground) >= 4.5
        for line in (".f-rest", ".f-queue", ".f-driver"):
            assert contrast(colour(line), ground) >= 3.0, line


def test_a_server_is_seen_going_from_state_to_state(created: Flow) -> None:
    flow = Flow(for_a_drawing(created.entries), created.names)
    bands = Layout(flow, rows(flow)).bands()
    assert [band.state for band in bands][-2:] == ["building/spawning", "active/None"]
    assert all(one.end == other.top for one, other in pairwise(bands))


def test_a_drawing_has_an_end_and_says_what_is_left_out() -> None:
    many = [Entry(n, n, "rest", "client@c", "nova-api@c", "GET", f"/{n}", "", 0, "req-1", 0, None, None) for n in range(1, ROWS_MAX + 6)]
    words = [text.text or "" for text in ET.fromstring("".join(export("svg", Flow(many), "ko"))).iter(f"{SVG}text")]
    assert any("메시지 5개가 더" in word for word in words)
    assert sum(word.startswith("GET /") for word in words) == ROWS_MAX


def test_nothing_at_all_is_drawn_too() -> None:
    assert ET.fromstring("".join(export("svg", Flow([])))).tag == f"{SVG}svg"
