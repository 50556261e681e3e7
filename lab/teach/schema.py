"""Reads YAML by a declared shape; every error names file, line, key and the keys or values that are known.

A shape is built of small kinds: `Text`, `Whole`, `Number`, `Flag`, `Listing`, `Table`, `Shape`, `Choice`.
Each has one method, `read(node, at)`, that answers a plain Python value or raises `ScenarioError`. Those of many parts note the
mistake of one, put None in its place and read on, so that a file hears of all its mistakes at once.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import yaml
from yaml.constructor import SafeConstructor

from lab.errors import ScenarioError, system_words
from lab.inputs import LONGEST_S

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The quick one where there is one."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a file something stands; `key` is written as 'workload[2].server.flavor'."""

    file: str
    line: int
    key: str = ""
    mistakes: list[ScenarioError] = field(default_factory=list, compare=False, repr=False)
    """What was found wrong in this file so far; all places of a file share it."""

    def take(self, kind: Kind, node: yaml.Node) -> Any:
        """What stands here; None when that cannot be read, which is noted."""
        try:
            return kind.read(node, self)
        except ScenarioError as error:
            self.mistakes.append(error)
            return None

    def note(self, text: str, ko: str, given: str = "", among: Iterable[str] | None = None) -> None:
        """Note what is wrong here, and go on."""
        self.mistakes.append(self.wrong(text, ko, given, among))

    def refuse(self) -> None:
        """Raise one error that tells all mistakes in the order of the file, if there are any."""
        found = {error.message: error for error in sorted(self.mistakes, key=lambda error: error.line)}
        if found:
            raise ScenarioError("\n".join(found), ko="\n".join(error.say("ko") for error in found.values()))

    def into(self, node: yaml.Node, key: str) -> Place:
        """The place of a node below this one."""
        inner = key if not self.key else self.key + key if key.startswith("[") else f"{self.key}.{key}"
        return Place(self.file, node.start_mark.line + 1, inner, self.mistakes)

    def key_of(self, key: str) -> Place:
        """The place of a key of this item; its line is not known any more."""
        return Place(self.file, self.line, f"{self.key}.{key}", self.mistakes)

    def wrong(self, text: str, ko: str, given: str = "", among: Iterable[str] | None = None) -> ScenarioError:
        """Make the error that says what is wrong here, in English and in Korean, and what was to be given `among` which names."""
        where, names = f"{self.file}:{self.line}", None if among is None else list(among)
        more, more_ko = ("", "") if names is None else (f"; {known(given, names)}", f". {known(given, names, 'ko')}")
        english, korean = f"{where}: {self.key or 'the file'}: {text}{more}", f"{where}: {self.key or '파일'}: {ko}{more_ko}"
        return ScenarioError(english, ko=korean, line=self.line)


class Kind(Protocol):
    """What may stand at one place of a file."""

    def read(self, node: yaml.Node, at: Place) -> Any:
        """Answer the node's value; raises ScenarioError."""


def known(name: str, names: Iterable[str], lang: str = "en") -> str:
    """Word the known names, the nearest one first when the given one looks like a slip."""
    names = sorted(names)
    near = difflib.get_close_matches(name, names, n=1)
    if lang == "ko":
        return (f"{near[0]!r}을(를) 쓰려던 것입니까? " if near else "") + "있는 것: " + (", ".join(names) or "없음")
    return (f"did you mean {near[0]!r}? " if near else "") + "known: " + (", ".join(names) or "none")


WANTED_KO = {"a text": "글을", "a whole number": "정수를", "a number": "수를", "true or false": "true나 false를"}


