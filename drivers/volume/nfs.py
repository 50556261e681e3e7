"""Volumes as qcow2 files on an NFS NAS, which hypervisors open by QEMU's own NFS client: nothing is mounted.

Where all hosts have the export mounted anyway, the driver `directory` with `shared = true` on that path does as well.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
from dataclasses import dataclass
from typing import ClassVar

from drivers.findings import Finding
from drivers.place import Place
from drivers.volume.libnfs import INSTALL, LIBRARY, NfsFiles
from drivers.volume.pool import Pool
from drivers.volume.qcow2 import COPY, Qcow2Volumes
from drivers.volume.qemu_img import TOOL, probe, qemu_img
from lab.errors import LabError, VolumeError

PORT = 2049
"""Of NFS; QEMU's client takes no other."""


@dataclass(frozen=True, slots=True)
class NfsOptions:
    """Which NAS.

    export: 'HOST:/path' as the NAS exports it; the directory of this cloud's volumes is made in it.
    pool: the pool's name in cinder.
    clone: 'copy' makes clones that are independent of their source, 'overlay' ones that lie on it and cost nothing.
    timeout_s: after how many seconds a NAS that does not answer is an error.
    """

    export: str
    pool: str = "nas"
    clone: str = COPY
    timeout_s: float = 5.0


class NfsVolumes(Qcow2Volumes):
    """One export of one NAS."""

    Options: ClassVar[type] = NfsOptions

    def __init__(self, place: Place, options: NfsOptions) -> None:
        self.server, self.path = split(options.export)
        self.options = options
        files = NfsFiles(self.server, self.path, place.cloud, options.timeout_s)
        super().__init__(place, Pool(files, self._alive), options.pool, options.clone)

    @classmethod
    async def probe(cls, place: Place, options: NfsOptions) -> list[Finding]:
        """Look for qemu-img with NFS, for libnfs, and for the NAS when the export is known."""
        found = [await probe()]
        if found[0].ok:
            formats = await qemu_img("this machine", "--help")
            ok = " nfs " in formats
            detail, korean = ("there", "있음") if ok else ("QEMU's NFS client is missing", "QEMU의 NFS 클라이언트가 없습니다")
            found.append(Finding(f"{TOOL} over nfs://", ok, detail, "" if ok else INSTALL, korean))
        try:
            ctypes.CDLL(LIBRARY)
            found.append(Finding("libnfs", True, LIBRARY))
        except OSError:
            found.append(Finding("libnfs", False, f"{LIBRARY} is not installed", INSTALL, f"{LIBRARY}: 설치되어 있지 않습니다"))
        if options.export:
            found.append(await cls._probe_nas(place, options))
        return found

    @classmethod
    async def _probe_nas(cls, place: Place, options: NfsOptions) -> Finding:
        try:
            await cls(place, options)._alive()
        except LabError as error:
            return Finding("NAS", False, error.message, ko=error.ko)
        return Finding("NAS", True, f"{options.export} answers", ko=f"{options.export}: 응답합니다")

    async def open(self) -> None:
        try:
            await asyncio.to_thread(ctypes.CDLL, LIBRARY)
        except OSError:
            raise VolumeError(f"{LIBRARY} is not installed; {INSTALL}") from None
        await super().open()

    async def _alive(self) -> None:
        """A NAS that is gone would hold a call for minutes, so it is asked before each whether it is there."""
        limit = self.options.timeout_s
        try:
            async with asyncio.timeout(limit):
                _, writer = await asyncio.open_connection(self.server, PORT)
        except (OSError, TimeoutError) as error:
            why = f"no answer within {limit:g} s" if isinstance(error, TimeoutError) else (error.strerror or str(error))
            raise VolumeError(
                f"the NAS {self.server} cannot be reached on port {PORT} ({why}); check its power, its network and the option export"
            ) from error
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    def _named(self, name: str) -> str:
        return f"{self.place.cloud}/{name}"

    def _connection(self, name: str) -> dict[str, object]:
        data = {"export": self.options.export, "name": self._named(name), "format": "qcow2", "options": None}
        return {"driver_volume_type": "nfs", "data": data}


def split(export: str) -> tuple[str, str]:
    """Split 'HOST:/path'. Raises VolumeError."""
    server, colon, path = export.rpartition(":")
    if not server or not colon or not path.startswith("/"):
        raise VolumeError(f"the export is {export!r}; give HOST:/path, such as 10.0.0.9:/export")
    return server, path
