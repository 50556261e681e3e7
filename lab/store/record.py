"""Records: frozen SQLModel classes that declare their key, uniqueness, indexes and foreign keys.

A change is a new record (`evolve`). `make` and `evolve` skip validation: shape is checked where data
enters the cloud, and the stores check not-null, lengths, uniqueness and foreign keys on every write.
"""

from __future__ import annotations

import types
import typing
from dataclasses import dataclass
from typing import Any, ClassVar, Self, cast

from pydantic_core import PydanticUndefined
from sqlmodel import Field, SQLModel

from lab.errors import Conflict

__all__ = ["Field", "Plan", "Record", "StoreConflict", "plan_of"]


class StoreConflict(Conflict):
    """A write broke a constraint of the store."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a store must know of a record class; worked out once."""

    name: str
    fields: tuple[str, ...]
    known: frozenset[str]
    defaults: dict[str, Any]
    factories: tuple[tuple[str, Any], ...]
    fields_set: set[str]
    key: tuple[str, ...]
    single_key: str | None
    unique: tuple[tuple[str, ...], ...]
    index: tuple[tuple[str, ...], ...]
    foreign: tuple[tuple[str, type[Record]], ...]
    not_null: frozenset[str]
    lengths: tuple[tuple[str, int], ...]
    checked: frozenset[str]
    """Fields of keys, indexes and constraints; a change of others needs no look at them."""
    generation: bool


_set = object.__setattr__


class Record(SQLModel):
    """Base of all stored things."""

    model_config = {"frozen": True, "defer_build": True}

    __key__: ClassVar[str | tuple[str, ...]] = "id"
    __unique__: ClassVar[tuple[tuple[str, ...] | str, ...]] = ()
    __index__: ClassVar[tuple[tuple[str, ...] | str, ...]] = ()
    __foreign__: ClassVar[dict[str, type[Record]]] = {}
    __plan__: ClassVar[Plan | None] = None

    @classmethod
    def make(cls, **values: Any) -> Self:
        """Make a record without validation, defaults filled in; a missing or unknown field is an error."""
        plan = cls.__dict__.get("__plan__") or plan_of(cls)
        content = {**plan.defaults, **values}
        for name, factory in plan.factories:
            if name not in content:
                content[name] = factory()
        if len(content) != len(plan.fields) or not plan.known.issuperset(content):
            missing = sorted(plan.known - content.keys())
            unknown = sorted(content.keys() - plan.known)
            raise TypeError(f"{cls.__name__}: missing {missing}, unknown {unknown}; known: {', '.join(plan.fields)}")
        return cast(Self, _build(cls, content, plan))

    def evolve(self, **changes: Any) -> Self:
        """The same record with some fields changed."""
        cls = type(self)
        plan = cls.__dict__.get("__plan__") or plan_of(cls)
        content = {**self.__dict__, **changes}
        if len(content) != len(plan.fields):
            raise TypeError(
                f"{cls.__name__} has no field {sorted(changes.keys() - plan.known)}; known: {', '.join(plan.fields)}"
            )
        return cast(Self, _build(cls, content, plan))

    def dump(self) -> dict[str, Any]:
        """All fields as a new dict of JSON values."""
        return dict(self.__dict__)

    @classmethod
    def load(cls, content: dict[str, Any]) -> Self:
        """The record whose `dump` this is; fields it does not name get their defaults."""
        return cls.make(**content)

    def key(self) -> Any:
        """The value of its primary key: one value or a tuple."""
        plan = plan_of(type(self))
        return getattr(self, plan.single_key) if plan.single_key else tuple(getattr(self, f) for f in plan.key)


def _build(cls: type[Any], content: dict[str, Any], plan: Plan) -> Any:
    record = object.__new__(cls)
    _set(record, "__dict__", content)
    _set(record, "__pydantic_fields_set__", plan.fields_set)
    _set(record, "__pydantic_extra__", None)
    _set(record, "__pydantic_private__", None)
    return record


def _tuples(declared: tuple[tuple[str, ...] | str, ...]) -> tuple[tuple[str, ...], ...]:
    return tuple((item,) if isinstance(item, str) else tuple(item) for item in declared)


def _nullable(annotation: Any) -> bool:
    if annotation is Any or annotation is type(None):
        return True
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return any(_nullable(arg) for arg in typing.get_args(annotation))
    return False


def plan_of(cls: type[Record]) -> Plan:
    """The plan of a record class; unknown names in its declarations are an error at once."""
    known = cls.__dict__.get("__plan__")
    if known is not None:
        return known  # type: ignore[no-any-return]
    fields = cls.model_fields
    key = (cls.__key__,) if isinstance(cls.__key__, str) else tuple(cls.__key__)
    unique, index = _tuples(cls.__unique__), _tuples(cls.__index__)
    for name in {f for group in (key, *unique, *index, tuple(cls.__foreign__)) for f in group}:
        if name not in fields:
            raise TypeError(f"{cls.__name__} declares {name!r}, which is no field; known: {', '.join(fields)}")
    lengths = []
    for name, info in fields.items():
        limit = next((m.max_length for m in info.metadata if getattr(m, "max_length", None)), None)
        if limit:
            lengths.append((name, int(limit)))
    plan = Plan(
        name=cls.__name__,
        fields=tuple(fields),
        known=frozenset(fields),
        defaults={n: i.default for n, i in fields.items() if i.default is not PydanticUndefined},
        factories=tuple((n, i.default_factory) for n, i in fields.items() if i.default_factory is not None),
        fields_set=set(fields),
        key=key,
        single_key=key[0] if len(key) == 1 else None,
        unique=unique,
        index=index,
        foreign=tuple(cls.__foreign__.items()),
        not_null=frozenset(n for n, i in fields.items() if not _nullable(i.annotation)),
        lengths=tuple(lengths),
        checked=frozenset(
            f for group in (key, *unique, *index, tuple(cls.__foreign__), [n for n, _ in lengths]) for f in group
        ),
        generation="generation" in fields,
    )
    cls.__plan__ = plan
    return plan
