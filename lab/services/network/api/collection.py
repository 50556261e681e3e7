"""What all nouns have in common: lists and single records by query, and the notifications of each change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lab.context import Context
from lab.rest import Api, Request
from lab.services.network import query as queries
from lab.services.network.attributes import Noun, privileged
from lab.services.network.manager import Plugin, candidates
from lab.services.network.model import Json
from lab.store import Record

QUERIES_MAX = 512
"""Queries kept in their read form."""


@dataclass(frozen=True, slots=True)
class Collection:
    """How records of one kind are found, whom they concern, and how they are shown."""

    plural: str
    path: str
    model: type[Record]
    indexed: tuple[str, ...]
    sees: Callable[[Plugin, Any, Context, Any], bool]
    """(plugin, transaction, caller, record)"""
    view: Callable[[Plugin, Any, Context, Any], Json]


class Room(Api):
    """What the route groups have in common."""

    plugin: Plugin

    def query(self, ctx: Context, request: Request) -> queries.Query:
        """Read the request's query; other services ask the same over and over, so what was read is kept a while."""
        if not request.query_string:
            return queries.NO_QUERY
        known: dict[tuple[str, bool], queries.Query] = self.process.memory.setdefault("queries", {})
        key = (request.query_string, privileged(ctx))
        query = known.get(key)
        if query is None:
            if len(known) >= QUERIES_MAX:
                known.clear()
            query = known[key] = queries.read(request, key[1])
        return query

    def picked(self, ctx: Context, request: Request, view: Json) -> Json:
        """Leave only the fields that the query names."""
        return self.query(ctx, request).pick(view)

    async def list_records(self, ctx: Context, request: Request, kind: Collection) -> Json:
        """Answer the records that the query asks for and the caller may see."""
        plugin = self.plugin
        query = self.query(ctx, request)

        def work(tx: Any) -> tuple[list[Any], list[Json], bool]:
            found = [
                record
                for record in candidates(tx, kind.model, query, kind.indexed)
                if query.matches(record) and kind.sees(plugin, tx, ctx, record)
            ]
            records, more = queries.page(found, query)
            return records, [query.pick(kind.view(plugin, tx, ctx, record)) for record in records], more

        records, views, more = await plugin.store.run(work)
        answer: Json = {kind.plural: views}
        links = queries.links(self.url(kind.path), request, query, records, more)
        if links:
            answer[f"{kind.plural}_links"] = links
        return answer

    async def changing(self, ctx: Context, noun: Noun, verb: str, payload: Json, change: Callable[[], Any]) -> Any:
        """Make a change between its two notifications; `change` answers what the second one carries."""
        notify = self.process.notify
        notify(ctx, f"{noun.name}.{verb}.start", None, payload)
        result = await change()
        notify(ctx, f"{noun.name}.{verb}.end", None, payload if result is None else result)
        return result


def wrapped(noun: Noun, views: list[Json], bulk: bool) -> Json:
    """Put new resources into their envelope."""
    return {noun.plural: views} if bulk else {noun.name: views[0]}
