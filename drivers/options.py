"""Options of drivers: frozen dataclasses, read from a table of the configuration file."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from lab.errors import LabError

T = TypeVar("T")


def read(cls: type[T], table: Mapping[str, Any], where: str) -> T:
    """Read options from a table.

    cls: a dataclass whose fields are of str, int, float, bool, Path, tuple[str, ...], dict[str, str], or None besides.
    where: how an error names the table ('[hypervisor] of cloud.toml').

    Raises LabError for an unknown or missing key, or a value of the wrong type.
    """
    hints, known = get_type_hints(cls), {f.name: f for f in fields(cls)}  # type: ignore[arg-type]
    unknown = sorted(set(table) - set(known))
    if unknown:
        lacks, there = ", ".join(unknown), ", ".join(known)
        raise LabError(f"{where} has no option {lacks}; known: {there}", ko=f"{where}: {lacks}: 그런 옵션이 없습니다. 있는 것: {there}")
    missing = [n for n, f in known.items() if n not in table and f.default is MISSING and f.default_factory is MISSING]
    if missing:
        raise LabError(f"{where} lacks {', '.join(missing)}", ko=f"{where}: 빠진 것: {', '.join(missing)}")
    return cls(**{name: _value(value, hints[name], f"{where}: {name}") for name, value in table.items()})


def _value(value: Any, hint: Any, where: str) -> Any:
    """The value as the field takes it."""
    allowed = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    for kind in allowed:
        if kind is Path and isinstance(value, str):
            return Path(value)
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
        origin = get_origin(kind)
        if origin is tuple and isinstance(value, list) and all(isinstance(v, str) for v in value):
            return tuple(value)
        if origin is dict and isinstance(value, dict) and all(isinstance(v, str) for v in value.values()):
            return dict(value)
        if origin is None and kind is not Path and type(value) is kind:
            return value
    names = " or ".join(str(getattr(k, "__name__", k)) if get_origin(k) is None else str(k) for k in allowed)
    raise LabError(f"{where} is {value!r}; give {names}", ko=f"{where}: {value!r}: 쓸 수 없는 값입니다. 써야 하는 것: {names}")
