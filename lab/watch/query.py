"""A filter as people write it: `service:nova-compute kind:rest req:req-1a2b text that must stand in it`, in English or Korean."""

from __future__ import annotations

from collections.abc import Mapping

from lab.journal.entry import KINDS
from lab.watch.film import Filter
from lab.watch.lanes import BINARIES

KEYS: Mapping[str, str] = {
    "service": "service", "s": "service", "서비스": "service",
    "kind": "kind", "k": "kind", "종류": "kind",
    "req": "req", "request": "req", "r": "req", "요청": "req",
}
"""What stands before a colon, and what it means."""
FAMILIES: Mapping[str, tuple[str, ...]] = {
    "rest": ("rest", "rest_reply"),
    "mq": ("rpc_call", "rpc_reply", "rpc_cast", "notify"),
    "rpc": ("rpc_call", "rpc_reply", "rpc_cast"),
    "call": ("rpc_call", "rpc_reply"),
    "cast": ("rpc_cast",),
    "driver": ("driver", "driver_reply"),
}
"""Words for several kinds at once."""


class UnknownWord(ValueError):
    """A service or a kind that is none; `word` and those that are known."""

    def __init__(self, word: str, known: tuple[str, ...]) -> None:
        super().__init__(word)
        self.word, self.known = word, known


def parse(text: str, quiet: bool) -> Filter:
    """Read a filter; a service may be cut short ('nova' is all of nova's). Raises UnknownWord."""
    services: set[str] = set()
    kinds: set[str] = set()
    request, words = "", []
    for word in text.split():
        key, colon, value = word.partition(":")
        meaning = KEYS.get(key.lower()) if colon else None
        if meaning == "service" and value:
            services |= _services(value)
        elif meaning == "kind" and value:
            kinds |= _kinds(value)
        elif meaning == "req":
            request = value
        elif not meaning:
            words.append(word)
    return Filter(frozenset(services), frozenset(kinds), request, " ".join(words), quiet)


def _services(value: str) -> set[str]:
    found = {name for part in value.split(",") for name in BINARIES if part and part in name}
    if not found:
        raise UnknownWord(value, tuple(BINARIES))
    return found


def _kinds(value: str) -> set[str]:
    found: set[str] = set()
    for part in filter(None, value.split(",")):
        more = FAMILIES.get(part) or tuple(kind for kind in KINDS if kind.startswith(part))
        if not more:
            raise UnknownWord(part, tuple(dict.fromkeys((*FAMILIES, *KINDS))))
        found.update(more)
    return found
