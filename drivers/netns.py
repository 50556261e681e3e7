"""Named network namespaces as `ip netns` keeps them, and the calls of the kernel that Python has no words for. All of it blocks."""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
from pathlib import Path

DIRECTORY = Path("/run/netns")
CLONE_NEWNET, MS_BIND, MS_REC, MS_SHARED, MNT_DETACH = 0x40000000, 4096, 16384, 1 << 20, 2
"""Source: linux/sched.h, sys/mount.h."""


def call(function: str, *arguments: object) -> None:
    """Call a function of the C library. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, function)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{function}: {os.strerror(number)}")


def make(name: str) -> None:
    """Make a namespace; one of that name is no error. Raises OSError."""
    path = DIRECTORY / name
    if path.exists() and path.stat().st_dev != DIRECTORY.stat().st_dev:
        return  # it is there; what is of the directory's own file system is only a name, left by a crash
    failed: list[OSError] = []

    def work() -> None:
        try:
            _share()
            path.touch(mode=0o444)
            try:
                call("unshare", CLONE_NEWNET)
                call("mount", b"/proc/thread-self/ns/net", os.fsencode(path), b"none", MS_BIND, None)
            except OSError:
                path.unlink()
                raise
        except OSError as error:
            failed.append(error)

    # The thread ends in the new namespace, and nobody else is in it.
    thread = threading.Thread(target=work, name="namespace")
    thread.start()
    thread.join()
    if failed:
        raise failed[0]


def unmake(name: str) -> None:
    """Remove a namespace with all that is in it; gone is no error. Raises OSError."""
    path = DIRECTORY / name
    with contextlib.suppress(OSError):  # not mounted any more
        while True:
            call("umount2", os.fsencode(path), MNT_DETACH)
    path.unlink(missing_ok=True)


def _share() -> None:
    """Make the directory a shared mount, as `ip netns add` does: who comes later finds it so and lays nothing over it."""
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    where = os.fsencode(DIRECTORY)
    try:
        call("mount", b"", where, b"none", MS_SHARED | MS_REC, None)
    except OSError:  # it is no mount yet
        call("mount", where, where, b"none", MS_BIND | MS_REC, None)
        call("mount", b"", where, b"none", MS_SHARED | MS_REC, None)
