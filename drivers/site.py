"""The configuration of a real cloud: one TOML file that all its programs on all its hosts read.

docs/real.md tells every key. Secrets need not stand in it: each may lie in a file of its own
(`password_file = "/etc/glasscloud/password"`) or in the environment (`GLASSCLOUD_CLOUD_ADMIN_PASSWORD`).
"""

from __future__ import annotations

import os
import secrets
import socket
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from drivers.options import read
from drivers.place import Place
from drivers.registry import OURS
from lab.config import Config, for_era
from lab.errors import LabError, system_words
from lab.services.object.nodes import node_service
from lab.store import Store

ROLES = ("controller", "compute", "network", "storage")
PORTS = ("hypervisor", "network", "dhcp", "volume", "image", "object")
"""The tables that describe drivers."""
DISKS = ("disk-1", "disk-2", "disk-3")
"""The object disks of each storage host: as many as the ring has replicas, so that one can be lost."""
ENDPOINT_PORTS = {
    "identity": 15_000, "image": 19_292, "placement": 18_778, "network": 19_696, "volume": 18_776, "compute": 18_774, "object": 18_080,
}  # fmt: skip
"""Where the services hear each other, unless [endpoints] says otherwise: OpenStack's own ports and 10,000."""
NODE_PORT = 16_200
"""The same of an object storage node. Source: swift's object-server, 6200."""
SECRETS = {"cloud": ("admin_password", "service_password"), "messaging": ("url",), "database": ("url",)}


@dataclass(frozen=True, slots=True)
class CloudTable:
    """[cloud]: who this is.

    id: tags all that is made. url: where clients find it. state: the directory of its files on each host.
    host: the name of the host that this program runs on; the machine's own by default.
    """

    id: str = "lab"
    url: str = "http://127.0.0.1:8774"
    state: Path = Path("/var/lib/glasscloud")
    host: str = ""
    admin_password: str = ""
    service_password: str = ""


@dataclass(frozen=True, slots=True)
class HostTable:
    """[hosts.NAME]: its IP address on the management network, and what it is for."""

    address: str = "127.0.0.1"
    roles: tuple[str, ...] = ROLES
    drivers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """[hosts.NAME.PORT]: what of a port's table is another on this host."""


@dataclass(frozen=True, slots=True)
class MessagingTable:
    """[messaging]: amqp://USER:PASSWORD@HOST:PORT/ of RabbitMQ; empty keeps messages in the one program that runs all."""

    url: str = ""


@dataclass(frozen=True, slots=True)
class DatabaseTable:
    """[database]: sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME; a file below the state directory by default."""

    url: str = ""


@dataclass(frozen=True)
class Site:
    """One cloud as its configuration describes it, seen from one of its hosts."""

    cloud: CloudTable
    hosts: Mapping[str, HostTable]
    settings: Config
    messaging: MessagingTable = MessagingTable()
    database: DatabaseTable = DatabaseTable()
    endpoints: Mapping[str, str] = field(default_factory=dict)
    """Service type -> http://ADDRESS:PORT, where its program listens for the others."""
    drivers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Port -> its table."""
    source: str = "the configuration"

    @property
    def host(self) -> str:
        """The name of this host."""
        return self.cloud.host

    def having(self, role: str) -> list[str]:
        """The hosts of a role, in the file's order."""
        return [name for name, host in self.hosts.items() if role in host.roles]

    def place(self, host: str) -> Place:
        """Where drivers of a host work."""
        return Place(self.cloud.id, host, self.hosts[host].address, self.cloud.state / self.cloud.id / host)

    def tables(self, port: str) -> dict[str, dict[str, Any]]:
        """The options of the drivers of a port on one host, by name: one driver without a name, or one a disk."""
        table = {**self.drivers.get(port, {}), **self.hosts[self.host].drivers.get(port, {})}
        return {disk: {**table, "disk": disk} for disk in DISKS} if port == "object" else {"": table}

    def urls(self) -> dict[str, str]:
        """Where the programs reach each other's services: as [endpoints] says, or at the usual port of each on its host."""
        here = self.hosts[self.having("controller")[0]].address
        found = {service: f"http://{here}:{port}" for service, port in ENDPOINT_PORTS.items()}
        found |= {node_service(name): f"http://{self.hosts[name].address}:{NODE_PORT}" for name in self.having("storage")}
        unknown = sorted(set(self.endpoints) - set(found))
        if unknown:
            where, name = f"[endpoints] of {self.source}", unknown[0]
            raise unheard_of(f"{where} names {name!r}", f"{where}: {name!r}: 그런 이름이 없습니다", found)
        return {service: f"{self.endpoints.get(service, url).rstrip('/')}/{service}" for service, url in found.items()}

    def on(self, host: str) -> Site:
        """The same cloud seen from another of its hosts. Raises LabError when it has none of that name."""
        if host not in self.hosts:
            known = ", ".join(self.hosts)
            raise LabError(
                f"{self.source} has no host {host!r}; known: {known}; say which this is by [cloud] host",
                ko=f"{self.source}에 호스트 {host!r}이(가) 없습니다. 있는 것: {known}. 이 기계가 어느 호스트인지 [cloud] host에 쓰십시오",
            )
        return replace(self, cloud=replace(self.cloud, host=host))

    def but(self, **settings: Any) -> Site:
        """The same cloud with some settings changed."""
        return replace(self, settings=self.settings.but(**settings))

    def store(self) -> Store:
        """Open where the records are. Raises LabError."""
        from lab.store.sql import open_store  # SQL is slow to import, and agents have no database

        if self.database.url:
            return open_store(self.database.url)
        directory = self.cloud.state / self.cloud.id
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LabError(
                f"{directory} cannot be made: {error.strerror}; run as root, or choose another [cloud] state in {self.source}",
                ko=f"{directory}: 만들 수 없습니다({system_words(error, 'ko')})."
                f" root로 실행하거나 {self.source}에서 다른 [cloud] state를 쓰십시오",
            ) from None
        return open_store(f"sqlite:///{directory / 'cloud.db'}")


