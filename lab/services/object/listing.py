"""Listings of containers and accounts: prefix, delimiter, marker, limit, in binary order of names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from lab.rest import Request
from lab.services.object.model import LISTING_LIMIT, PreconditionFailed


class Named(Protocol):
    """What can be listed."""

    @property
    def name(self) -> str:
        """Its name."""


T = TypeVar("T", bound=Named)


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a listing is asked for."""

    prefix: str = ""
    delimiter: str = ""
    marker: str = ""
    end_marker: str = ""
    limit: int = LISTING_LIMIT
    reverse: bool = False

    @classmethod
    def of(cls, req: Request) -> Page:
        """Read the query. Raises PreconditionFailed (412) for a limit that is none, as Swift does."""
        text = req.arg("limit") or str(LISTING_LIMIT)
        if not (text.isascii() and text.isdigit()) or len(text) > 9 or int(text) > LISTING_LIMIT:
            raise PreconditionFailed(f"Maximum limit is {LISTING_LIMIT}")
        return cls(
            prefix=req.arg("prefix") or "",
            delimiter=req.arg("delimiter") or "",
            marker=req.arg("marker") or "",
            end_marker=req.arg("end_marker") or "",
            limit=int(text),
            reverse=(req.arg("reverse") or "").lower() in ("1", "true", "yes", "on", "t", "y"),
        )


def cut(rows: Iterable[T], page: Page) -> list[T | str]:
    """Return the rows of the page, and for each pseudo-directory once its name as a plain text."""
    found: list[T | str] = []
    last = ""
    for row in sorted(rows, key=lambda row: row.name, reverse=page.reverse):
        if len(found) >= page.limit:
            break
        name = row.name
        if not name.startswith(page.prefix) or not _between(name, page):
            continue
        at = name.find(page.delimiter, len(page.prefix)) if page.delimiter else -1
        if at < 0:
            found.append(row)
            continue
        folder = name[: at + len(page.delimiter)]
        if folder != last and _between(folder, page):
            found.append(folder)
        last = folder
    return found


def _between(name: str, page: Page) -> bool:
    """Say whether a name lies after the marker and before the end marker, in the order of the listing."""
    if page.reverse:
        return (not page.marker or name < page.marker) and (not page.end_marker or name > page.end_marker)
    return (not page.marker or name > page.marker) and (not page.end_marker or name < page.end_marker)
