"""What the linters cannot see: sizes, names, state at module level, and what must never be in the tree."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("lab", "sim", "drivers", "lessons", "scenarios")
FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 60
PARAMETERS_MAX = 6
BANNED_NAMES = {"utils", "util", "helpers", "helper", "common", "base", "misc", "shared", "stuff"}
# A function with more parameters than PARAMETERS_MAX, and why.
WIDE = {
    "lab/journal/log.py add": "an entry has these fields",
    "lab/process.py entry": "an entry has these fields",
    "lab/rest/client.py call": "a REST call is named by service, method, path, body, version, auth and headers",
    "lab/rpc/listeners.py serve": "a queue's consumer is named by topic, host, exchange and version, as in AMQP",
    "lab/rpc/client.py serve": "a queue's consumer is named by topic, host, exchange and version, as in AMQP",
    "lab/rpc/message.py __init__": "an envelope has these fields",
}
MUTABLE_CALLS = {"dict", "list", "set", "defaultdict", "deque", "OrderedDict", "Counter", "bytearray", "count",
                 "ContextVar", "WeakValueDictionary", "WeakKeyDictionary", "Lock", "local"}
# Module-level containers are constants when they have the spelling of one and nobody in the module changes them.
CONSTANT = re.compile(r"_{0,2}[A-Z][A-Z0-9_]*|__all__|__key__|__slots__|router|app|routes")
CHANGING = {"append", "add", "update", "pop", "popitem", "setdefault", "extend", "insert", "remove", "discard", "clear"}
WALL_CLOCK = {"time", "uuid.uuid4", "uuid.uuid1", "secrets", "threading", "random"}
BODIES = ("body", "orelse", "finalbody", "handlers", "cases")
# Who may look at the wall clock, hold threads or draw from the system: the edges.
EDGES = (
    "lab/cli/", "lab/runtime.py", "lab/realtime.py", "lab/process.py", "lab/rest/http.py", "lab/client/", "lab/cloud.py",
    "sim/pace.py", "sim/runner.py",
    "lab/watch/", "lab/tui/",
)


def files(*packages: str) -> list[Path]:
    """List the Python files of the packages."""
    return [path for package in packages for path in sorted((ROOT / package).rglob("*.py"))]


@functools.cache
def tree(path: Path) -> ast.Module:
    """Parse a file once."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def name_of(path: Path) -> str:
    """Give the path as a person writes it."""
    return path.relative_to(ROOT).as_posix()


@functools.cache
def functions(path: Path) -> tuple[ast.FunctionDef | ast.AsyncFunctionDef, ...]:
    """Find all functions and methods of a file. They are statements: what stands in expressions is not looked through."""
    found, bodies = [], [tree(path).body]
    for statement in (statement for body in bodies for statement in body):
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            found.append(statement)
        bodies += [part for name in BODIES if (part := getattr(statement, name, None))]
    return tuple(found)


def test_no_file_is_longer_than_the_limit() -> None:
    lengths = {name_of(p): len(p.read_text(encoding="utf-8").splitlines()) for p in files(*PRODUCT, "tests")}
    assert {name: n for name, n in lengths.items() if n > FILE_LINES_MAX} == {}


def test_no_function_is_longer_than_the_limit() -> None:
    long = {
        f"{name_of(p)}:{f.lineno} {f.name}": f.end_lineno - f.lineno + 1
        for p in files(*PRODUCT)
        for f in functions(p)
        if f.end_lineno is not None and f.end_lineno - f.lineno + 1 > FUNCTION_LINES_MAX
    }
    assert long == {}


def test_no_function_has_more_parameters_than_the_limit() -> None:
    wide = {}
    for path in files(*PRODUCT):
        name = name_of(path)
        # The parameters of a Typer command are its options, those of a scenario's step its keys.
        if name.startswith(("lab/cli/", "lab/teach/stage.py")):
            continue
        for function in functions(path):
            a = function.args
            parameters = [p.arg for p in (*a.posonlyargs, *a.args, *a.kwonlyargs) if p.arg not in {"self", "cls"}]
            if len(parameters) > PARAMETERS_MAX and f"{name} {function.name}" not in WIDE:
                wide[f"{name}:{function.lineno} {function.name}"] = len(parameters)
    assert wide == {}


def test_every_exception_is_still_one() -> None:
    found = {f"{name_of(p)} {f.name}" for p in files(*PRODUCT) for f in functions(p)}
    assert set(WIDE) - found == set()


def test_names_say_what_a_file_holds() -> None:
    bad = [name_of(p) for p in files(*PRODUCT, "tests") if {p.stem, p.parent.name} & BANNED_NAMES]
    assert bad == []


def test_every_package_folder_has_its_init() -> None:
    # A lesson's folder is data: its check.py is loaded by its path, and its name is no name for a package.
    folders = {p.parent for p in files(*PRODUCT) if not name_of(p).startswith("lessons/0")}
    assert [name_of(folder) for folder in sorted(folders) if not (folder / "__init__.py").exists()] == []


def is_mutable(value: ast.expr | None) -> bool:
    """Say whether the expression makes something that can be changed."""
    if isinstance(value, ast.Dict | ast.List | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp):
        return True
    if isinstance(value, ast.Call):
        called = value.func
        return (called.id if isinstance(called, ast.Name) else getattr(called, "attr", "")) in MUTABLE_CALLS
    return False


def changed_names(module: ast.Module) -> set[str]:
    """Collect the names whose value is changed anywhere in the module: x[…] = …, x.append(…), x += …, `global x`."""
    changed: set[str] = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Global):
            changed.update(node.names)
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
            changed.update([node.value.id] if isinstance(node.value, ast.Name) else [])
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CHANGING:
            changed.update([node.func.value.id] if isinstance(node.func.value, ast.Name) else [])
    return changed


