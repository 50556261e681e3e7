"""One scheduling decision: filter, weigh, rank; and its explanation, rebuilt from the state that it saw.

The decision is exact: the same host and the same score as filtering and weighing host by host. What the
journal keeps of it is small (a version of the hosts' table, the request, the winner and its score); the
reasons for each host are worked out again when somebody asks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np
import orjson

from lab.config import Config
from lab.journal import LazyBody
from lab.services.compute.filters import Filter, Situation, chosen
from lab.services.compute.host_pool import Pool, Rows, Values
from lab.services.compute.hosts import HostTable
from lab.services.compute.request_spec import Request
from lab.services.compute.totals import Totals
from lab.services.compute.weighers import Weigher, active, normalised, scores, weighted

OUT = -float("inf")
"""The total of who was named already."""
KEEP_FROM = 200
"""From so many hosts on, following what changed costs less than weighing all."""
POOLS = 8
"""Of so many pools the totals are kept."""


@dataclass(slots=True)
class Stage:
    """How many hosts a filter was given and how many it let through; never changed."""

    name: str
    start: int
    end: int

    def __str__(self) -> str:
        return f"{self.name}: (start: {self.start}, end: {self.end})"


class KeptRows:
    """Rows as a decision keeps them for good: a bit a host while they ascend, as placement's order nearly always does."""

    __slots__ = ("_bits", "_rows", "count")

    def __init__(self, rows: Rows, size: int) -> None:
        self.count = len(rows)
        self._bits, self._rows = b"", rows
        if len(rows) and (np.diff(rows) > 0).all():
            flags = np.zeros(size, dtype=np.bool_)
            flags[rows] = True
            self._bits, self._rows = np.packbits(flags).tobytes(), rows[:0].copy()

    def rows(self) -> Rows:
        """The rows in their order."""
        if not self._bits:
            return self._rows
        return np.unpackbits(np.frombuffer(self._bits, dtype=np.uint8)).nonzero()[0]


@dataclass(slots=True)
class Decision:
    """What was decided upon, and from which state: all that an explanation needs, and nothing big. Never changed."""

    version: int
    request: Request
    situation: Situation
    candidates: KeptRows
    stages: tuple[Stage, ...]

    @property
    def emptied_by(self) -> str | None:
        """The filter that let no host through."""
        return self.stages[-1].name if self.stages and not self.stages[-1].end else None

    def summary(self) -> str:
        """Nova's sentence for a request that no host passed."""
        results = [str(stage) for stage in self.stages]
        return f"Filtering removed all hosts for the request with instance ID '{self.request.server_id}'. Filter results: {results}"


class Ranking:
    """The hosts that passed, with their totals: best first, equal ones in the order in which they came."""

    def __init__(self, pool: Pool, totals: Values) -> None:
        self.pool, self.totals = pool, totals
        self._first: list[int] = []

    def __len__(self) -> int:
        return len(self.totals)

    def draw(self, config: Config, stream: Random) -> None:
        """Leave the first place to chance where the settings say so.

        With `host_subset_size` above 1 the first is drawn from that many best; with
        `shuffle_best_same_weighed_hosts` the equal best come in random order.
        """
        shuffle, size = config.shuffle_best_same_weighed_hosts, config.host_subset_size
        if not len(self) or not (shuffle or size > 1):
            return
        order = self._order()
        if shuffle:
            best = [place for place in order if self.totals[place] == self.totals[order[0]]]
            stream.shuffle(best)
            order[: len(best)] = best
        drawn = stream.choice(order[: max(1, size)])
        order.remove(drawn)
        self._first = [drawn, *order]

    def __iter__(self) -> Iterator[tuple[int, float]]:
        """Rows with their totals. Made one by one: most decisions look at three of a thousand."""
        totals, rows = self.totals.copy(), self.pool.rows
        for turn in range(len(rows)):
            place = self._first[turn] if self._first else int(totals.argmax())
            yield rows.item(place), self.totals.item(place)
            totals[place] = OUT

    def _order(self) -> list[int]:
        order: list[int] = np.argsort(-self.totals, kind="stable").tolist()
        return order

    def next_pool(self) -> Pool:
        """The hosts in their ranked order, as nova filters them again for the next server of a request."""
        order = self._first or self._order()
        return Pool(self.pool.numbers, self.pool.rows[order])