def scalar(node: yaml.Node, at: Place, wanted: str, *tags: str) -> yaml.ScalarNode:
    """Answer the node if it is a scalar whose YAML type is one of `tags`."""
    if not isinstance(node, yaml.ScalarNode) or node.tag.rpartition(":")[2] not in tags:
        raise at.wrong(f"must be {wanted}", f"{WANTED_KO[wanted]} 써야 합니다")
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
            raise at.wrong(f"{text!r} is none of its values", f"{text!r}: 쓸 수 있는 값이 아닙니다", text, self.choices)
        return text


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number, not below `least`."""

    least: int = 0

    def read(self, node: yaml.Node, at: Place) -> int:
        """Answer the number."""
        number = int(SafeConstructor().construct_yaml_int(scalar(node, at, "a whole number", "int")))
        if number < self.least:
            raise at.wrong(f"must be at least {self.least}, not {number}", f"{self.least} 이상이어야 합니다(쓴 것: {number})")
        return number


@dataclass(frozen=True, slots=True)
class Number:
    """A number, from `least` to `most`."""

    least: float = 0.0
    most: float = LONGEST_S

    def read(self, node: yaml.Node, at: Place) -> float:
        """Answer the number."""
        number = float(SafeConstructor().construct_yaml_float(scalar(node, at, "a number", "int", "float")))
        if not number >= self.least:
            raise at.wrong(f"must be at least {self.least:g}, not {number:g}", f"{self.least:g} 이상이어야 합니다(쓴 것: {number:g})")
        if number > self.most:
            raise at.wrong(f"must be at most {self.most:,.0f}, not {number:g}", f"{self.most:,.0f} 이하여야 합니다(쓴 것: {number:g})")
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
            raise at.wrong("must be a list", "목록이어야 합니다")
        return [at.into(child, f"[{i}]").take(self.item, child) for i, child in enumerate(node.value)]


def pairs(node: yaml.Node, at: Place, keys: Iterable[str] | None = None) -> list[tuple[str, yaml.Node, Place]]:
    """List the keys of a mapping with their values and places; a key may stand only once. `keys` are told who wrote none."""
    if not isinstance(node, yaml.MappingNode):
        raise at.wrong("must be a mapping of keys to values", "키와 값의 매핑이어야 합니다", "", keys)
    out: list[tuple[str, yaml.Node, Place]] = []
    for key_node, value in node.value:
        key = str(key_node.value)
        place = at.into(key_node, key)
        if any(key == earlier for earlier, _, _ in out):
            place.note("stands here twice", "여기에 두 번 나옵니다")
        else:
            out.append((key, value, place))
    return out


@dataclass(frozen=True, slots=True)
class Table:
    """A mapping of free keys to values of one kind."""

    value: Kind

    def read(self, node: yaml.Node, at: Place) -> dict[str, Any]:
        """Answer the mapping."""
        return {key: place.take(self.value, value) for key, value, place in pairs(node, at)}


@dataclass(frozen=True, slots=True)
class Shape:
    """A mapping with known keys; keys not given, and those not known, are left out of the answer."""

    keys: Mapping[str, Kind]
    required: tuple[str, ...] = ()

    def read(self, node: yaml.Node, at: Place) -> dict[str, Any]:
        """Answer the mapping."""
        out: dict[str, Any] = {}
        unknown = 0
        for key, value, place in pairs(node, at, self.keys):
            if key in self.keys:
                out[key] = place.take(self.keys[key], value)
            else:
                unknown += 1
                place.note("unknown key", "모르는 키입니다", key, self.keys)
        # A key that lacks may be the one that was misspelt.
        for key in () if unknown else self.required:
            if key not in out:
                at.note(f"the key {key!r} is missing", f"{key!r} 키가 빠졌습니다", "", self.keys)
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
            raise at.wrong(f"{self.what} has exactly one key", f"{self.what}: 키가 꼭 하나여야 합니다", "", self.kinds)
        ((kind, value, place),) = entries
        if kind not in self.kinds:
            raise place.wrong(f"unknown {self.what}", f"모르는 {self.what}입니다", kind, self.kinds)
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
            words = f"{self.what} names what it is about by one of these keys", f"{self.what}: 이 키 가운데 하나로 대상을 밝혀야 합니다"
            raise at.wrong(*words, "", self.marks)
        return Item(present[0], self.marks[present[0]].read(node, at), at)


def anything(node: yaml.Node) -> Any:
    """Answer the plain value of any node."""
    if isinstance(node, yaml.MappingNode):
        return {str(key.value): anything(value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [anything(child) for child in node.value]
    plain = isinstance(node, yaml.ScalarNode) and not node.style  # None, or empty: the loaders differ
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
                return Number(least=-LONGEST_S).read(node, at)
            case str() | None:
                return Text().read(node, at)
            case tuple() if self.default and isinstance(self.default[0], int):
                return tuple(Listing(Whole()).read(node, at))
            case tuple():
                return tuple(Listing(Text()).read(node, at))
            case Mapping() if self.default:
                return Table(Like(next(iter(self.default.values())))).read(node, at)
        return anything(node)


def text_of(path: Path) -> str:
    """The text of a file. Raises ScenarioError when it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ScenarioError(f"{path}: {error.strerror or error}", ko=f"{path}: {system_words(error, 'ko')}") from None
    except UnicodeDecodeError:
        raise Place(str(path), 1).wrong("is not UTF-8", "UTF-8이 아닙니다") from None


def load(text: str, top: Place, kind: Kind) -> Any:
    """Read of a whole YAML text what can be read; the mistakes are noted at `top`. Raises ScenarioError when nothing can."""
    try:
        node = yaml.compose(text, Loader=LOADER)
        if node is None:
            raise top.wrong("is empty", "비어 있습니다")
        return kind.read(node, top)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = Place(top.file, mark.line + 1 if mark else 1)
        raise where.wrong(f"is not YAML: {error.problem}", f"YAML이 아닙니다: {error.problem}") from None
    except (yaml.YAMLError, ValueError) as error:
        why = str(error).partition("\n")[0]
        raise top.wrong(f"is not YAML: {why}", f"YAML이 아닙니다: {why}") from None
    except RecursionError:
        raise top.wrong("an alias (*) stands inside of what it means", "별칭(*)이 자기가 가리키는 것 안에 있습니다") from None
