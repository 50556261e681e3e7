"""Named network namespaces, as `ip netns` keeps them, and work done inside of one."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from typing import TypeVar

from drivers import netns
from drivers.netns import CLONE_NEWNET, DIRECTORY, call
from lab.errors import NetworkError

T = TypeVar("T")


def names(head: str) -> list[str]:
    """The namespaces whose names begin so."""
    return sorted(p.name for p in DIRECTORY.iterdir() if p.name.startswith(head)) if DIRECTORY.is_dir() else []


async def create(name: str) -> None:
    """Make a namespace; one of that name is no error. Raises NetworkError."""
    try:
        await asyncio.to_thread(netns.make, name)
    except OSError as error:
        raise NetworkError(f"namespace {name} could not be made: {error.strerror}; run as root") from error


async def remove(name: str) -> None:
    """Remove a namespace with all that is in it; gone is no error. Raises NetworkError."""
    try:
        netns.unmake(name)
    except OSError as error:
        raise NetworkError(f"namespace {name} could not be removed: {error.strerror}; ip netns delete {name}") from error


async def inside(name: str, work: Callable[[], T]) -> T:
    """Do blocking work in a namespace; processes and sockets that it makes are inside too. Raises NetworkError when there is none."""

    def entered() -> T:
        try:
            handle = os.open(DIRECTORY / name, os.O_RDONLY)
        except FileNotFoundError:
            raise NetworkError(f"namespace {name} is gone; restart the DHCP agent, which makes it again") from None
        try:
            call("setns", handle, CLONE_NEWNET)
        finally:
            os.close(handle)
        return work()

    return await in_thread(entered)


async def in_thread(work: Callable[[], T]) -> T:
    """Do blocking work in a thread that ends with it, so that what the thread entered is left with it."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(act: Callable[[], None]) -> None:
        if not done.done():
            act()

    def body() -> None:
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001  it is raised where the work was asked for
            failure = error
            loop.call_soon_threadsafe(settle, lambda: done.set_exception(failure))
        else:
            loop.call_soon_threadsafe(settle, lambda: done.set_result(result))

    threading.Thread(target=body, name="namespace").start()
    return await done