class Decider:
    """The filters and weighers of one configuration."""

    def __init__(self, config: Config, keep_from: int = KEEP_FROM) -> None:
        self._keep_from = keep_from
        self.filters: Sequence[Filter] = chosen(config.enabled_filters)
        self.weighers: Sequence[tuple[Weigher, float]] = weighted(config.weight_multipliers)
        self._kept: tuple[Rows, KeptRows] | None = None
        self._totals: dict[int, Totals] = {}
        """By the identity of the rows, which they hold."""

    def decide(self, pool: Pool, request: Request, situation: Situation, index: int = 0) -> tuple[Decision, Ranking]:
        """Filter and weigh a pool; `index` above 0 is another server of the same request."""
        start = narrowed = requested(pool, request)
        left, stages = len(start), []
        for each in () if skips_filters(request) else self.filters:
            if each.once and index:
                continue
            before = left
            mask = each.rule(narrowed, request, situation) if before else None
            if mask is not None:
                narrowed = narrowed.only(mask)
                left = len(narrowed)
            stages.append(Stage(each.name, before, left))
            if not left:
                break
        version = pool.numbers.hosts.version
        keep = narrowed is pool and not index and left >= self._keep_from
        totals = self._weigh(narrowed, request, situation, keep=keep) if left else np.empty(0)
        return Decision(version, request, situation, self._keep(start), tuple(stages)), Ranking(narrowed, totals)

    def _weigh(self, pool: Pool, request: Request, situation: Situation, *, keep: bool) -> Values:
        """The totals of a pool; where they are kept, those over the same rows are only brought up to date."""
        weighers = active(pool, self.weighers)
        if not keep or any(each.formula is None and each.raw(pool, request, situation) is not None for each, _ in weighers):
            return scores(pool, weighers, request, situation)
        totals = self._totals.get(id(pool.rows))
        if totals is None or not totals.follow(pool):
            if totals is None and len(self._totals) >= POOLS:
                self._totals.clear()
            totals = self._totals[id(pool.rows)] = Totals(pool, weighers)
        return totals.values

    def _keep(self, pool: Pool) -> KeptRows:
        """The pool's rows for good; decisions over the same rows share them."""
        if self._kept is None or self._kept[0] is not pool.rows:
            self._kept = (pool.rows, KeptRows(pool.rows, pool.numbers.size))
        return self._kept[1]

    def explain(self, decision: Decision, table: HostTable) -> dict[str, Any]:
        """Why each host was taken or not, from the numbers that the decision saw; the weights are JSON already.

        Raises:
            LookupError: that version of the hosts is no longer kept.
        """
        pool = Pool(table.at(decision.version), decision.candidates.rows())
        hosts: dict[int, dict[str, Any]] = {row: {"host": table.hosts[row], "uuid": table.uuids[row]} for row in pool.rows.tolist()}
        request, situation = decision.request, decision.situation
        for stage in decision.stages:
            if stage.start == stage.end:  # it refused nobody
                continue
            each = next(f for f in self.filters if f.name == stage.name)
            mask = each.rule(pool, request, situation)
            if mask is None:
                continue
            for place in np.flatnonzero(~mask).tolist():
                reason = f"{each.name}: {each.reason(pool, place, request, situation)}"
                hosts[int(pool.rows[place])] |= {"passed": False, "reason": reason}
            pool = pool.only(mask)
        for row, weights, total in self._weights(pool, request, situation):
            hosts[row] |= {"passed": True, "weights": weights, "total": total}
        return {
            "stages": [str(stage) for stage in decision.stages],
            "summary": decision.summary() if decision.emptied_by else None,
            "hosts": list(hosts.values()),
        }

    def _weights(self, pool: Pool, request: Request, situation: Situation) -> Iterator[tuple[int, dict[str, orjson.Fragment], float]]:
        """Of each row what every weigher says of it, as JSON, and the total."""
        if not len(pool):
            return
        columns: list[tuple[str, list[orjson.Fragment]]] = []
        total = np.zeros(len(pool))
        for weigher, multiplier in self.weighers:
            raw = weigher.raw(pool, request, situation)
            if raw is not None:
                known = normalised(raw)
                norm = np.zeros(len(pool)) if known is None else known
                score = norm * multiplier + 0.0
                total += score
                columns.append((weigher.name, _told(raw, norm, multiplier, score)))
        for place, (row, value) in enumerate(zip(pool.rows.tolist(), total.tolist(), strict=True)):
            yield row, {name: weights[place] for name, weights in columns}, value


def _told(raw: Values, norm: Values, multiplier: float, score: Values) -> list[orjson.Fragment]:
    """What a weigher says of the hosts of a pool. It is the same of many of them, and encoded once for all of these."""
    told: dict[float, orjson.Fragment] = {}
    raws = raw.tolist()
    for value, normal, scored in zip(raws, norm.tolist(), score.tolist(), strict=True):
        if value not in told:
            weights = {"raw": value, "normalised": normal, "multiplier": multiplier, "score": scored}
            told[value] = orjson.Fragment(orjson.dumps(weights))
    return [told[value] for value in raws]


def requested(pool: Pool, request: Request) -> Pool:
    """Narrow a pool to what the request names or forbids by host; nova does it before any filter."""
    if not (request.destination or request.ignore_hosts or request.force_hosts or request.force_nodes):
        return pool
    ignored = [host.lower() for host in request.ignore_hosts]
    forced = [host.lower() for host in request.force_hosts]
    host, node = request.destination or (None, None)
    mask = np.array(
        [
            (host is None or each.host == host)
            and (node is None or each.hypervisor_hostname == node)
            and each.host.lower() not in ignored
            and (not forced or each.host.lower() in forced)
            and (not request.force_nodes or each.hypervisor_hostname in request.force_nodes)
            for each in pool.nodes()
        ],
        dtype=np.bool_,
    )
    return pool.only(mask) if len(pool) else pool


def skips_filters(request: Request) -> bool:
    """Whether an administrator forced the host: then no filter is asked."""
    return bool(request.force_hosts or request.force_nodes)


def journal_body(decision: Decision, decider: Decider, table: HostTable, ranking: Sequence[tuple[int, float]]) -> LazyBody:
    """The journal's body of a decision, small until it is read; `ranking` is the winner and its alternates."""

    def render() -> bytes:
        body: dict[str, Any] = {
            "state_version": decision.version,
            "server_id": decision.request.server_id,
            "request": decision.request.summary(),
            "candidates": decision.candidates.count,
            "ranking": [{"host": table.hosts[row], "total": total} for row, total in ranking],
        }
        try:
            body |= decider.explain(decision, table)
        except LookupError as error:
            body |= {"stages": [str(stage) for stage in decision.stages], "hosts": [], "lost": str(error)}
        return orjson.dumps(body)

    return LazyBody(render, rows=decision.candidates.count)