def load(path: Path, host: str = "") -> Site:
    """Read a configuration file as one of its hosts. Raises LabError naming the file, the table, the key and what is known."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise LabError(
            f"{path}: {error.strerror}; give the configuration of the cloud with --config",
            ko=f"{path}: {system_words(error, 'ko')}. --config로 클라우드의 설정 파일을 주십시오",
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise LabError(f"{path} is no TOML: {error}", ko=f"{path}: TOML이 아닙니다: {error}") from None
    return site(document, str(path), host)


def site(document: Mapping[str, Any], source: str = "the configuration", host: str = "") -> Site:
    """A site from the tables of a configuration, seen from that host; from [cloud] host, or this machine, when none is named."""
    known = ("cloud", "hosts", "settings", "messaging", "database", "endpoints", *PORTS)
    unknown = sorted(set(document) - set(known))
    if unknown:
        raise unheard_of(f"{source} has no table [{unknown[0]}]", f"{source}: [{unknown[0]}]: 그런 표가 없습니다", known)
    tables = {name: _open(name, _table(document.get(name, {}), f"[{name}] of {source}"), source) for name in known}
    cloud = read(CloudTable, tables["cloud"], f"[cloud] of {source}")
    here = host or cloud.host or socket.gethostname().partition(".")[0]
    hosts = {name: _host(name, table, source) for name, table in (tables["hosts"] or {here: {}}).items()}
    for name, entry in hosts.items():
        strange = [role for role in entry.roles if role not in ROLES]
        if strange:
            where = f"[hosts.{name}] of {source}"
            raise unheard_of(f"{where}: there is no role {strange[0]!r}", f"{where}: {strange[0]!r}: 그런 역할이 없습니다", ROLES)
    whole = Site(
        cloud=cloud,
        hosts=hosts,
        settings=_settings(_reached(tables["network"], hosts, here) | tables["settings"], cloud, source),
        messaging=read(MessagingTable, tables["messaging"], f"[messaging] of {source}"),
        database=read(DatabaseTable, tables["database"], f"[database] of {source}"),
        endpoints=_texts(tables["endpoints"], f"[endpoints] of {source}"),
        drivers={port: tables[port] for port in PORTS},
        source=source,
    )
    for role in ("controller", "network"):
        if len(whole.having(role)) != 1:
            having = ", ".join(whole.having(role))
            raise LabError(
                f"{source} needs one host with the role {role}; it has {having or 'none'}",
                ko=f"{source}: {role} 역할을 하는 호스트가 하나여야 합니다. 지금 있는 것: {having or '없음'}",
            )
    return whole.on(here)


def unheard_of(english: str, korean: str, known: Iterable[str]) -> LabError:
    """The error for a name that is not known, with those that are."""
    return LabError(f"{english}; known: {', '.join(known)}", ko=f"{korean}. 있는 것: {', '.join(known)}")


def unusable(where: str, value: Any, wanted: str, wanted_ko: str) -> LabError:
    """The error for a value of another kind than is wanted there."""
    return LabError(f"{where} is {value!r}; give {wanted}", ko=f"{where}: {value!r}: 쓸 수 없는 값입니다. 써야 하는 것: {wanted_ko}")


def _table(value: Any, where: str) -> dict[str, Any]:
    """A copy of a table. Raises LabError for what is none."""
    if not isinstance(value, Mapping):
        raise unusable(where, value, "a table", "표")
    return dict(value)


def _texts(table: dict[str, Any], where: str) -> dict[str, str]:
    """A table of texts. Raises LabError for another one."""
    for key, value in table.items():
        if not isinstance(value, str):
            raise unusable(f"{where}: {key}", value, "a text", "글")
    return table


def _host(name: str, value: Any, source: str) -> HostTable:
    """A host, with the drivers' tables that are its own."""
    where = f"[hosts.{name}"
    table = _table(value, f"{where}] of {source}")
    own = {port: _table(table.pop(port), f"{where}.{port}] of {source}") for port in PORTS if port in table}
    return replace(read(HostTable, table, f"{where}] of {source}"), drivers=own)


