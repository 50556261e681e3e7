"""Filters and weighers by their names in the settings: nova's own, or 'package.module:NAME' of whoever studies a scheduler."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TypeVar

from lab.errors import LabError

T = TypeVar("T")


def named(name: str, known: Mapping[str, T], kind: type[T]) -> T:
    """What a setting names. Raises LabError that lists the known names."""
    if name in known:
        return known[name]
    word = kind.__name__.lower()
    module, colon, attribute = name.partition(":")
    if not colon:
        every = ", ".join(known)
        raise LabError(
            f"unknown {word} {name}; known: {every}, or package.module:NAME of your own",
            ko=f"{name}: 그런 {word}이(가) 없습니다. 있는 것: {every}, 또는 직접 만든 package.module:NAME",
        )
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise LabError(f"{word} {name}: {error}", ko=f"{name}: 가져올 수 없습니다({error})") from error
    if not isinstance(found, kind):
        other, wanted = type(found).__name__, f"{kind.__module__}.{kind.__name__}"
        raise LabError(f"{name} is a {other}; a {wanted} is needed", ko=f"{name}: {other}입니다. {wanted}이(가) 필요합니다")
    return found
