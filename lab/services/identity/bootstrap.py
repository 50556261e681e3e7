"""The first entities of a cloud: what `keystone-manage bootstrap` makes, the services' users, and the catalog."""

from __future__ import annotations

from lab.services.identity.manager import IdentityManager
from lab.services.identity.model import (
    DEFAULT_DOMAIN,
    IMPLIED,
    SYSTEM,
    Bootstrap,
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
from lab.store import Transaction

ROLES = ("admin", "manager", "member", "reader", "service")
PROJECTS = {
    "admin": "Bootstrap project for initializing the cloud.",
    "service": "Where the services' own users live.",
    "demo": "A project to play in.",
}
PEOPLE = ("admin", "demo")
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


async def bootstrap(manager: IdentityManager) -> None:
    """Make the first entities of a new cloud.

    In a cloud that has them nothing is made again, so that what was removed stays away; but when the configuration
    has another public URL or other passwords than last time (a kept cloud on another port), the endpoints and the
    users that were made here follow it.
    """
    config, passwords = manager.process.config, manager.passwords
    last = await manager.read(lambda tx: tx.get(Bootstrap, Bootstrap.ID))
    admin_hash, service_hash = (last.admin_hash, last.service_hash) if last is not None else ("", "")
    if not passwords.verify(config.admin_password, admin_hash):
        admin_hash = passwords.hash(config.admin_password)
    if config.service_password == config.admin_password:  # a hash costs a millisecond, a tenth of a small cloud
        service_hash = admin_hash
    elif not passwords.verify(config.service_password, service_hash):
        service_hash = passwords.hash(config.service_password)
    now = Bootstrap.make(public_url=config.public_url, admin_hash=admin_hash, service_hash=service_hash)

    def work(tx: Transaction) -> None:
        if last is None:
            Builder(manager, tx).build(now)
            tx.insert(now)
        elif last != now:
            follow(tx, last, now)
            tx.update(last, public_url=now.public_url, admin_hash=now.admin_hash, service_hash=now.service_hash)

    await manager.process.store.run(work)
    manager.tokens.forget()
    manager.is_ready.set()


def follow(tx: Transaction, last: Bootstrap, now: Bootstrap) -> None:
    """Bring endpoints and passwords from the last configuration to the present one."""
    for endpoint in tx.all(CatalogEndpoint):
        if endpoint.url.startswith(last.public_url):
            tx.update(endpoint, url=now.public_url + endpoint.url.removeprefix(last.public_url))
    for names, old, new in (
        (PEOPLE, last.admin_hash, now.admin_hash),
        (SERVICE_USERS, last.service_hash, now.service_hash),
    ):
        for name in names if new != old else ():
            user = tx.one(User, domain_id=DEFAULT_DOMAIN, name=name)
            if user is not None:
                tx.update(user, password_hash=new)


class Builder:
    """Makes the entities of a new cloud."""

    def __init__(self, manager: IdentityManager, tx: Transaction) -> None:
        self._tx, self._new_id, self._config = tx, manager.tokens.new_id, manager.process.config

    def build(self, bootstrap: Bootstrap) -> None:
        """Make everything."""
        tx = self._tx
        tx.insert(Domain.make(id=DEFAULT_DOMAIN, name="Default", description="The default domain"))
        roles = {name: tx.insert(Role.make(id=self._new_id(), name=name)) for name in ROLES}
        for prior, implied in IMPLIED:
            tx.insert(ImpliedRole.make(prior_role_id=roles[prior].id, implied_role_id=roles[implied].id))
        projects = {name: self._project(name, text) for name, text in PROJECTS.items()}
        users = {name: self._user(name, bootstrap.admin_hash) for name in PEOPLE}
        users |= {name: self._user(name, bootstrap.service_hash) for name in SERVICE_USERS}
        for user, project, role in ASSIGNMENTS:
            self._assign(users[user], "project", projects[project].id, roles[role])
        self._assign(users["admin"], SYSTEM, SYSTEM, roles["admin"])
        tx.insert(Region.make(id=self._config.region))
        for name, kind, path in SERVICES:
            self._service(name, kind, bootstrap.public_url + path)

    def _project(self, name: str, description: str) -> Project:
        place = {"domain_id": DEFAULT_DOMAIN, "parent_id": DEFAULT_DOMAIN}
        return self._tx.insert(Project.make(id=self._new_id(), name=name, description=description, **place))

    def _user(self, name: str, password_hash: str) -> User:
        new = {"id": self._new_id(), "name": name, "domain_id": DEFAULT_DOMAIN, "password_hash": password_hash}
        return self._tx.insert(User.make(**new))

    def _assign(self, user: User, target: str, target_id: str, role: Role) -> None:
        place = {"actor": "user", "actor_id": user.id, "target": target, "target_id": target_id}
        self._tx.insert(RoleAssignment.make(**place, role_id=role.id))

    def _service(self, name: str, kind: str, url: str) -> None:
        service = self._tx.insert(CatalogService.make(id=self._new_id(), type=kind, name=name))
        for interface in INTERFACES:
            place = {"service_id": service.id, "url": url, "region_id": self._config.region}
            self._tx.insert(CatalogEndpoint.make(id=self._new_id(), interface=interface, **place))
