"""Says what is wrong with a body or a query in the words of JSON schema, which placement's clients know."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

_TYPES = {"int": "integer", "float": "number", "string": "string", "list": "array", "dict": "object", "model": "object"}

_SENTENCES: Mapping[str, tuple[str, Callable[[Any, Any, Mapping[str, Any]], str]]] = {
    "missing": ("required", lambda name, value, more: f"{name!r} is a required property"),
    "extra_forbidden": (
        "additionalProperties",
        lambda name, value, more: f"Additional properties are not allowed ({name!r} was unexpected)",
    ),
    "string_too_long": ("maxLength", lambda name, value, more: f"{value!r} is too long"),
    "string_too_short": ("minLength", lambda name, value, more: f"{value!r} should be non-empty"),
    "too_short": ("minProperties", lambda name, value, more: f"{value!r} should be non-empty"),
    "greater_than_equal": ("minimum", lambda name, value, more: f"{value!r} is less than the minimum of {more['ge']}"),
    "less_than_equal": ("maximum", lambda name, value, more: f"{value!r} is greater than the maximum of {more['le']}"),
    "string_pattern_mismatch": ("pattern", lambda name, value, more: f"{value!r} does not match {more['pattern']!r}"),
}


def failed(text: str, keyword: str, where: str = "") -> str:
    """A problem, with the keyword of the schema that found it and the place where it is."""
    path = "".join(f"['properties'][{part!r}]" for part in where.split("/") if part)
    return f"{text}\n\nFailed validating '{keyword}' in schema{path}"


def schema_words(error: ValidationError) -> str:
    """The first problem that pydantic found, in one sentence."""
    first = error.errors(include_url=False)[0]
    place = [part for part in first["loc"] if part != "[key]"]
    name, value, kind = (place[-1] if place else "body"), first.get("input"), first["type"]
    if kind == "string_pattern_mismatch" and "[key]" in first["loc"]:
        text, keyword = f"{value!r} does not match any of the regexes", "additionalProperties"
    elif kind == "string_pattern_mismatch" and "{8}-?" in first.get("ctx", {}).get("pattern", ""):
        text, keyword = f"{value!r} is not a 'uuid'", "format"
    elif kind in _SENTENCES:
        keyword, sentence = _SENTENCES[kind]
        text = sentence(name, value, first.get("ctx", {}))
    elif kind.removesuffix("_type") in _TYPES:
        text, keyword = f"{value!r} is not of type {_TYPES[kind.removesuffix('_type')]!r}", "type"
    else:
        text, keyword = first["msg"], "uniqueItems"
    if keyword == "minProperties" and isinstance(value, list):
        keyword = "minItems"
    return failed(text, keyword, "/".join(map(str, place[:-1] if kind == "missing" else place)))
