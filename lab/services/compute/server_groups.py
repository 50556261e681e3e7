"""Server groups: servers that should share a host, or must not, by a policy of the scheduler."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lab.errors import BadRequest, NotFound, QuotaExceeded
from lab.services.compute.model import Server
from lab.services.compute.quotas import limits_of
from lab.store import Field, Record

if TYPE_CHECKING:
    from lab.config import Config
    from lab.context import Context
    from lab.process import Process
    from lab.store import Transaction

POLICIES = ("anti-affinity", "affinity", "soft-anti-affinity", "soft-affinity")


class ServerGroup(Record):
    """A group and its policy; `members` holds the ids of its servers, the deleted ones too until it is read."""

    __key__ = "id"
    __index__ = ("project_id",)

    id: str
    name: str = Field(max_length=255)
    policy: str
    project_id: str
    user_id: str
    created_at: str
    rules: dict[str, int] = Field(default_factory=dict)  # max_server_per_host of anti-affinity
    members: list[str] = Field(default_factory=list)


class ServerGroupNotFound(NotFound):
    """Instance group could not be found."""

    @classmethod
    def of(cls, group_id: str) -> ServerGroupNotFound:
        """Name the group in nova's words."""
        return cls(f"Instance group {group_id} could not be found.")


def living_members(tx: Transaction, group: ServerGroup) -> list[str]:
    """Return the ids of the group's servers that are not deleted."""
    servers = [(member, tx.get(Server, member)) for member in group.members]
    return [member for member, server in servers if server is not None and not server.deleted]


def add_member(tx: Transaction, config: Config, group_id: str, server_id: str) -> ServerGroup:
    """Put a server into a group; a repeat changes nothing.

    Raises:
        BadRequest: the group is gone.
        QuotaExceeded: the user has as many servers in the group as the quota allows; nova's words.
    """
    group = tx.get(ServerGroup, group_id)
    if group is None:
        raise BadRequest(f"Instance group {group_id} could not be found.")
    if server_id in group.members:
        return group
    members = living_members(tx, group)
    limit = limits_of(tx, config, group.project_id)["server_group_members"]
    if 0 <= limit <= len(members):
        raise QuotaExceeded("Quota exceeded, too many servers in group")
    return tx.update(group, members=[*members, server_id])


class ServerGroups:
    """The use cases of server groups; the only writer of their records besides `add_member`."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def create(self, ctx: Context, name: str, policy: str, rules: Mapping[str, int]) -> ServerGroup:
        """Create an empty group in the caller's project, or raise QuotaExceeded."""
        if rules and policy != "anti-affinity":
            raise BadRequest("Only anti-affinity policy supports rules.")
        record = ServerGroup.make(
            id=self._process.uuid(),
            name=name,
            policy=policy,
            rules=dict(rules),
            project_id=ctx.project_id,
            user_id=ctx.user_id,
            created_at=self._process.runtime.iso(),
        )

        def insert(tx: Transaction) -> ServerGroup:
            limit = limits_of(tx, self._process.config, ctx.project_id)["server_groups"]
            if 0 <= limit <= tx.count(ServerGroup, project_id=ctx.project_id):
                raise QuotaExceeded("Quota exceeded, too many server groups.")
            tx.insert(record)
            return record

        return await self._process.store.run(insert)

    async def find(self, ctx: Context, *, all_projects: bool) -> list[tuple[ServerGroup, list[str]]]:
        """List groups with their living members: the project's, or all of them."""

        def find(tx: Transaction) -> list[tuple[ServerGroup, list[str]]]:
            groups = tx.all(ServerGroup) if all_projects else tx.find(ServerGroup, project_id=ctx.project_id)
            return [(group, living_members(tx, group)) for group in groups]

        return await self._process.store.run(find)

    async def get(self, ctx: Context, group_id: str) -> tuple[ServerGroup, list[str]]:
        """Return one group and its living members; another project's is not found."""

        def read(tx: Transaction) -> tuple[ServerGroup, list[str]]:
            group = self._need(tx, ctx, group_id)
            return group, living_members(tx, group)

        return await self._process.store.run(read)

    async def delete(self, ctx: Context, group_id: str) -> None:
        """Delete the group; its servers stay."""
        await self._process.store.run(lambda tx: tx.delete(self._need(tx, ctx, group_id)))

    async def count(self, project_id: str) -> int:
        """Count a project's groups."""
        return await self._process.store.run(lambda tx: tx.count(ServerGroup, project_id=project_id))

    def _need(self, tx: Transaction, ctx: Context, group_id: str) -> ServerGroup:
        group = tx.get(ServerGroup, group_id)
        if group is None or not (ctx.is_admin or group.project_id == ctx.project_id):
            raise ServerGroupNotFound.of(group_id)
        return group
