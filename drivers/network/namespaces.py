"""Named network namespaces, as `ip netns` keeps them, and work done inside of one."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from lab.errors import NetworkError

T = TypeVar("T")

DIRECTORY = Path("/run/netns")
CLONE_NEWNET, MS_BIND, MS_REC, MS_SHARED, MNT_DETACH = 0x40000000, 4096, 16384, 1 << 20, 2
"""Source: linux/sched.h, sys/mount.h."""


def names(head: str) -> list[str]:
    """The namespaces whose names begin so."""
    return sorted(p.name for p in DIRECTORY.iterdir() if p.name.startswith(head)) if DIRECTORY.is_dir() else []


async def create(name: str) -> None:
    """Make a namespace; one of that name is no error. Raises NetworkError."""
    path = DIRECTORY / name

    def work() -> None:
        _share()
        if path.exists() and path.stat().st_dev != DIRECTORY.stat().st_dev:
            return  # it is there; what is of the directory's own file system is only a name, left by a crash
        path.touch(mode=0o444)
        try:
            _call("unshare", CLONE_NEWNET)
            _call("mount", b"/proc/thread-self/ns/net", os.fsencode(path), b"none", MS_BIND, None)
        except OSError:
            path.unlink()
            raise

    try:
        await in_thread(work)
    except OSError as error:
        raise NetworkError(f"namespace {name} could not be made: {error.strerror}; run as root") from error


async def remove(name: str) -> None:
    """Remove a namespace with all that is in it; gone is no error."""
    path = DIRECTORY / name
    with contextlib.suppress(OSError):  # not mounted any more
        while True:
            _call("umount2", os.fsencode(path), MNT_DETACH)
    try:
        path.unlink(missing_ok=True)
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
            _call("setns", handle, CLONE_NEWNET)
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


def _share() -> None:
    """Make the directory a shared mount, as `ip netns add` does: who comes later finds it so and lays nothing over it."""
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    where = os.fsencode(DIRECTORY)
    try:
        _call("mount", b"", where, b"none", MS_SHARED | MS_REC, None)
    except OSError:  # it is no mount yet
        _call("mount", where, where, b"none", MS_BIND | MS_REC, None)
        _call("mount", b"", where, b"none", MS_SHARED | MS_REC, None)


def _call(function: str, *arguments: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, function)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{function}: {os.strerror(number)}")
