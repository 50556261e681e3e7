"""Resources: what a film tells of servers, volumes, networks, ports and images; forms, their calls, and what it looks like."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from textual.pilot import Pilot

from lab.cloud import Cloud
from lab.config import Config
from lab.rest.message import Response
from lab.tui.screens.resources import ResourcesRoom
from lab.tui.widgets.cells import fit
from lab.tui.widgets.form import Form, Menu
from lab.watch.asking import Field, choice, mistake
from lab.watch.film import Film
from lab.watch.line import entry_of
from lab.watch.orders import orders_for
from lab.watch.resources import Resources
from tests.tui.conftest import FACES, StubFeed, app_of, play


class Wire:
    """A transport that answers everything with one body."""

    def __init__(self, body: object, status: int = 202) -> None:
        self.sent: list[tuple[str, str, str, object]] = []
        self._body, self._status = orjson.dumps(body), status

    async def request(self, service: str, method: str, target: str, headers: dict[str, str], body: bytes) -> Response:
        self.sent.append((service, method, target, orjson.loads(body) if body else None))
        return Response(self._status, self._body, {"X-Openstack-Request-Id": "req-1"})

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("a face never waits")

    def now(self) -> float:
        return 0.0


def known(path: Path) -> Resources:
    """All that the recording tells."""
    found = Resources(Film(entry_of(line) for line in path.read_bytes().splitlines()))
    assert found.advance()
    return found


def acting(path: Path, wire: Wire) -> StubFeed:
    """A feed with a façade over a wire."""
    feed = StubFeed(path)
    feed.cloud = Cloud(wire, Config())
    feed.cloud.session.token = "known"
    return feed


def test_a_film_tells_what_there_is(recording: Path) -> None:
    found = known(recording)
    (web,) = found.of("server")
    assert (web.name, web.state, found.host_of(web), found.addresses_of(web)) == ("web", "active/None", "compute-1", ["10.0.0.3"])
    (image,), (network,) = found.of("image"), found.of("network")
    assert (image.name, image.state, network.name, network.data["provider:segmentation_id"]) == ("cirros", "active", "blue", 100)
    assert [port.state for port in found.of("port")] == ["ACTIVE", "ACTIVE"]
    assert [flavor.name for flavor in found.of("flavor")] == ["m1.tiny"]


def test_the_history_has_calls_and_states_in_order(recording: Path) -> None:
    (web,) = known(recording).of("server")
    history = sorted(web.history, key=lambda event: event.seq)
    assert history[0].words == "client → nova-api POST /v2.1/servers"
    assert history[0].status == "202"
    assert [event.words for event in history if event.state] == [
        "building/None", "building/networking", "building/block_device_mapping", "building/spawning", "active/None",
    ]


def test_what_time_took_back_is_not_there_any_more(recording: Path) -> None:
    found = known(recording)
    found.film.cut(150)
    assert found.advance()
    assert not found.of("server")
    assert [image.name for image in found.of("image")] == ["cirros"]


def test_the_end_of_a_thing(recording: Path) -> None:
    found = known(recording)
    (web,), port = found.of("server"), found.of("port")[0]
    last = found.film[-1]
    new = {"seq": last.seq + 1, "parent": 0, "body": None, "note": None}
    found.film.extend([
        last._replace(**new | {"kind": "state", "target": "server", "where": web.id, "status": "deleted/None"}),
        last._replace(**new | {
            "seq": last.seq + 2, "kind": "rest_reply", "name": "DELETE", "where": f"/v2.0/ports/{port.id}", "status": "204",
        }),
    ])
    found.advance()
    assert web.gone
    assert found.of("server", gone=True) == [web]
    assert port.id not in {each.id for each in found.of("port")}


def test_only_what_fits_a_state_is_offered(recording: Path) -> None:
    (web,) = known(recording).of("server")
    power = {"server.stop", "server.start", "server.pause", "server.unpause", "server.reboot"}

    def offered(state: str) -> set[str]:
        web.state = state
        return power & {order.key for order in orders_for(web)}

    assert offered("active/None") == {"server.stop", "server.pause", "server.reboot"}
    assert offered("paused/None") == {"server.unpause"}
    assert offered("stopped/None") == {"server.start"}


def test_mistakes_in_a_form() -> None:
    fields = (Field("name"), Field("size", number=True), choice("image", []), Field("host", needed=False))
    assert mistake(fields, {"name": " ", "size": "1"}).why == "needed"  # type: ignore[union-attr]
    assert mistake(fields, {"name": "a", "size": "big"}).why == "number"  # type: ignore[union-attr]
    assert mistake(fields, {"name": "a", "size": "1"}).why == "none"  # type: ignore[union-attr]
    assert mistake(fields[:2], {"name": "a", "size": "1"}) is None


def test_wide_letters_line_up() -> None:
    assert fit("서버", 6) == "서버  "
    assert fit("서버입니다", 6) == "서버… "
    assert fit("abc", 2) == "a…"


@pytest.mark.parametrize(("size", "lang"), FACES)
def test_it_looks_as_it_did(snap: Callable[..., bool], recording: Path, size: tuple[int, int], lang: str) -> None:
    assert snap(app_of(recording, lang, "resources"), size)


@pytest.mark.parametrize(("size", "lang"), FACES)
def test_its_form_looks_as_it_did(snap: Callable[..., bool], recording: Path, size: tuple[int, int], lang: str) -> None:
    assert snap(app_of(acting(recording, Wire({})), lang, "resources"), size, "c")


def test_a_server_is_made_by_a_form_and_its_calls_are_shown(recording: Path) -> None:
    wire = Wire({"server": {"id": "new"}})
    app = app_of(acting(recording, wire), room="resources")

    async def story(pilot: Pilot[None]) -> None:
        room = app.screen
        assert isinstance(room, ResourcesRoom)
        await pilot.press("c", *["backspace"] * 4, *"shop", "f2")
        await pilot.pause()
        await pilot.pause()
        service, method, target, body = wire.sent[0]
        assert (service, method, target) == ("compute", "POST", "/v2.1/servers")
        (image,), (network,), (flavor,) = (room.known.of(kind) for kind in ("image", "network", "flavor"))
        assert body == {"server": {
            "name": "shop", "flavorRef": flavor.id, "imageRef": image.id, "networks": [{"uuid": network.id}],
        }}
        assert [call.words for call in room.calls] == ["POST /compute/v2.1/servers", "GET /compute/v2.1/servers/new"]
        assert room.calls[0].status == 202

    play(app, story)


def test_a_form_says_what_is_missing(recording: Path) -> None:
    wire = Wire({})
    app = app_of(acting(recording, wire), "ko", "resources")

    async def story(pilot: Pilot[None]) -> None:
        await pilot.press("c", *["backspace"] * 4, "f2")
        assert isinstance(app.screen, Form)
        assert "이름" in str(app.screen.query_one("#wrong").render())
        await pilot.press("escape")
        assert isinstance(app.screen, ResourcesRoom)

    play(app, story)
    assert not wire.sent


def test_a_server_is_stopped_by_the_menu(recording: Path) -> None:
    wire = Wire(None)
    app = app_of(acting(recording, wire), room="resources")

    async def story(pilot: Pilot[None]) -> None:
        await pilot.press("a")
        assert isinstance(app.screen, Menu)
        await pilot.press("enter")
        assert isinstance(app.screen, Form)
        await pilot.press("enter")
        await pilot.pause()

    play(app, story)
    (service, method, target, body), = wire.sent
    assert (service, method, body) == ("compute", "POST", {"os-stop": None})
    assert target.endswith("/action")


def test_a_recording_says_why_nothing_can_be_made(recording: Path) -> None:
    app = app_of(recording, "ko", "resources")

    async def story(pilot: Pilot[None]) -> None:
        await pilot.press("c")
        await pilot.pause()
        assert any("기록된 저널" in note.message for note in app._notifications)
        assert isinstance(app.screen, ResourcesRoom)

    play(app, story)
