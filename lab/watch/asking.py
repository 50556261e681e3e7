"""A form without a screen: what is asked, and what is wrong with an answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that is asked. Its label is the text 'field.<key>' of the room."""

    key: str
    value: str = ""
    """What stands there at first."""
    needed: bool = True
    number: bool = False
    choices: tuple[tuple[str, str], ...] | None = None
    """(label, value) of each; None when anything can be written."""


def choice(key: str, choices: Iterable[tuple[str, str]], value: str = "", needed: bool = True) -> Field:
    """A field with choices: the given one is chosen if it is among them, else the first, else none."""
    found = tuple(choices)
    values = [each for _, each in found]
    return Field(key, value if value in values else (values[0] if values and needed else ""), needed, choices=found)


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with an answer: 'needed', 'number' or 'none' (there is nothing to choose from)."""

    key: str
    why: str


def mistake(fields: Iterable[Field], given: Mapping[str, str]) -> Wrong | None:
    """The first field that is not answered as it must be."""
    for field in fields:
        value = given.get(field.key, "").strip()
        if not value:
            if field.needed:
                return Wrong(field.key, "none" if field.choices == () else "needed")
        elif field.number and not _positive(value):
            return Wrong(field.key, "number")
    return None


def _positive(value: str) -> bool:
    try:
        return float(value) >= 0
    except ValueError:
        return False
