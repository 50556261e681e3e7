"""The table of switches takes lines, refuses wrong ones in both languages, and is made anew by the same lines."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from lab.client.compute import Server
from lab.cloud import bench
from lab.teach.lesson_hands import Hands
from lab.teach.lesson_table import Table, draw
from lab.teach.lesson_terms import TERMS, Slip

ONE = ["switch s1", "server a 10.0.0.1/24 s1", "server b 10.0.0.2/24 s1"]


def table(*lines: str) -> Table:
    made = Table(bench)
    for line in lines:
        made.do(line)
    return made


def test_servers_on_one_switch_reach_each_other_until_a_vlan_is_between() -> None:
    made = table(*ONE)
    walk = made.do("ping a b").walk
    assert walk is not None
    assert walk.ok
    assert any("flood" in hop for hop in walk.hops)
    made.do("vlan a 100")
    assert made.plan.walks == {}, "a change makes older pings worthless"
    made.do("vlan b 200")
    apart = made.do("ping a b").walk
    assert apart is not None
    assert not apart.ok
    made.do("vlan b 100")
    joined = made.do("ping a b").walk
    assert joined is not None
    assert joined.ok


def test_the_same_lines_make_the_same_table() -> None:
    made = table(*ONE, "vlan a 100", "ping a b", "macs s1")
    again = Table(bench)
    again.replay(made.lines)
    assert again.plan == made.plan
    assert again.lines == made.lines
    assert draw(again.plan)[0] == "[s1]"
    made.do("clear")
    assert made.bare


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("fly a b", "no-command"), ("ping a", "usage"), ("ping a x", "no-device"), ("ping a a", "itself"), ("vlan a 5000", "no-vlan"),
        ("vlan a ten", "no-vlan"), ("vlan x 10", "no-device"), ("switch s1", "taken"), ("server c 10.0.0.3 s1", "no-address"),
        ("server c 10.0.0.300/24 s1", "no-address"), ("trunk s1 s1 1", "itself"), ("trunk s1 s9 1", "no-device"),
        ("interface r1 1 10.0.0.1/24", "no-device"), ("macs a", "no-device"), ("switch", "usage"), ("vlan a 1 2", "usage"),
    ],
)
def test_a_wrong_line_is_refused_in_both_languages_and_does_nothing(line: str, key: str) -> None:
    made = table(*ONE)
    before = list(made.lines)
    with pytest.raises(Slip) as caught:
        made.do(line)
    assert caught.value.key == key
    assert caught.value.say("ko") != caught.value.say("en")
    assert made.lines == before


def test_the_engine_says_everything_in_both_languages() -> None:
    for key, texts in TERMS.items():
        assert set(texts) == {"en", "ko"}, key
        assert len(set(texts.values())) == 2, key


@pytest.mark.parametrize(
    ("lang", "end", "hop"),
    [("ko", "ARP에 아무도 응답하지 않았습니다", "]: 갈 포트 없음"), ("en", "nobody answered ARP for 10.0.0.2", "]: to no port")],
)
def test_why_a_frame_is_lost_is_told_in_the_students_language(lang: str, end: str, hop: str) -> None:
    nothing: Any = None  # on the table no cloud is needed
    hands = Hands(nothing, nothing, table(*ONE, "vlan a 100", "vlan b 200"), lang)
    (outcome,) = asyncio.run(hands.typed("ping a b"))
    assert not outcome.ok
    assert outcome.text.endswith(end)
    assert any(line.endswith(hop) for line in outcome.lines)
    assert any(line.endswith("]") for line in outcome.lines), "what is sent on needs no reason"


def test_an_unknown_line_is_answered_with_all_that_can_be_typed() -> None:
    nothing: Any = None
    hands = Hands(nothing, nothing, table(*ONE), "en")
    with pytest.raises(Slip) as caught:
        asyncio.run(hands.typed("opentsack server list"))
    assert caught.value.say("en").endswith("services, wait, openstack")


def test_a_server_that_does_not_come_is_told_in_the_students_language() -> None:
    """Lesson 3 stops a server whose agent is dead: the work is shown, and what came of it is read by a student."""

    class Clock:
        def now(self) -> float:
            return 5.0

    collection: Any = SimpleNamespace(session=SimpleNamespace(transport=Clock()))
    server = Server(collection, {"id": "1", "name": "web", "status": "ACTIVE"})
    nothing: Any = None
    hands = Hands(nothing, nothing, table(*ONE), "ko")
    asyncio.run(hands.settled(server, ("SHUTOFF", "ERROR"), 0.0))
    assert hands.notes == ["server web: 0초 뒤에도 SHUTOFF 또는 ERROR이(가) 아니라 ACTIVE입니다"]