def _open(name: str, table: dict[str, Any], source: str) -> dict[str, Any]:
    """A table with its secrets filled in from their files and the environment."""
    for key in SECRETS.get(name, ()):
        path = table.pop(f"{key}_file", None)
        if path is not None:
            where = f"[{name}] of {source}: {key}_file"
            try:
                table[key] = Path(path).read_text(encoding="utf-8").strip()
            except OSError as error:
                raise LabError(f"{where} {path}: {error.strerror}", ko=f"{where} {path}: {system_words(error, 'ko')}") from None
            except (TypeError, UnicodeDecodeError):
                raise unusable(where, path, "the path of a text", "글이 든 파일의 경로") from None
        variable = f"GLASSCLOUD_{name}_{key}".upper()
        if variable in os.environ:
            table[key] = os.environ[variable]
    return table


def _tuples(value: Any) -> Any:
    """TOML's lists as tuples: settings never change."""
    if isinstance(value, dict):
        return {key: _tuples(inner) for key, inner in value.items()}
    return tuple(_tuples(inner) for inner in value) if isinstance(value, list) else value


def _alike(value: Any, default: Any) -> bool:
    """Whether a setting is of the kind of its default; a whole number may stand for any number."""
    if isinstance(value, bool) or isinstance(default, bool):
        return type(value) is type(default)
    if isinstance(default, float):
        return isinstance(value, (int, float))
    return isinstance(value, dict if isinstance(default, Mapping) else type(default))


def _reached(table: dict[str, Any], hosts: Mapping[str, HostTable], here: str) -> dict[str, Any]:
    """What neutron must know of the trunks: those of this host, and that projects' networks are tunnels where no host has one."""
    mapped: dict[str, list[str]] = {}
    for name, host in hosts.items():
        own = {**table, **host.drivers.get("network", {})}
        if own.get("driver", next(iter(OURS["network"]))) not in OURS["network"]:
            return {}  # another package's driver says it in its own way
        trunks = own.get("bridge_mappings", {})
        mapped[name] = sorted(trunks) if isinstance(trunks, Mapping) else []
    tunnels = {} if any(mapped.values()) else {"project_network_types": ["vxlan"]}
    return {"bridge_mappings": mapped.get(here, []), **tunnels}


def _settings(table: dict[str, Any], cloud: CloudTable, source: str) -> Config:
    """The cloud's settings: the era's defaults, those of the file, and what a real cloud must not leave as it is."""
    given = {name: _tuples(value) for name, value in table.items()}
    where, known = f"[settings] of {source}", sorted(Config.__dataclass_fields__)
    for name, value in given.items():
        if name not in known:
            raise unheard_of(f"{where}: unknown setting {name}", f"{where}: {name}: 그런 설정이 없습니다", known)
        default = getattr(Config(), name)
        if not _alike(value, default):
            raise unusable(f"{where}: {name}", value, f"a value like {default!r}", f"{default!r} 같은 값")
    try:
        return for_era(str(given.pop("era", "2026"))).but(**{
            "public_url": cloud.url,
            "password_cost": 12,
            "admin_password": cloud.admin_password or secrets.token_urlsafe(12),
            "service_password": cloud.service_password or secrets.token_urlsafe(24),
            **given,
        })
    except ValueError as error:
        raise LabError(f"{where}: {error}", ko=f"{where}: era는 2018이나 2026이어야 합니다") from None
