"""Bodies of messages as bytes, made once by the sender and kept by the journal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson


def encode(value: Any, default: Callable[[Any], Any] | None = None) -> bytes:
    """The value as JSON; `default` makes JSON values of what is none.

    orjson answers in the buffer that it wrote to, of 4 KB or more. Nearly all bodies are smaller and nearly all are
    kept, so the answer is a copy of the right size, which a slice makes for a sixth of a microsecond.
    """
    return orjson.dumps(value, default, orjson.OPT_APPEND_NEWLINE)[:-1]
