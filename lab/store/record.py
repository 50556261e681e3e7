"""Records: small frozen classes that declare their key, uniqueness, indexes and foreign keys.

A change is a new record (`evolve`). Nothing is validated when a record is made: shape is checked where data
enters the cloud, and the stores check not-null, lengths, uniqueness and foreign keys on every write.

Records are not SQLModel classes themselves: the SQL store derives those from them (`lab.store.tables`).
Importing SQLModel costs 0.35 s and each of its classes a millisecond, more than a whole demo does, and a
simulated cloud in memory needs no SQL.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, ClassVar, NoReturn, Self, TypeVar

from lab.errors import Conflict

__all__ = ["Field", "Plan", "Record", "StoreConflict", "changed", "plan_of", "referring"]

_MISSING = object()


class StoreConflict(Conflict):
    """A write broke a constraint of the store."""


class _Declared:
    """What `Field` says of one field."""

    __slots__ = ("default", "factory", "max_length")

    def __init__(self, default: Any, factory: Callable[[], Any] | None, max_length: int | None) -> None:
        self.default, self.factory, self.max_length = default, factory, max_length


def Field(  # noqa: N802 (as in the libraries that readers know)
    default: Any = _MISSING, *, default_factory: Callable[[], Any] | None = None, max_length: int | None = None
) -> Any:
    """Declare a field's default, a factory of defaults, or the longest text that it takes."""
    return _Declared(default, default_factory, max_length)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a store must know of a record class; worked out once."""

    name: str
    fields: tuple[str, ...]
    known: frozenset[str]
    annotations: dict[str, Any]
    defaults: dict[str, Any]
    factories: tuple[tuple[str, Any], ...]
    key: tuple[str, ...]
    key_of: Callable[[dict[str, Any]], Any]
    """Takes the key out of a record's fields: one value or a tuple."""
    single_key: str | None
    unique: tuple[tuple[str, ...], ...]
    index: tuple[tuple[str, ...], ...]
    foreign: tuple[tuple[str, type[Record]], ...]
    not_null: frozenset[str]
    needed: Callable[[dict[str, Any]], tuple[Any, ...]]
    """Takes what must not be null out of a record's fields."""
    lengths: tuple[tuple[str, int], ...]
    checked: frozenset[str]
    """Fields of keys, indexes and constraints; a change of others needs no look at them."""
    generation: bool


R = TypeVar("R", bound="Record")
_new = object.__new__
_set = object.__setattr__


class Record:
    """Base of all stored things. Fields are annotations, as in a dataclass."""

    __key__: ClassVar[str | tuple[str, ...]] = "id"
    __unique__: ClassVar[tuple[tuple[str, ...] | str, ...]] = ()
    __index__: ClassVar[tuple[tuple[str, ...] | str, ...]] = ()
    __foreign__: ClassVar[dict[str, type[Record]]] = {}
    __followed__: ClassVar[bool] = False
    """Whether programs may follow its records: of these, and no others, each change is told to all programs of a cloud."""
    __plan__: ClassVar[Plan | None] = None

    def __init_subclass__(cls) -> None:
        cls.__plan__ = None  # each class has its own

    @classmethod
    def make(cls, **values: Any) -> Self:
        """Make a record, defaults filled in; a missing or unknown field is an error."""
        plan = cls.__plan__ or plan_of(cls)
        content = {**plan.defaults, **values}
        for name, factory in plan.factories:
            if name not in content:
                content[name] = factory()
        if len(content) != len(plan.fields) or not plan.known.issuperset(values):
            missing = sorted(plan.known - content.keys())
            unknown = sorted(content.keys() - plan.known)
            raise TypeError(f"{cls.__name__}: missing {missing}, unknown {unknown}; known: {', '.join(plan.fields)}")
        record = _new(cls)
        _set(record, "__dict__", content)
        return record

    def evolve(self, **changes: Any) -> Self:
        """The same record with some fields changed."""
        return changed(self, changes)

    def dump(self) -> dict[str, Any]:
        """All fields as a new dict of JSON values."""
        return dict(self.__dict__)

    @classmethod
    def load(cls, content: dict[str, Any]) -> Self:
        """The record whose `dump` this is; fields it does not name get their defaults."""
        return cls.make(**content)

    @classmethod
    def fields(cls) -> dict[str, Any]:
        """The names of the fields and their types, in order."""
        return plan_of(cls).annotations

    def key(self) -> Any:
        """The value of its primary key: one value or a tuple."""
        plan = self.__plan__ or plan_of(type(self))
        return plan.key_of(self.__dict__)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is frozen; use evolve({name}=…)")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is frozen")

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash((type(self).__name__, self.key()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.__dict__.items())})"


