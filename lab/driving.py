"""What stands between a process and a driver: calls are journaled, open to faults, and end with the process."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from lab.context import CURRENT
from lab.errors import (
    DriverError,
    HypervisorError,
    ImageError,
    NetworkError,
    ObjectError,
    ProcessKilled,
    VolumeError,
)
from lab.medium import Verdict
from lab.runtime import NANOSECOND

if TYPE_CHECKING:
    from lab.process import Process

PORT_ERRORS: dict[str, type[DriverError]] = {
    "hypervisor": HypervisorError,
    "l2": NetworkError,
    "dhcp": NetworkError,
    "volume": VolumeError,
    "image": ImageError,
    "object": ObjectError,
}


class DriverHandle:
    """Stands before a driver and lets its calls through, journaled, while the process lives."""

    def __init__(self, process: Process, port: str, driver: object) -> None:
        self._process, self._port, self._driver = process, port, driver

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._driver, name)
        if not callable(method):
            return method
        if inspect.iscoroutinefunction(method):
            method = self._call(name, method)
        elif name.startswith("on_"):
            method = self._listen(method)
        else:
            method = self._fence(method)
        setattr(self, name, method)
        return method

    def _listen(self, method: Callable[..., object]) -> Callable[..., object]:
        process = self._process

        def listen(callback: Callable[..., object]) -> object:
            def hear(*args: Any) -> None:
                if process.hung:
                    process.waking.append(partial(hear, *args))
                elif process.alive:
                    callback(*args)

            return method(hear)

        return listen

    def _fence(self, method: Callable[..., object]) -> Callable[..., object]:
        """A verb that answers at once (a stream to read): not journaled, but dead with its process."""

        def call(*args: Any, **kwargs: Any) -> object:
            if not self._process.alive:
                raise ProcessKilled(self._process.name)
            return method(*args, **kwargs)

        return call

    def _call(self, verb: str, method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        process, target, name = self._process, f"{self._port}@{self._process.host}", f"{self._port}.{verb}"

        async def call(*args: Any, **kwargs: Any) -> Any:
            ctx = CURRENT.get(None)
            where = args[0] if args and isinstance(args[0], str) else getattr(args[0], "id", "") if args else ""
            plain = [a for a in args if not callable(a)]
            seq = process.entry(ctx, "driver", target, name, where=where, body=plain or None)
            runtime = process.runtime
            started = runtime.now_ns()
            status, result = "ok", None
            counted = 0 if ctx is not None and ctx.periodic else 1
            runtime.busy += counted
            try:
                if process.wires.interference is None:
                    result = await method(*args, **kwargs)
                else:
                    verdict = process.wires.judge("driver", process.name, target, name, where, seq)
                    result = await self._disturbed(verdict, name, method, args, kwargs)
            except Exception as error:
                status = type(error).__name__
                raise
            except BaseException:
                status = "cut"
                raise
            finally:
                runtime.busy -= counted
                if process.alive:
                    process.wires.journal.add(
                        "driver_reply",
                        target,
                        process.name,
                        name,
                        where,
                        status,
                        runtime.now_ns() - started,
                        ctx.request_id if ctx is not None else "",
                        seq,
                    )
            if not process.alive:
                raise ProcessKilled(process.name)
            return result

        return call

    async def _disturbed(self, verdict: Verdict | None, name: str, method: Callable[..., Awaitable[Any]], args: Any, kwargs: Any) -> Any:
        """Make a call through interference, which may delay it, let it fail or hang, or make its driver lie."""
        if verdict is None:
            return await method(*args, **kwargs)
        process = self._process
        if verdict.before is not None:
            verdict.before(process.name)
            if not process.alive:
                raise ProcessKilled(process.name)
        if verdict.delay_ns:
            await asyncio.sleep(verdict.delay_ns / NANOSECOND)
        error = PORT_ERRORS.get(self._port, DriverError)
        if verdict.fail == "raise":
            raise error(f"{name} failed: a fault was armed")
        if verdict.fail == "hang":
            await asyncio.get_running_loop().create_future()
        result = await method(*args, **kwargs)
        if verdict.after is not None:
            verdict.after(process.name)
        if verdict.fail == "lie":
            raise error(f"{name} reported failure: a fault was armed")
        return result
