"""Whole numbers as clients write them in paths, queries and headers."""

from __future__ import annotations

DIGITS_MAX = 18
"""All numbers of ours have fewer, and Python refuses to read one of some thousand."""


def number(text: str) -> int | None:
    """Read plain digits without a sign; None when it is no number, or one that nothing here can have."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= DIGITS_MAX else None
