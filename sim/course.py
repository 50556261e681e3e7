"""The course of one world: its steps, and the inputs that enter between two of them, live or repeated.

Steps and inputs are one order. An input is kept with the number of callbacks that ran before it and with the
instant of the clock; a repeated run makes exactly these steps, sets the clock and gives the input again, so it
leaves the same journal, whatever the pace and the pauses were when it was live.
"""

from __future__ import annotations

from array import array
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any

from lab.inputs import AT_ONCE, Deeds, Input, Inputs
from lab.journal import Journal
from sim.loop import SimLoop

Settle = Callable[[Any, BaseException | None], None]
"""Told the result of an input's work, or the exception that ended it."""


def unheard(result: Any, error: BaseException | None) -> None:
    """Nobody waits for what a repeated input answers."""


class Course:
    """One world and what enters it. `inputs` and `deeds` are None when the run is not to be repeated."""

    def __init__(self, world: SimLoop, journal: Journal, inputs: Inputs | None = None, deeds: Deeds | None = None) -> None:
        self.world, self.journal = world, journal
        self.inputs = inputs if inputs is not None else Inputs()
        self.deeds = deeds
        if inputs is None:
            self.inputs.lose("its inputs are not kept")

    # -- stepping -----------------------------------------------------------------------------

    def next_ns(self) -> int:
        """When the next thing happens, be it an input that is to be repeated."""
        coming = self.inputs.coming
        if coming and coming[0].step <= self.world.steps:
            return max(coming[0].t, int(self.world.env.now))
        return self.world.next_ns()

    def advance(self, most: int | None = None) -> None:
        """Give the input that is due, or let the world make a step of at most that many callbacks; the world is running."""
        world, coming = self.world, self.inputs.coming
        if coming:
            left = coming[0].step - world.steps
            if left <= 0:
                self._repeat(coming.popleft())
                return
            most = left if most is None else min(most, left)
        world.step(most)

    def run_to(self, seq: int, marks: array[int], budget: int) -> bool:
        """Make up to `budget` steps of one callback each, until the journal ends at `seq` or beyond; whether it does.

        marks: gets the journal's end after each step that wrote something: the points at which the run can be stopped.
        """
        journal, end = self.journal, self.journal.seq
        with self.world._as_running():
            while end < seq:
                if not budget:
                    return False
                budget -= 1
                self.advance(1)
                if journal.seq != end:
                    end = journal.seq
                    marks.append(end)
        return True

    # -- inputs -------------------------------------------------------------------------------

    def give(self, label: str, work: Callable[[], Awaitable[Any]], settle: Settle) -> None:
        """Run a coroutine function that cannot be repeated; with a label it is journaled."""
        self.inputs.another_future()
        self.inputs.lose("something was done in it that cannot be repeated")
        if label:
            self.journal.add("input", "outside", "", label, note={"step": self.world.steps})
        self._start(label, work, settle)

    def enter(self, given: Input, settle: Settle) -> None:
        """Give an input that takes time."""
        self.inputs.another_future()
        self._note(given)
        self._begin(given, settle)

    def act(self, given: Input) -> Any:
        """Do an input at once, and answer its result; one that cannot be done is none."""
        with self.world._as_running():
            deed = self._deeds.ready(given)
            self.inputs.another_future()
            self._note(given)
            return deed()

    def _repeat(self, given: Input) -> None:
        self.world.env.jump(max(given.t, int(self.world.env.now)))
        if given.kind not in AT_ONCE:
            self._note(given)
            self._begin(given, unheard)
            return
        with suppress(Exception):  # whoever gave it was answered when it came first
            deed = self._deeds.ready(given)
            self._note(given)
            deed()

    def _note(self, given: Input) -> None:
        world, journal = self.world, self.journal
        given.step, given.t = world.steps, int(world.env.now)
        shown = self._deeds.shown(given)
        if shown is not None:
            journal.add("input", "outside", "", shown.name, body=shown.body, note={"step": given.step, **shown.note})
        given.seq = journal.seq
        self.inputs.note(given)

    def _begin(self, given: Input, settle: Settle) -> None:
        self._start(given.kind, lambda: self._deeds.do(given), settle)

    def _start(self, name: str, work: Callable[[], Awaitable[Any]], settle: Settle) -> None:
        self.world.runtime.busy += 1
        self.world.create_task(self._inside(work, settle), name=f"input:{name}")

    async def _inside(self, work: Callable[[], Awaitable[Any]], settle: Settle) -> None:
        try:
            result = await work()
        except BaseException as error:
            settle(None, error)
            if not isinstance(error, Exception):
                raise
        else:
            settle(result, None)
        finally:
            self.world.runtime.busy -= 1

    @property
    def _deeds(self) -> Deeds:
        if self.deeds is None:
            raise RuntimeError("this world was made without the deeds by which inputs are done")
        return self.deeds


def finished(coro: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine that does not wait, and answer its result. Raises RuntimeError when it waits."""
    try:
        coro.send(None)
    except StopIteration as stop:
        return stop.value
    coro.close()
    raise RuntimeError("this question needs the world's clock to move")
