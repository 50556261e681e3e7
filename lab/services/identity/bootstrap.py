"""The first entities of a cloud: what `keystone-manage bootstrap` makes, the services' users, and the catalog."""

from __future__ import annotations

from lab.process import Process
from lab.services.identity.manager import IdentityManager
from lab.services.identity.model import (
    DEFAULT_DOMAIN,
    IMPLIED,
    SYSTEM,
    CatalogEndpoint,
    CatalogService,
    Domain,
    ImpliedRole,
    Project,
    Region,
    Role,
    RoleAssignment,
    User,
)
from lab.store import Record, Transaction

ROLES = ("admin", "manager", "member", "reader", "service")
PROJECTS = {
    "admin": "Bootstrap project for initializing the cloud.",
    "service": "Where the services' own users live.",
    "demo": "A project to play in.",
}
SERVICE_USERS = ("nova", "neutron", "glance", "cinder", "placement", "swift")

# name, type, path below the public URL; the paths are those of the single-port layout that the clients' tests expect.
SERVICES = (
    ("keystone", "identity", "/identity/v3"),
    ("nova", "compute", "/compute/v2.1"),
    ("glance", "image", "/image"),
    ("neutron", "network", "/network"),
    ("cinder", "block-storage", "/volume/v3/$(project_id)s"),
    ("placement", "placement", "/placement"),
    ("swift", "object-store", "/object/v1/AUTH_$(project_id)s"),
)
INTERFACES = ("public", "internal", "admin")

# Who has which role on which project: the administrator also plays the member's part, as a devstack does.
ASSIGNMENTS = (
    ("admin", "admin", "admin"),
    ("admin", "demo", "admin"),
    ("demo", "demo", "member"),
    *((user, "service", role) for user in SERVICE_USERS for role in ("admin", "service")),
)


async def bootstrap(process: Process) -> None:
    """Make the first entities; what is there already stays, but endpoints follow the cloud's public URL.

    Passwords come from the configuration. A kept cloud that is started again on another port, or with another
    administrator's password, is reached by the new ones.
    """
    manager: IdentityManager = process.memory.get("identity") or IdentityManager(process)
    config, passwords = process.config, manager.passwords
    admin_hash = service_hash = passwords.hash(config.admin_password)
    if config.service_password != config.admin_password:  # a hash costs a millisecond, a tenth of a small cloud
        service_hash = passwords.hash(config.service_password)
    builder = Builder(manager)

    def build(tx: Transaction) -> None:
        if tx.get(Domain, DEFAULT_DOMAIN) is None:
            tx.insert(Domain.make(id=DEFAULT_DOMAIN, name="Default", description="The default domain"))
        roles = {name: builder.role(tx, name) for name in ROLES}
        for prior, implied in IMPLIED:
            ensure(tx, ImpliedRole.make(prior_role_id=roles[prior].id, implied_role_id=roles[implied].id))
        projects = {name: builder.project(tx, name, text) for name, text in PROJECTS.items()}
        users = {name: builder.user(tx, name, admin_hash, config.admin_password) for name in ("admin", "demo")}
        users |= {name: builder.user(tx, name, service_hash, config.service_password) for name in SERVICE_USERS}
        for user, project, role in ASSIGNMENTS:
            assign(tx, users[user], "project", projects[project].id, roles[role])
        assign(tx, users["admin"], SYSTEM, SYSTEM, roles["admin"])
        if tx.get(Region, config.region) is None:
            tx.insert(Region.make(id=config.region))
        for name, type_, path in SERVICES:
            builder.service(tx, name, type_, path)

    await process.store.run(build)
    manager.tokens.forget()


class Builder:
    """Makes an entity unless it is there."""

    def __init__(self, manager: IdentityManager) -> None:
        self._manager = manager
        self._process: Process = manager.process

    def role(self, tx: Transaction, name: str) -> Role:
        """The role that all domains share."""
        found = tx.one(Role, domain_id="", name=name)
        return found or tx.insert(Role.make(id=self._manager.tokens.new_id(), name=name))

    def project(self, tx: Transaction, name: str, description: str) -> Project:
        """The project of the default domain."""
        found = tx.one(Project, domain_id=DEFAULT_DOMAIN, name=name)
        return found or tx.insert(
            Project.make(
                id=self._manager.tokens.new_id(),
                name=name,
                domain_id=DEFAULT_DOMAIN,
                parent_id=DEFAULT_DOMAIN,
                description=description,
            )
        )

    def user(self, tx: Transaction, name: str, password_hash: str, password: str) -> User:
        """The user of the default domain, with this password."""
        found = tx.one(User, domain_id=DEFAULT_DOMAIN, name=name)
        if found is None:
            new = {"id": self._manager.tokens.new_id(), "name": name, "password_hash": password_hash}
            return tx.insert(User.make(**new, domain_id=DEFAULT_DOMAIN))
        if self._manager.passwords.verify(password, found.password_hash):
            return found
        return tx.update(found, password_hash=password_hash)

    def service(self, tx: Transaction, name: str, type_: str, path: str) -> None:
        """The service with its three endpoints."""
        config, new_id = self._process.config, self._manager.tokens.new_id
        service = tx.one(CatalogService, type=type_)
        if service is None:
            service = tx.insert(CatalogService.make(id=new_id(), type=type_, name=name))
        url = config.public_url + path
        endpoints = tx.find(CatalogEndpoint, service_id=service.id)
        for interface in INTERFACES:
            found = next((e for e in endpoints if e.interface == interface and e.region_id == config.region), None)
            if found is None:
                tx.insert(
                    CatalogEndpoint.make(
                        id=new_id(), service_id=service.id, interface=interface, url=url, region_id=config.region
                    )
                )
            elif found.url != url:
                tx.update(found, url=url)


def ensure(tx: Transaction, record: Record) -> None:
    """Insert the record unless one with its key is there."""
    if tx.get(type(record), record.key()) is None:
        tx.insert(record)


def assign(tx: Transaction, user: User, target: str, target_id: str, role: Role) -> None:
    """Give the user the role on the target."""
    ensure(
        tx,
        RoleAssignment.make(actor="user", actor_id=user.id, target=target, target_id=target_id, role_id=role.id),
    )
