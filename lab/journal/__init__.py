"""The journal: one ordered log of everything that happens in a cloud."""

from lab.journal.entry import Entry, LazyBody
from lab.journal.log import Journal

__all__ = ["Entry", "Journal", "LazyBody"]
