"""Loads a lesson's check.py: plain functions that look at what is there and say what is still missing.

    def check(seen: Seen) -> Iterator[Missing]             for a step that the student does
    def check(seen: Seen, answer: str) -> Iterator[Missing]  for something that the student finds out
    def answer(seen: Seen) -> str                          the answer that is to be found
"""

from __future__ import annotations

import errno
import importlib.util
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FunctionType
from typing import Any

from lab.errors import SYSTEM_KO, ScenarioError


@dataclass(frozen=True, slots=True)
class Missing:
    """One reason why a step is not done: a key of the step's `missing`, and what its words are filled with."""

    key: str
    values: Mapping[str, object] = field(default_factory=dict)


def missing(key: str, **values: object) -> Missing:
    """Make one: missing("no-server", name="web")."""
    return Missing(key, values)


@dataclass(frozen=True, slots=True)
class Checks:
    """The functions of one check.py."""

    file: str
    functions: Mapping[str, Callable[..., Any]]

    def look(self, name: str, *what: object) -> list[Missing]:
        """What a check finds missing."""
        found: Iterable[Missing] | None = self.functions[name](*what)
        return list(found or ())


def load_checks(path: Path, file: str) -> Checks:
    """Run a check.py and take its public functions. Raises ScenarioError when it cannot be run."""
    spec = importlib.util.spec_from_file_location(f"lessons.{path.parent.name}.check", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except FileNotFoundError:
        raise ScenarioError(f"{file}: No such file or directory", ko=f"{file}: {SYSTEM_KO[errno.ENOENT]}") from None
    except Exception as error:  # whatever is wrong in a teacher's file is told with its place
        raise ScenarioError(f"{file}:{line_of(error, path)}: {type(error).__name__}: {error}") from error
    own = {name: value for name, value in vars(module).items() if isinstance(value, FunctionType) and value.__module__ == module.__name__}
    return Checks(file, {name: value for name, value in own.items() if not name.startswith("_")})


def line_of(error: BaseException, path: Path) -> int:
    """The last line of this file in the error's traceback."""
    if isinstance(error, SyntaxError):
        return error.lineno or 1
    line, step = 1, error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename == str(path):
            line = step.tb_lineno
        step = step.tb_next
    return line
