"""The account and container databases: which containers and objects there are, and what they add up to."""

from __future__ import annotations

from collections.abc import Mapping

from lab.locks import Locks
from lab.process import Process
from lab.services.object.driver import StoredObject
from lab.services.object.model import (
    DEFAULT_TYPE,
    ContainerNotEmpty,
    NoSuchObject,
    ObjectAccount,
    ObjectContainer,
    ObjectEntry,
)
from lab.store import Transaction


class Databases:
    """The use cases of accounts, containers and listings."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self._last_ns = 0
        self.only = Locks().hold
        """Lets one writer at a time change an object, so that its listing follows its replicas in the same order."""

    def stamp_ns(self) -> int:
        """Return a timestamp that is later than all this proxy gave before: the newest write wins."""
        self._last_ns = max(self.process.runtime.now_ns(), self._last_ns + 1)
        return self._last_ns

    # -- accounts -----------------------------------------------------------------------------

    async def account(self, name: str) -> tuple[ObjectAccount | None, list[ObjectContainer]]:
        """Return the account, None before its first container, and its containers."""

        def work(tx: Transaction) -> tuple[ObjectAccount | None, list[ObjectContainer]]:
            return tx.get(ObjectAccount, name), tx.find(ObjectContainer, account=name)

        return await self.process.store.run(work)

    async def post_account(self, name: str, metadata: Mapping[str, str]) -> None:
        """Change the account's metadata; an empty value drops a name."""
        now = self.stamp_ns()

        def work(tx: Transaction) -> None:
            account = self._ensure_account(tx, name, now)
            tx.update(account, metadata_=merged(account.metadata_, metadata))

        await self.process.store.run(work)

    @staticmethod
    def _ensure_account(tx: Transaction, name: str, now: int) -> ObjectAccount:
        return tx.get(ObjectAccount, name) or tx.insert(ObjectAccount.make(account=name, created_ns=now))

    # -- containers ---------------------------------------------------------------------------

    async def container(self, account: str, name: str) -> ObjectContainer:
        """Return a container. Raises NoSuchObject."""
        found: ObjectContainer | None = await self.process.store.run(lambda tx: tx.get(ObjectContainer, (account, name)))
        if found is None:
            raise NoSuchObject
        return found

    async def put_container(self, account: str, name: str, metadata: Mapping[str, str], acls: Mapping[str, str]) -> bool:
        """Make a container, or change the metadata of one that is there; say whether it is new."""
        now = self.stamp_ns()

        def work(tx: Transaction) -> bool:
            self._ensure_account(tx, account, now)
            found = tx.get(ObjectContainer, (account, name))
            if found is not None:
                tx.update(found, metadata_=merged(found.metadata_, metadata), changed_ns=now, **acls)
                return False
            tx.insert(
                ObjectContainer.make(
                    account=account,
                    name=name,
                    created_ns=now,
                    changed_ns=now,
                    metadata_=merged({}, metadata),
                    **acls,
                )
            )
            return True

        return await self.process.store.run(work)

    async def post_container(self, account: str, name: str, metadata: Mapping[str, str], acls: Mapping[str, str]) -> None:
        """Change a container's metadata and access lists. Raises NoSuchObject."""
        await self.container(account, name)
        await self.put_container(account, name, metadata, acls)

    async def delete_container(self, account: str, name: str) -> None:
        """Drop an empty container. Raises NoSuchObject, ContainerNotEmpty."""

        def work(tx: Transaction) -> None:
            found = tx.get(ObjectContainer, (account, name))
            if found is None:
                raise NoSuchObject
            if found.object_count:
                raise ContainerNotEmpty
            tx.delete(found)

        await self.process.store.run(work)

    # -- listings -----------------------------------------------------------------------------

    async def objects(self, account: str, container: str) -> list[ObjectEntry]:
        """Return a container's listing."""
        return await self.process.store.run(lambda tx: tx.find(ObjectEntry, account=account, container=container))

    async def listed(self, account: str, container: str, name: str) -> ObjectEntry | None:
        """Return an object's entry in its container's listing."""
        return await self.process.store.run(lambda tx: tx.get(ObjectEntry, (account, container, name)))

    async def list_object(self, entry: ObjectEntry) -> bool:
        """Put an object into its container's listing, unless a newer one is there; say whether there is a container."""

        def work(tx: Transaction) -> bool:
            container = tx.get(ObjectContainer, (entry.account, entry.container))
            old = tx.get(ObjectEntry, entry.key())
            if container is None:
                return False
            if old is not None and old.timestamp_ns >= entry.timestamp_ns:
                return True
            if old is not None:
                tx.delete(old)
            tx.insert(entry)
            tx.update(
                container,
                object_count=container.object_count + (old is None),
                bytes_used=container.bytes_used + entry.size - (old.size if old is not None else 0),
            )
            return True

        return await self.process.store.run(work)

    async def unlist_object(self, account: str, container: str, name: str, timestamp_ns: int) -> None:
        """Take an object out of the listing, unless it was written again after `timestamp_ns`."""

        def work(tx: Transaction) -> None:
            old = tx.get(ObjectEntry, (account, container, name))
            if old is None or old.timestamp_ns > timestamp_ns:
                return
            tx.delete(old)
            found = tx.get(ObjectContainer, (account, container))
            if found is not None:
                tx.update(found, object_count=found.object_count - 1, bytes_used=found.bytes_used - old.size)

        await self.process.store.run(work)


def merged(old: Mapping[str, str], changes: Mapping[str, str]) -> dict[str, str]:
    """Return metadata with changes; an empty value drops its name."""
    return {name: value for name, value in {**old, **changes}.items() if value != ""}


SWIFT_BYTES = ";swift_bytes="
"""In the type of a listed manifest: the bytes of what it stands for. Source: swift/common/middleware/slo.py."""


def entry_of(item: StoredObject) -> ObjectEntry:
    """Write the listing's entry of an object."""
    _, account, container, name = item.name.split("/", 3)
    metadata = dict(item.metadata)
    whole = metadata.get("x-slo-size")
    return ObjectEntry.make(
        account=account,
        container=container,
        name=name,
        timestamp_ns=item.timestamp_ns,
        size=len(item.data),
        etag=metadata["etag"],
        content_type=metadata.get("content-type", DEFAULT_TYPE) + (f"{SWIFT_BYTES}{whole}" if whole else ""),
    )
