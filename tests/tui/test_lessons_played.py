"""The lessons as a student plays them in the room: by its keys, by what the text tells to type, and by the forms of Resources.

Each is played to its end in a cloud of its own; what is asked for is read off the screen, never out of the check.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, OptionList

from lab.tui.app import GlassApp
from lab.tui.screens import lessons
from lab.tui.screens.lessons import LessonsRoom
from lab.tui.screens.resources import ResourcesRoom
from lab.tui.widgets.form import Form, Menu
from lab.watch import shelf
from lab.watch.child import ChildFeed, start
from lab.watch.lecture import Lecture, cloud_for
from tests.tui.conftest import LANGS
from tests.tui.test_walk import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
CREATE = "openstack server create --image cirros --flavor m1.tiny --network blue"
AT_1 = "--availability-zone nova:compute-1"
AGENT = "nova-compute@compute-1"


class Student:
    """Presses keys and reads the page."""

    def __init__(self, app: GlassApp, pilot: Pilot[None]) -> None:
        self.app, self.pilot = app, pilot

    @property
    def room(self) -> LessonsRoom:
        """The room of the lesson."""
        room = self.app.screen
        assert isinstance(room, LessonsRoom), room
        return room

    @property
    def lecture(self) -> Lecture:
        """What is shown."""
        assert self.room.lecture is not None
        return self.room.lecture

    @property
    def page(self) -> list[str]:
        """The lines that were printed last."""
        return list(self.lecture.said[-1].lines)

    async def press(self, *keys: str) -> None:
        """Press keys, and wait until what they began is done and shown."""
        await self.pilot.press(*keys)
        await self.quiet()

    async def quiet(self) -> None:
        """Wait until nothing is being done."""
        await self.pilot.pause()
        await until(self.pilot, lambda: not (isinstance(self.app.screen, LessonsRoom) and self.room.doing), "an answer")
        await self.pilot.pause()

    async def begin(self, row: int) -> None:
        """Open a lesson of the list."""
        await self.pilot.press("8", *["down"] * row)
        await self.press("enter")
        await until(self.pilot, lambda: self.app.desk is not self.app.home and self.lecture.view is not None, "the lesson's cloud")

    async def type(self, *lines: str) -> None:
        """Type lines."""
        for line in lines:
            if not self.room.query_one("#line", Input).has_focus:
                await self.pilot.press("i")
            await self.press(*line, "enter")

    async def ask(self, line: str) -> str:
        """Type a line and answer the first word that it printed."""
        await self.type(line)
        return self.page[0].split()[0]

    async def leave_line(self) -> None:
        """Give the keys back to the page."""
        if self.room.query_one("#line", Input).has_focus:
            await self.pilot.press("escape")

    async def predict(self, choice: str) -> None:
        """Choose an answer of a prediction."""
        options = self.room.query_one("#choices", OptionList)
        wanted = [option.id for option in options.options].index(choice)
        there = options.highlighted or 0
        await self.press(*(["down"] * (wanted - there) or ["up"] * (there - wanted)), "enter")

    async def form(self, kind: str, key: str, *fields: str) -> None:
        """Fill in a form of Resources: the kind of thing, the key that opens the form, and what is written over its fields."""
        await self.leave_line()
        await self.pilot.press("5")
        room = self.app.screen
        assert isinstance(room, ResourcesRoom)
        await until(self.pilot, lambda: room.is_mounted and room.known.of("image"), "what there is")
        while room.kind != kind:
            await self.pilot.press("right")
        await self.pilot.press(key)
        if key == "a":
            await self.choose(fields[0])
        form = self.app.screen
        assert isinstance(form, Form), form
        for field, value in zip(form.query(Input), fields if key == "c" else (), strict=False):
            field.value = value or field.value
        await self.pilot.press("f2")
        await self.pilot.press("8")
        await self.quiet()

    async def choose(self, order: str) -> None:
        """Choose what shall be done with the marked thing."""
        menu = self.app.screen
        assert isinstance(menu, Menu), menu
        options = menu.query_one(OptionList)
        at = [option.id for option in options.options].index(order)
        await self.pilot.press(*["down"] * (at - (options.highlighted or 0)), "enter")
        await self.pilot.pause()


Deeds = Mapping[str, Callable[[Student], Awaitable[None]]]


def typing(*typed: str) -> Callable[[Student], Awaitable[None]]:
    """A deed that is only typed."""
    return lambda student: student.type(*typed)


async def accepted(student: Student, step: str) -> None:
    """Have a step checked until nothing is missing: some things take a while, and the student is told so."""
    await student.leave_line()
    for _ in range(30):
        await student.press("enter")
        if student.lecture.passed:
            return
        assert student.lecture.said[-1].kind == "bad", student.lecture.said[-1]
        await student.pilot.pause(0.5)
    raise AssertionError(f"{step}: {student.lecture.said[-1].text}")


async def to_the_end(student: Student, deeds: Deeds) -> list[str]:
    """Play the lesson that is open; answer the kinds of its steps."""
    kinds = []
    while (view := student.lecture.view) is not None:
        kinds.append(view.kind)
        step = student.lecture.session.step
        if view.kind == "predict":
            wrong = next(choice for choice in step.choices if choice != step.answer)
            await student.predict(wrong)
            assert (student.lecture.passed, student.lecture.said[-1].kind) == (False, "bad")
            await student.press("h")
            assert student.lecture.said[-1].kind == "hint"
            await student.predict(step.answer)
        elif view.kind == "do":
            await student.press("enter")
            assert student.lecture.said[-1].kind == "bad", f"{view.id} was accepted before anything was done"
            await deeds[view.id](student)
            await accepted(student, view.id)
        elif view.kind == "find":
            await deeds[view.id](student)
        elif view.kind == "act":
            await student.press("enter")
        assert student.lecture.passed or view.kind == "text", (view.id, student.lecture.said)
        await student.press("enter")
    return kinds


def play(row: int, lang: str, deeds: Deeds, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Begin a lesson in an application with a cloud of its own, play it to its end, and come back to that cloud."""
    monkeypatch.setattr(lessons, "cloud_for", partial(cloud_for, speed="max"))

    async def run() -> list[str]:
        feed = await start("--seed", "1", "--speed", "1")
        try:
            app = GlassApp(feed, lang)
            async with app.run_test(size=(120, 40)) as pilot:
                student = Student(app, pilot)
                await student.begin(row)
                kinds = await to_the_end(student, deeds)
                own = app.desk.feed
                await student.press("enter")
                assert isinstance(own, ChildFeed)
                await until(pilot, lambda: own.process.returncode is not None, "the end of the lesson's cloud")
                assert app.desk is app.home
                assert list(app.watched) == [app.home]
                assert app.home.lectures[student.room.list.lessons[row].name].finished
                return kinds
        finally:
            await feed.close()

    return asyncio.run(run())


