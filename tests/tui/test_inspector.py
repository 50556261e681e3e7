"""The Inspector: everything about one entry, its links, and no secret."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from lab.journal import Entry
from lab.tui.screens.inspector import Inspector
from lab.tui.widgets.page import Page
from lab.watch.forms import curl, envelope
from lab.watch.line import entry_of
from lab.watch.why import rules, why
from tests.tui.conftest import FACES, app_of, play


@pytest.fixture(scope="module")
def entries(recording: Path) -> list[Entry]:
    return [entry_of(line) for line in recording.read_bytes().splitlines()]


@pytest.mark.parametrize(("size", "lang"), FACES)
def test_it_looks_as_it_did(snap: Callable[..., bool], recording: Path, size: tuple[int, int], lang: str) -> None:
    assert snap(app_of(recording, lang), size, "slash", *"build_and_run", "enter", "home", "enter")


def test_links_lead_to_the_cause_and_back(recording: Path) -> None:
    app = app_of(recording)

    async def story(pilot: Pilot[None]) -> None:
        await pilot.press("slash", *"build_and_run", "enter", "home", "enter")
        inspector = app.screen
        assert isinstance(inspector, Inspector)
        begun = inspector.seq
        entry = app.desk.film.get(begun)
        assert entry is not None
        assert entry.name == "build_and_run_instance"
        await pilot.press("u")
        assert inspector.seq == entry.parent
        assert "schedule_and_build_instances" in inspector.query_one(Page).text
        await pilot.press("backspace")
        assert inspector.seq == begun
        await pilot.press("escape")
        assert not isinstance(app.screen, Inspector)

    play(app, story)


def test_a_request_as_curl_names_the_service_and_hides_the_password(entries: list[Entry]) -> None:
    login = next(e for e in entries if e.kind == "rest" and e.source.startswith("client") and "auth/tokens" in e.where)
    leaky = login._replace(body=login.body_bytes().replace(b'"***"', b'"sesame"'))
    assert "http://cloud:1/identity/v3/auth/tokens" in curl(leaky, "http://cloud:1")
    assert "sesame" not in curl(leaky)
    created = next(e for e in entries if e.kind == "rest" and e.where == "/v2.1/servers")
    assert "/compute/v2.1/servers" in curl(created)
    assert "X-Auth-Token: $OS_TOKEN" in curl(created)


def test_an_rpc_has_the_envelope_of_oslo_messaging(entries: list[Entry]) -> None:
    cast = next(e for e in entries if e.name == "build_and_run_instance")
    call = next(e for e in entries if e.name == "select_destinations" and e.kind == "rpc_call")
    assert envelope(cast)["oslo.version"] == "2.0"
    assert "_msg_id" not in envelope(cast)["oslo.message"]
    assert envelope(call)["oslo.message"]["_msg_id"]
    assert envelope(cast)["oslo.message"]["version"] == "6.0"


def test_every_step_has_its_why_in_both_languages(entries: list[Entry]) -> None:
    for lang in ("ko", "en"):
        assert {(e.kind, e.name) for e in entries if not why(e, lang)} == set()
    assert all(rule["ko"] and rule["en"] for rule in rules())
    polled = next(e for e in entries if e.kind == "rest" and "/servers/" in e.where and e.name == "GET")
    assert "Polling" in why(polled, "en")


SERVER = "/v2.1/servers/b6b07f4a-2c08-4c30-8d7c-6a2f5d3e9f10"


@pytest.mark.parametrize(
    ("kind", "name", "where", "words"),
    [
        ("rest", "POST", f"{SERVER}/action", ("409", "상태가 허락하는지")),
        ("rest", "DELETE", SERVER, ("204", "없애 달라는")),
        ("rpc_cast", "pause_instance", "", ("hold the guest still", "멈춘 게스트는")),
        ("rpc_cast", "unpause_instance", "", ("let it go on", "다시 가게")),
        ("rpc_cast", "stop_instance", "", ("change its power", "전원을 바꾸라고")),
        ("rpc_cast", "terminate_instance", "", ("end the guest", "게스트를 끝내고")),
        ("driver", "hypervisor.pause", "", ("virtual processors", "가상 CPU")),
        ("driver_reply", "hypervisor.unpause", "", ("virtual processors", "가상 CPU")),
        ("driver", "hypervisor.power_off", "", ("switched on or off", "켜거나 끕니다")),
    ],
)
def test_what_is_done_with_a_server_is_told(entries: list[Entry], kind: str, name: str, where: str, words: tuple[str, str]) -> None:
    step = entries[0]._replace(kind=kind, name=name, where=where, target="nova-compute@compute-1")
    for lang, said in zip(("en", "ko"), words, strict=True):
        assert said in why(step, lang)
