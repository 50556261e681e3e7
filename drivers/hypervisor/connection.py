"""A connection to libvirt: its blocking calls in threads, its errors in our words, its events on our loop.

A connection that was lost is made anew by the next call; guests go on meanwhile, since their state is libvirt's and not ours.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import libvirt

from lab.errors import HypervisorError

T = TypeVar("T")

ALIVE_S, ALIVE_COUNT = 5, 6
"""A libvirtd that answers none of so many questions, one each so many seconds, is gone."""
LOOK_AGAIN_S = 1.0
"""How often a state is looked at while its event is awaited: an event can get lost with the connection."""
THREADS = 8
"""Calls to one libvirt at a time; a slow one (the end of a guest takes seconds) holds up nobody else's files and devices."""
LOST = {libvirt.VIR_ERR_INTERNAL_ERROR, libvirt.VIR_ERR_RPC, libvirt.VIR_ERR_SYSTEM_ERROR, libvirt.VIR_ERR_INVALID_CONN}
"""Codes with which calls fail on a connection that is closed."""


@functools.cache
def run_event_loop() -> None:
    """Let a thread of this process take libvirt's events; once, and before the first connection, as libvirt wants it."""
    libvirt.virEventRegisterDefaultImpl()
    libvirt.registerErrorHandler(lambda context, error: None, None)  # errors are raised; libvirt would print them as well

    def run() -> None:
        while True:
            libvirt.virEventRunDefaultImpl()

    threading.Thread(target=run, name="libvirt events", daemon=True).start()


def code(error: libvirt.libvirtError) -> int:
    """libvirt's number of an error."""
    return int(error.get_error_code() or 0)


def problem(what: str, error: libvirt.libvirtError) -> HypervisorError:
    """What libvirt said, as an error that names the thing; and the way out where the reason is a common one."""
    said = str(error.get_error_message() or error).strip()
    way = ""
    if "No space left" in said:
        way = "; delete images or guests on this host, or give it a larger disk"
    elif "ermission denied" in said or "Operation not permitted" in said:
        way = "; run as root, or let libvirt's QEMU user read the directory"
    elif "already in use" in said or "in use by" in said:
        way = "; something else holds it on this host"
    elif "Failed to get shared" in said or 'Failed to get "write" lock' in said:
        way = "; another guest has the disk open: detach it there first"
    return HypervisorError(f"{what}: libvirt says: {said}{way}")


def no_connection(uri: str, said: str) -> HypervisorError:
    """Why there is no libvirt at that address, and what to do."""
    parts = urlsplit(uri)
    socket = parse_qs(parts.query).get("socket", ["/run/libvirt/libvirt-sock"])[0]
    if parts.scheme.partition("+")[0] not in ("qemu", "lxc"):
        way = "the uri must be qemu:///system or lxc:///, a socket may follow: qemu:///system?socket=/run/libvirt/libvirt-sock"
    elif parts.netloc or "+" in parts.scheme:
        way = "guests' disks and devices are made on this host: give the uri of its own libvirt, qemu:///system or lxc:///"
    elif not Path(socket).exists() and parts.path != "/session":
        way = f"no libvirtd listens on {socket}; start it (sudo systemctl start libvirtd), "
        way += "or install it (sudo apt-get install -y libvirt-daemon-system)"
        korean = f"{uri}: {socket}에서 듣고 있는 libvirtd가 없습니다. 시작하거나(sudo systemctl start libvirtd) "
        korean += "설치하십시오(sudo apt-get install -y libvirt-daemon-system)"
        return HypervisorError(f"{uri}: {said.strip()}; {way}", ko=korean)
    elif os.geteuid() != 0 and not os.access(socket, os.W_OK):
        way = f"{socket} is not yours to use; run as root, or join the group libvirt"
    else:
        way = "see the log of libvirtd, and whether its driver for this is installed (libvirt-daemon-driver-qemu, -lxc)"
    return HypervisorError(f"{uri}: {said.strip()}; {way}")


class Connection:
    """One libvirt, opened when it is needed; `call` is the only way to it."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._connection: Any = None
        self._opening = threading.Lock()
        self._threads = ThreadPoolExecutor(THREADS, "libvirt")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changed = asyncio.Event()
        self._told: Callable[[str, int, int], None] | None = None
        self._closed = False

    async def open(self, told: Callable[[str, int, int], None]) -> None:
        """Connect; `told(guest_id, event, detail)` is called for each event of a guest's life. Raises HypervisorError."""
        self._loop, self._told, self._closed = asyncio.get_running_loop(), told, False
        await self._loop.run_in_executor(self._threads, self._live)

    async def close(self) -> None:
        """Let go; guests go on."""
        self._closed = True
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(libvirt.libvirtError):
                await asyncio.to_thread(connection.close)

    async def call(self, what: str, work: Callable[[Any], T]) -> T:
        """Do `work` with the connection, in a thread. Raises HypervisorError: `what` says what failed."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._do, what, work)

    async def until(self, reached: Callable[[], Awaitable[bool]], timeout_s: float) -> bool:
        """Wait until `reached` says so, looking whenever an event tells of any guest; False when the time is over."""
        end = time.monotonic() + timeout_s
        while True:
            self._changed.clear()
            if await reached():
                return True
            left = end - time.monotonic()
            if left <= 0:
                return False
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), min(left, LOOK_AGAIN_S))

    # -- in threads ---------------------------------------------------------------------------

    def _do(self, what: str, work: Callable[[Any], T]) -> T:
        connection = self._live()
        try:
            return work(connection)
        except libvirt.libvirtError as error:
            if code(error) in LOST and not _alive(connection):
                raise HypervisorError(f"{what}: the connection to {self.uri} was lost; try again when libvirtd runs") from error
            raise problem(what, error) from error

    def _live(self) -> Any:
        """The connection; a new one when there is none any more."""
        with self._opening:
            if self._closed:
                raise HypervisorError(f"the driver of {self.uri} is closed")
            if self._connection is None or not _alive(self._connection):
                self._connection = self._connect()
            return self._connection

    def _connect(self) -> Any:
        if urlsplit(self.uri).netloc or urlsplit(self.uri).scheme not in ("qemu", "lxc"):
            raise no_connection(self.uri, "this is no uri of a libvirt on this host")
        run_event_loop()
        try:
            connection = libvirt.open(self.uri)
            connection.setKeepAlive(ALIVE_S, ALIVE_COUNT)
            connection.domainEventRegisterAny(None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, self._lifecycle, None)
            connection.domainEventRegisterAny(None, libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, self._device, None)
        except libvirt.libvirtError as error:
            raise no_connection(self.uri, str(error.get_error_message() or error)) from error
        return connection

    # -- from libvirt's thread ----------------------------------------------------------------

    def _lifecycle(self, connection: Any, domain: Any, event: int, detail: int, extra: object) -> None:
        self._tell(domain.UUIDString(), event, detail)

    def _device(self, connection: Any, domain: Any, device: str, extra: object) -> None:
        self._tell(domain.UUIDString(), -1, 0)

    def _tell(self, guest_id: str, event: int, detail: int) -> None:
        loop = self._loop
        if loop is not None and not self._closed:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(self._heard, guest_id, event, detail)

    def _heard(self, guest_id: str, event: int, detail: int) -> None:
        self._changed.set()
        if event >= 0 and self._told is not None:
            self._told(guest_id, event, detail)


def _alive(connection: Any) -> bool:
    try:
        return bool(connection.isAlive())
    except libvirt.libvirtError:
        return False