def locals_of(module: ast.Module) -> set[str]:
    """Collect names bound inside functions: a local of the same name is not the module's."""
    bound: set[str] = set()
    for function in ast.walk(module):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            bound.update(n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
            bound.update(n.arg for n in ast.walk(function) if isinstance(n, ast.arg))
    return bound


def containers(module: ast.Module) -> list[tuple[str, int]]:
    """List the names at module level that hold something which can be changed."""
    assigned = [
        (target, node)
        for node in module.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
    ]
    return [(target.id, node.lineno) for target, node in assigned if isinstance(target, ast.Name) and is_mutable(node.value)]


def test_no_state_at_module_level() -> None:
    found = []
    for path in files("lab", "sim"):
        module = tree(path)
        held = containers(module)
        changed = changed_names(module) - locals_of(module) if held else set()
        found += [f"{name_of(path)}:{line} {name}" for name, line in held if not CONSTANT.fullmatch(name) or name in changed]
        found += [f"{name_of(path)}:{n.lineno} global" for n in ast.walk(module) if isinstance(n, ast.Global)]
    assert found == []


def test_no_cache_lives_as_long_as_the_module() -> None:
    """functools.cache keeps one cloud's values for the next one; only pure functions of strings may have it."""
    allowed = {"lab/journal", "lab/units.py", "lab/rest", "lab/capabilities", "lab/cli", "lab/store", "sim/timing.py",
               "lab/watch/why.py", "lab/reasons.py", "lab/rpc/amqp_wire.py"}
    found = []
    for path in files("lab", "sim"):
        if any(name_of(path).startswith(prefix) for prefix in allowed):
            continue
        for function in functions(path):
            for decorator in function.decorator_list:
                target = decorator.func if isinstance(decorator, ast.Call) else decorator
                if (getattr(target, "attr", "") or getattr(target, "id", "")) in {"cache", "lru_cache"}:
                    found.append(f"{name_of(path)}:{function.lineno} {function.name}")
    assert found == []


@pytest.mark.parametrize("package", ["lab", "sim"])
def test_nothing_but_the_edges_looks_at_the_wall_clock(package: str) -> None:
    found = []
    for path in files(package):
        name = name_of(path)
        if name.startswith(EDGES):
            continue
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Import):
                found += [f"{name}:{node.lineno} import {a.name}" for a in node.names if a.name in WALL_CLOCK]
            elif isinstance(node, ast.ImportFrom) and node.module in {"time", "secrets", "threading"}:
                found.append(f"{name}:{node.lineno} from {node.module} import …")
            elif isinstance(node, ast.ImportFrom) and node.module == "random":
                found += [f"{name}:{node.lineno} from random import {a.name}" for a in node.names if a.name != "Random"]
            elif isinstance(node, ast.Attribute) and node.attr in {"uuid4", "uuid1", "utcnow", "urandom"}:
                found.append(f"{name}:{node.lineno} .{node.attr}")
            elif isinstance(node, ast.Attribute) and node.attr in {"now", "today"} and "date" in ast.dump(node.value):
                found.append(f"{name}:{node.lineno} .{node.attr}")
    assert found == []


def test_builtin_hash_orders_nothing() -> None:
    """hash() of a string differs from process to process."""
    found = []
    for path in files("lab", "sim"):
        for function in functions(path):
            if function.name == "__hash__":
                continue
            found += [
                f"{name_of(path)}:{n.lineno}"
                for n in ast.walk(function)
                if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == "hash"
            ]
    assert found == []


def test_every_module_says_what_it_is_for() -> None:
    found = [
        name_of(p) for p in files(*PRODUCT) if tree(p).body and not ast.get_docstring(tree(p))
    ]
    assert found == []


def text_files() -> list[Path]:
    """List the text files that a reader of the repository sees; `.git` is a file in a second work tree."""
    kinds = {".py", ".md", ".toml", ".yaml", ".yml", ".json", ".txt", ".cfg", ""}
    folders = [*PRODUCT, "tests", ".ci"]
    paths = [p for folder in folders for p in sorted((ROOT / folder).rglob("*")) if p.is_file() and p.suffix in kinds]
    return [*paths, *(p for p in sorted(ROOT.iterdir()) if p.is_file() and p.suffix in kinds and p.name not in ("LICENSE", ".git"))]


def lines_with(marks: Sequence[str]) -> list[str]:
    """The places in the tree where one of these patterns stands."""
    pattern = re.compile("|".join(marks))
    return [
        f"{name_of(path)}:{number}"
        for path in text_files()
        if "__pycache__" not in path.parts
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if pattern.search(line)
    ]


def test_nothing_is_left_to_do_in_comments() -> None:
    assert lines_with(("TO" + "DO", "FIX" + "ME", "X" * 3 + r"\b", "HA" + r"CK\b")) == []


def test_no_machine_of_ours_is_named() -> None:
    """Paths and hosts of the place where this was written mean nothing to a reader."""
    assert lines_with(("/wo" + "rk/", "/tm" + "p/gc", "pypi-" + "more", "index-" + "url")) == []


def test_the_checks_see_what_they_are_for() -> None:
    module = ast.parse("A = {}\nB: list[int] = []\nc = set()\nD = (1, 2)\ndef f():\n    A['x'] = 1\n    e = []\n    e.append(1)\n")
    assert containers(module) == [("A", 1), ("B", 2), ("c", 3)]
    assert changed_names(module) - locals_of(module) == {"A"}
    assert CONSTANT.fullmatch("c") is None
