"""Finding and removing what a crashed cloud left on a machine. Nothing without the cloud's tag is ever touched."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from drivers.registry import make
from lab.errors import DriverError, LabError

if TYPE_CHECKING:
    from drivers.site import Site

ROLES = (
    ("hypervisor", ("compute",)),
    ("dhcp", ("network",)),
    ("network", ("compute", "network")),
    ("volume", ("controller",)),
    ("image", ("controller",)),
    ("object", ("storage",)),
)
"""Which ports leave what on hosts of which roles, in the order of removal: who uses a thing goes before the thing."""
DATABASE = ("cloud.db", "cloud.db-journal", "cloud.db-wal", "cloud.db-shm")


@dataclass(frozen=True, slots=True)
class Trace:
    """One thing on the machine that carries the cloud's tag.

    kind: what it is ('domain', 'tap', 'bridge', 'namespace', 'file').
    name: by what name the machine knows it.
    detail: whose it was, as far as it can be told.
    """

    kind: str
    name: str
    detail: str = ""


class Sweepable(ABC):
    """A driver that finds and removes what was made by its kind for its cloud on its host.

    Both are asked of a driver that was not opened: opening it would make new things.
    """

    @abstractmethod
    async def found(self) -> list[Trace]:
        """List all things with the cloud's tag, in the order in which they can be removed."""

    @abstractmethod
    async def remove(self, trace: Trace) -> None:
        """Remove one of them; gone is no error. Raises DriverError when it cannot be removed, or is not ours."""


class StateFiles(Sweepable):
    """What the cloud's programs themselves keep on a host: the records in SQLite, and the directories of the host's files."""

    def __init__(self, site: Site) -> None:
        self.cloud, self.host = site.cloud.state / site.cloud.id, site.place(site.host).state

    async def found(self) -> list[Trace]:
        """The database goes first; a directory last, and only when nothing is left in it."""
        files = [Trace("database", str(path), "the cloud's records") for path in self._files()]
        return [*files, *(Trace("directory", str(path), "of this host's files") for path in self._directories())]

    def _files(self) -> list[Path]:
        return [self.cloud / name for name in DATABASE if (self.cloud / name).is_file()]

    def _directories(self) -> list[Path]:
        """Those that drivers make among the host's files, deepest first, then the host's and the cloud's."""
        inside = sorted((path for path in self.host.rglob("*") if not path.is_symlink()), reverse=True)
        return [path for path in (*inside, self.host, self.cloud) if path.is_dir()]

    async def remove(self, trace: Trace) -> None:
        """Remove the database, or an empty directory."""
        try:
            self._remove(Path(trace.name))
        except OSError as error:
            raise DriverError(f"{trace.name}: {error.strerror}") from error

    def _remove(self, path: Path) -> None:
        if path.parent == self.cloud and path.name in DATABASE:
            path.unlink(missing_ok=True)
        elif path in (self.cloud, self.host) or self.host in path.parents:
            _remove_empty(path)
        else:
            raise DriverError(f"{path} is not among the cloud's files; it is left as it is")


def _remove_empty(path: Path) -> None:
    if not path.is_dir():
        return
    left = sorted(each.name for each in path.iterdir())
    if left:
        raise DriverError(f"{path} still holds {', '.join(left[:3])}; it is left as it is")
    path.rmdir()


@dataclass(frozen=True, slots=True)
class Found:
    """A thing that was found, and who can remove it."""

    port: str
    driver: Sweepable
    trace: Trace


@dataclass(frozen=True, slots=True)
class Problem:
    """What could not be looked at or removed, and why."""

    what: str
    why: LabError


def sweepers(site: Site) -> Iterator[tuple[str, Sweepable | LabError]]:
    """The drivers of this host of a cloud, not opened, in the order of removal; or why there is none."""
    roles = site.hosts[site.host].roles
    for port, needed in ROLES:
        if not set(needed).intersection(roles):
            continue
        for options in site.tables(port).values():
            try:
                yield port, make(port, options, site.place(site.host), f"[{port}] of {site.source}")
            except LabError as error:
                yield port, error
            except ImportError as error:  # a library of the system that a package needs
                yield port, LabError(str(error))
    yield "state", StateFiles(site)


async def look(site: Site) -> tuple[list[Found], list[Problem]]:
    """Find everything that this cloud left on this host."""
    found: list[Found] = []
    problems: list[Problem] = []
    for port, driver in sweepers(site):
        try:
            if isinstance(driver, LabError):
                raise driver
            known = {(each.trace.kind, each.trace.name) for each in found}
            traces = [trace for trace in await driver.found() if (trace.kind, trace.name) not in known]
            if isinstance(driver, StateFiles):
                traces = _beside(traces, [Path(each.trace.name) for each in found if each.trace.name.startswith("/")])
            found += [Found(port, driver, trace) for trace in traces]
        except LabError as error:
            problems.append(Problem(port, error))
    return found, problems


def _beside(traces: list[Trace], others: list[Path]) -> list[Trace]:
    """Those that do not lie in a directory that a driver found, and removes whole."""
    return [trace for trace in traces if not any(Path(trace.name).is_relative_to(other) for other in others)]


async def remove(found: Found) -> Problem | None:
    """Remove one thing; answer why that was not possible."""
    try:
        await found.driver.remove(found.trace)
    except LabError as error:
        return Problem(f"{found.trace.kind} {found.trace.name}", error)
    return None
