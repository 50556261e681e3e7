"""What all nouns have in common: lists and single records by query, and the notifications of each change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from orjson import Fragment

from lab.body import encode
from lab.context import Context
from lab.process import Process
from lab.rest import Api, Request
from lab.services.network import query as queries
from lab.services.network.attributes import Noun, privileged
from lab.services.network.manager import Plugin, candidates
from lab.services.network.model import Json
from lab.store import Record
from lab.values import value

QUERIES_MAX = 512
"""Queries kept in their read form."""
SHOWN_MAX = 4096
"""Records kept in their shown form."""


@value
class Collection:
    """How records of one kind are found, whom they concern, and how they are shown."""

    plural: str
    path: str
    model: type[Record]
    indexed: tuple[str, ...]
    sees: Callable[[Plugin, Any, Context, Any], bool]
    """(plugin, transaction, caller, record)"""
    view: Callable[[Plugin, Any, Context, Any], Json]
    beside: Callable[[Plugin, Any, Any, queries.Query], Any] | None = None
    """(plugin, transaction, record, query): what a view is made of beside its record; None when that is too much to say."""


def nothing(plugin: Plugin, tx: Any, record: Any, query: queries.Query) -> None:
    """Say that a view is made of its record alone."""


class Room(Api):
    """What the route groups have in common."""

    plugin: Plugin

    def __init__(self, process: Process) -> None:
        super().__init__(process)
        self._queries: dict[tuple[str, bool], queries.Query] = {}
        self._shown: dict[tuple[Any, ...], tuple[Any, Any, Fragment]] = {}

    def query(self, ctx: Context, request: Request) -> queries.Query:
        """Read the request's query; other services ask the same over and over, so what was read is kept a while."""
        if not request.query_string:
            return queries.NO_QUERY
        key = (request.query_string, privileged(ctx))
        query = self._queries.get(key)
        if query is None:
            if len(self._queries) >= QUERIES_MAX:
                self._queries.clear()
            query = self._queries[key] = queries.read(request, key[1])
        return query

    def shown(self, kind: Collection, tx: Any, ctx: Context, record: Any, query: queries.Query = queries.NO_QUERY) -> Json | Fragment:
        """The record as the query wants to see it, as JSON.

        Records never change, so this is kept as long as the record and what is shown beside it are the same: nova asks
        fifteen times a create for what nearly always is.
        """
        if kind.beside is None:
            return query.pick(kind.view(self.plugin, tx, ctx, record))
        beside = kind.beside(self.plugin, tx, record, query)
        key = (kind.plural, record.id, query.fields, privileged(ctx))
        kept = self._shown.get(key)
        # A store in memory gives the same record again; one in SQL gives an equal one.
        if kept is None or kept[1] != beside or (kept[0] is not record and kept[0] != record):
            if len(self._shown) >= SHOWN_MAX:
                self._shown.clear()
            view = query.pick(kind.view(self.plugin, tx, ctx, record))
            kept = self._shown[key] = (record, beside, Fragment(encode(view)))
        return kept[2]

    def picked(self, ctx: Context, request: Request, view: Json) -> Json:
        """Leave only the fields that the query names."""
        return self.query(ctx, request).pick(view)

    async def list_records(self, ctx: Context, request: Request, kind: Collection) -> Json:
        """Answer the records that the query asks for and the caller may see."""
        plugin = self.plugin
        query = self.query(ctx, request)
        query.check_sort(kind.model)

        def work(tx: Any) -> tuple[list[Any], list[Any], bool]:
            found = [
                record
                for record in candidates(tx, kind.model, query, kind.indexed)
                if query.matches(record) and kind.sees(plugin, tx, ctx, record)
            ]
            records, more = queries.page(found, query)
            return records, [self.shown(kind, tx, ctx, record, query) for record in records], more

        records, views, more = await plugin.store.run(work)
        answer: Json = {kind.plural: views}
        if query.limit is not None and records:
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


def wrapped(noun: Noun, views: Sequence[Json | Fragment], bulk: bool) -> Json:
    """Put new resources into their envelope."""
    return {noun.plural: views} if bulk else {noun.name: views[0]}
