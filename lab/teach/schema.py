"""Reads YAML by a declared shape; every error names file, line, key and the keys or values that are known.

A shape is built of small kinds: `Text`, `Whole`, `Number`, `Flag`, `Listing`, `Table`, `Shape`, `Choice`.
Each has one method, `read(node, at)`, that answers a plain Python value or raises `ScenarioError`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import yaml
from yaml.constructor import SafeConstructor

from lab.errors import ScenarioError


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a file something stands; `key` is written as 'workload[2].server.flavor'."""

    file: str
    line: int
    key: str = ""

    def into(self, node: yaml.Node, key: str) -> Place:
        """The place of a node below this one."""
        inner = key if not self.key else self.key + key if key.startswith("[") else f"{self.key}.{key}"
        return Place(self.file, node.start_mark.line + 1, inner)

    def key_of(self, key: str) -> Place:
        """The place of a key of this item; its line is not known any more."""
        return Place(self.file, self.line, f"{self.key}.{key}")

    def wrong(self, text: str) -> ScenarioError:
        """Make the error that says what is wrong here."""
        return ScenarioError(f"{self.file}:{self.line}: {self.key or 'the file'}: {text}")


class Kind(Protocol):
    """What may stand at one place of a file."""

    def read(self, node: yaml.Node, at: Place) -> Any:
        """Answer the node's value; raises ScenarioError."""


def known(name: str, names: Iterable[str]) -> str:
    """Word the known names, the nearest one first when the given one looks like a slip."""
    names = sorted(names)
    near = difflib.get_close_matches(name, names, n=1)
    return (f"did you mean {near[0]!r}? " if near else "") + "known: " + (", ".join(names) or "none")


def scalar(node: yaml.Node, at: Place, wanted: str, *tags: str) -> yaml.ScalarNode:
    """Answer the node if it is a scalar whose YAML type is one of `tags`."""
    if not isinstance(node, yaml.ScalarNode) or node.tag.rpartition(":")[2] not in tags:
        raise at.wrong(f"must be {wanted}")
    return node