# -- 1: VLANs ---------------------------------------------------------------------------------


async def two_networks(student: Student) -> None:
    await student.form("network", "c", "blue", "10.0.0.0/24")
    await student.type("openstack network create red", "openstack subnet create --network red --subnet-range 10.0.0.0/24 red-v4")


async def vlan_of_blue(student: Student) -> None:
    await student.type(await student.ask("openstack network show blue -c provider:segmentation_id -f value"))


async def where_it_ends(student: Student) -> None:
    await student.type("ping web db")
    lost = next(line for line in student.page if " drop " in line)
    await student.type(lost.partition(":")[0])


VLANS: Deeds = {
    "join": typing("vlan b 100", "ping a b"),
    "trunk": typing("trunk s1 s2 100 200", "ping b e", "trunk s2 s1 100 200", "ping b e"),
    "route": typing("interface r1 200 10.0.2.254/24", "ping a b"),
    "vpc": two_networks,
    "segment": vlan_of_blue,
    "where": where_it_ends,
}


@pytest.mark.parametrize("lang", LANGS)
def test_the_lesson_on_vlans_is_played(monkeypatch: pytest.MonkeyPatch, lang: str) -> None:
    kinds = play(0, lang, VLANS, monkeypatch)
    assert len(kinds) == 27
    assert set(kinds) == {"text", "act", "predict", "do", "find"}


# -- 2: a server's creation -------------------------------------------------------------------


async def make_web(student: Student) -> None:
    await student.form("server", "c", "web")
    await student.type("openstack server show web -c status")


async def request_of_web(student: Student) -> None:
    request = await student.ask('openstack server event list web -c "Request ID" -f value')
    await student.type(request[:8])
    assert not student.lecture.passed
    await student.type(request[:12])


