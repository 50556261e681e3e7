"""Security groups and their rules, and the form in which a host's firewall gets them."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from typing import TYPE_CHECKING, Any

from lab.context import Context
from lab.services.network import views
from lab.services.network.attributes import privileged
from lab.services.network.errors import (
    SecurityGroupCannotRemoveDefault,
    SecurityGroupCannotUpdateDefault,
    SecurityGroupDefaultAlreadyExists,
    SecurityGroupInUse,
    SecurityGroupNotFound,
    SecurityGroupRuleNotFound,
)
from lab.services.network.model import DefaultSecurityGroup, Json, Port, SecurityGroup, SecurityGroupRule
from lab.services.network.rules import check_rule, find_same
from lab.services.network.wiring import WireRule

if TYPE_CHECKING:
    from lab.services.network.manager import Plugin

DEFAULT = "default"
INDEXED = ("project_id",)
RULE_INDEXED = ("security_group_id", "project_id")


class SecurityGroups:
    """The use cases of security groups and rules."""

    def __init__(self, plugin: Plugin) -> None:
        self._plugin = plugin

    def sees(self, ctx: Context, record: SecurityGroup | SecurityGroupRule) -> bool:
        """Whether a caller may see a group or rule."""
        return record.project_id == ctx.project_id or privileged(ctx)

    def need(self, tx: Any, ctx: Context, group_id: str) -> SecurityGroup:
        """The group, when the caller may see it. Raises SecurityGroupNotFound."""
        group: SecurityGroup | None = tx.get(SecurityGroup, group_id)
        if group is None or not self.sees(ctx, group):
            raise SecurityGroupNotFound(id=group_id)
        return group

    def need_all(self, tx: Any, ctx: Context, group_ids: list[str]) -> list[str]:
        """Check that the caller may use these groups; answer their ids, each once."""
        return [self.need(tx, ctx, group_id).id for group_id in dict.fromkeys(group_ids)]

    def need_rule(self, tx: Any, ctx: Context, rule_id: str) -> SecurityGroupRule:
        """The rule, when the caller may see it. Raises SecurityGroupRuleNotFound."""
        rule: SecurityGroupRule | None = tx.get(SecurityGroupRule, rule_id)
        if rule is None or not self.sees(ctx, rule):
            raise SecurityGroupRuleNotFound(id=rule_id)
        return rule

    def view(self, tx: Any, group: SecurityGroup) -> Json:
        """The group as the API shows it."""
        return views.security_group(group, tx.find(SecurityGroupRule, security_group_id=group.id))

    # -- the default group --------------------------------------------------------------------

    def ensure_default(self, tx: Any, project_id: str) -> str:
        """The id of a project's default group, made at its first use."""
        default = tx.get(DefaultSecurityGroup, project_id)
        if default is None:
            group = self._insert(tx, {"project_id": project_id, "name": DEFAULT, "description": "Default security group"})
            default = tx.insert(DefaultSecurityGroup.make(project_id=project_id, security_group_id=group.id))
            for ethertype in ("IPv4", "IPv6"):
                self._insert_rule(tx, group, {"direction": "ingress", "ethertype": ethertype, "remote_group_id": group.id})
        group_id: str = default.security_group_id
        return group_id

    def _insert(self, tx: Any, content: Json) -> SecurityGroup:
        """Add a group with the rules that let everything out."""
        plugin = self._plugin
        group: SecurityGroup = tx.insert(SecurityGroup.make(id=plugin.process.uuid(), **content, **plugin.stamps()))
        for ethertype in ("IPv4", "IPv6"):
            self._insert_rule(tx, group, {"direction": "egress", "ethertype": ethertype})
        return group

    def _insert_rule(self, tx: Any, group: SecurityGroup, content: Json) -> SecurityGroupRule:
        values = {"project_id": group.project_id, "security_group_id": group.id, **content}
        record = SecurityGroupRule.make(id=self._plugin.process.uuid(), **values, **self._plugin.stamps())
        rule: SecurityGroupRule = tx.insert(record)
        return rule

    # -- groups -------------------------------------------------------------------------------

    async def create(self, ctx: Context, wanted: list[Json]) -> list[Json]:
        """Make groups, all or none. Raises OverQuota, SecurityGroupDefaultAlreadyExists."""

        def work(tx: Any) -> list[tuple[SecurityGroup, Json]]:
            made = []
            for values in wanted:
                if values["name"] == DEFAULT:
                    raise SecurityGroupDefaultAlreadyExists
                self.ensure_default(tx, values["project_id"])
                self._plugin.quotas.check(tx, values["project_id"], "security_group")
                group = self._insert(tx, values)
                made.append((group, self.view(tx, group)))
            return made

        found = await self._plugin.store.run(work)
        for group, _ in found:
            self._plugin.notifier.push_group(ctx, group)
        return [view for _, view in found]

    async def update(self, ctx: Context, group_id: str, changes: Json) -> Json:
        """Change a group; the default one keeps its name."""
        plugin = self._plugin

        def work(tx: Any) -> tuple[SecurityGroup, Json]:
            group = self.need(tx, ctx, group_id)
            if group.name == DEFAULT and changes.get("name", DEFAULT) != DEFAULT:
                raise SecurityGroupCannotUpdateDefault
            revision = group.revision_number + 1
            new = tx.update(group, **changes, updated_at=plugin.now(), revision_number=revision)
            return new, self.view(tx, new)

        group, view = await plugin.store.run(work)
        plugin.notifier.push_group(ctx, group)
        return view

    async def delete(self, ctx: Context, group_id: str) -> None:
        """Remove a group. Raises SecurityGroupInUse while ports or other groups' rules name it."""

        def work(tx: Any) -> SecurityGroup:
            group = self.need(tx, ctx, group_id)
            if group.name == DEFAULT and "admin" not in ctx.roles:
                raise SecurityGroupCannotRemoveDefault
            remote = tx.find(SecurityGroupRule, remote_group_id=group_id)
            if any(rule.security_group_id != group_id for rule in remote) or self._has_ports(tx, group_id):
                raise SecurityGroupInUse(id=group_id)
            for rule in tx.find(SecurityGroupRule, security_group_id=group_id):
                tx.delete(rule)
            default = tx.get(DefaultSecurityGroup, group.project_id)
            if default is not None and default.security_group_id == group_id:
                tx.delete(default)
            tx.delete(group)
            return group

        group = await self._plugin.store.run(work)
        self._plugin.notifier.push_group(ctx, group, "deleted")

    def _has_ports(self, tx: Any, group_id: str) -> bool:
        return any(group_id in port.security_groups for port in tx.all(Port))

    # -- rules --------------------------------------------------------------------------------

    async def create_rules(self, ctx: Context, wanted: list[Json]) -> list[SecurityGroupRule]:
        """Add rules, all or none. Raises SecurityGroupRuleExists, OverQuota and the faults of a bad rule."""

        def work(tx: Any) -> list[SecurityGroupRule]:
            made = []
            for values in wanted:
                group = self.need(tx, ctx, values["security_group_id"])
                if values.get("remote_group_id") is not None:
                    self.need(tx, ctx, values["remote_group_id"])
                content = check_rule(values)
                content["project_id"] = group.project_id
                self._plugin.quotas.check(tx, group.project_id, "security_group_rule")
                find_same(tx.find(SecurityGroupRule, security_group_id=group.id), content)
                made.append(self._insert_rule(tx, group, content))
                tx.update(group, revision_number=group.revision_number + 1, updated_at=self._plugin.now())
            return made

        rules = await self._plugin.store.run(work)
        self._tell(ctx, rules, "updated")
        return rules

    async def update_rule(self, ctx: Context, rule_id: str, changes: Json) -> SecurityGroupRule:
        """Change a rule's description; nothing else of it can change."""

        def work(tx: Any) -> SecurityGroupRule:
            rule = self.need_rule(tx, ctx, rule_id)
            revision = rule.revision_number + 1
            new: SecurityGroupRule = tx.update(rule, **changes, updated_at=self._plugin.now(), revision_number=revision)
            return new

        return await self._plugin.store.run(work)

    async def delete_rule(self, ctx: Context, rule_id: str) -> None:
        """Remove a rule."""

        def work(tx: Any) -> SecurityGroupRule:
            rule = self.need_rule(tx, ctx, rule_id)
            tx.delete(rule)
            return rule

        self._tell(ctx, [await self._plugin.store.run(work)], "deleted")

    def _tell(self, ctx: Context, rules: list[SecurityGroupRule], event: str) -> None:
        for rule in rules:
            self._plugin.notifier.push_rule(ctx, rule, event)
        groups = [*dict.fromkeys(rule.security_group_id for rule in rules)]
        self._plugin.notifier.rules_updated(ctx, groups)

    # -- what firewalls get -------------------------------------------------------------------

    def wire_rules(self, tx: Any, port: Port) -> list[WireRule]:
        """A port's rules in the form that travels to its host; remote groups stay names (see `members`)."""
        return [
            [r.direction, r.ethertype, r.protocol, r.port_range_min, r.port_range_max, r.remote_ip_prefix, r.remote_group_id]
            for group_id in port.security_groups
            for r in tx.find(SecurityGroupRule, security_group_id=group_id)
        ]

    async def members(self, group_id: str) -> list[str]:
        """The addresses of a group's ports, as few prefixes as hold exactly these."""

        def work(tx: Any) -> list[str]:
            four: list[IPv4Network] = []
            six: list[IPv6Network] = []
            for port in tx.all(Port):
                if group_id in port.security_groups:
                    pairs = [pair["ip_address"] for pair in port.allowed_address_pairs]
                    for text in (*(fixed["ip_address"] for fixed in port.fixed_ips), *pairs):
                        network = ip_network(text)
                        if isinstance(network, IPv4Network):
                            four.append(network)
                        else:
                            six.append(network)
            return [*map(str, collapse_addresses(four)), *map(str, collapse_addresses(six))]

        return await self._plugin.store.run(work)
