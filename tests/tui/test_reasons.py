"""What the datacenter says of lost frames, in Korean: each of its sentences is known, and none is written twice."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

import sim.datacenter
from lab.reasons import FILTERS, KOREAN, worded
from lab.services.compute import capabilities, filters
from lab.tui.screens.datacenter import DatacenterRoom
from lab.watch.walk import of_ping
from tests.tui.conftest import StubFeed, app_of, play
from tests.tui.test_datacenter import PING, healthy

HANGUL = re.compile("[가-힣]")
SAYING = {"note", "_drop", "Reach", "PingResult", "failed"}
"""Calls whose texts are reasons."""
ANSWERING = {"refuses", "egress", "ingress", "_pass", "lease"}
"""Functions that answer a reason, or nothing."""
REASONS = {"why", "said", "refusal", "refused", "silence"}
"""Names of variables that hold one."""
NO_REASONS = ("Starting network", "lease of", ": ")
WAYS = tuple(
    {"way": way, "direction": direction, "where": "VLAN 7", "state": "is off"}
    for way, direction in (("in from", "ingress"), ("out to", "egress"))
)
"""What is put in for some names; anything for the others."""
RARE = {
    "VLAN {vlan} is not allowed on trunk {where} (allowed: none)", "server {name} is still booting", "server {name} is paused",
    "to no port",
    "router {name} has no interface for untagged frames", "{name} has no address",
}
"""Said only with a word put in that the search does not put in, or by the hands of a lesson."""


def rendered(node: ast.expr, names: dict[str, str]) -> Iterator[str]:
    """The texts that an expression may give, with something in place of what is put in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield names.get(node.value, node.value)
    elif isinstance(node, ast.JoinedStr):
        parts = [part.value if isinstance(part, ast.Constant) else names.get(ast.unparse(part.value), "x-1") for part in node.values
                 if isinstance(part, (ast.Constant, ast.FormattedValue))]  # fmt: skip
        yield "".join(map(str, parts))
    elif isinstance(node, ast.IfExp):
        yield from rendered(node.body, names)
        yield from rendered(node.orelse, names)
    elif isinstance(node, ast.BinOp):
        for left in rendered(node.left, names) if not isinstance(node.left, ast.Name) else ["nobody answered ARP for "]:
            yield left + "x-1"


def sentences() -> set[str]:
    """All reasons that stand in the datacenter's source."""
    found: set[str] = set()
    for path in Path(sim.datacenter.__file__).parent.glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for function in (node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))):
            for ways in WAYS:
                for node in ast.walk(function):
                    if isinstance(node, ast.Call):
                        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                        given = node.args[1:] if called in SAYING else []
                        texts = [text for arg in given for text in rendered(arg, ways)]
                    elif isinstance(node, ast.Assign) and {ast.unparse(target) for target in node.targets} & REASONS:
                        texts = list(rendered(node.value, ways))
                    elif isinstance(node, ast.Return) and node.value is not None and function.name in ANSWERING:
                        texts = list(rendered(node.value, ways))
                    else:
                        continue
                    found |= {text for text in texts if " " in text and not text.startswith(NO_REASONS)}
    return found


def test_every_sentence_of_the_datacenter_is_known_in_korean() -> None:
    found = sentences()
    assert len(found) > 35
    assert {text for text in found if not HANGUL.search(worded(text, "ko"))} == set()
    assert all(worded(text, "en") == text for text in found)


def test_no_sentence_is_kept_that_nobody_says() -> None:
    said = sentences()
    assert {english for english in KOREAN if not any(fits(english, text) for text in said)} <= RARE


def refusals() -> set[str]:
    """What filters say of a host that they refuse."""
    found: set[str] = set()
    for module in (filters, capabilities):
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if isinstance(node, ast.Lambda):
                found.update(rendered(node.body, {}))
            elif isinstance(node, ast.FunctionDef) and node.name.endswith(("_reason", "_problem")):
                returns = (each.value for each in ast.walk(node) if isinstance(each, ast.Return) and each.value is not None)
                found.update(text for value in returns for text in rendered(value, {}))
    return {text for text in found if " " in text}


def test_every_refusal_of_a_filter_is_known_in_korean_and_none_is_kept_that_nobody_says() -> None:
    found = refusals()
    assert len(found) >= 18
    assert {text for text in found if not HANGUL.search(worded(f"RamFilter: {text}", "ko"))} == set()
    named = {"{name}Filter: {why}", "the service is disabled, reason: None"}
    assert {english for english in FILTERS if not any(fits(english, text) for text in found)} == named
    assert worded("RamFilter: this host was tried before", "ko") == "RamFilter: 이미 시도한 호스트입니다"


def fits(pattern: str, text: str) -> bool:
    """Whether a text may be one of a pattern."""
    return re.fullmatch(re.sub(r"\\\{\w+\\\}", ".+", re.escape(pattern)), text) is not None


def test_a_reason_within_a_reason_is_worded_too() -> None:
    said = worded("server web has no address on port p1: VLAN 100 is not trunked on leaf-1:compute-2", "ko")
    assert "leaf-1:compute-2의 trunk에 VLAN 100" in said
    assert worded("something new", "ko") == "something new"


@pytest.mark.parametrize(("lang", "words"), [("ko", "빠져 있습니다"), ("en", "is not trunked on")])
def test_a_lost_frame_is_told_in_the_users_language(recording: Path, lang: str, words: str) -> None:
    reason = "VLAN 100 is not trunked on leaf-1:compute-2"
    hops: Any = PING["hops"]
    lost = hops[2] | {"action": "drop", "reason": reason}
    walk = of_ping("web → db", {"reached": False, "rtt_ms": None, "reason": reason, "hops": [*hops[:2], lost]})
    app = app_of(StubFeed(recording, {"GET datacenter": healthy()}), lang, "datacenter")

    async def story(pilot: Pilot[None]) -> None:
        room = app.screen
        assert isinstance(room, DatacenterRoom)
        while not room.plan.servers:
            await pilot.pause(0.01)
        room.show_walk(walk)
        await pilot.press("full_stop", "full_stop")
        told = str(room.query_one("#detail", Static).content)
        assert told.count(words) == 2  # at its hop, and in the end

    play(app, story, (120, 40))
