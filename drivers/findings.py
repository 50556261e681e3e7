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
    ko: the detail in Korean; empty where it is a path, a version, or what another program says.
    """

    what: str
    ok: bool
    detail: str
    remedy: str = ""
    ko: str = ""

    def told(self, lang: str) -> str:
        """The detail in a language; in English when it has no other."""
        return self.ko if lang == "ko" and self.ko else self.detail
