"""What a machine has of what a driver needs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked for.

    what: its name ('libvirtd').
    ok: whether it is there and works.
    detail: what was found, or what is wrong, in one line.
    remedy: the one command that mends it; empty when there is nothing to mend or no way.
    """

    what: str
    ok: bool
    detail: str
    remedy: str = ""