@dataclass(frozen=True, slots=True)
class Text:
    """A text; with `choices` one of them."""

    choices: tuple[str, ...] = ()

    def read(self, node: yaml.Node, at: Place) -> str:
        """Answer the text."""
        # A version or an era may look like a number to YAML.
        text = str(scalar(node, at, "a text", "str", *(("int", "float") if self.choices else ())).value)
        if self.choices and text not in self.choices:
            raise at.wrong(f"{text!r} is none of its values; {known(text, self.choices)}")
        return text


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number, not below `least`."""

    least: int = 0

    def read(self, node: yaml.Node, at: Place) -> int:
        """Answer the number."""
        number = int(SafeConstructor().construct_yaml_int(scalar(node, at, "a whole number", "int")))
        if number < self.least:
            raise at.wrong(f"must be at least {self.least}, not {number}")
        return number


@dataclass(frozen=True, slots=True)
class Number:
    """A number, not below `least`."""

    least: float = 0.0

    def read(self, node: yaml.Node, at: Place) -> float:
        """Answer the number."""
        number = float(SafeConstructor().construct_yaml_float(scalar(node, at, "a number", "int", "float")))
        if not number >= self.least:
            raise at.wrong(f"must be at least {self.least:g}, not {number:g}")
        return number


@dataclass(frozen=True, slots=True)
class Flag:
    """true or false."""

    def read(self, node: yaml.Node, at: Place) -> bool:
        """Answer the flag."""
        return scalar(node, at, "true or false", "bool").value.lower() in {"true", "yes", "on"}


@dataclass(frozen=True, slots=True)
class Listing:
    """A list whose items are of one kind."""

    item: Kind

    def read(self, node: yaml.Node, at: Place) -> list[Any]:
        """Answer the items."""
        if not isinstance(node, yaml.SequenceNode):
            raise at.wrong("must be a list")
        return [self.item.read(child, at.into(child, f"[{i}]")) for i, child in enumerate(node.value)]


def pairs(node: yaml.Node, at: Place) -> list[tuple[str, yaml.Node, Place]]:
    """List the keys of a mapping with their values and places; a key may stand only once."""
    if not isinstance(node, yaml.MappingNode):
        raise at.wrong("must be a mapping of keys to values")
    out: list[tuple[str, yaml.Node, Place]] = []
    for key_node, value in node.value:
        key = str(key_node.value)
        place = at.into(key_node, key)
        if any(key == earlier for earlier, _, _ in out):
            raise place.wrong("stands here twice")
        out.append((key, value, place))
    return out


@dataclass(frozen=True, slots=True)
class Table:
    """A mapping of free keys to values of one kind."""

    value: Kind

    def read(self, node: yaml.Node, at: Place) -> dict[str, Any]:
        """Answer the mapping."""
        return {key: self.value.read(value, place) for key, value, place in pairs(node, at)}


@dataclass(frozen=True, slots=True)
class Shape:
    """A mapping with known keys; keys not given are left out of the answer."""

    keys: Mapping[str, Kind]
    required: tuple[str, ...] = ()

    def read(self, node: yaml.Node, at: Place) -> dict[str, Any]:
        """Answer the mapping."""
        out: dict[str, Any] = {}
        for key, value, place in pairs(node, at):
            if key not in self.keys:
                raise place.wrong(f"unknown key; {known(key, self.keys)}")
            out[key] = self.keys[key].read(value, place)
        for key in self.required:
            if key not in out:
                raise at.wrong(f"the key {key!r} is missing; {known(key, self.keys)}")
        return out


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of a list of choices: which kind it is, its keys, where it stands."""

    kind: str
    args: dict[str, Any]
    at: Place

    def __getitem__(self, key: str) -> Any:
        return self.args[key]

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key, or the default."""
        return self.args.get(key, default)


@dataclass(frozen=True, slots=True)
class Choice:
    """A mapping with one key, which says what it is: `- server: {name: web}`."""

    kinds: Mapping[str, Kind]
    what: str

    def read(self, node: yaml.Node, at: Place) -> Item:
        """Answer the item."""
        entries = pairs(node, at)
        if len(entries) != 1:
            raise at.wrong(f"{self.what} has exactly one key; {known('', self.kinds)}")
        ((kind, value, place),) = entries
        if kind not in self.kinds:
            raise place.wrong(f"unknown {self.what}; {known(kind, self.kinds)}")
        return Item(kind, self.kinds[kind].read(value, place), place)


@dataclass(frozen=True, slots=True)
class Marked:
    """A mapping told by the one key of `marks` that it has: `- {process: nova-compute@compute-1, do: kill}`."""

    marks: Mapping[str, Shape]
    what: str

    def read(self, node: yaml.Node, at: Place) -> Item:
        """Answer the item; its `kind` is the mark."""
        present = [key for key, _, _ in pairs(node, at) if key in self.marks]
        if not present:
            raise at.wrong(f"{self.what} names what it is about by one of these keys; {known('', self.marks)}")
        return Item(present[0], self.marks[present[0]].read(node, at), at)


def anything(node: yaml.Node) -> Any:
    """Answer the plain value of any node."""
    if isinstance(node, yaml.MappingNode):
        return {str(key.value): anything(value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [anything(child) for child in node.value]
    plain = isinstance(node, yaml.ScalarNode) and node.style is None
    return SafeConstructor().construct_object(node) if plain else node.value


@dataclass(frozen=True, slots=True)
class Anything:
    """Any value, as YAML reads it."""

    def read(self, node: yaml.Node, at: Place) -> Any:
        """Answer the value."""
        return anything(node)


@dataclass(frozen=True, slots=True)
class Like:
    """A value of the same type as the default of a setting: numbers, texts, flags, lists and tables."""

    default: object

    def read(self, node: yaml.Node, at: Place) -> Any:
        """Answer the value."""
        match self.default:
            case bool():
                return Flag().read(node, at)
            case int():
                return Whole(least=-1).read(node, at)
            case float():
                return Number(least=-1e9).read(node, at)
            case str() | None:
                return Text().read(node, at)
            case tuple() if self.default and isinstance(self.default[0], int):
                return tuple(Listing(Whole()).read(node, at))
            case tuple():
                return tuple(Listing(Text()).read(node, at))
            case Mapping() if self.default:
                return Table(Like(next(iter(self.default.values())))).read(node, at)
        return anything(node)


def load(text: str, file: str, kind: Kind) -> Any:
    """Read a whole YAML text by its shape."""
    top = Place(file, 1)
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is None:
            raise top.wrong("is empty")
        return kind.read(node, top)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = Place(file, mark.line + 1 if mark else 1)
        raise where.wrong(f"is not YAML: {error.problem}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise top.wrong(f"is not YAML: {str(error).partition(chr(10))[0]}") from None
    except RecursionError:
        raise top.wrong("an alias (*) stands inside of what it means") from None
