"""Volume types: what operators offer, who may use it, and the default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lab.context import Context
from lab.errors import BadRequest, Conflict
from lab.process import Process
from lab.services.volume.model import DEFAULT_TYPE, Volume, VolumeType, VolumeTypeNotFound
from lab.services.volume.records import type_of
from lab.store import StoreConflict, Transaction


def type_name(tx: Transaction, type_id: str | None) -> str | None:
    """Return the name of a type by its id, None when there is none."""
    found = tx.get(VolumeType, type_id) if type_id else None
    return found.name if found is not None else None


class VolumeTypes:
    """The use cases of volume types."""

    def __init__(self, process: Process) -> None:
        self.process = process

    async def ensure_default(self) -> None:
        """Make the default type at the first start of a cloud."""
        type_id, now = self.process.uuid(), self.process.runtime.iso_us()

        def work(tx: Transaction) -> None:
            if tx.one(VolumeType, name=DEFAULT_TYPE) is None:
                tx.insert(VolumeType.make(id=type_id, name=DEFAULT_TYPE, description="Default Volume Type", created_at=now))

        await self.process.store.run(work)

    async def names(self) -> dict[str, str]:
        """Return the names of all types by id."""
        types = await self.process.store.run(lambda tx: tx.all(VolumeType))
        return {volume_type.id: volume_type.name for volume_type in types}

    async def get(self, ctx: Context, type_id: str) -> VolumeType:
        """Return a type that the caller may use."""
        return await self.process.store.run(lambda tx: type_of(tx, ctx, type_id))

    async def find(self, ctx: Context, is_public: bool | None) -> list[VolumeType]:
        """Return the types that the caller may use; operators ask for public ones, private ones, or all (None)."""
        found = await self.process.store.run(lambda tx: tx.all(VolumeType))
        if ctx.is_admin:
            return [t for t in found if is_public is None or t.is_public == is_public]
        return [t for t in found if t.is_public or ctx.project_id in t.projects]

    async def create(self, name: str, description: str | None, is_public: bool, extra_specs: Mapping[str, str]) -> VolumeType:
        """Offer a new type. Raises Conflict when the name is taken."""
        new = VolumeType.make(
            id=self.process.uuid(),
            name=name,
            description=description,
            is_public=is_public,
            extra_specs=dict(extra_specs),
            created_at=self.process.runtime.iso_us(),
        )
        try:
            return await self.process.store.run(lambda tx: tx.insert(new))
        except StoreConflict:
            raise Conflict(f"Volume Type {name} already exists.") from None

    async def change(self, ctx: Context, type_id: str, **changes: Any) -> VolumeType:
        """Change a type. Raises Conflict when the new name is taken."""
        try:
            return await self.process.store.run(lambda tx: tx.update(type_of(tx, ctx, type_id), **changes))
        except StoreConflict:
            raise Conflict(f"Volume Type {changes.get('name')} already exists.") from None

    async def set_specs(self, ctx: Context, type_id: str, specs: Mapping[str, str], drop: str | None = None) -> VolumeType:
        """Merge extra specs into a type's, or drop one."""

        def work(tx: Transaction) -> VolumeType:
            found = type_of(tx, ctx, type_id)
            merged = {**found.extra_specs, **specs}
            if drop is not None and merged.pop(drop, None) is None:
                raise VolumeTypeNotFound(f"{type_id} has no extra spec with key {drop}; it")
            return tx.update(found, extra_specs=merged)

        return await self.process.store.run(work)

    async def set_access(self, ctx: Context, type_id: str, project_id: str, allowed: bool) -> None:
        """Let a project use a private type, or no longer."""

        def work(tx: Transaction) -> None:
            found = type_of(tx, ctx, type_id)
            if found.is_public:
                raise Conflict(f"Volume type {type_id} is public; all projects have access to it already")
            others = [project for project in found.projects if project != project_id]
            tx.update(found, projects=[*others, project_id] if allowed else others)

        await self.process.store.run(work)

    async def delete(self, ctx: Context, type_id: str) -> None:
        """Withdraw a type that no volume has."""

        def work(tx: Transaction) -> None:
            found = type_of(tx, ctx, type_id)
            if found.name == DEFAULT_TYPE:
                raise BadRequest(f"The volume type {found.name} is the default volume type and cannot be deleted.")
            if tx.find(Volume, volume_type_id=found.id):
                raise BadRequest("Target volume type is still in use.")
            tx.delete(found)

        await self.process.store.run(work)
