"""Values: small objects with named fields that never change."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def value(cls: type[T]) -> type[T]:
    """A frozen dataclass with slots, equal and hashed by its fields; the type checker alone holds that it is frozen.

    At run time `frozen=True` makes an object cost four times as much, and dozens of these are made in one create.
    """
    return dataclass(slots=True, unsafe_hash=True)(cls)
