"""Messages are drawn over lanes when there is room, and in words when there is not."""

from __future__ import annotations

from collections.abc import Sequence as Sequence_
from io import StringIO
from typing import Any

from rich.console import Console

from lab.cli.lanes import Sequence, colour_of, is_failure, lane_of

ROWS: list[dict[str, Any]] = [
    {"seq": 1, "t_ms": 6.0, "kind": "rest", "source": "client", "target": "nova-api", "method": "POST",
     "path_or_topic": "/v2.1/servers", "status": 202},
    {"seq": 2, "t_ms": 386.0, "kind": "rpc_cast", "source": "nova-api", "target": "nova-conductor",
     "method": "schedule_and_build_instances", "path_or_topic": "conductor", "status": ""},
    {"seq": 3, "t_ms": 400.0, "kind": "notify", "source": "nova-conductor", "target": "x", "method": "instance.update",
     "path_or_topic": "notifications.info", "status": "INFO"},
    {"seq": 4, "t_ms": 553.0, "kind": "rpc_reply", "source": "nova-scheduler", "target": "nova-conductor",
     "method": "select_destinations", "path_or_topic": "reply_*", "status": "failure:NoValidHost"},
]


def drawn(width: int, rows: Sequence_[dict[str, Any]] = ROWS, lang: str = "en") -> list[str]:
    out = StringIO()
    sequence = Sequence(Console(file=out, width=width), lang)
    sequence.header()
    assert sequence.rows(rows) == sum(row["kind"] != "notify" for row in rows)
    return out.getvalue().splitlines()


def test_a_wide_terminal_gets_lanes() -> None:
    lines = drawn(180)
    assert lines[0].split()[:4] == ["client", "keystone", "glance", "nova-api"]
    assert "│────" in lines[1]
    assert "────▶│" in lines[1]
    assert lines[1].endswith("POST /v2.1/servers 202")
    assert "═▷" in lines[2]
    assert "◁┄" in lines[3]
    assert lines[3].endswith("reply select_destinations failure:NoValidHost")


def test_a_narrow_terminal_gets_words_on_one_line_each() -> None:
    lines = drawn(80)
    assert len(lines) == 3
    assert lines[0].split() == ["0.006s", "client", "──▶", "nova-api", "POST", "/v2.1/servers", "202"]
    assert all(len(line) <= 80 for line in lines)


def test_processes_of_one_service_share_a_lane() -> None:
    assert lane_of("neutron-rpc@controller-1") == "neutron-api"
    assert lane_of("nova-compute@compute-7") == "nova-compute"
    assert colour_of("someone else") == "white"


def test_failures_are_told_from_successes() -> None:
    assert [is_failure(s) for s in (202, "404", 500, "failure:NoValidHost", "ok", None)] == [
        False, True, True, True, False, False,
    ]


def test_a_lost_message_is_called_so_in_both_languages() -> None:
    lost = [{**ROWS[1], "status": "lost"}]
    assert " ✗ lost cast schedule_and_build_instances" in drawn(180, lost)[1]
    assert " ✗ 유실 cast schedule_" in drawn(80, lost, "ko")[0]
    assert is_failure("lost")
