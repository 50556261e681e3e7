"""The runtime of a simulated cloud: the clock, the callbacks and the tasks of its loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from lab.runtime import Runtime
from lab.strand import Waiter
from sim.task import SimHandle, SimTask

if TYPE_CHECKING:
    from sim.loop import SimLoop


class SimRuntime(Runtime):
    """One cloud's runtime. Its clock stands at `t_ns` when it is made, whatever time the loop has."""

    loop: SimLoop

    def __init__(self, loop: SimLoop, seed: int | str, boot: int, epoch: datetime, t_ns: int | None = None) -> None:
        super().__init__(seed, boot, epoch)
        self.loop = loop
        self._env = loop.env
        self.hop = loop.hop  # type: ignore[method-assign]  # the loop's own, without a call in between
        self.new_future = partial(asyncio.Future, loop=loop)  # type: ignore[method-assign]
        self.origin_ns: int = 0 if t_ns is None else loop.env._now - t_ns

    def now_ns(self) -> int:
        return self._env._now - self.origin_ns

    def new_waiter(self) -> Waiter:
        return Waiter(loop=self.loop)

    def after(self, delay_ns: int, callback: Callable[..., object], *args: object) -> SimHandle:
        return self.loop.after(delay_ns, callback, *args)

    def hop(self, delay_ns: int, callback: Callable[..., object], *args: object) -> None:
        self.loop.hop(delay_ns, callback, *args)

    def spawn(self, coro: Coroutine[Any, Any, Any], name: str, owner: object) -> asyncio.Task[Any]:
        task = SimTask(coro, loop=self.loop, name=name, context=None)
        task.owner = owner
        return task

    def freeze(self, owner: object) -> None:
        self.loop.frozen.setdefault(id(owner), [])

    def thaw(self, owner: object) -> None:
        self.loop._ready.extend(self.loop.frozen.pop(id(owner), []))
