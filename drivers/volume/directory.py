"""Volumes as qcow2 files in a directory of this machine."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from drivers.findings import Finding
from drivers.owned import room
from drivers.place import Place
from drivers.volume.files import LocalFiles
from drivers.volume.pool import Pool
from drivers.volume.qcow2 import COPY, Qcow2Volumes
from drivers.volume.qemu_img import probe
from lab.errors import VolumeError
from lab.services.volume.driver import Connector


@dataclass(frozen=True, slots=True)
class DirectoryOptions:
    """Where volumes are made.

    path: the directory of this cloud's volumes is made in it; None is `volumes` among the host's own files.
    pool: the pool's name in cinder.
    clone: 'copy' makes clones that are independent of their source, 'overlay' ones that lie on it and cost nothing.
    shared: whether all compute hosts see this path; otherwise volumes can be attached on this host only.
    """

    path: Path | None = None
    pool: str = "directory"
    clone: str = COPY
    shared: bool = False


class DirectoryVolumes(Qcow2Volumes):
    """One directory."""

    Options: ClassVar[type] = DirectoryOptions

    def __init__(self, place: Place, options: DirectoryOptions) -> None:
        self.directory = parent(place, options) / place.cloud
        self.shared = options.shared
        super().__init__(place, Pool(LocalFiles(self.directory)), options.pool, options.clone)

    @classmethod
    async def probe(cls, place: Place, options: DirectoryOptions) -> list[Finding]:
        """Look for qemu-img, and for room."""
        return [await probe(), await asyncio.to_thread(room, "volume files", parent(place, options))]

    def _check_host(self, connector: Connector) -> None:
        super()._check_host(connector)
        if connector.host != self.place.host and not self.shared:
            raise VolumeError(
                f"volumes in {self.directory} are on {self.place.host}, and {connector.host} does not see them;"
                " use the volume driver nfs, or say shared = true when all hosts mount that path"
            )

    def _named(self, name: str) -> str:
        return str(self.directory / name)

    def _connection(self, name: str) -> dict[str, object]:
        return {"driver_volume_type": "local", "data": {"path": self._named(name), "format": "qcow2"}}


def parent(place: Place, options: DirectoryOptions) -> Path:
    """The directory in which the cloud's own is made."""
    return options.path or place.state / "volumes"
