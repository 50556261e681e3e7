"""Routes as data: method, path, policy, version range, body schema per version, success code, handler."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote

from lab.context import Context

if TYPE_CHECKING:
    from lab.rest.body import Schema

    Versions = tuple[tuple["Version", type[Schema]], ...]

Version = tuple[int, int]
Policy = Callable[[Context], bool]
"""Whether a caller may use a route at all; whose resources it reaches is the manager's question."""


def PUBLIC(ctx: Context) -> bool:
    """Anyone, without a token."""
    return True


def TOKEN(ctx: Context) -> bool:
    """Anyone with a valid token."""
    return True


def READER(ctx: Context) -> bool:
    """Whoever may read in the project."""
    return ctx.has("reader") or "service" in ctx.roles


def MEMBER(ctx: Context) -> bool:
    """Whoever may change things in the project."""
    return ctx.has("member") or "service" in ctx.roles


def ADMIN(ctx: Context) -> bool:
    """Administrators."""
    return "admin" in ctx.roles


def SERVICE(ctx: Context) -> bool:
    """Other services and administrators."""
    return "service" in ctx.roles or "admin" in ctx.roles




def per_version(*schemas: tuple[Version, type[Schema]]) -> Versions:
    """Body schemas by the microversion from which each holds, in ascending order."""
    if list(schemas) != sorted(schemas, key=lambda item: item[0]):
        raise TypeError("per_version: give the schemas in ascending order of version")
    return schemas


@dataclass(frozen=True, eq=False)
class Route:
    """One route, equal to itself alone. `{name}` matches a segment, `{name:path}` the rest of the path."""

    method: str
    path: str
    handler: str
    policy: Policy = MEMBER
    success: int = 200
    body: type[Schema] | Versions | None = None
    query: frozenset[str] | None = None
    since: Version = (0, 0)
    until: Version | None = None
    streaming: bool = False
    summary: str = ""
    names: tuple[str, ...] = field(init=False, repr=False)
    """The names of the path's parameters in order."""

    def __post_init__(self) -> None:
        found = (s[1:-1].removesuffix(":path") for s in self.path.split("/") if s.startswith("{"))
        object.__setattr__(self, "names", tuple(found))

    def serves(self, version: Version) -> bool:
        """Whether the route exists in this microversion."""
        return version >= self.since and (self.until is None or version <= self.until)

    def schema(self, version: Version) -> type[Schema] | None:
        """The body's model in this microversion."""
        if not isinstance(self.body, tuple):
            return self.body
        found = None
        for since, model in self.body:
            if version >= since:
                found = model
        return found


@dataclass(frozen=True)
class VersionRange:
    """The microversions of a service: how its header names it, and from where to where."""

    kind: str
    low: Version
    high: Version
    legacy_header: str = ""
    default: Version | None = None


Found = tuple[dict[str, list[Route]], list[str], str]
"""What lies at a path: routes by method, values of the parameters in order, the pattern."""


class _Node:
    __slots__ = ("literal", "param", "pattern", "rest", "routes")

    def __init__(self) -> None:
        self.literal: dict[str, _Node] = {}
        self.param: _Node | None = None
        self.rest: _Node | None = None
        self.pattern = ""
        self.routes: dict[str, list[Route]] = {}


class Trie:
    """All routes of a service by path segments; literal segments win over parameters."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._root = _Node()
        for route in routes:
            self._add(route)

    def _add(self, route: Route) -> None:
        node = self._root
        for segment in route.path.strip("/").split("/"):
            if segment.endswith(":path}"):
                node.rest = node = node.rest or _Node()
            elif segment.startswith("{"):
                node.param = node = node.param or _Node()
            elif segment:
                node = node.literal.setdefault(segment, _Node())
        node.pattern = node.pattern or route.path
        node.routes.setdefault(route.method, []).append(route)

    def match(self, path: str) -> Found | None:
        """What lies at a path; None when nothing does. A slash at its end counts only in a rest: `dir/` is an object's name."""
        bare = path.lstrip("/")
        ended = bare[-1:] == "/"
        if ended:
            bare = bare[:-1]
        found = self._walk(self._root, bare.split("/") if bare else [], 0, ())
        if ended and found is not None and found[2].endswith(":path}"):
            found[1][-1] += "/"
        return found

    def _walk(self, node: _Node, segments: list[str], at: int, values: tuple[str, ...]) -> Found | None:
        while at < len(segments):
            segment = segments[at]
            at += 1
            child = node.literal.get(segment)
            if child is None or node.param is not None or node.rest is not None:
                break
            node = child
        else:
            return (node.routes, list(values), node.pattern) if node.routes else None
        if child is not None:
            found = self._walk(child, segments, at, values)
            if found is not None:
                return found
        if node.param is not None and segment:
            value = unquote(segment) if "%" in segment else segment
            found = self._walk(node.param, segments, at, (*values, value))
            if found is not None:
                return found
        if node.rest is not None:
            return node.rest.routes, [*values, unquote("/".join(segments[at - 1 :]))], node.rest.pattern
        return None
