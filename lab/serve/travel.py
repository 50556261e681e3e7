"""Travel in time: the world is built anew and its inputs are given to it again, up to an entry of the journal."""

from __future__ import annotations

import asyncio
import gc
from array import array
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from lab.errors import BadRequest, Conflict, LabError, ServiceUnavailable
from lab.inputs import Input, Inputs
from lab.journal import Entry, Journal
from lab.rest.message import Response, Stream
from lab.runtime import Secrets
from lab.serve import history
from lab.serve.deeds import CloudDeeds
from lab.serve.history import Past
from lab.serve.origin import Origin

if TYPE_CHECKING:
    from lab.cloud import SimulatedCloud
    from lab.serve.served import Served
    from sim.course import Course

SLICE = 2_000
"""Callbacks between two turns of the server's loop."""
SECRET_BYTES = 32
BODY = Entry._fields.index("body")


class Traveller:
    """Takes one served cloud to other points of its time."""

    def __init__(self, served: Served, origin: Origin | None, build: Callable[[Origin], SimulatedCloud] | None) -> None:
        self.served, self.origin, self._build = served, origin, build
        self.home = origin
        """What the cloud was before it took over another one's history."""
        self.collect: Callable[[], object] = gc.collect
        """Frees the worlds that nobody needs any more, a while after a travel."""
        self._known: Journal | None = None
        """The journal of the run that is being repeated; None when it is the present one, or was never here."""
        self._end = 0
        """Where it ended."""
        self._marks: list[int] = []
        """Where this run can be stopped, as far as that is known: the journal's ends between two callbacks."""
        self._there = asyncio.Event()
        """Not set while the cloud is on its way."""
        self._there.set()
        if not self.refusal():
            served.cloud.wires.runtime.secrets.kept = []

    def refusal(self) -> str:
        """Why the cloud cannot travel in time; empty when it can."""
        if self.origin is None or self._build is None:
            return "this cloud cannot be built anew, so it cannot go back in time; only `glasscloud up` can"
        if self.origin.db is not None:
            return "a kept cloud (--db) cannot go back in time: its database would have to go back too; start one without --db"
        return self._inputs.lost if self.served.runner.course.deeds is not None else ""

    @property
    def _inputs(self) -> Inputs:
        return self.served.runner.course.inputs

    def history(self) -> dict[str, Any]:
        """All that it takes to repeat this run, as JSON values."""
        return history.told(self._past(), asdict(self.served.cloud.world.datacenter.spec))

    def _past(self) -> Past:
        why = self.refusal()
        if why or self.origin is None:
            raise Conflict(why)
        kept = self.served.cloud.wires.runtime.secrets
        secrets = [*(kept.kept or ()), *kept.prepared[kept.count :]]
        return Past(self.origin, self._inputs.all(), secrets, max(self._end, self.served.journal.seq))

    # -- going there --------------------------------------------------------------------------

    async def travel(self, to: int, told: Mapping[str, Any] | None, then: Mapping[str, Any] | None) -> dict[str, Any]:
        """Go to an entry of this run, or of the one whose history is told; then, perhaps, make another future there."""
        if not self._there.is_set():
            raise Conflict("the cloud is on its way to another point of its time; ask again when it is there")
        past = self._past()
        known = self.served.journal if self._known is None or self._known.seq < self.served.journal.seq else self._known
        if told is not None:
            past = history.read(told, past.origin.config, lambda: Secrets().draw(SECRET_BYTES))
            self._marks = []
        if to > past.end:
            raise BadRequest(f"the journal ends at entry {past.end}; there is no entry {to} to go to")
        if then and "fault" in then:
            self._check_fault(then["fault"])
        runner = self.served.runner
        was_paused = runner.paused
        runner.pause()
        self._there.clear()
        try:
            course, deeds = await self._repeat(past, to)
        except BaseException:
            if not was_paused:
                runner.resume()
            raise
        finally:
            self._there.set()  # who waits for it wakes when all of what follows, which waits for nothing, is done
        differs_at = _differs(course.journal, known) if told is None else _misplaced(course.inputs, past.inputs)
        self._known, self._end = (known if told is None else None), past.end
        self._arrive(past, course, deeds)
        there = {"seq": course.journal.seq, "t_s": self.served.cloud.wires.runtime.now(), "run": self.served.run}
        if then:
            self._make_another_future(then)
        return {**there, "same": differs_at is None, "differs_at": differs_at}

    async def arrived(self) -> None:
        """Wait while the cloud is on its way."""
        await self._there.wait()

    def _check_fault(self, fault: dict[str, Any]) -> None:
        if ("act" in fault) == ("plant" in fault):
            raise BadRequest("this is no fault: it has either an act or a plant")
        try:
            self.served.cloud.world.deed("fault", fault)
        except LabError as error:
            raise BadRequest(str(error)) from None

    async def _repeat(self, past: Past, to: int) -> tuple[Course, CloudDeeds]:
        """The world anew, up to the last point between two callbacks at which its journal does not go beyond `to`."""
        collecting = gc.isenabled()
        gc.disable()  # the new world's objects live, and the old one's go when all is done
        try:
            goal = self._stop(to) or to
            course, deeds, marks = await self._run(past, goal)
            if course.journal.seq > to:
                self._marks = sorted({*self._marks, *marks})
                course.world.close()
                course, deeds, marks = await self._run(past, self._stop(to) or 1)
            self._marks = sorted({*self._marks, *marks})
            return course, deeds
        finally:
            if collecting:
                gc.enable()

    def _stop(self, to: int) -> int | None:
        """The last known point at or before `to`, when the next one is known too."""
        place = bisect_right(self._marks, to)
        if place and (self._marks[place - 1] == to or place < len(self._marks)):
            return self._marks[place - 1]
        return None

    async def _run(self, past: Past, to: int) -> tuple[Course, CloudDeeds, list[int]]:
        assert self._build is not None
        cloud = self._build(past.origin)
        runtime = cloud.wires.runtime
        runtime.secrets.kept, runtime.secrets.prepared = [], list(past.secrets)

        def forget() -> None:
            del runtime.secrets.prepared[runtime.secrets.count :]
            end = cloud.journal.seq
            self._known, self._end, self._marks = None, 0, self._marks[: bisect_right(self._marks, end)]

        deeds = CloudDeeds(cloud, self.served.deeds.play)
        inputs = Inputs(past.inputs, forget)
        course = self.served.runner.course_of(cloud.world.loop, cloud.journal, inputs, deeds)
        marks: array[int] = array("q")
        try:
            while True:
                if course.run_to(to, marks, SLICE):
                    break
                await asyncio.sleep(0)  # requests and questions get their turn
        except BaseException:
            course.world.close()
            raise
        return course, deeds, list(marks)

    # -- being there --------------------------------------------------------------------------

    def _arrive(self, past: Past, course: Course, deeds: CloudDeeds) -> None:
        served, old = self.served, self.served.cloud
        error = ServiceUnavailable("the cloud went to another point of its time before it answered; ask again")
        served.runner.swap(course, error)
        served.arrive(deeds.cloud, deeds)
        self.origin = past.origin
        old.world.cut_power()
        old.world.loop.close()
        asyncio.get_running_loop().call_later(1.0, self.collect)

    def _make_another_future(self, then: Mapping[str, Any]) -> None:
        self._inputs.another_future()
        if "seed" in then:
            self.served.runner.act(Input("seed", {"seed": then["seed"]}))
        if "fault" in then:
            self.served.runner.act(Input("fault", then["fault"]))

    def outward(self, response: Response) -> Response:
        """An answer as clients of this cloud need it: it may repeat the run of a cloud with another address."""
        if self.home is None or self.origin is None or self.origin.config.public_url == self.home.config.public_url:
            return response
        there, here = self.origin.config.public_url, self.home.config.public_url
        response.headers = {name: value.replace(there, here) for name, value in response.headers.items()}
        if not isinstance(response.body, Stream):
            response.body = response.content().replace(there.encode(), here.encode())
        return response


def _differs(one: Journal, other: Journal) -> int | None:
    """The first entry that is not the same in both, None when all that both have are."""
    for new, old in zip(one.since(), other.since(), strict=False):
        if new[:BODY] != old[:BODY] or (new[BODY:] != old[BODY:] and new.line() != old.line()):
            return new.seq
    return None


def _misplaced(inputs: Inputs, told: list[Input]) -> int | None:
    """The entry of the first input that came elsewhere than in the run that is repeated."""
    for new, old in zip(inputs.given, told, strict=False):
        if new.seq != old.seq:
            return min(new.seq, old.seq)
    return None
