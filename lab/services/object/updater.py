"""The object updater of one storage node: it puts into the listings what lies on the disks and is not there yet.

A proxy that dies between the replicas and the listing leaves an object that nobody can find, or a listing of one that is
gone. Source of the idea: Swift's object-updater and its pending updates.
"""

from __future__ import annotations

from lab.errors import LabError
from lab.process import Process
from lab.services.object.manager import Databases, entry_of
from lab.services.object.storage import Inventory


class Updater:
    """Settles one replica at a time; a repeat does no harm, since the newest timestamp wins in the listings too."""

    def __init__(self, process: Process, inventory: Inventory) -> None:
        self._databases, self._inventory = Databases(process), inventory

    async def settle(self, device: str, partition: int, path: str) -> None:
        """Bring the listing up to a replica that came lately. Raises ObjectError when the disk is dead; then it is tried again."""
        if not self._inventory.take_pending(device, partition, path):
            return
        try:
            await self._tell(device, partition, path)
        except LabError:
            self._inventory.put_back(device, partition, path)
            raise

    async def _tell(self, device: str, partition: int, path: str) -> None:
        inventory = self._inventory
        _, account, container, name = path.split("/", 3)
        at = inventory.timestamp(device, partition, path)
        listed = await self._databases.listed(account, container, name)
        if inventory.is_tombstone(device, partition, path):
            if listed is not None and listed.timestamp_ns < at:
                await self._databases.unlist_object(account, container, name, at)
        elif listed is None or listed.timestamp_ns < at:
            item = await inventory.disks[device].get(partition, path)
            if item is not None and not item.deleted:
                await self._databases.list_object(entry_of(item))