async def last_word(student: Student, of: str) -> None:
    """Answer with the end of the first line of the trace that has these words."""
    await student.type("trace web")
    await student.type(next(line for line in student.page if of in line).split()[-1])


async def host_of_web(student: Student) -> None:
    await student.type(await student.ask("openstack server show web -c OS-EXT-SRV-ATTR:host -f value"))


async def longest_call(student: Student) -> None:
    await student.type("drivers web")
    calls = [line.split() for line in student.page]
    await student.type(max(calls, key=lambda words: float(words[3]))[2])


async def delete_web(student: Student) -> None:
    await student.form("server", "a", "server.delete")


SERVER: Deeds = {
    "create": make_web,
    "request-id": request_of_web,
    "status": partial(last_word, of="client ──▶ nova-api POST /v2.1/servers "),
    "method": partial(last_word, of="nova-conductor ══▷ nova-compute cast "),
    "chosen": host_of_web,
    "port": partial(last_word, of="neutron-api POST /v2.0/ports "),
    "longest": longest_call,
    "delete": delete_web,
}


@pytest.mark.parametrize("lang", LANGS)
def test_the_lesson_on_a_servers_creation_is_played(monkeypatch: pytest.MonkeyPatch, lang: str) -> None:
    assert len(play(1, lang, SERVER, monkeypatch)) == 20


# -- 3: an agent dies -------------------------------------------------------------------------


async def agents_up(student: Student) -> None:
    await student.type("openstack compute service list -c Binary -c Host -c Status -c State")
    seen = [line.replace("|", " ").split() for line in student.page]
    assert max(map(len, student.page)) <= student.room.query_one("#text").size.width
    await student.type(str(sum(words[::3] == ["nova-compute", "up"] for words in seen)))


async def state_of_agent(student: Student) -> None:
    await student.type("services")
    await student.type(next(line.split()[3] for line in student.page if line.split()[:2] == ["nova-compute", "compute-1"]))


async def task_of_late(student: Student) -> None:
    await student.type(await student.ask("openstack server show late -c OS-EXT-STS:task_state -f value"))


AGENTS: Deeds = {
    "count": agents_up,
    "state": state_of_agent,
    "elsewhere": typing(f"{CREATE} cache"),
    "stop": typing("openstack server stop web"),
    "back": typing(f"restart {AGENT}", "wait 10"),
    "late": typing(f"{CREATE} {AT_1} late", "wait 10"),
    "task": task_of_late,
    "again": typing(f"restart {AGENT}", "wait 10", "openstack server list"),
    "clean": typing("openstack server delete late", "wait 5", f"{CREATE} {AT_1} late"),
}


@pytest.mark.parametrize("lang", LANGS)
def test_the_lesson_on_a_dying_agent_is_played(monkeypatch: pytest.MonkeyPatch, lang: str) -> None:
    assert len(play(2, lang, AGENTS, monkeypatch)) == 22


# -- a place that is kept ---------------------------------------------------------------------


def test_who_quits_goes_on_at_the_same_step(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(lessons, "cloud_for", partial(cloud_for, speed="max"))
    monkeypatch.setattr(shelf, "home", lambda: tmp_path)

    async def sitting(story: Callable[[Student], Awaitable[None]]) -> None:
        feed = await start("--seed", "1", "--speed", "1")
        try:
            app = GlassApp(feed, keeps=True)
            async with app.run_test(size=(120, 40)) as pilot:
                await story(Student(app, pilot))
                await pilot.press("q")
        finally:
            await feed.close()

    places: list[tuple[str, int]] = []

    def place(student: Student) -> tuple[str, int]:
        return student.lecture.session.step.id, student.lecture.session.at

    async def first(student: Student) -> None:
        await student.begin(1)
        while student.lecture.view is not None and student.lecture.view.id != "request-id":
            if student.lecture.kind not in ("text", "act", "passed"):
                await student.press("s")
            await student.press("enter")
        places.append(place(student))

    async def second(student: Student) -> None:
        await student.pilot.press("8")
        assert f"at {places[0][1] + 1}/" in str(student.room.list.render_line(1).text)
        await student.begin(1)
        assert student.lecture.view is not None
        places.append((student.lecture.view.id, student.lecture.session.at))
        assert await student.ask('openstack server event list web -c "Request ID" -f value')  # what was done before is there

    asyncio.run(sitting(first))
    asyncio.run(sitting(second))
    assert places[0] == places[1]
