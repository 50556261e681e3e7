"""Consoles of guests: QEMU writes a virtual machine's into a file by itself; a container's is read here from its terminal."""

from __future__ import annotations

import asyncio
import contextlib
import os
import termios
import tty
from pathlib import Path


def tail(whole: str, lines: int | None) -> str:
    """The last lines of a text; None is all."""
    if lines is None or lines < 0:
        return whole
    return "".join(whole.splitlines(keepends=True)[-lines:] if lines else [])


class Recorder:
    """Writes what containers print to their logs, as long as this process runs; a terminal keeps 4 KiB for the next one."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[str, int]] = {}

    def record(self, guest_id: str, terminal: str, log: Path) -> None:
        """Begin to read a terminal; the same one again goes on."""
        if self._open.get(guest_id, ("", 0))[0] == terminal:
            return
        self.stop(guest_id)
        with contextlib.suppress(OSError):  # the container has ended already
            descriptor = os.open(terminal, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
            tty.setraw(descriptor, termios.TCSANOW)  # what was printed already stays
            self._open[guest_id] = (terminal, descriptor)
            asyncio.get_running_loop().add_reader(descriptor, self._read, guest_id, descriptor, log)

    def _read(self, guest_id: str, descriptor: int, log: Path) -> None:
        try:
            said = os.read(descriptor, 65536)
            if said:
                with log.open("ab") as file:
                    file.write(said)
                return
        except BlockingIOError:
            return
        except OSError:
            pass  # the terminal went with its container, or the log with its guest
        self.stop(guest_id)

    def stop(self, guest_id: str) -> None:
        """End reading; nothing was read is no error."""
        _, descriptor = self._open.pop(guest_id, ("", -1))
        if descriptor >= 0:
            asyncio.get_running_loop().remove_reader(descriptor)
            os.close(descriptor)

    def close(self) -> None:
        """End reading all."""
        for guest_id in list(self._open):
            self.stop(guest_id)
