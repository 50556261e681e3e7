"""Routes as data: method, path, policy, version range, body schema per version, success code, handler."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from pydantic import BaseModel, ConfigDict

from lab.context import Context

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


class Body(BaseModel):
    """A request body: unknown fields are refused, names may be aliases."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, defer_build=True)


Versions = tuple[tuple[Version, type[BaseModel]], ...]


def per_version(*schemas: tuple[Version, type[BaseModel]]) -> Versions:
    """Body schemas by the microversion from which each holds, in ascending order."""
    if list(schemas) != sorted(schemas, key=lambda item: item[0]):
        raise TypeError("per_version: give the schemas in ascending order of version")
    return schemas


@dataclass(frozen=True)
class Route:
    """One route. `{name}` matches a segment, `{name:path}` the rest of the path."""

    method: str
    path: str
    handler: str
    policy: Policy = MEMBER
    success: int = 200
    body: type[BaseModel] | Versions | None = None
    query: frozenset[str] | None = None
    since: Version = (0, 0)
    until: Version | None = None
    streaming: bool = False
    summary: str = ""

    def serves(self, version: Version) -> bool:
        """Whether the route exists in this microversion."""
        return version >= self.since and (self.until is None or version <= self.until)

    def schema(self, version: Version) -> type[BaseModel] | None:
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


class _Node:
    __slots__ = ("literal", "name", "param", "rest", "routes")

    def __init__(self) -> None:
        self.literal: dict[str, _Node] = {}
        self.param: _Node | None = None
        self.rest: _Node | None = None
        self.name = ""
        self.routes: dict[str, list[Route]] = {}


class Trie:
    """All routes of a service by path segments; literal segments win over parameters."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._root = _Node()
        for route in routes:
            self._add(route)

    def _add(self, route: Route) -> None:
        node = self._root
        names = []
        for segment in route.path.strip("/").split("/"):
            if segment.startswith("{"):
                name = segment[1:-1]
                greedy = name.endswith(":path")
                names.append(name.removesuffix(":path"))
                child = (node.rest if greedy else node.param) or _Node()
                if greedy:
                    node.rest = child
                else:
                    node.param = child
                node = child
            elif segment:
                node = node.literal.setdefault(segment, _Node())
        node.routes.setdefault(route.method, []).append(route)

    def match(self, path: str) -> tuple[dict[str, list[Route]], list[str]] | None:
        """The routes of a path by method, and the values of its parameters in order; None when nothing lies there."""
        segments = path.strip("/").split("/") if path.strip("/") else []
        return self._walk(self._root, segments, 0, [])

    def _walk(self, node: _Node, segments: list[str], at: int, values: list[str]) -> tuple[dict[str, list[Route]], list[str]] | None:
        if at == len(segments):
            return (node.routes, values) if node.routes else None
        segment = segments[at]
        child = node.literal.get(segment)
        if child is not None:
            found = self._walk(child, segments, at + 1, values)
            if found is not None:
                return found
        if node.param is not None and segment:
            value = unquote(segment) if "%" in segment else segment
            found = self._walk(node.param, segments, at + 1, [*values, value])
            if found is not None:
                return found
        if node.rest is not None:
            return node.rest.routes, [*values, unquote("/".join(segments[at:]))]
        return None


def names_of(route: Route) -> tuple[str, ...]:
    """The names of a route's parameters in order."""
    return tuple(s[1:-1].removesuffix(":path") for s in route.path.split("/") if s.startswith("{"))


def values_of(route: Route, values: list[str]) -> dict[str, str]:
    """The parameters by name."""
    return dict(zip(names_of(route), values, strict=True))


def explain(error: Any) -> str:
    """A pydantic error in one sentence: where, what value, what is wrong."""
    first = error.errors(include_url=False)[0]
    place = "/".join(str(p) for p in first["loc"]) or "body"
    if first["type"] == "extra_forbidden":
        return f"Invalid input for field/attribute {place}. Additional properties are not allowed"
    value = repr(first.get("input"))
    shown = value if len(value) < 120 else value[:117] + "..."
    return f"Invalid input for field/attribute {place}. Value: {shown}. {first['msg']}"