def need_followed(model: type[Record]) -> None:
    """Raise TypeError for a class of which other programs' changes are not heard."""
    if not model.__followed__:
        raise TypeError(f"nobody hears what other programs change in {model.__name__}; to follow it, give it __followed__ = True")


def changed(record: R, changes: dict[str, Any]) -> R:
    """`Record.evolve` for who has the changes in a dict."""
    content = {**record.__dict__, **changes}
    if len(content) != len(record.__dict__):
        plan = plan_of(type(record))
        unknown = sorted(changes.keys() - plan.known)
        raise TypeError(f"{plan.name} has no field {unknown}; known: {', '.join(plan.fields)}")
    new = _new(type(record))
    _set(new, "__dict__", content)
    return new


def _tuples(declared: tuple[tuple[str, ...] | str, ...]) -> tuple[tuple[str, ...], ...]:
    return tuple((item,) if isinstance(item, str) else tuple(item) for item in declared)


def _taker(names: list[str]) -> Callable[[dict[str, Any]], tuple[Any, ...]]:
    if len(names) > 1:
        return itemgetter(*names)
    return lambda content: tuple(content[name] for name in names)  # for one field `itemgetter` answers no tuple


def _nullable(annotation: Any) -> bool:
    if annotation is Any or annotation is type(None):
        return True
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return any(_nullable(arg) for arg in typing.get_args(annotation))
    return False


def _declared(cls: type[Record]) -> dict[str, Any]:
    """The fields of a class and of its bases, base first, with their types."""
    names = [name for base in reversed(cls.__mro__) for name in inspect.get_annotations(base)]
    hints = typing.get_type_hints(cls)
    return {name: hints[name] for name in dict.fromkeys(names) if typing.get_origin(hints[name]) is not ClassVar}


def plan_of(cls: type[Record]) -> Plan:
    """The plan of a record class; unknown names in its declarations are an error at once."""
    if cls.__plan__ is not None:
        return cls.__plan__
    fields = _declared(cls)
    key = (cls.__key__,) if isinstance(cls.__key__, str) else tuple(cls.__key__)
    unique, index = _tuples(cls.__unique__), _tuples(cls.__index__)
    for name in {f for group in (key, *unique, *index, tuple(cls.__foreign__)) for f in group}:
        if name not in fields:
            raise TypeError(f"{cls.__name__} declares {name!r}, which is no field; known: {', '.join(fields)}")
    defaults: dict[str, Any] = {}
    factories, lengths = [], []
    for name in fields:
        default = getattr(cls, name, _MISSING)
        if isinstance(default, _Declared):
            if default.factory is not None:
                factories.append((name, default.factory))
            if default.max_length is not None:
                lengths.append((name, default.max_length))
            default = default.default
        if default is not _MISSING:
            defaults[name] = default
    not_null = [name for name, annotation in fields.items() if not _nullable(annotation)]
    plan = Plan(
        name=cls.__name__,
        fields=tuple(fields),
        known=frozenset(fields),
        annotations=fields,
        defaults=defaults,
        factories=tuple(factories),
        key=key,
        key_of=itemgetter(*key),
        single_key=key[0] if len(key) == 1 else None,
        unique=unique,
        index=index,
        foreign=tuple(cls.__foreign__.items()),
        not_null=frozenset(not_null),
        needed=_taker(not_null),
        lengths=tuple(lengths),
        checked=frozenset(
            f for group in (key, *unique, *index, tuple(cls.__foreign__), [n for n, _ in lengths]) for f in group
        ),
        generation="generation" in fields,
    )
    cls.__plan__ = plan
    return plan


def referring(model: type[Record]) -> list[type[Record]]:
    """The record classes with a foreign key to this one."""
    found, todo = [], [Record]
    while todo:
        cls = todo.pop()
        todo += cls.__subclasses__()
        if model in cls.__foreign__.values():
            found.append(cls)
    return found
