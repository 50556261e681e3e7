"""A run's history as JSON values: what another cloud needs to repeat it.

No token and no password of the cloud itself is in it: a stand-in is, and the cloud that repeats the run puts its own
in its place. What clients sent otherwise is in it as they sent it, passwords of other users too.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

import lab
from lab.config import Config
from lab.errors import BadRequest
from lab.inputs import KINDS, Input
from lab.serve.origin import Origin

FORMAT = 1
OWN = ("admin_password", "service_password", "metadata_proxy_shared_secret")
"""Settings that each cloud has of its own."""
_WORD = re.compile(r"[\w-]{8,}")
_PASSWORD = re.compile(r'("(?:original_)?password"\s*:\s*")((?:[^"\\]|\\.)*)"')
Change = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Past:
    """What a run was made of, and all that came in."""

    origin: Origin
    inputs: list[Input]
    secrets: list[str] = field(default_factory=list)
    """The first texts that the repeated world draws as secrets."""
    end: int = 0
    """The last entry of its journal."""


def told(past: Past, spec: Mapping[str, Any]) -> dict[str, Any]:
    """The history as JSON values; `spec` are the fields of the datacenter's spec."""
    origin, plain = past.origin, Config()
    mark = "secret-" + hashlib.sha256("".join(past.secrets).encode()).hexdigest()[:24]
    hide = _hiding(mark, past.secrets, origin.config.admin_password)
    config = {
        f.name: getattr(origin.config, f.name)
        for f in fields(Config)
        if f.name not in OWN and getattr(origin.config, f.name) != getattr(plain, f.name)
    }
    return {
        "format": FORMAT,
        "version": lab.__version__,
        "seed": origin.seed,
        "epoch": origin.epoch.isoformat(),
        "scenario": origin.config.scenario or None,
        "datacenter": dict(spec),
        "config": config,
        "seq": past.end,
        "secrets": {"mark": mark, "count": len(past.secrets)},
        "inputs": [_row(each, hide) for each in past.inputs],
    }


def _row(given: Input, hide: Change) -> dict[str, Any]:
    row: dict[str, Any] = {"step": given.step, "t": given.t, "seq": given.seq, "kind": given.kind}
    for key, value in given.what.items():
        if isinstance(value, bytes):
            try:
                row[key] = hide(value.decode())
            except UnicodeDecodeError:
                row[f"{key}64"] = base64.b64encode(value).decode()
        else:
            row[key] = _each_text(value, hide)
    return row


def read(given: Mapping[str, Any], own: Config, draw: Callable[[], str]) -> Past:
    """A history that another cloud told. `own` has this cloud's passwords, `draw` makes its secrets. Raises BadRequest."""
    try:
        if given["format"] != FORMAT:
            raise BadRequest(f"this history has format {given['format']!r}; this version of Glasscloud reads format {FORMAT}")
        config = Config().but(
            **{name: _typed(value, getattr(own, name, None)) for name, value in given["config"].items() if name not in OWN},
            **{name: getattr(own, name) for name in OWN},
        )
        datacenter = {name: tuple(value) if isinstance(value, list) else value for name, value in given["datacenter"].items()}
        origin = Origin(given["seed"], datetime.fromisoformat(given["epoch"]), config, datacenter)
        mark, secrets = str(given["secrets"]["mark"]), [draw() for _ in range(int(given["secrets"]["count"]))]
        reveal = _revealing(mark, secrets, own.admin_password)
        inputs = [_input(row, reveal) for row in given["inputs"]]
        return Past(origin, inputs, secrets, int(given["seq"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadRequest(f"this is no history as GET /glasscloud/history gives it ({type(error).__name__}: {error})") from None


def _input(row: Mapping[str, Any], reveal: Change) -> Input:
    what = {key: _each_text(value, reveal) for key, value in row.items() if key not in {"step", "t", "seq", "kind"}}
    if row["kind"] not in KINDS:
        raise ValueError(f"no input is called {row['kind']!r}")
    if "body64" in what:
        what["body"] = base64.b64decode(what.pop("body64"))
    elif "body" in what:
        what["body"] = str(what["body"]).encode()
    return Input(row["kind"], what, int(row["step"]), int(row["t"]), int(row["seq"]))


def _each_text(value: Any, change: Change) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {key: _each_text(each, change) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_each_text(each, change) for each in value]
    return value


def _typed(value: Any, like: Any) -> Any:
    """A setting from JSON in the type of its default."""
    if isinstance(like, tuple):
        return tuple(value)
    if isinstance(like, Mapping):
        default = next(iter(like.values()), None)
        return {key: _typed(each, like.get(key, default)) for key, each in value.items()}
    return value


def _hiding(mark: str, secrets: list[str], password: str) -> Change:
    known = {secret: f"{mark}-{number}" for number, secret in enumerate(secrets)}

    def starred(found: re.Match[str]) -> str:
        return f'{found[1]}{mark}-admin"' if json.loads(f'"{found[2]}"') == password else found[0]

    def hide(text: str) -> str:
        return _PASSWORD.sub(starred, _WORD.sub(lambda found: known.get(found[0], found[0]), text))

    return hide


def _revealing(mark: str, secrets: list[str], password: str) -> Change:
    pattern = re.compile(re.escape(mark) + r"-(\d+|admin)")

    def revealed(found: re.Match[str]) -> str:
        if found[1] == "admin":
            return json.dumps(password)[1:-1]
        return secrets[int(found[1])] if int(found[1]) < len(secrets) else found[0]

    return lambda text: pattern.sub(revealed, text)
