"""What a step is for, in two languages, from the rules of why.yaml."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from lab.journal import Entry
from lab.watch.lanes import binary


@cache
def rules() -> tuple[Mapping[str, Any], ...]:
    """The rules in their order, read once: reading them takes longer than a key may."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where there is one
    return tuple(yaml.load(Path(__file__).with_name("why.yaml").read_text(encoding="utf-8"), loader))  # noqa: S506 - both are safe


def why(entry: Entry, lang: str) -> str:
    """The text of the first rule that fits, or nothing."""
    return next((str(rule[lang]) for rule in rules() if fits(rule, entry)), "")


def fits(rule: Mapping[str, Any], entry: Entry) -> bool:
    """Whether all keys of a rule match an entry."""
    if entry.kind not in rule["kind"]:
        return False
    if "target" in rule and binary(entry.target) != rule["target"]:
        return False
    # A query does not change what a path is for.
    values = {"name": entry.name, "where": entry.where.partition("?")[0]}
    return all(key not in rule or re.search(rule[key], value) for key, value in values.items())
