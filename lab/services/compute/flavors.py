"""Flavors: the sizes of servers, with their extra specs and who may see the private ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lab.errors import BadRequest, Conflict, NotFound
from lab.store import Field, Record

if TYPE_CHECKING:
    from lab.context import Context
    from lab.process import Process
    from lab.store import Transaction


class Flavor(Record):
    """A size that servers are created with; ram and swap in MiB, disk and ephemeral in GiB."""

    __key__ = "id"
    __unique__ = (("name",),)

    id: str
    name: str = Field(max_length=255)
    ram: int
    vcpus: int
    disk: int
    created_at: str
    ephemeral: int = 0
    swap: int = 0
    rxtx_factor: float = 1.0
    is_public: bool = True
    disabled: bool = False
    description: str | None = None
    extra_specs: dict[str, str] = Field(default_factory=dict)
    projects: list[str] = Field(default_factory=list)  # who may use it when it is private

    def snapshot(self) -> dict[str, Any]:
        """Return what a server keeps of its flavor, so that it outlives the flavor."""
        return {
            "id": self.id,
            "name": self.name,
            "ram": self.ram,
            "vcpus": self.vcpus,
            "disk": self.disk,
            "ephemeral": self.ephemeral,
            "swap": self.swap,
            "rxtx_factor": self.rxtx_factor,
            "extra_specs": self.extra_specs,
        }

    def visible_to(self, ctx: Context) -> bool:
        """Say whether the caller may see and use this flavor."""
        return self.is_public or ctx.is_admin or ctx.project_id in self.projects


class FlavorNotFound(NotFound):
    """Flavor could not be found."""

    @classmethod
    def of(cls, flavor_id: str) -> FlavorNotFound:
        """Name the flavor in nova's words."""
        return cls(f"Flavor {flavor_id} could not be found.")


def need_flavor(tx: Transaction, ctx: Context, flavor_id: str) -> Flavor:
    """Return the flavor, or raise FlavorNotFound when it is unknown or hidden from the caller."""
    flavor = tx.get(Flavor, flavor_id)
    if flavor is None or not flavor.visible_to(ctx):
        raise FlavorNotFound.of(flavor_id)
    return flavor


class Flavors:
    """The use cases of flavors; the only writer of their records."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def create(self, ctx: Context, values: Mapping[str, Any]) -> Flavor:
        """Create a flavor; without an id it gets a uuid.

        Raises:
            Conflict: the id or the name is taken.
        """
        given_id = values.get("id")
        flavor_id = self._process.uuid() if given_id in (None, "") else str(given_id)
        # Source: nova strips the name when it stores a flavor (nova/compute/flavors.py).
        name, now = str(values["name"]).strip(), self._process.runtime.iso()
        record = Flavor.make(**{**values, "id": flavor_id, "name": name, "created_at": now})

        def insert(tx: Transaction) -> Flavor:
            if tx.get(Flavor, flavor_id) is not None:
                raise Conflict(f"Flavor with ID {flavor_id} already exists.")
            if tx.one(Flavor, name=record.name) is not None:
                raise Conflict(f"Flavor with name {record.name} already exists.")
            tx.insert(record)
            return record

        return await self._process.store.run(insert)

    async def get(self, ctx: Context, flavor_id: str) -> Flavor:
        """Return a flavor that the caller may see, or raise FlavorNotFound."""
        return await self._process.store.run(lambda tx: need_flavor(tx, ctx, flavor_id))

    async def find(self, ctx: Context, is_public: bool | None = True) -> list[Flavor]:
        """List flavors: the public and the granted ones, only the private (False), or all (None)."""

        def find(tx: Transaction) -> list[Flavor]:
            flavors = tx.all(Flavor)
            if is_public is None:
                return flavors
            if not is_public:
                return [flavor for flavor in flavors if not flavor.is_public]
            return [flavor for flavor in flavors if flavor.is_public or ctx.project_id in flavor.projects]

        return await self._process.store.run(find)

    async def describe(self, ctx: Context, flavor_id: str, description: str | None) -> Flavor:
        """Change the description, the only thing of a flavor that may change."""
        return await self._change(ctx, flavor_id, lambda flavor: {"description": description})

    async def delete(self, ctx: Context, flavor_id: str) -> None:
        """Delete the flavor; servers keep their snapshot of it."""
        await self._process.store.run(lambda tx: tx.delete(need_flavor(tx, ctx, flavor_id)))

    async def set_extra_specs(self, ctx: Context, flavor_id: str, specs: Mapping[str, str]) -> dict[str, str]:
        """Add or replace extra specs and return those that were given."""
        await self._change(ctx, flavor_id, lambda flavor: {"extra_specs": {**flavor.extra_specs, **specs}})
        return dict(specs)

    async def delete_extra_spec(self, ctx: Context, flavor_id: str, key: str) -> None:
        """Remove one extra spec, or raise NotFound."""

        def without(flavor: Flavor) -> dict[str, Any]:
            extra_spec(flavor, key)
            return {"extra_specs": {name: value for name, value in flavor.extra_specs.items() if name != key}}

        await self._change(ctx, flavor_id, without)

    async def add_access(self, ctx: Context, flavor_id: str, project_id: str) -> Flavor:
        """Let a project use a private flavor."""

        def grant(flavor: Flavor) -> dict[str, Any]:
            if flavor.is_public:
                raise Conflict("Can not add access to a public flavor.")
            if project_id in flavor.projects:
                raise Conflict(f"Flavor access already exists for flavor {flavor_id} and project {project_id} combination.")
            return {"projects": [*flavor.projects, project_id]}

        return await self._change(ctx, flavor_id, grant)

    async def remove_access(self, ctx: Context, flavor_id: str, project_id: str) -> Flavor:
        """Take a private flavor away from a project."""

        def revoke(flavor: Flavor) -> dict[str, Any]:
            if project_id not in flavor.projects:
                raise NotFound(f"Flavor access not found for {flavor_id} / {project_id} combination.")
            return {"projects": [other for other in flavor.projects if other != project_id]}

        return await self._change(ctx, flavor_id, revoke)

    async def _change(self, ctx: Context, flavor_id: str, changes: Any) -> Flavor:
        def update(tx: Transaction) -> Flavor:
            flavor = need_flavor(tx, ctx, flavor_id)
            return tx.update(flavor, **changes(flavor))

        return await self._process.store.run(update)


def extra_spec(flavor: Flavor, key: str) -> str:
    """Return the value of one extra spec, or raise NotFound."""
    if key not in flavor.extra_specs:
        raise NotFound(f"Flavor {flavor.id} has no extra specs with key {key}.")
    return flavor.extra_specs[key]


def by_reference(reference: object) -> str:
    """Return the flavor id in a flavorRef, which may be a bare id or a link."""
    text = str(reference)
    flavor_id = text.rstrip("/").rsplit("/", 1)[-1]
    if not flavor_id:
        raise BadRequest("Missing flavorRef attribute")
    return flavor_id
