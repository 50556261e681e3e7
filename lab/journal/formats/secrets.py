"""The second wall before secrets: the journal stars them when it is written, and what leaves it is looked at once more.

A recorded file may come from an older Glasscloud or from another program, so names are judged more widely here.
"""

from __future__ import annotations

import re
from typing import Any

from lab.journal.masking import STARS, is_secret

WIDE = re.compile(r"(?:pass(?:word|wd|phrase)|adminpass|secret|private_?key|user_?data|x-(?:auth|subject|service)-token)$", re.IGNORECASE)
"""How a key ends whose value is nobody's business."""
TOLD = re.compile(
    r"(field/attribute [\w/.\[\]-]*(?:pass(?:word)?|secret|private_key|user_data)\. ).*", re.IGNORECASE | re.DOTALL
)
"""A validation error that repeats what it was given."""


def without_secrets(value: Any, parent: str = "") -> Any:
    """JSON values with every secret starred, in keys, in headers and in what error messages repeat."""
    if isinstance(value, dict):
        return {k: STARS if v is not None and hides(v, k, parent) else without_secrets(v, k) for k, v in value.items()}
    if isinstance(value, list):
        return [without_secrets(item) for item in value]
    if isinstance(value, str) and "field/attribute" in value:
        return TOLD.sub(rf"\1{STARS}", value)
    return value


def hides(value: Any, key: str, parent: str) -> bool:
    """Whether what stands under this key is a secret. keystone's method 'password' is an object that holds more."""
    if is_secret(value, key, parent):
        return True
    return isinstance(value, str | list) and bool(WIDE.search(key))
